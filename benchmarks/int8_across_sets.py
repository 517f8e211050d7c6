"""What int8 loses on data sets that nothing was learned from: ROC-AUC of both exported files, side
by side.

    python -m benchmarks.int8_across_sets [--models models]

Run it in a project whose model is exported and whose `data_sets` have one with `use: test`. It
reads all of the test split, so it is for the end. Differences have 95 % intervals over groups
(`scoring.intervals`).
"""

import argparse
from collections.abc import Iterator
from pathlib import Path

import pandas as pd
from sklearn.metrics import roc_auc_score

from deepfake_detector.common import console, statuses
from deepfake_detector.contract import model_file
from deepfake_detector.export.formats import FORMATS
from deepfake_detector.scoring import intervals, scores
from deepfake_detector.storage import tables
from deepfake_detector.storage.archive import FACES, ArchiveReader


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "--models", type=Path, default=Path("models"), help="folder (default: %(default)s)"
    )
    arguments = parser.parse_args()
    test = tables.read("data/splits/test.csv", tables.SPLIT)
    faces = tables.read("data/faces.csv", tables.FACES)
    faces = faces[faces["item"].isin(test["item"])]
    print(
        "| data set | clips | fp32 | int8 | int8 less fp32 (95 % interval) |\n|---|---|---|---|---|"
    )
    models = {name: model_file.load(arguments.models / each.file) for name, each in FORMATS.items()}
    clips = _clips(models, faces).merge(test, on="item")
    for data_set, of_set in clips.groupby("data_set"):
        auc = {name: roc_auc_score(of_set["label"], of_set[name]) for name in models}
        int8, fp32 = ([intervals.Scores(of_set[name].to_numpy())] for name in ("int8", "fp32"))
        labels, groups = of_set["label"].to_numpy(int), of_set["group"].to_numpy()
        sure = intervals.mean_difference_intervals(labels, int8, fp32, groups, ["roc_auc"])
        between = (
            "({:+.4f} to {:+.4f})".format(*sure.ends["roc_auc"])
            if sure.ends
            else f"({sure.reason})"
        )
        print(
            f"| {data_set} | {len(of_set)} | {auc['fp32']:.4f} | {auc['int8']:.4f} | "
            f"{auc['int8'] - auc['fp32']:+.4f} {between} |"
        )


def _clips(models: dict[str, model_file.Model], faces: pd.DataFrame) -> pd.DataFrame:
    """The logit of every clip that can be judged, by each file."""
    judged = statuses.ok(faces).reset_index(drop=True)
    logits = pd.DataFrame(list(_logits(models, judged)))
    clips = [
        scores.score_clips(faces, judged.assign(logit=logits[name]), min_faces=1)
        .set_index("item")["logit"]
        .rename(name)
        for name in models
    ]
    return pd.concat(clips, axis=1).dropna().reset_index()


def _logits(models: dict[str, model_file.Model], faces: pd.DataFrame) -> Iterator[dict[str, float]]:
    with ArchiveReader(FACES) as reader:
        for row in console.progress(faces.itertuples(), len(faces), "faces", "face"):
            crop = reader.picture(row.archive, row.member)
            yield {name: float(model.judge([crop])[0][0]) for name, model in models.items()}


if __name__ == "__main__":
    main()
