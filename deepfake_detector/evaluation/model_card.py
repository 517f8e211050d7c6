"""The exported detector's card, in Markdown: what it is, what it learned from, how good it is, and
what it is not for.

Made by `python -m stages.report`, from the run's own metrics, tables and params alone. Its head is
what Hugging Face reads.
"""

import re
from collections.abc import Iterable, Mapping, Sequence

import pandas as pd

from deepfake_detector.datasets.settings import PARTS, AnyDataSet
from deepfake_detector.evaluation import run_report
from deepfake_detector.evaluation.breakdown import CHIEF, title
from deepfake_detector.pages.html_page import Section
from deepfake_detector.scoring.decision import Decision, ends_in_words
from deepfake_detector.scoring.quality import Limits

OWN_LICENSE = "license: mit"
OTHER_LICENSE = "license: other\nlicense_name: terms-of-the-training-data"
HEAD = """\
---
{license}
library_name: onnx
pipeline_tag: image-classification
tags:
  - deepfake-detection
  - face-forgery-detection
  - video-classification
  - {network}
  - onnx
metrics:
  - roc_auc
  - accuracy
---
"""
INTENDED_USE = (
    "For people who want a second look at the faces of a picture or a clip before they decide "
    "something themselves, such as fact-checkers and moderators, and for research on forgeries of "
    "the kinds named above.",
    "Not for deciding automatically about a person, not as the only evidence against one, and not "
    "for pictures without a face. Check it first on clips of the kind, and on the people, that it "
    "will judge.",
)


def card(
    metrics: Mapping[str, Mapping],
    decision: Decision,
    quality: Limits,
    items: pd.DataFrame,
    data_sets: Mapping[str, AnyDataSet],
    policy: str,
    recipe: Mapping,
) -> str:
    """The text of the whole card.

    `metrics` are those of metrics/ by file name, `quality` the limits of what is judged, `items`
    the rows of the three split tables with the column part, `policy` the split's, `recipe` what
    `train` says in params.
    """
    evaluation = metrics["evaluation"]
    measured = run_report.measured_last(evaluation)
    drawn = run_report.only_drawn(data_sets)
    sections = [
        _files(metrics["export"], recipe["network"]),
        run_report.in_short(metrics["split"], metrics["train"], evaluation, policy, recipe),
        _learned_from(items),
        run_report.headline(metrics["summary"], measured),
        _by_method(evaluation["methods"], list(measured)),
        _decision(decision, metrics["export"]),
        run_report.across_sets(evaluation, run_report.learned_from(data_sets)),
        _quality(quality, metrics["quality"]),
        _robustness(metrics["robustness"]),
        run_report.data_checks(metrics["verify"]),
        Section("Intended use", INTENDED_USE),
        Section("Limits", run_report.LIMITS),
        _licences(data_sets),
    ]
    banner = [f"> **{_plain(run_report.DEMONSTRATION)}**"] if drawn else []
    head = HEAD.format(license=OWN_LICENSE if drawn else OTHER_LICENSE, network=recipe["network"])
    blocks = [
        f"{head}\n# Deepfake detector",
        *banner,
        *(block for section in sections for block in _blocks(section)),
    ]
    return "\n\n".join(blocks) + "\n"


def _files(export: Mapping, network: str) -> Section:
    differences, aucs = export["largest_logit_difference"], export["val_video_roc_auc"]
    rows = [
        {
            "file": name,
            "numbers": variant,
            "size": f"{export['bytes'][variant] / 1e6:.1f} MB",
            "largest difference of a logit": f"{differences[variant]:g}"
            if variant in differences
            else f"below {differences[f'{variant}_below']:g}",
            "validation ROC-AUC by video": f"{aucs[variant]:.3f}",
        }
        for variant, name in export["files"].items()
    ]
    text = [
        f"A network ({network}) that judges each face found in a picture, or in frames taken "
        "evenly from a clip, and comes to one probability that the faces are manipulated (0 real, "
        "1 fake). How faces are found and cut, how frames become a verdict, and what was learned "
        "from travel inside the files: use them with the project that made them.",
        f"All were compared with the trained network on {export['clips']} validation clips "
        f"({export['faces']} faces); its own ROC-AUC there is {aucs['torch']:.3f}.",
    ]
    text += [
        f"{export['files'][variant]} is withheld and refuses to load: {why}."
        for variant, why in export["withheld"].items()
        if why
    ]
    return Section("What it is", text, rows)


def _learned_from(items: pd.DataFrame) -> Section:
    counts = (
        items.groupby(["data_set", "method", "part"])
        .size()
        .unstack(fill_value=0)
        .reindex(columns=PARTS, fill_value=0)
    )
    rows = [
        {"data set": data_set, "method": method} | {part: int(own[part]) for part in PARTS}
        for (data_set, method), own in counts.sort_index().iterrows()
    ]
    return Section("Items by data set, method and split", rows=rows)


def _by_method(methods: Mapping, places: Sequence[str]) -> Section:
    rows = [
        {"data set and method": name, "of": title(place)}
        | {
            heading: run_report.with_interval(of_method[place]["video"], figure)
            for figure, heading in CHIEF.items()
        }
        for place in places
        for name, of_method in sorted(methods.items())
        if place in of_method
    ]
    return Section(
        "By method", ["By video: each method's fakes against the reals of its data set."], rows
    )


def _decision(decision: Decision, export: Mapping) -> Section:
    own = [export["files"][variant] for variant in export["withheld"]]
    low, high, checked = decision.band_low, decision.band_high, decision.validation
    band = (
        f"FAKE from {high}, REAL below; there is no inconclusive band"
        if low == high < 1
        else f"{ends_in_words(low, high, str)}, INCONCLUSIVE otherwise"
    )
    clips = checked.real_clips + checked.fake_clips
    return Section(
        "Decision",
        [
            "A clip's probability is the softmax of its logits over the temperature "
            f"{decision.temperature:.3f}. Threshold {decision.threshold}: {band}. A face counts "
            f"that is seen in {decision.min_faces} sampled frames, or in half of them where that "
            "is fewer. The highest of several such faces is FAKE from a higher probability.",
            f"All fitted on {clips} validation clips: {checked.inconclusive} of them are "
            f"inconclusive, {checked.wrong_outside_band} of the others wrong. No face, or too few "
            "or too small ones, is INCONCLUSIVE too.",
            *(
                [f"Unproven: {decision.unproven}. Every verdict is INCONCLUSIVE."]
                if decision.unproven
                else []
            ),
            *(f"{name} has a temperature, threshold and band of its own inside." for name in own),
        ],
    )


def _robustness(measured: Mapping) -> Section:
    video = run_report.corrupted(measured["video"])
    clean = measured["video"]["none"]["0"]["roc_auc"]
    cells = [
        (own["roc_auc"], name, level)
        for name, levels in video.items()
        for level, own in levels.items()
    ]
    defined = [one for one in cells if one[0] is not None]
    text = [
        f"{measured['items']} {measured['split']} items, their frames corrupted in {len(video)} "
        f"ways at the levels {', '.join(sorted({level for _, _, level in cells}))} (1 little, 5 "
        f"much), faces re-detected. ROC-AUC by video: clean {_figure(clean)}, mean relative drop "
        f"{run_report.drop_in_words(measured['video'])}."
    ]
    if defined:
        auc, name, level = min(defined, key=lambda one: one[0])
        text.append(f"The worst is {name} at level {level}: {_figure(auc)}.")
    return Section("Robustness to corrupted frames", text)


def _quality(limits: Limits, measured: Mapping) -> Section:
    """The sentences of the run report, without its table."""
    section = run_report.quality(limits, measured)
    return Section(section.title, section.text)


def _licences(data_sets: Mapping[str, AnyDataSet]) -> Section:
    rows = [
        {
            "data set": name,
            "layout": own.layout,
            "use": own.use,
            "terms": "this project's LICENSE (drawn by it)"
            if own.layout == "demo"
            else "its publisher's or owner's own",
        }
        for name, own in sorted(data_sets.items())
    ]
    text = [
        "The code is under the project's LICENSE. Each data set's own terms apply to its clips, "
        "and may apply to what was learned from them: read them before you redistribute the model."
    ]
    return Section("Licences of the data", text, rows)


def _figure(value: float | None) -> str:
    return "undefined" if value is None else f"{value:.3f}"


def _blocks(section: Section) -> list[str]:
    """A section's heading, paragraphs and table as Markdown."""
    blocks = [f"## {_plain(section.title)}", *(_plain(line) for line in section.text)]
    if section.rows:
        lines = [_row(section.rows[0].keys()), "|" + " --- |" * len(section.rows[0])]
        blocks.append("\n".join([*lines, *(_row(row.values()) for row in section.rows)]))
    return blocks


def _row(cells: Iterable) -> str:
    return "| " + " | ".join(_plain(str(cell)) for cell in cells) + " |"


def _plain(text: str) -> str:
    """Names of methods and files are anybody's: nothing in them is taken for Markdown or HTML."""
    return re.sub(r"([\\`*_\[\]<>|~&])", r"\\\1", " ".join(text.split()))
