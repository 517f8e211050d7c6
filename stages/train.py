"""Train the detector; keep the epoch that does best on validation.

    python -m stages.train

reads   data/splits/train.csv, data/splits/val.csv, data/faces.csv, data/faces/
makes   models/resnet18.pt, plots/training.csv, metrics/train.json

A stopped run goes on from its last epoch when it is started again with the same params, data and code.
"""

import hashlib
import os
import shutil
from dataclasses import asdict
from pathlib import Path

import pandas as pd
from filelock import FileLock, Timeout

from deepfake_detector import UserError, console, crops, network, params, tables, training
from deepfake_detector.files import file_hash, write_json, write_whole

CODE = ("archive", "crops", "faces", "network", "training")  # what a checkpoint's meaning depends on
DOMINANT = 0  # the track a clip's label is about


def main() -> str:
    (train,) = params.read("train")
    faces = tables.read("data/faces.csv", tables.FACES)
    rows = {part: _crops(faces, f"data/splits/{part}.csv") for part in ("train", "val")}
    augmentation = crops.Augmentation(**train.augment.model_dump())
    train_set = crops.FaceCrops(rows["train"], train.input_size, train.seed, augmentation)
    val_set = crops.FaceCrops(rows["val"], train.input_size)
    weights = crops.draw_weights(rows["train"], train.balance)
    recipe = training.Recipe(**train.model_dump(include=set(training.Recipe.__dataclass_fields__)))
    scratch = _scratch(train)
    with _locked(scratch):
        fabric = training.setup(train.accelerator, train.precision, train.seed)
        detector = network.build(train.init, train.imagenet_sha256)
        print(
            f"  {len(train_set)} training and {len(val_set)} validation faces, {fabric.device} {fabric._precision.precision}"
        )
        state = training.fit(
            fabric,
            detector,
            train_set,
            weights,
            val_set,
            rows["val"],
            recipe,
            scratch / "last.pt",
            console.progress,
            _report,
        )
        best = state.history[state.best]
        network.save(detector, "models/resnet18.pt", input_size=train.input_size, epoch=best.epoch)
        history = pd.DataFrame([asdict(epoch) | {"epoch": epoch.epoch + 1} for epoch in state.history])
        write_whole(
            "plots/training.csv", history.to_csv(index=False, float_format="%.6f", lineterminator="\n").encode()
        )
        figures = {name: round(value, 6) for name, value in asdict(best).items() if name not in ("epoch", "lr")}
        write_json("metrics/train.json", {"best_epoch": best.epoch + 1, "epochs": len(history)} | figures)
    shutil.rmtree(scratch)
    return (
        f"best epoch {best.epoch + 1} of {len(history)}: validation ROC-AUC {best.val_frame_roc_auc:.3f} by frame, "
        f"{best.val_video_roc_auc:.3f} by video"
    )


def _crops(faces: pd.DataFrame, split: str) -> pd.DataFrame:
    """The crops of a split's dominant tracks, with label, method and group."""
    found = faces[(faces["status"] == "ok") & (faces["track"] == DOMINANT)]
    return found.merge(tables.read(split, tables.SPLIT), on="item").astype({"label": int})


def _scratch(train: params.Train) -> Path:
    """The folder of this run's checkpoints: another one for other params, data or code.

    Outside the stage's outputs, below the folder DVC was called in, so that it outlives a copy made for an experiment.
    """
    key = hashlib.sha256(train.model_dump_json().encode())
    files = [f"data/{name}.csv" for name in ("faces", "splits/train", "splits/val")]
    for path in files + [f"deepfake_detector/{name}.py" for name in CODE] + ["requirements.txt"]:
        key.update(file_hash(path).encode())
    return Path(os.environ.get("DVC_ROOT", ".")) / ".cache" / "train" / key.hexdigest()[:16]


def _locked(scratch: Path) -> FileLock:
    scratch.mkdir(parents=True, exist_ok=True)
    lock = FileLock(scratch / "lock")
    try:
        return lock.acquire(blocking=False)
    except Timeout as error:
        raise UserError(f"another run is training the same model in {scratch}; wait for it, or stop it") from error


def _report(epoch: training.Epoch, best: bool) -> None:
    print(
        f"  epoch {epoch.epoch + 1:3d}  loss {epoch.train_loss:.4f}  val frame AUC {epoch.val_frame_roc_auc:.4f} "
        f"log loss {epoch.val_frame_log_loss:.4f}  video AUC {epoch.val_video_roc_auc:.4f} "
        f"log loss {epoch.val_video_log_loss:.4f}{'  best' if best else ''}",
        flush=True,
    )


if __name__ == "__main__":
    console.run_stage(main, __doc__)
