"""The tables that charts are drawn from: one per chart, its `curve` column naming the line or
panel.

A table of scored rows has the columns label, data_set, fake_probability and logit; `levels` maps
frame and video to such a table with a column `split` too. A curve has at most 500 points. A chart
is an entry in TABLES, a template .dvc/plots/NAME.json and its lines in dvc.yaml.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict
from typing import NamedTuple

import numpy as np
import pandas as pd

from deepfake_detector.evaluation.breakdown import CHIEF_COLUMNS, FACTS, Slice, by_slice
from deepfake_detector.scoring import metrics, scores

Levels = Mapping[str, pd.DataFrame]
CHANCE, OPERATING_POINT = "chance", "at the threshold"


class Measured(NamedTuple):
    """What a run measured: scored rows, the splits that were read, the threshold, figures by
    method."""

    levels: Levels
    splits: Sequence[str]
    threshold: float
    methods: Mapping[str, dict]


def roc(levels: Levels, splits: Sequence[str], threshold: float) -> pd.DataFrame:
    rows = []
    for curve, own in _curves(levels, splits):
        points = metrics.roc_points(own["label"], own["fake_probability"])
        rows += [{"curve": curve, "false_positive_rate": x, "recall": y} for x, y in points]
    for own in _wholes(levels, splits):
        figures = metrics.figures(own["label"], own["fake_probability"], threshold)
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


def pr(levels: Levels, splits: Sequence[str], threshold: float) -> pd.DataFrame:
    rows = []
    for curve, own in _curves(levels, splits):
        points = metrics.pr_points(own["label"], own["fake_probability"])
        rows += [{"curve": curve, "recall": x, "precision": y} for x, y in points]
    for own in _wholes(levels, splits):
        figures = metrics.figures(own["label"], own["fake_probability"], threshold)
        if figures["precision"] is not None:
            point = {"recall": figures["recall"], "precision": figures["precision"]}
            rows.append({"curve": OPERATING_POINT, **point})
    return pd.DataFrame(rows, columns=["curve", "recall", "precision"])


def confusion(levels: Levels, splits: Sequence[str], threshold: float) -> pd.DataFrame:
    """The four cells of each split and level, with the share of the actual class in each."""
    rows = []
    for curve, actual, found in _by_class(levels, splits):
        flagged = int((found >= threshold).sum())
        for predicted, count in (("real", len(found) - flagged), ("fake", flagged)):
            cell = {"curve": curve, "actual": actual, "predicted": predicted}
            rows.append(cell | {"count": count, "share": count / len(found) if len(found) else 0.0})
    return pd.DataFrame(rows)


def histogram(levels: Levels, splits: Sequence[str]) -> pd.DataFrame:
    rows = []
    for curve, label, found in _by_class(levels, splits):
        rows += [
            {"curve": curve, "label": label, "fake_probability": middle, "count": count}
            for middle, count in metrics.histogram(found)
        ]
    return pd.DataFrame(rows)


def reliability_diagram(levels: Levels, splits: Sequence[str]) -> pd.DataFrame:
    """Probability against share of fakes, before and after temperature scaling."""
    rows = []
    for part in splits:
        for level, table in levels.items():
            own = _scored(table, part)
            before = scores.probability(own["logit"].to_numpy(), 1.0)
            for scaling, found in (
                ("before scaling", before),
                ("after scaling", own["fake_probability"]),
            ):
                rows += [
                    {
                        "curve": f"{part}, {level}s",
                        "scaling": scaling,
                        "fake_probability": mean,
                        "share": share,
                        "count": count,
                    }
                    for mean, share, count in metrics.reliability(own["label"], found)
                ]
    return pd.DataFrame(rows, columns=["curve", "scaling", "fake_probability", "share", "count"])


def methods(found: Mapping[str, dict]) -> pd.DataFrame:
    """The chief figures by method, split and level (as in metrics/evaluation.json) as bars with
    their intervals."""
    rows = [
        {"curve": f"{part}, {level}s", "name": name} | figures
        for name, parts in found.items()
        for part, levels in parts.items()
        for level, figures in levels.items()
    ]
    return pd.DataFrame(rows, columns=["curve", "name", *CHIEF_COLUMNS]).sort_values(
        ["curve", "name"], kind="stable"
    )


def slices(levels: Levels, splits: Sequence[str], threshold: float) -> pd.DataFrame:
    rows = [
        {"curve": f"{part}, {level}s", "name": _range(one)} | asdict(one)
        for part in splits
        for level, table in levels.items()
        for one in by_slice(table[table["split"] == part], FACTS, threshold)
    ]
    return pd.DataFrame(rows, columns=["curve", "name", *Slice.__dataclass_fields__])


def _range(one: Slice) -> str:
    few = f", {one.videos} videos only" if one.few else ""
    return f"{one.fact.replace('_', ' ')} {one.low:.3g} to {one.high:.3g}{few}"


def _curves(levels: Levels, splits: Sequence[str]) -> Iterator[tuple[str, pd.DataFrame]]:
    """Name and rows of every curve of two classes: each split and level whole, then each of several
    data sets."""
    for part in splits:
        for level, table in levels.items():
            own = _scored(table, part)
            sets = [(f"{name}, ", rows) for name, rows in own.groupby("data_set")]
            for name, rows in [("", own), *(sets if len(sets) > 1 else [])]:
                if rows["label"].nunique() == 2:
                    yield f"{part}, {name}{level}s", rows


def _wholes(levels: Levels, splits: Sequence[str]) -> Iterator[pd.DataFrame]:
    for part in splits:
        for table in levels.values():
            own = _scored(table, part)
            if own["label"].nunique() == 2:
                yield own


def _by_class(levels: Levels, splits: Sequence[str]) -> Iterator[tuple[str, str, np.ndarray]]:
    """Curve, class and probabilities of fake of every split, level and class."""
    for part in splits:
        for level, table in levels.items():
            own = _scored(table, part)
            for label, name in ((0, "real"), (1, "fake")):
                yield (
                    f"{part}, {level}s",
                    name,
                    own.loc[own["label"] == label, "fake_probability"].to_numpy(),
                )


def _scored(table: pd.DataFrame, part: str) -> pd.DataFrame:
    return table[table["split"] == part].dropna(subset="logit")


TABLES: Mapping[str, Callable[[Measured], pd.DataFrame]] = {
    "roc": lambda of: roc(of.levels, of.splits, of.threshold),
    "pr": lambda of: pr(of.levels, of.splits, of.threshold),
    "confusion": lambda of: confusion(of.levels, of.splits, of.threshold),
    "scores": lambda of: histogram(of.levels, of.splits),
    "reliability": lambda of: reliability_diagram(of.levels, of.splits),
    "methods": lambda of: methods(of.methods),
    "slices": lambda of: slices(of.levels, of.splits, of.threshold),
}
