"""A training run as one page for a person: what was learned from what, how good it is and how sure
that is, and what to mind.

Made by `python -m stages.report`. Everything comes from the metrics and tables of the stages
before; nothing is measured here.
"""

from collections.abc import Iterator, Mapping, Sequence

import pandas as pd

from deepfake_detector.common.settings import StrictModel
from deepfake_detector.datasets.settings import AnyDataSet
from deepfake_detector.evaluation import run_charts
from deepfake_detector.evaluation.breakdown import HEADLINE, IN_SET, MAIN, title
from deepfake_detector.pages.html_page import NO_PROOF, Chart, Section
from deepfake_detector.scoring.decision import LEAST_CLIPS
from deepfake_detector.scoring.quality import Limits, in_words

IN_PICTURES = ("confusion", "roc", "pr", "scores", "reliability")
BY_KIND = ("methods", "slices")
DROP = "mean_relative_drop"
NAMED = 5  # ties named in a sentence
CHARTS = {  # each has its table and template; how it is read
    "confusion": "Rows are what a clip or face is, columns what it is called at the threshold: what "
    "lies from the upper left to the lower right is right. The darker, the more of its row.",
    "roc": "Each curve shows all thresholds: how many fakes are found (up) against how many reals "
    "are called fake (to the right). The nearer to the upper left corner the better; the dashed line is "
    "guessing. On the right the same with few false alarms drawn large: more than few are no use.",
    "pr": "How much of what is called fake is fake (up) against how many of the fakes are found "
    "(to the right). The nearer to the upper right corner the better. It holds for as many fakes among the "
    "reals as there are here; where fakes are rare, precision is far lower.",
    "scores": "How many real and fake ones got which probability. The less the colours overlap the "
    "better; reals to the right of the dotted line and fakes to its left are misclassified.",
    "reliability": "On the dashed line a probability means what it says: of those with 70 %, 70 in "
    "100 are fake. Every point stands for equally many, ten at least; there is none where there are "
    "fewer than twenty. A vertical line is the exact 95 % interval of videos; frames of one video "
    "are too much alike for one.",
    "methods": "Each kind of forgery against all reals of its data set, with its count and 95 % "
    "interval; the dashed line is guessing. Where few source groups are behind it there is no "
    "interval.",
    "slices": "The same for the smallest, middle and largest third by face size, sharpness, "
    "brightness and number of frames with a face. A short bar tells where to trust the detector less.",
    "robustness": "Each panel is a corruption, harder to the right; level 0 is the clean clip. The "
    "dashed line is guessing.",
    "training": "By epoch. Where validation gets worse while the training loss falls, the network "
    "overfits; the epoch kept is the best by validation.",
}
NO_FAKES = (
    "None of train's fakes were learned from (`train.fakes: none`): its fakes were made of the real "
    "faces, by self-blending."
)
LIMITS = (
    "It judges faces. A forgery outside the face, a cloned voice and a false caption are out of "
    "its scope.",
    "It knows the manipulations it was trained on. On others, on new generators and on repeatedly "
    "compressed clips it will be worse; figures of one data set say nothing about another.",
    "An interval tells how much the figures would change with other people of the same kind. It "
    "does not tell what happens with other cameras, other compressions or other forgeries.",
    NO_PROOF,
)
CHOSEN_ON = (
    " Epoch, temperature, threshold and band were chosen on these clips: expect less of new ones."
)
DEMONSTRATION = "This model has seen drawn people only. Its figures show that the pipeline works, not that it detects deepfakes."


def only_drawn(data_sets: Mapping[str, AnyDataSet]) -> bool:
    """Whether all that is learned from is the drawn demo."""
    return all(data_sets[name].layout == "demo" for name in learned_from(data_sets))


def learned_from(data_sets: Mapping[str, AnyDataSet]) -> list[str]:
    """The names of the data sets that training may see."""
    return [name for name, data_set in data_sets.items() if data_set.use == "train"]


def in_short(
    split: Mapping, train: Mapping, evaluation: Mapping, policy: str, recipe: Mapping
) -> Section:
    """What was learned from what, and what came out, in sentences."""
    leaks, items = split["leaks"], split["items"]
    counts = [
        f"{name} {count['real']} real and {count['fake']} fake of {count['groups']} groups"
        for name, count in [
            *((part, items[part]) for part in ("train", *IN_SET)),
            *((title(name), count) for name, count in items.get("held_out", {}).items()),
        ]
    ]
    text = [
        _sentence(place, levels["video"], bool(leaks["left"]))
        for place, levels in measured_last(evaluation).items()
    ]
    text += [
        f"Items by split: {'; '.join(counts)}. Whatever shares a person, a source video, an original "
        f"or its looks is one group. {_people_named(split['sources'])}",
        *_drawn_away(split["drawn_away"]),
        *([NO_FAKES] if recipe["fakes"] == "none" else []),
        f"{recipe['network']} from {recipe['init']} weights at {recipe['input_size']} pixels, seed "
        f"{recipe['seed']}; the best of {train['epochs']} epochs by validation is number "
        f"{train['best_epoch']}.",
    ]
    text.append(
        f"Split by policy “{policy}”: {leaks['found']} leaks between its sides found, "
        f"{leaks['left']} left." + (f" Left: {_ties(leaks['by_name'])}." if leaks["left"] else "")
    )
    return Section("In short", text)


def measured_last(evaluation: Mapping) -> dict[str, Mapping]:
    """By place, the levels of in-set test, or of validation where test was not read or holds
    nothing of it, and of each held-out data set."""
    part = next((part for part in ("test", "val") if part in evaluation), None)
    in_set = {part: evaluation[part]} if part else {}
    return in_set | evaluation.get("held_out", {})


def headline(summary: Mapping, places: Mapping[str, Mapping]) -> Section:
    """What metrics/summary.json holds in a sentence, and every headline figure by place and level,
    with its interval."""
    rows = []
    for place, levels in places.items():
        for level, own in levels.items():
            cells = {
                said: with_interval(own, name) for name, said in HEADLINE.items() if name in own
            }
            rows.append({"of": f"{title(place)}, {level}s"} | cells)
    names = list(dict.fromkeys(name for row in rows for name in row))
    turned = [
        {"figure": name} | {row["of"]: row.get(name, "–") for row in rows} for name in names[1:]
    ]
    every = [own for levels in places.values() for own in levels.values()]
    reasons = {own["interval_reason"] for own in every if "interval_reason" in own}
    text = [
        _lead(summary),
        "In brackets the 95 % interval, by a bootstrap over source groups. A bootstrap of few groups "
        "is too sure near the best figure, so no end lies further in than that of an exact method. Frames are those of each "
        "clip's dominant face; videos are whole clips, as the page judges them: verdicts heed the "
        "limits of face quality, other figures do not. Epoch, temperature, threshold and band were "
        "chosen on validation. In-set is of the data sets that were learned from, other groups of "
        "them; a held-out data set stands for itself.",
    ]
    if reasons:
        text.append(f"Where there is no interval: {', '.join(sorted(reasons))}.")
    if exact := {own["interval_exact"] for own in every if "interval_exact" in own}:
        text.append(
            f"Clopper-Pearson intervals, as all resamples agree: {'; '.join(sorted(exact))}."
        )
    return Section("How good it is", text, turned)


def _lead(summary: Mapping) -> str:
    """The ROC-AUC on in-set test (else validation), and the lowest of those held out."""
    part = "test" if "test_auc" in summary else "val"
    aucs = []
    if f"{part}_auc" in summary:
        ends = (
            f" ({summary['test_lo']:.3f} to {summary['test_hi']:.3f})"
            if "test_lo" in summary
            else ""
        )
        aucs.append(f"{summary[f'{part}_auc']:.3f}{ends} on {title(part)}")
    if "held_auc" in summary:
        held_out = title(summary["held_set"])
        aucs.append(f"{summary['held_auc']:.3f} on {held_out}, the lowest of those held out")
    return f"ROC-AUC by video: {'; '.join(aucs) or 'undefined'}."


def draw(
    templates: Mapping[str, dict],
    tables: Mapping[str, pd.DataFrame],
    places: Sequence[str],
    threshold: float,
) -> dict[str, Chart]:
    """Every chart by name; what has a panel for each place and level is drawn of these `places`
    alone."""
    drawn = {}
    for name, template in templates.items():
        table = tables[name]
        if "facet" in template and "curve" in table:
            table = table[table["curve"].astype(str).str.rsplit(", ", n=1).str[0].isin(places)]
        if name == "scores":
            table = table.assign(threshold=threshold)
        drawn[name] = Chart(run_charts.svg(template, table), CHARTS[name])
    return drawn


def in_pictures(charts: Mapping[str, Chart]) -> Section:
    """The charts of IN_PICTURES, by their names among `charts`."""
    return Section("Charts", charts=[charts[name] for name in IN_PICTURES])


def by_kind(charts: Mapping[str, Chart]) -> Section:
    """The charts of BY_KIND, by their names among `charts`."""
    return Section(
        "By method, and by what the faces look like", charts=[charts[name] for name in BY_KIND]
    )


def across_sets(evaluation: Mapping, learned_from: Sequence[str]) -> Section:
    """In-set and held-out figures side by side, and how far apart they are; without any held out,
    that this is not known. `learned_from` names the data sets of `use: train`."""
    held_out, in_set = evaluation.get("held_out", {}), evaluation.get("data_sets", {})
    if not in_set and len(learned_from) == 1:
        in_set = {
            learned_from[0]: {part: evaluation[part] for part in IN_SET if part in evaluation}
        }
    text = [
        "What was not seen in training tells what to expect of clips from elsewhere.",
        *_gaps(in_set, held_out),
    ]
    if not held_out:
        text = [
            "All figures are of what was learned from. How the detector does on another data set "
            "is not known; name one with use: test, and evaluate on test, to find out."
        ]
    places = [
        (name, place, levels) for name, parts in in_set.items() for place, levels in parts.items()
    ]
    places += [(name, name, levels) for name, levels in held_out.items()]
    rows = [
        {
            "data set, or method of one": name,
            "seen in training": "no" if name in held_out else "yes",
            "of": f"{title(place)}, {level}s",
        }
        | {HEADLINE[figure]: with_interval(own, figure) for figure in ("count", MAIN, "coverage")}
        for name, place, levels in places
        for level, own in levels.items()
    ]
    return Section("On data sets and methods not seen in training", text, rows)


def data_checks(verify: Mapping) -> Section:
    """What metrics/verify.json holds: items kept and dropped, shortcuts, near duplicates."""
    shortcut = verify["shortcut"]
    result = (
        f"not examined ({shortcut['reason']})"
        if shortcut["roc_auc"] is None
        else f"ROC-AUC {shortcut['roc_auc']:.3f} (0.5 is guessing)"
    )
    among = f", among items of kind {shortcut['among']}" if shortcut["among"] else ""
    facts = ", ".join(f"{name} {value}" for name, value in shortcut["facts"].items())
    text = [
        f"{verify['kept']} of {verify['items']} items kept"
        + "".join(f"; {count} dropped: {reason}" for reason, count in verify["dropped"].items())
        + ".",
        *_dropped_by_class(verify["dropped_shares"]),
        f"What a classifier makes of the files' facts alone, without a picture{among}: {result}"
        + (f"; by {facts}." if facts else "."),
        f"Pairs that look nearly the same: {verify['near_duplicates']['pairs']}, "
        f"{verify['near_duplicates']['across_labels']} of them of a real and a fake item.",
    ]
    return Section("The data", text)


def _dropped_by_class(shares: Mapping[str, Mapping[str, float]]) -> list[str]:
    if not shares:
        return []
    by_set = (
        f"{name} " + ", ".join(f"{share:.1%} of the {kind} ones" for kind, share in of_set.items())
        for name, of_set in shares.items()
    )
    return [f"Dropped, duplicates among them: of {'; of '.join(by_set)}. No figure counts these."]


def robustness(measured: Mapping, chart: Chart) -> Section:
    """What metrics/robustness.json holds, by video: a row for each corruption, and the mean
    drop."""
    rows = [
        {"corruption": name} | {f"level {level}": _cell(own) for level, own in cells.items()}
        for name, cells in corrupted(measured["video"]).items()
    ]
    clean = measured["video"]["none"]["0"]
    text = [
        "ROC-AUC by video (accuracy at the threshold; coverage where under 1) of "
        f"{measured['items']} {measured['split']} items whose frames were corrupted, faces "
        f"re-detected. Clean: {_cell(clean)}.",
        f"Mean relative drop: {drop_in_words(measured['video'])}.",
    ]
    return Section("Robustness to corrupted frames", text, rows, charts=[chart])


def corrupted(figures: Mapping) -> dict[str, dict]:
    """Robustness by frame or video: of each corruption the figures by level."""
    return {name: own for name, own in figures.items() if name not in ("none", DROP)}


def drop_in_words(figures: Mapping) -> str:
    """By how much the ROC-AUC by frame or video drops, and of how many cases that is not known."""
    cells = [own["roc_auc"] for levels in corrupted(figures).values() for own in levels.values()]
    drop = "undefined" if figures[DROP] is None else f"{figures[DROP]:.1%}"
    if lost := cells.count(None):
        return f"{drop} (without {lost} of {len(cells)} cases, which left a class no face)"
    return drop


def quality(limits: Limits, measured: Mapping) -> Section:
    """With what quality of a face there is a verdict, and what that costs and gains."""
    every, clean, firmness = measured["all copies"], measured["none"]["0"], measured["firmness"]
    text = [
        f"A face is judged with a {in_words(limits)} (docs/predict.md). Beyond that it is "
        "INCONCLUSIVE. Each limit by itself is fitted on corrupted copies of validation clips: of "
        "those that it lets in beyond the range of clean clips at most "
        f"{measured['aim_error']:.1%} of the verdicts are wrong.",
        f"Of the {measured['clips']} validation clips {clean['coverage_with']:.1%} keep a verdict "
        f"({clean['coverage_without']:.1%} without limits), of all copies "
        f"{every['coverage_with']:.1%} ({every['coverage_without']:.1%}). The accuracy of these "
        f"verdicts on copies is {_accuracy(every, 'with')} ({_accuracy(every, 'without')}); these "
        "are the copies that the limits were fitted on.",
        f"Tested as `predict --stress` does, on the mildest copy of clips, {firmness['firm']} "
        f"verdicts stood, {firmness['firm_wrong']} of them wrong, and {firmness['not_firm']} "
        f"fell, {firmness['not_firm_wrong']} of them wrong.",
    ]
    rows = [
        {
            "corruption": name,
            "level": level,
            "with a verdict": f"{own['coverage_with']:.2f}",
            "without limits": f"{own['coverage_without']:.2f}",
            "accuracy": _accuracy(own, "with"),
            "accuracy without limits": _accuracy(own, "without"),
        }
        for name, levels in measured.items()
        if isinstance(levels, Mapping) and name not in ("all copies", "none", "firmness")
        for level, own in levels.items()
    ]
    return Section("Limits of face quality", text, rows)


def _accuracy(own: Mapping, which: str) -> str:
    value = own[f"accuracy_{which}"]
    return "undefined" if value is None else f"{value:.3f}"


def training(train: Mapping, settings: StrictModel, chart: Chart) -> Section:
    """What came of it, and each setting that is another than by default."""
    learned = {
        True: "It learned something",
        False: "It learned nothing",
        None: "It is unclear whether it learned anything",
    }
    low, high = train["val_video_roc_auc_low"], train["val_video_roc_auc_high"]
    sure = (
        f"the interval is {low:.3f} to {high:.3f}"
        if low is not None
        else f"{train['reason']} for an interval"
    )
    changed = list(_changed(settings))
    text = [
        f"{learned[train['learned']]}: validation ROC-AUC by video {train['val_video_roc_auc']:.3f} "
        f"({sure}).",
        "Settings of train that differ from the defaults:"
        if changed
        else "All settings of train are at their defaults.",
    ]
    return Section("Training", text, changed, charts=[chart])


def _changed(settings: StrictModel, within: str = "") -> Iterator[dict[str, object]]:
    for name, field in type(settings).model_fields.items():
        value, usual = getattr(settings, name), field.get_default(call_default_factory=True)
        if isinstance(value, StrictModel):
            yield from _changed(value, f"{name}.")
        elif value != usual:
            yield {
                "setting": within + name,
                "here": value,
                "by default": usual,
                "what it is": field.description,
            }


def mistakes(sheets: Mapping[str, bytes]) -> list[Section]:
    """A section for each contact sheet (JPEG), by its name."""
    return [
        Section(f"Most confidently wrong: {name.replace('_', ' ')}", jpeg=sheet)
        for name, sheet in sheets.items()
    ]


def with_interval(own: Mapping, name: str) -> str:
    """A figure in three digits, with its interval where there is one."""
    value = own.get(name)
    if value is None:
        return "–"
    if isinstance(value, int):
        return str(value)
    ends = (
        f" ({own[f'{name}_low']:.3f} to {own[f'{name}_high']:.3f})" if f"{name}_low" in own else ""
    )
    return f"{value:.3f}{ends}"


def _gaps(in_set: Mapping, held_out: Mapping) -> list[str]:
    """How far each held-out data set is from each that was learned from, on in-set test, or on val
    where that is all it has."""
    sentences = []
    for name, levels in held_out.items():
        for learned, parts in in_set.items():
            part = "test" if "test" in parts else "val"
            unseen, seen = levels["video"][MAIN], parts[part]["video"][MAIN]
            if unseen is not None and seen is not None:
                sentences.append(
                    f"ROC-AUC by video is {unseen:.3f} on {title(name)} and {seen:.3f} on {learned}, "
                    f"{title(part)}, which was learned from: {unseen - seen:+.3f}."
                )
    return sentences


def _people_named(sources: Mapping[str, Mapping]) -> str:
    """In how many data sets it is known who is in a clip; `sources` counts by data set all items
    and those that name a person or source video."""
    whole = [name for name, count in sources.items() if count["named"] == count["items"]]
    gaps = [
        f"{name} ({count['named']} of {count['items']} items)"
        for name, count in sources.items()
        if name not in whole
    ]
    known = f"People, or the videos they are from, are named in {len(whole)} of {len(sources)} data sets"
    if not gaps:
        return f"{known}."
    return f"{known}, not in {', '.join(gaps)}: the same person may be on both sides there."


def _drawn_away(drawn: Mapping) -> list[str]:
    """What training went without because a held-out data set has its like, and what to do."""
    if not drawn["items"]:
        return []
    sets = ", ".join(f"{count} of {name}" for name, count in drawn["data_sets"].items())
    return [
        f"{drawn['items']} items ({sets}) are in test, not in training, as a held-out data set "
        f"shares their group: {_ties(drawn['ties'])}. {drawn['remedy']}"
    ]


def _ties(shared: Mapping[str, str]) -> str:
    """What items of two sides share, and the items; the first few of them."""
    first = "; ".join(f"{mark}: {items}" for mark, items in [*shared.items()][:NAMED])
    more = f"; and {len(shared) - NAMED} more in metrics/split.json" if len(shared) > NAMED else ""
    return first + more


def _sentence(place: str, own: Mapping, leaks: bool) -> str:
    if own["roc_auc"] is None:
        return f"On {title(place)} no ROC-AUC is defined: one class is missing."
    unseen = "" if leaks else " of groups that training never saw"
    reals, fakes = own["false_fake"] + own["true_real"], own["true_fake"] + own["false_real"]
    return (
        f"On {title(place)}, {own['count']} clips{unseen}: ROC-AUC {with_interval(own, 'roc_auc')}; "
        f"{_counted(own['false_fake'], reals, 'real', 'called fake')}, "
        f"{_counted(own['true_fake'], fakes, 'fake', 'found')}."
        f"{CHOSEN_ON if place == 'val' else ''}"
    )


def _counted(count: int, clips: int, label: str, result: str) -> str:
    if clips < LEAST_CLIPS:
        return f"{clips} {label} clips are too few to say how many are {result}"
    return f"of {clips} {label} clips {count} are {result}"


def _cell(own: Mapping) -> str:
    if own["roc_auc"] is None:
        return f"undefined, coverage {own['coverage']:.2f}"
    seen = "" if own["coverage"] == 1 else f", coverage {own['coverage']:.2f}"
    return f"{own['roc_auc']:.3f} ({own['accuracy']:.2f}{seen})"
