"""How the exported detector holds up when pictures are corrupted: faces are re-detected in every
corrupted frame."""

from functools import cache
from pathlib import Path

import numpy as np
import pandas as pd

from deepfake_detector.evaluation.corruptions import CORRUPTIONS, corrupt, key_of
from deepfake_detector.media.frame_sampling import Frame
from deepfake_detector.media.stored_frames import picture
from deepfake_detector.scoring.metrics import figures
from deepfake_detector.scoring.scores import probability
from deepfake_detector.serving.inference import Detector
from deepfake_detector.storage.archive import ArchiveReader, Item
from deepfake_detector.storage.tables import DOMINANT

CLEAN = ("none", 0)
Cell = tuple[str, int]  # a corruption and its level


def corrupted_scores(
    item: Item, frames: list[dict], source: Path, model: Path, cells: list[Cell], seed: int
) -> list[dict]:
    """A row for every frame of `item` under every cell, and one (frame -1) for the whole clip;
    logits NaN without a face.

    `frames` are rows of the frames table as `stored_frames.frame_rows` makes them, `source` the
    folder of their archives, `model` an exported detector. A frame's logit is that of the dominant
    track.
    """
    detector = _detector(model)
    with ArchiveReader(source) as reader:
        pictures = [(row, picture(item, row, reader)) for row in frames]
    rows = []
    for name, level in cells:
        changed = [
            Frame(
                row["frame"],
                None,
                row["time"],
                _changed(image, name, level, key_of(seed, item.item, row["frame"])),
            )
            for row, image in pictures
        ]
        ready = item.kind == "face" and detector.contract.crop.kind == "given"
        clip, tracks = detector.score(changed, ready)
        cell = {"item": item.item, "corruption": name, "level": level}
        rows.append(cell | {"frame": -1, "logit": np.nan if clip.logit is None else clip.logit})
        main = tracks.get(DOMINANT, {})
        rows += [
            cell | {"frame": row["frame"], "logit": main.get(row["frame"], np.nan)}
            for row in frames
        ]
    return rows


def table(rows: pd.DataFrame, temperature: float, threshold: float) -> pd.DataFrame:
    """ROC-AUC, accuracy at the threshold and coverage by corruption, level (0: clean) and frame or
    video.

    `rows` are those of `corrupted_scores` with the column label. Accuracy and ROC-AUC are of what
    could be judged; NaN where undefined.
    """
    cells = []
    order = {name: place for place, name in enumerate(["none", *CORRUPTIONS])}
    for (name, level), cell in sorted(
        rows.groupby(["corruption", "level"]), key=lambda group: (order[group[0][0]], group[0][1])
    ):
        for of, part in (("frame", cell[cell["frame"] >= 0]), ("video", cell[cell["frame"] < 0])):
            scored = part.dropna(subset="logit")
            values = figures(
                scored["label"], probability(scored["logit"].to_numpy(), temperature), threshold
            )
            cells.append(
                {
                    "corruption": name,
                    "level": level,
                    "of": of,
                    "count": len(part),
                    "roc_auc": values["roc_auc"],
                    "accuracy": values["accuracy"],
                    "coverage": len(scored) / len(part),
                }
            )
    return pd.DataFrame(cells).astype({"roc_auc": float, "accuracy": float})


def mean_relative_drop(measured: pd.DataFrame, of: str) -> float | None:
    """Mean of (clean ROC-AUC less corrupted) over clean, over the corruptions and levels that leave
    faces of both classes; None where none does, or nothing is left to lose."""
    aucs = measured[measured["of"] == of].set_index("corruption")["roc_auc"]
    clean = aucs.loc[["none"]].iloc[0]
    if not clean:
        return None
    drops = (clean - aucs.drop("none")) / clean
    return float(drops.mean()) if drops.notna().any() else None


def by_corruption(measured: pd.DataFrame) -> dict:
    """<frame | video>.<corruption>.<level>.<figure>, and <frame | video>.mean_relative_drop."""
    result: dict = {}
    for row in measured.to_dict("records"):
        levels = result.setdefault(row["of"], {}).setdefault(row["corruption"], {})
        levels[str(row["level"])] = {
            name: None if np.isnan(row[name]) else round(row[name], 6)
            for name in ("roc_auc", "accuracy", "coverage")
        }
    for of, by_name in result.items():
        drop = mean_relative_drop(measured, of)
        by_name["mean_relative_drop"] = None if drop is None else round(drop, 6)
    return result


def lines(measured: pd.DataFrame) -> pd.DataFrame:
    """Rows of the chart: a line for each corruption, which begins with the clean figures, level
    0."""
    clean = measured[measured["corruption"] == "none"]
    names = [name for name in measured["corruption"].unique() if name != "none"]
    return pd.concat(
        [
            pd.concat([clean.assign(corruption=name), measured[measured["corruption"] == name]])
            for name in names
        ],
        ignore_index=True,
    )


def _changed(image: np.ndarray, name: str, level: int, key: tuple[int, ...]) -> np.ndarray:
    return image if (name, level) == CLEAN else corrupt(image, name, level, key)


@cache
def _detector(model: Path) -> Detector:
    return Detector.load(model, threads=1)
