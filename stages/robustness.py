"""Measure the exported detector on corrupted frames: what it still tells apart, and in how many it
still finds a face.

    python -m stages.robustness

reads   models/detector.onnx, data/index.csv, data/splits/{val,test}.csv, data/frames.csv,
        data/frames/
makes   metrics/robustness.json, plots/robustness.csv

Of in-set test where `evaluate` reads it and there is some, else of validation; what is held out
stands for itself in what `evaluate` measures.
"""

from collections.abc import Collection

import pandas as pd

from deepfake_detector import UserError, params
from deepfake_detector.common import console
from deepfake_detector.common.parallel import run
from deepfake_detector.datasets import subset
from deepfake_detector.evaluation import corruptions, robustness
from deepfake_detector.media.stored_frames import frame_rows
from deepfake_detector.serving import inference
from deepfake_detector.storage import tables
from deepfake_detector.storage.archive import FRAMES, Item
from deepfake_detector.storage.files import write_json
from stages import runner


def main() -> str:
    settings = params.load()
    chosen = settings.robustness
    index = tables.read("data/index.csv", tables.INDEX)
    part, split = _in_set(index, settings.evaluate.splits, settings.split.hold_out.unseen)
    cells = [robustness.CLEAN, *corruptions.cells(chosen.corruptions, chosen.levels)]
    items = index[index["item"].isin(subset.of_each_class(split, chosen.items_per_class)["item"])]
    frames = {
        item: frame_rows(rows)
        for item, rows in tables.read("data/frames.csv", tables.FRAMES).groupby("item")
    }
    model = inference.MODEL.absolute()
    tasks = [
        (
            Item(row.item, row.kind, row.path),
            subset.evenly(frames[row.item], chosen.frames),
            FRAMES.absolute(),
            model,
            cells,
            chosen.seed,
        )
        for row in items.itertuples()
    ]
    outcomes = run(robustness.corrupted_scores, tasks, settings.parallel)
    rows, failed = [], 0
    for task, outcome in zip(
        tasks, console.progress(outcomes, len(tasks), "robustness", "item"), strict=True
    ):
        if outcome.failure:
            print(f"  {task[0].item}: left out, it {outcome.failure}")
            failed += 1
        rows += outcome.result or []
    if not rows:
        raise UserError(
            f"none of the {len(tasks)} {part} items could be measured",
            "the lines above say why; parallel.seconds_per_item may be too low",
        )
    decision = inference.Detector.load(model).contract.decision
    scored = pd.DataFrame(rows).merge(split[["item", "label"]], on="item")
    measured = robustness.table(scored, decision.temperature, decision.threshold)
    tables.write_plot("plots/robustness.csv", robustness.lines(measured))
    figures = robustness.by_corruption(measured)
    write_json(
        "metrics/robustness.json",
        {"split": part, "items": len(tasks) - failed, "failed": failed} | figures,
    )
    drops = [
        f"{_drop_in_words(figures[of]['mean_relative_drop'])} by {of}" for of in ("frame", "video")
    ]
    return (
        f"{len(cells) - 1} corruptions of {len(tasks)} {part} items: ROC-AUC drops by "
        f"{', '.join(drops)} on average, where both classes have faces left"
    )


def _in_set(
    index: pd.DataFrame, splits: Collection[str], unseen: Collection[str]
) -> tuple[str, pd.DataFrame]:
    """The part that is measured, and its rows that are not held out, by data set or as one of the
    `unseen` methods."""
    in_set = index.loc[index["use"] == "train", "item"]
    for part in ("test", "val") if "test" in splits else ("val",):
        rows = tables.read(f"data/splits/{part}.csv", tables.SPLIT)
        rows = rows[rows["item"].isin(in_set) & ~rows["method"].isin(unseen)]
        if len(rows):
            break
    return part, rows


def _drop_in_words(drop: float | None) -> str:
    return "an undefined fraction" if drop is None else f"{drop:.1%}"


if __name__ == "__main__":
    runner.run(main, __doc__)
