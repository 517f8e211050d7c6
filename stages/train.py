"""Train the detector; keep the epoch that does best on validation.

    python -m stages.train

reads   data/splits/train.csv, data/splits/val.csv, data/faces.csv, data/faces/
makes   models/resnet18.pt, plots/training.csv, plots/training_samples/, metrics/train.json

A stopped run goes on from its last saved state when it is started again with the same params, data and code. With
train.devices above 1 it starts the other processes by itself; on several machines torchrun starts them (docs/scaling.md).
"""

import contextlib
import hashlib
import os
import shutil
import sys
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path

import numpy as np
import pandas as pd
import torch

from deepfake_detector import console, crops, devices, network, params, sampling, tables, training, training_sheets
from deepfake_detector.archive import ArchiveReader, fingerprint
from deepfake_detector.augmentation import Augmentation
from deepfake_detector.checkpoints import Checkpoints
from deepfake_detector.files import file_hash, write_json, write_whole
from deepfake_detector.intervals import Scores, intervals
from deepfake_detector.learner import Recipe
from deepfake_detector.locks import only_writer
from deepfake_detector.progress import Epoch, Progress

CODE = (  # what a saved state's meaning depends on
    *("archive", "augmentation", "checkpoints", "crops", "devices", "faces", "keeper", "learner", "network"),
    *("optimization", "progress", "sampling", "selfblend", "training"),
)
CHANGES_NOTHING = {"loader_workers", "checkpoint_minutes"}  # a run may go on with other values of these
DOMINANT = 0  # the track a clip's label is about
SELF_BLENDED = " (self-blended)"  # what a validation item's pseudo-fake is called
SHEETS, SHOWN_AUGMENTED, SHOWN_BLENDED = Path("plots/training_samples"), 6, 12  # faces on each sheet


def main() -> str:
    (train,) = params.read("train")
    faces = tables.read("data/faces.csv", tables.FACES)
    rows = {part: _crops(faces, f"data/splits/{part}.csv", train.fakes) for part in ("train", "val")}
    scratch = _scratch(train, rows)
    with only_writer(scratch, "train") if devices.first_process() else contextlib.nullcontext():
        summary = _train(train, rows, Checkpoints(scratch))
        shutil.rmtree(scratch, ignore_errors=True)
    return summary


def _train(train: params.Train, rows: dict[str, pd.DataFrame], checkpoints: Checkpoints) -> str:
    stages = train.unfreeze_every > 0
    fabric = devices.setup(train.accelerator, train.devices, train.precision, train.seed, unused_weights=stages)
    augmentation = Augmentation(**train.augment.model_dump())
    if fabric.is_global_zero:
        _write_sheets(rows["train"], augmentation, train.input_size, train.seed)
    detector = network.build(train.init, train.imagenet_sha256)
    fabric.print(
        f"  {len(rows['train'])} training and {len(rows['val'])} validation faces, {fabric.world_size} x {fabric.device} "
        f"{fabric.strategy.precision.precision}"
    )
    batches = sampling.BalancedBatches(
        sampling.draw_weights(rows["train"], train.balance),
        rows["train"]["label"].to_numpy(),
        rows["train"]["group"].to_numpy(),
        train.batch_size,
        train.seed,
        train.pairs,
        train.self_blend,
        train.micro_batch_size,
        fabric.global_rank,
        fabric.world_size,
    )
    progress = training.fit(
        fabric,
        detector,
        detector.parts(),
        sampling.LearningCrops(rows["train"], train.input_size, train.seed, augmentation),
        rows["train"]["item"].to_list(),
        batches,
        sampling.LearningCrops(rows["val"], train.input_size, train.seed),
        rows["val"],
        Recipe(**train.model_dump(include=set(Recipe.__dataclass_fields__))),
        checkpoints,
        _progress,
        _report,
    )
    if not fabric.is_global_zero:
        sys.exit()
    epoch = progress.history[progress.best].epoch
    network.save(detector, "models/resnet18.pt", input_size=train.input_size, epoch=epoch)
    return _write_results(progress, rows["val"])


def _crops(faces: pd.DataFrame, split: str, fakes: str) -> pd.DataFrame:
    """The crops of a split's dominant tracks, with label, method and group.

    Without fakes the real ones stand for themselves, and in validation once more for the pseudo-fakes made of them.
    """
    found = faces[(faces["status"] == "ok") & (faces["track"] == DOMINANT)]
    rows = found.merge(tables.read(split, tables.SPLIT), on="item").astype({"label": int})
    if fakes == "all":
        return rows
    reals = rows[rows["label"] == 0].assign(blended=False)
    if split.endswith("train.csv"):
        return reals.reset_index(drop=True)
    twins = reals.assign(item=reals["item"] + SELF_BLENDED, label=1, method="self-blended", blended=True)
    return pd.concat([reals, twins], ignore_index=True)


def _scratch(train: params.Train, rows: dict[str, pd.DataFrame]) -> Path:
    """The folder of this run's states: another one for other params, data or code, or another number of threads, on which
    the order of sums depends.

    Outside the stage's outputs, below the folder DVC was called in, so that it outlives a copy made for an experiment.
    """
    key = hashlib.sha256(train.model_dump_json(exclude=CHANGES_NOTHING).encode())
    key.update(repr(torch.get_num_threads()).encode())
    for part in rows.values():
        key.update(part.to_csv(index=False).encode())
        for archive in sorted(set(part["archive"])):
            key.update(repr(fingerprint(Path(crops.FOLDER) / archive)).encode())
    for path in [f"deepfake_detector/{name}.py" for name in CODE] + ["requirements.txt"]:
        key.update(file_hash(path).encode())
    return Path(os.environ.get("DVC_ROOT", ".")) / ".cache" / "train" / key.hexdigest()[:16]


def _write_sheets(rows: pd.DataFrame, augmentation: Augmentation, size: int, seed: int) -> None:
    """What the network will see, to be looked at while it trains."""
    with ArchiveReader(crops.FOLDER) as reader:
        shown = _spread(rows, SHOWN_AUGMENTED)
        pictures = [reader.picture(row.archive, row.member) for row in shown.itertuples()]
        write_whole(SHEETS / "augmentation.jpg", training_sheets.augmentation_sheet(pictures, augmentation, size, seed))
        shown = _spread(rows[rows["label"] == 0], SHOWN_BLENDED)
        pictures = [reader.picture(row.archive, row.member) for row in shown.itertuples()]
        write_whole(SHEETS / "self_blend.jpg", training_sheets.self_blend_sheet(pictures, list(shown["points"]), seed))


def _spread(rows: pd.DataFrame, count: int) -> pd.DataFrame:
    return rows.iloc[np.linspace(0, len(rows) - 1, min(len(rows), count)).round().astype(int)]


def _write_results(progress: Progress, val: pd.DataFrame) -> str:
    """The table of epochs and the figures of the best one; returns the summary line."""
    best = progress.history[progress.best]
    history = pd.DataFrame([asdict(epoch) | {"epoch": epoch.epoch + 1} for epoch in progress.history])
    write_whole("plots/training.csv", history.to_csv(index=False, float_format="%.6f", lineterminator="\n").encode())
    figures = {name: value for name, value in asdict(best).items() if name not in ("epoch", "lr")}
    videos = val.assign(logit=progress.best_logits).groupby("item")[["label", "group", "logit"]]
    videos = videos.agg({"label": "first", "group": "first", "logit": "mean"})
    interval = intervals(videos["label"], Scores(videos["logit"]), videos["group"], ["roc_auc"])
    low, high = interval.ends.get("roc_auc", (None, None))
    learned = None if low is None else not low <= 0.5 <= high
    figures |= {"val_video_roc_auc_low": low, "val_video_roc_auc_high": high}
    rounded = {name: value if value is None else round(value, 6) for name, value in figures.items()}
    told = {"best_epoch": best.epoch + 1, "epochs": len(history), "learned": learned}
    if interval.reason:
        told["reason"] = interval.reason
    write_json("metrics/train.json", told | rounded)
    if learned is False:
        print(
            f"  this run learned nothing: the 95 % interval of the validation video ROC-AUC is {low:.3f} to {high:.3f}"
        )
    return (
        f"best epoch {best.epoch + 1} of {len(history)}: validation ROC-AUC {best.val_frame_roc_auc:.3f} by frame, "
        f"{best.val_video_roc_auc:.3f} by video"
    )


def _progress(batches: crops.Batches, total: int, what: str, size: int) -> Iterator:
    return console.progress(batches, total, what, "face", size)


def _report(epoch: Epoch, best: bool) -> None:
    print(
        f"  epoch {epoch.epoch + 1:3d}  loss {epoch.train_loss:.4f}  val frame AUC {epoch.val_frame_roc_auc:.4f} "
        f"log loss {epoch.val_frame_log_loss:.4f}  video AUC {epoch.val_video_roc_auc:.4f} "
        f"log loss {epoch.val_video_log_loss:.4f}{'  best' if best else ''}",
        flush=True,
    )


if __name__ == "__main__":
    console.run_stage(main, __doc__)
