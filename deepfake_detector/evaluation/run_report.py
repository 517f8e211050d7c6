"""A training run as one page for a person: what was learned from what, how good it is and how sure
that is, and what to mind.

Made by `python -m stages.report`. Everything comes from the metrics and tables of the stages
before; nothing is measured here.
"""

from collections.abc import Mapping, Sequence

import pandas as pd

from deepfake_detector.datasets.settings import AnyDataSet
from deepfake_detector.evaluation import run_charts
from deepfake_detector.evaluation.breakdown import HEADLINE, MAIN
from deepfake_detector.pages.html_page import Section

IN_PICTURES = ("roc", "pr", "scores", "reliability")
BY_KIND = ("methods", "slices")
CHARTS = (*IN_PICTURES, *BY_KIND, "robustness", "training")  # each has its table and template
LIMITS = (
    "It judges faces. A picture forged elsewhere, a cloned voice or a false caption are not its "
    "business.",
    "It knows the manipulations it was trained on. On others, on new generators and on clips that "
    "were compressed again and "
    "again it will be worse; figures of one data set say nothing about another.",
    "An interval tells how much the figures would change with other people of the same kind. It "
    "does not tell what happens "
    "with other cameras, other compressions or other forgeries.",
    "A verdict is a sign, not a proof. Never take it as the only evidence against a person.",
)
DEMONSTRATION = "This model has seen drawn people only. Its figures show that the pipeline works, not that it detects deepfakes."


def only_drawn(data_sets: Mapping[str, AnyDataSet]) -> bool:
    """Whether all that is learned from is the drawn demo."""
    return all(
        data_set.layout == "demo" for data_set in data_sets.values() if data_set.use == "train"
    )


def in_short(
    split: Mapping, train: Mapping, evaluation: Mapping, policy: str, recipe: Mapping
) -> Section:
    """What was learned from what, and what came out, in sentences."""
    leaks, told = split["leaks"], []
    for part in ("train", "val", "test"):
        own = split["items"][part]
        told.append(f"{part} {own['real']} real and {own['fake']} fake of {own['groups']} groups")
    text = [
        f"Items by split: {'; '.join(told)}. Whatever shares a person, a source video, an original "
        "or its looks is one group.",
        f"{recipe['network']} from {recipe['init']} weights at {recipe['input_size']} pixels; "
        f"the best of {train['epochs']} epochs by validation is number {train['best_epoch']}.",
    ]
    for part in ("test", "val"):
        if part in evaluation:
            text.append(_sentence(part, evaluation[part]["video"], bool(leaks["left"])))
            break
    text.append(
        f"Split by policy “{policy}”: {leaks['found']} leaks between its sides found, "
        f"{leaks['left']} left."
        + (" Left: " + ", ".join(map(str, leaks["by_name"])) if leaks["left"] else "")
    )
    return Section("In short", text)


def headline(evaluation: Mapping) -> Section:
    """Every headline figure by split and level, with its interval."""
    rows = []
    for part in ("test", "val"):
        for level, own in evaluation.get(part, {}).items():
            cells = {
                title: with_interval(own, name) for name, title in HEADLINE.items() if name in own
            }
            rows.append({"of": f"{part}, {level}s"} | cells)
    names = list(dict.fromkeys(name for row in rows for name in row))
    turned = [
        {"figure": name} | {row["of"]: row.get(name, "–") for row in rows} for name in names[1:]
    ]
    reasons = {
        own["interval_reason"]
        for part in _rows_of(evaluation)
        for own in part
        if "interval_reason" in own
    }
    text = [
        "In brackets the 95 % interval: source groups are drawn anew 2,000 times. Frames are those "
        "of each clip's dominant face; "
        "videos are whole clips, as the page judges them. Epoch, temperature, threshold and band "
        "were chosen on validation."
    ]
    if reasons:
        text.append(f"Where there is no interval: {', '.join(sorted(reasons))}.")
    if exact := {
        own["interval_exact"]
        for part in _rows_of(evaluation)
        for own in part
        if "interval_exact" in own
    }:
        text.append(f"One end is exact (Clopper and Pearson) for: {'; '.join(sorted(exact))}.")
    return Section("How good it is", text, turned)


def draw(
    templates: Mapping[str, dict],
    tables: Mapping[str, pd.DataFrame],
    splits: Sequence[str],
    threshold: float,
) -> dict[str, str]:
    """Every chart as SVG; what has a panel for each split and level is drawn of the split that was
    read last."""
    last = "test" if "test" in splits else "val"
    drawn = {}
    for name, template in templates.items():
        table = tables[name]
        if "facet" in template and "curve" in table:
            table = table[table["curve"].str.startswith(f"{last}, ")]
        if name == "scores":
            table = table.assign(threshold=threshold)
        drawn[name] = run_charts.svg(template, table)
    return drawn


def in_pictures(charts: Mapping[str, str]) -> Section:
    return Section("In pictures", charts=[charts[name] for name in IN_PICTURES])


def by_kind(charts: Mapping[str, str]) -> Section:
    title = "By method, and by what the faces look like"
    return Section(title, charts=[charts[name] for name in BY_KIND])


def across_sets(evaluation: Mapping, uses: Mapping[str, str]) -> Section:
    """In-set and cross-set figures side by side, and how far apart they are; without any, that this
    is not known."""
    sets = evaluation.get("data_sets", {})
    text = [
        "What was not seen in training tells what to expect of clips from elsewhere.",
        *_gaps(sets, uses),
    ]
    if all(uses.get(name) == "train" for name in sets):
        text = [
            "All figures are of what was learned from. How the detector does on another data set "
            "is not known; name one with "
            "use: test, and evaluate on test, to find out."
        ]
    rows = [
        {
            "data set": name,
            "seen in training": "yes" if uses.get(name) == "train" else "no",
            "of": f"{part}, {level}s",
        }
        | {HEADLINE[figure]: with_interval(own, figure) for figure in ("count", MAIN, "coverage")}
        for name, parts in sets.items()
        for part, levels in parts.items()
        for level, own in levels.items()
    ]
    return Section("On other material", text, rows)


def data_checks(verify: Mapping) -> Section:
    auc = verify["shortcut"]["roc_auc"]
    told = (
        f"not examined ({verify['shortcut']['reason']})"
        if auc is None
        else f"ROC-AUC {auc:.3f} (0.5 is guessing)"
    )
    kind = verify["shortcut"]["among"]
    among = f", among items of kind {kind}" if kind else ""
    facts = ", ".join(f"{name} {value}" for name, value in verify["shortcut"]["facts"].items())
    text = [
        f"{verify['kept']} of {verify['items']} items kept"
        + "".join(f"; {count} dropped: {reason}" for reason, count in verify["dropped"].items())
        + ".",
        f"What a classifier makes of the files' facts alone, without a picture{among}: {told}"
        + (f"; by {facts}." if facts else "."),
        f"Pairs that look nearly the same: {verify['near_duplicates']['pairs']}, "
        f"{verify['near_duplicates']['across_labels']} of them of a real and a fake item.",
    ]
    return Section("The data", text)


def robustness(measured: Mapping, chart: str) -> Section:
    rows = [
        {"corruption": name} | {f"level {level}": _cell(own) for level, own in cells.items()}
        for name, cells in measured["video"].items()
        if name not in ("none", "mean_relative_drop")
    ]
    clean = measured["video"]["none"]["0"]
    drop = measured["video"]["mean_relative_drop"]
    text = [
        "ROC-AUC by video (accuracy at the threshold; coverage where under 1) of "
        f"{measured['items']} {measured['split']} "
        f"items whose frames were corrupted, faces looked for anew. Clean: {_cell(clean)}.",
        "Mean relative drop: " + ("undefined." if drop is None else f"{drop:.1%}."),
    ]
    return Section("When pictures suffer", text, rows, charts=[chart])


def training(train: Mapping, chart: str) -> Section:
    learned = {
        True: "It learned something",
        False: "It learned nothing",
        None: "Whether it learned anything is open",
    }
    low, high = train["val_video_roc_auc_low"], train["val_video_roc_auc_high"]
    sure = (
        f"the interval is {low:.3f} to {high:.3f}"
        if low is not None
        else f"{train['reason']} for an interval"
    )
    text = f"{learned[train['learned']]}: validation ROC-AUC by video {train['val_video_roc_auc']:.3f} ({sure})."
    return Section("Training", [text], charts=[chart])


def mistakes(sheets: Mapping[str, bytes]) -> list[Section]:
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


def _gaps(sets: Mapping, uses: Mapping[str, str]) -> list[str]:
    """How far each data set that was not learned from is from each that was, on test, or on val
    where that is all it has."""
    measured = {}
    for name, parts in sets.items():
        part = "test" if "test" in parts else "val"
        if (auc := parts[part]["video"]["roc_auc"]) is not None:
            measured[name] = (part, auc)
    return [
        f"ROC-AUC by video is {there:.3f} on {name} ({part}) and {here:.3f} on {other} "
        f"({own_part}), which was learned from: "
        f"{there - here:+.3f}."
        for name, (part, there) in measured.items()
        for other, (own_part, here) in measured.items()
        if uses.get(name) != "train" and uses.get(other) == "train"
    ]


def _rows_of(evaluation: Mapping) -> list[list[Mapping]]:
    return [list(evaluation[part].values()) for part in ("test", "val") if part in evaluation]


def _sentence(part: str, own: Mapping, leaks: bool) -> str:
    if own["roc_auc"] is None:
        return f"On {part} no ROC-AUC is defined: one class is missing."
    flagged = 100 * own["false_fake"] / (own["false_fake"] + own["true_real"])
    unseen = "" if leaks else " of groups that training never saw"
    return (
        f"On {part}, {own['count']} clips{unseen}: ROC-AUC {with_interval(own, 'roc_auc')}; of 100 "
        f"real clips {flagged:.0f} are called fake, of 100 fake ones {100 * own['recall']:.0f} are "
        "found."
    )


def _cell(own: Mapping) -> str:
    if own["roc_auc"] is None:
        return f"undefined, coverage {own['coverage']:.2f}"
    seen = "" if own["coverage"] == 1 else f", coverage {own['coverage']:.2f}"
    return f"{own['roc_auc']:.3f} ({own['accuracy']:.2f}{seen})"
