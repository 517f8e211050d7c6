"""Train the detector; keep the epoch that does best on validation.

    python -m stages.train

reads   data/splits/train.csv, data/splits/val.csv, data/faces.csv, data/faces/
makes   models/detector.pt, plots/training.csv (a row for each epoch, written again after each),
        data/validation.csv (the best epoch's logits)

A stopped run goes on from its last saved state when it is started again with the same params, data
and code. With train.devices above 1 it starts the other processes itself; on several machines
torchrun starts them (docs/scaling.md).
"""

import contextlib
import shutil
import sys
from collections.abc import Iterator
from functools import partial

import pandas as pd

from deepfake_detector import params
from deepfake_detector.common import arithmetic, console
from deepfake_detector.common.locks import only_writer
from deepfake_detector.storage import tables
from deepfake_detector.training import crops, devices, network, sampling
from deepfake_detector.training.checkpoints import Checkpoints
from deepfake_detector.training.fit import fit, parts_learning
from deepfake_detector.training.memory import out_of_memory_as_error
from deepfake_detector.training.progress import Epoch, Progress, history_table
from deepfake_detector.training.run_folder import run_folder
from deepfake_detector.training.settings import Runtime, Train
from stages import runner

NOT_PORTABLE = (
    "train.arithmetic is portable, which needs Linux on an x86-64 processor with AVX2: results "
    "here may differ from those of other machines"
)


def main() -> str:
    settings = params.load()
    train = settings.train
    faces = tables.read("data/faces.csv", tables.FACES)
    split = {
        part: tables.read(f"data/splits/{part}.csv", tables.SPLIT) for part in ("train", "val")
    }
    rows = {
        "train": sampling.to_learn_from(faces, split["train"], train.fakes),
        "val": sampling.to_be_judged(
            faces, split["val"], train.fakes, settings.split.hold_out.selecting_method
        ),
    }
    portable = train.arithmetic == "portable"
    device, precision = devices.place(train.accelerator, train.precision, portable=portable)
    scratch = run_folder(train, rows, device, precision)
    lock = only_writer(scratch, "train") if devices.first_process() else contextlib.nullcontext()
    with lock, out_of_memory_as_error():
        summary = _train(train, settings.runtime, rows, Checkpoints(scratch))
    runner.afterwards(partial(shutil.rmtree, scratch, ignore_errors=True))
    return summary


def _train(
    train: Train, runtime: Runtime, rows: dict[str, pd.DataFrame], checkpoints: Checkpoints
) -> str:
    portable = train.arithmetic == "portable"
    fabric = devices.setup(
        train.accelerator,
        train.devices,
        train.precision,
        train.seed,
        portable=portable,
        unused_weights=train.unfreeze_every > 0,
    )
    if portable and not arithmetic.is_portable_here():
        fabric.print(f"  {NOT_PORTABLE}")
    detector = network.build(train.network, train.init, train.imagenet_sha256)
    fabric.print(
        f"  {len(rows['train'])} training and {len(rows['val'])} validation faces, "
        f"{fabric.world_size} x {fabric.device} {fabric.strategy.precision.precision}"
    )
    batches = _batches(train, rows["train"], fabric.global_rank, fabric.world_size)
    fabric.print(f"  {sampling.draws_in_words(rows['train'], batches.expected())}")
    parts = detector.parts()
    ever = parts_learning(parts, train.epochs - 1, train.unfreeze_every)
    if train.epochs and ever < len(parts):
        fabric.print(
            f"  only {ever} of {len(parts)} parts of the network ever learn: "
            f"train.unfreeze_every is {train.unfreeze_every}, train.epochs {train.epochs}"
        )
    progress = fit(
        fabric,
        detector,
        parts=parts,
        train=sampling.LearningCrops(
            rows["train"],
            train.input_size,
            train.seed,
            train.augment,
            boundaries=train.mask_loss > 0,
        ),
        items=rows["train"]["item"].to_list(),
        batches=batches,
        val=sampling.LearningCrops(rows["val"], train.input_size, train.seed),
        val_rows=rows["val"],
        recipe=train,
        runtime=runtime,
        checkpoints=checkpoints,
        watch=_progress,
        report=_report,
        record=_write_history,
    )
    if not fabric.is_global_zero:
        sys.exit()
    epoch = progress.history[progress.best].epoch
    network.save(
        detector,
        "models/detector.pt",
        input_size=train.input_size,
        epoch=epoch,
        arithmetic=train.arithmetic,
        accelerator=train.accelerator,
    )
    return _write_logits(progress, rows["val"])


def _batches(train: Train, rows: pd.DataFrame, rank: int, ranks: int) -> sampling.BalancedBatches:
    return sampling.BalancedBatches(
        sampling.draw_weights(rows, train.balance),
        rows["label"].to_numpy(),
        rows["group"].to_numpy(),
        batch_size=train.batch_size,
        seed=train.seed,
        real_share=train.real_share,
        pairs=train.pairs,
        self_blend=train.self_blend,
        micro_batch_size=train.micro_batch_size,
        rank=rank,
        ranks=ranks,
    )


def _write_logits(progress: Progress, val: pd.DataFrame) -> str:
    """The best epoch's logits on validation; returns the summary line."""
    judged = val.assign(epoch=progress.best + 1, logit=progress.best_logits)
    rows = judged[list(tables.VALIDATION.columns)].to_dict("records")
    tables.write("data/validation.csv", tables.make(rows, tables.VALIDATION), tables.VALIDATION)
    best = progress.history[progress.best]
    return (
        f"best epoch {progress.best + 1} of {len(progress.history)}: validation ROC-AUC "
        f"{best.val.frame_roc_auc:.3f} by frame, {best.val.video_roc_auc:.3f} by video"
    )


def _write_history(history: list[Epoch]) -> None:
    tables.write_plot("plots/training.csv", history_table(history))


def _progress(batches: crops.Batches, total: int, purpose: str, size: int) -> Iterator:
    return console.progress(batches, total, purpose, "face", size)


def _report(epoch: Epoch, best: bool) -> None:
    print(f"  {epoch}{'  best' if best else ''}", flush=True)


if __name__ == "__main__":
    runner.run(main, __doc__)
