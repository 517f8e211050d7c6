"""The tables that charts are drawn from: one per chart, its `curve` column naming the line or
panel.

A table of scored rows has the columns split, label, data_set, fake_probability and logit (as in
`breakdown`); `levels` maps frame and video to such a table, and `places` are the values of split
that charts are drawn of. A curve has at most 500 points. A chart
is an entry in TABLES, a template .dvc/plots/NAME.json and its lines in dvc.yaml.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict
from typing import NamedTuple

import numpy as np
import pandas as pd

from deepfake_detector.datasets.held_out import rows_at
from deepfake_detector.evaluation.breakdown import CHIEF_COLUMNS, FACTS, Slice, by_slice
from deepfake_detector.scoring import metrics, scores

Levels = Mapping[str, pd.DataFrame]
CHANCE, OPERATING_POINT = "chance", "at the threshold"


class Measured(NamedTuple):
    """What a run measured: scored rows by level, the places, the threshold, figures by method."""

    levels: Levels
    places: Sequence[str]
    threshold: float
    methods: Mapping[str, dict]


def roc(levels: Levels, places: Sequence[str], threshold: float) -> pd.DataFrame:
    """ROC curves, with the operating points of the threshold and the diagonal of chance."""
    rows = []
    for curve, scored in _curves(levels, places):
        points = metrics.roc_points(scored["label"], scored["fake_probability"])
        rows += [{"curve": curve, "false_positive_rate": x, "recall": y} for x, y in points]
    for scored in _wholes(levels, places):
        figures = metrics.figures(scored["label"], scored["fake_probability"], threshold)
        wrong, right = (figures[name] or 0 for name in ("false_fake", "true_real"))
        rows.append(
            {
                "curve": OPERATING_POINT,
                "false_positive_rate": wrong / (wrong + right),
                "recall": figures["recall"],
            }
        )
    rows += [{"curve": CHANCE, "false_positive_rate": end, "recall": end} for end in (0.0, 1.0)]
    return pd.DataFrame(rows)


def pr(levels: Levels, places: Sequence[str], threshold: float) -> pd.DataFrame:
    """Precision-recall curves, with the operating points of the threshold."""
    rows = []
    for curve, scored in _curves(levels, places):
        points = metrics.pr_points(scored["label"], scored["fake_probability"])
        rows += [{"curve": curve, "recall": x, "precision": y} for x, y in points]
    for scored in _wholes(levels, places):
        figures = metrics.figures(scored["label"], scored["fake_probability"], threshold)
        if figures["precision"] is not None:
            point = {"recall": figures["recall"], "precision": figures["precision"]}
            rows.append({"curve": OPERATING_POINT, **point})
    return pd.DataFrame(rows, columns=["curve", "recall", "precision"])


def confusion(levels: Levels, places: Sequence[str], threshold: float) -> pd.DataFrame:
    """The four cells of each place and level, with the fraction of the actual class in each."""
    rows = []
    for curve, actual, probabilities in _by_class(levels, places):
        total, flagged = len(probabilities), int((probabilities >= threshold).sum())
        for predicted, count in (("real", total - flagged), ("fake", flagged)):
            cell = {"curve": curve, "actual": actual, "predicted": predicted}
            rows.append(cell | {"count": count, "share": count / total if total else 0.0})
    return pd.DataFrame(rows)


def histogram(levels: Levels, places: Sequence[str]) -> pd.DataFrame:
    """Counts of the probabilities of fake of each class, by the middles of the bins."""
    rows = []
    for curve, label, probabilities in _by_class(levels, places):
        rows += [
            {"curve": curve, "label": label, "fake_probability": middle, "count": count}
            for middle, count in metrics.histogram(probabilities)
        ]
    return pd.DataFrame(rows)


def reliability_diagram(levels: Levels, places: Sequence[str]) -> pd.DataFrame:
    """Probability against fraction of fakes, before and after temperature scaling. The interval is
    that of videos: frames of one video are not independent."""
    rows = []
    for place in places:
        for level, table in levels.items():
            scored = _scored(table, place)
            before = scores.probability(scored["logit"].to_numpy(), 1.0)
            for scaling, probabilities in (
                ("before scaling", before),
                ("after scaling", scored["fake_probability"]),
            ):
                rows += [
                    {"curve": f"{place}, {level}s", "scaling": scaling} | asdict(part)
                    for part in metrics.reliability(scored["label"], probabilities)
                ]
    table = pd.DataFrame(
        rows, columns=["curve", "scaling", *metrics.ReliabilityBin.__dataclass_fields__]
    )
    frames = table["curve"].str.endswith("frames")
    table.loc[frames, ["share_low", "share_high"]] = np.nan
    return table


def methods(measured: Mapping[str, dict]) -> pd.DataFrame:
    """The chief figures by method, place and level (as in metrics/evaluation.json) as bars with
    their intervals."""
    rows = [
        {"curve": f"{place}, {level}s", "name": name} | figures
        for name, places in measured.items()
        for place, levels in places.items()
        for level, figures in levels.items()
    ]
    return pd.DataFrame(rows, columns=["curve", "name", *CHIEF_COLUMNS]).sort_values(
        ["curve", "name"], kind="stable"
    )


def slices(levels: Levels, places: Sequence[str], threshold: float) -> pd.DataFrame:
    """The figures of the rows sliced by FACTS, as bars with their intervals."""
    rows = [
        {"curve": f"{place}, {level}s", "name": _range(part)} | asdict(part)
        for place in places
        for level, table in levels.items()
        for part in by_slice(rows_at(table, place), FACTS, threshold)
    ]
    return pd.DataFrame(rows, columns=["curve", "name", *Slice.__dataclass_fields__])


def _range(part: Slice) -> str:
    few = f", {part.videos} videos only" if part.few else ""
    return f"{part.fact.replace('_', ' ')} {part.low:.3g} to {part.high:.3g}{few}"


def _curves(levels: Levels, places: Sequence[str]) -> Iterator[tuple[str, pd.DataFrame]]:
    """Name and rows of every curve of two classes: each place and level whole, then each of several
    data sets."""
    for place in places:
        for level, table in levels.items():
            scored = _scored(table, place)
            sets = [(f"{name}, ", rows) for name, rows in scored.groupby("data_set")]
            for name, rows in [("", scored), *(sets if len(sets) > 1 else [])]:
                if rows["label"].nunique() == 2:
                    yield f"{place}, {name}{level}s", rows


def _wholes(levels: Levels, places: Sequence[str]) -> Iterator[pd.DataFrame]:
    for place in places:
        for table in levels.values():
            scored = _scored(table, place)
            if scored["label"].nunique() == 2:
                yield scored


def _by_class(levels: Levels, places: Sequence[str]) -> Iterator[tuple[str, str, np.ndarray]]:
    """Curve, class and probabilities of fake of every place, level and class."""
    for place in places:
        for level, table in levels.items():
            scored = _scored(table, place)
            for label, name in ((0, "real"), (1, "fake")):
                yield (
                    f"{place}, {level}s",
                    name,
                    scored.loc[scored["label"] == label, "fake_probability"].to_numpy(),
                )


def _scored(table: pd.DataFrame, place: str) -> pd.DataFrame:
    return rows_at(table, place).dropna(subset="logit")


TABLES: Mapping[str, Callable[[Measured], pd.DataFrame]] = {
    "roc": lambda of: roc(of.levels, of.places, of.threshold),
    "pr": lambda of: pr(of.levels, of.places, of.threshold),
    "confusion": lambda of: confusion(of.levels, of.places, of.threshold),
    "scores": lambda of: histogram(of.levels, of.places),
    "reliability": lambda of: reliability_diagram(of.levels, of.places),
    "methods": lambda of: methods(of.methods),
    "slices": lambda of: slices(of.levels, of.places, of.threshold),
}
