"""Measure the detector on validation, in-set test and all that is held out, by frame and by video,
at the decision and within the limits of quality fitted on validation.

    python -m stages.evaluate

reads   models/detector.pt, models/decision.json, models/quality.json, data/splits/{val,test}.csv,
        data/faces.csv, data/faces/
makes   metrics/evaluation.json, metrics/summary.json (what DVC's tables show),
        data/predictions.csv (frames), data/clip_predictions.csv (clips with verdicts), and under
        plots/: roc.csv, pr.csv, confusion.csv, scores.csv, reliability.csv, methods.csv,
        slices.csv, mistakes/
"""

import pandas as pd
from pandera.pandas import DataFrameSchema

from deepfake_detector import contract, params
from deepfake_detector.datasets import held_out
from deepfake_detector.evaluation import breakdown, mistakes, plot_tables
from deepfake_detector.scoring import scores
from deepfake_detector.storage import tables
from deepfake_detector.storage.archive import FACES, ArchiveReader
from deepfake_detector.storage.files import write_json, write_whole
from deepfake_detector.training import measured_crops, network
from stages import runner


def main() -> str:
    settings = params.load()
    evaluate = settings.evaluate
    held_out_sets = {
        name for name, data_set in settings.data_sets.items() if data_set.use != "train"
    }
    detector, facts = network.load("models/detector.pt")
    decision = contract.read_decision("models/decision.json")
    limits = contract.read_quality("models/quality.json")
    detector = network.to_device(detector, facts["arithmetic"], facts["accelerator"])
    faces = tables.read("data/faces.csv", tables.FACES)
    frames, clips = [], []
    for part in evaluate.splits:
        split = tables.read(f"data/splits/{part}.csv", tables.SPLIT)
        judged = measured_crops.judge_and_measure(detector, faces, split, facts["input_size"])
        frames.append(judged.assign(split=part))
        scored = scores.score_clips(
            faces[faces["item"].isin(split["item"])], judged, decision.min_faces
        )
        by_score = breakdown.with_verdicts(scored.merge(split, on="item"), decision)
        limited = breakdown.within_limits(by_score, judged, decision, limits)
        clips.append(limited.assign(split=part))
    frames, clips = (pd.concat(parts, ignore_index=True) for parts in (frames, clips))
    unseen = settings.split.hold_out.unseen
    frames, clips = (
        table.assign(split=held_out.places(table, table["split"], held_out_sets, unseen))
        for table in (frames, clips)
    )
    _write_table("data/predictions.csv", frames, tables.PREDICTIONS)
    _write_table("data/clip_predictions.csv", clips, tables.CLIP_PREDICTIONS)
    levels = breakdown.levels_of(frames, clips, decision.temperature)
    places = breakdown.places(clips)
    figures = breakdown.all_figures(levels, places, decision.threshold)
    write_json("metrics/evaluation.json", figures)
    write_json("metrics/summary.json", breakdown.summary(figures))
    measured = plot_tables.Measured(levels, places, decision.threshold, figures["methods"])
    for name, table in plot_tables.TABLES.items():
        tables.write_plot(f"plots/{name}.csv", table(measured))
    with ArchiveReader(FACES) as reader:
        for name, sheet in mistakes.sheets(clips, frames, decision.threshold, reader).items():
            write_whole(f"plots/mistakes/{name}.jpg", sheet)
    every = figures | figures.get("held_out", {})
    return "; ".join(
        f"{breakdown.title(place)} ROC-AUC "
        + ", ".join(
            f"{_auc_in_words(level_figures)} by {level}"
            for level, level_figures in every[place].items()
        )
        for place in places
    )


def _auc_in_words(figures: dict) -> str:
    if figures["roc_auc"] is None:
        return "undefined"
    if "roc_auc_low" not in figures:
        return f"{figures['roc_auc']:.3f}"
    return (
        f"{figures['roc_auc']:.3f} ({figures['roc_auc_low']:.3f} to {figures['roc_auc_high']:.3f})"
    )


def _write_table(path: str, rows: pd.DataFrame, schema: DataFrameSchema) -> None:
    tables.write(path, tables.make(rows[list(schema.columns)].to_dict("records"), schema), schema)


if __name__ == "__main__":
    runner.run(main, __doc__)
