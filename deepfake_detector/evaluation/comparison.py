"""Two runs, or two recipes over several seeds, on the same items, from what DVC keeps of each: how
far their figures differ, and whether that may be chance."""

import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from deepfake_detector import UserError, contract
from deepfake_detector.datasets.held_out import rows_at
from deepfake_detector.evaluation.revisions import LOCK, content, older_than_its_inputs
from deepfake_detector.scoring.intervals import WITH_INTERVAL, Scores, mean_difference_intervals
from deepfake_detector.scoring.metrics import figures
from deepfake_detector.scoring.scores import probability
from deepfake_detector.storage import tables
from deepfake_detector.storage.files import write_whole
from deepfake_detector.storage.tables import DOMINANT

FRAMES, CLIPS = Path("data/predictions.csv"), Path("data/clip_predictions.csv")
INDEX, DECISION = Path("data/index.csv"), Path("models/decision.json")
KEYS = {"frame": ["item", "frame"], "video": ["item"]}


@dataclass(frozen=True)
class Difference:
    """A figure of two runs, or its mean over the runs of two sides, and the 95 % interval of second
    less first; `low` and `high` are None where there is none. The spreads are the standard
    deviations over a side's runs, None for a single run."""

    figure: str
    first: float
    second: float
    low: float | None
    high: float | None
    first_spread: float | None = None
    second_spread: float | None = None

    @property
    def by(self) -> float:
        """Second less first."""
        return self.second - self.first

    @property
    def sure(self) -> bool:
        """Whether the interval leaves 0 out."""
        return self.low is not None and self.high is not None and not self.low <= 0 <= self.high


@dataclass(frozen=True)
class Level:
    """The differences at one level, frame or video, over the `count` of them that all runs could
    judge; `left_out` could not be judged by at least one."""

    name: str
    count: int
    left_out: int
    differences: tuple[Difference, ...]
    reason: str  # why there are no intervals; empty where there are


def compare(first: Sequence[str], second: Sequence[str], split: str) -> list[Level]:
    """Differences between two sides, by frame and by video, in every figure that has an interval.

    A side is the revision (Git's name, an experiment's name, or `workspace`) of one run, or the
    revisions of one recipe trained with several seeds, whose means are compared. `split` is val,
    test or a place that is held out.

    Raises UserError where a revision or its predictions cannot be found, where these are older than
    its model, and where the items differ.
    """
    runs = {revision: _predictions(revision, split) for revision in (*first, *second)}
    return [_level(name, runs, first, second) for name in KEYS]


@dataclass(frozen=True)
class _Predictions:
    levels: dict[str, pd.DataFrame]
    temperature: float
    threshold: float


def _level(
    name: str, runs: Mapping[str, _Predictions], first: Sequence[str], second: Sequence[str]
) -> Level:
    tables_of = {revision: run.levels[name] for revision, run in runs.items()}
    rows = tables_of[first[0]]
    if name == "video":
        for revision, others in tables_of.items():
            _check_same_items(rows, others, (first[0], revision))
    key = KEYS[name]
    both = rows[[*key, "label", "group"]]
    for number, others in enumerate(tables_of.values()):
        logits = others[[*key, "logit"]].dropna().rename(columns={"logit": f"logit {number}"})
        both = both.merge(logits, on=key)
    scored = {
        revision: Scores(
            probability(both[f"logit {number}"].to_numpy(), run.temperature), run.threshold
        )
        for number, (revision, run) in enumerate(runs.items())
    }
    sides = [[scored[revision] for revision in side] for side in (first, second)]
    figures_of_sides = [
        pd.DataFrame([figures(both["label"], run.scores, run.threshold) for run in side])
        for side in sides
    ]
    defined = [
        figure
        for figure in WITH_INTERVAL
        if all(table[figure].notna().all() for table in figures_of_sides)
    ]
    bootstrap = mean_difference_intervals(both["label"], sides[1], sides[0], both["group"], defined)
    differences = tuple(
        Difference(
            figure,
            *(float(table[figure].mean()) for table in figures_of_sides),
            *bootstrap.ends.get(figure, (None, None)),
            *(float(table[figure].std()) if len(table) > 1 else None for table in figures_of_sides),
        )
        for figure in defined
    )
    most = max(len(table) for table in tables_of.values())
    return Level(name, len(both), most - len(both), differences, bootstrap.reason)


def _check_same_items(rows: pd.DataFrame, others: pd.DataFrame, names: tuple[str, str]) -> None:
    first, second = (
        set(zip(table["item"], table["label"], table["md5"], strict=True))
        for table in (rows, others)
    )
    if first == second:
        return
    only = ", ".join(
        f"{len(extra)} only in {name} (such as {min(extra)[0]})"
        for extra, name in ((first - second, names[0]), (second - first, names[1]))
        if extra
    )
    raise UserError(
        f"{names[0]} and {names[1]} were not measured on the same files: {only}",
        "compare runs with the same data sets and split, otherwise the difference may come from the files; "
        "commit the first run on other data before others are compared with it",
    )


def _predictions(revision: str, split: str) -> _Predictions:
    with tempfile.TemporaryDirectory() as folder:
        for path in (INDEX, FRAMES, CLIPS, DECISION):
            write_whole(Path(folder) / path, content(revision, path))
        frames = tables.read(Path(folder) / FRAMES, tables.PREDICTIONS)
        index = tables.read(Path(folder) / INDEX, tables.INDEX)
        clips = tables.read(Path(folder) / CLIPS, tables.CLIP_PREDICTIONS).merge(
            index[["item", "md5"]], on="item"
        )
        scale = contract.read_scale(Path(folder) / DECISION)
    if newer := older_than_its_inputs(content(revision, LOCK), "evaluate"):
        raise UserError(
            f"{revision}: {newer} was made again after the run was evaluated, so its figures are of "
            "an earlier one",
            "run it as far as evaluate: `dvc repro evaluate`, or `dvc exp run … evaluate`",
        )
    levels = {"frame": frames[frames["track"] == DOMINANT], "video": clips}
    levels = {name: rows_at(table, split) for name, table in levels.items()}
    if levels["video"].empty:
        raise UserError(
            f"{revision}: it was not measured on {split} (evaluate.splits, data_sets)",
            f"choose one of {', '.join(sorted(set(clips['split'])))} with --split",
        )
    return _Predictions(levels, *scale)
