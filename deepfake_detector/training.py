"""The fit loop: setup, fit, validate. Balanced batches, a cosine schedule stepped per update, mixed precision,
a checkpoint after every epoch, and the best epoch by validation alone."""

import io
import math
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass, field
from functools import cache
from pathlib import Path

import numpy as np
import pandas as pd
import torch
from lightning_fabric import Fabric
from scipy.special import expit
from sklearn import metrics
from torch import nn

from deepfake_detector import UserError
from deepfake_detector.crops import BalancedSampler, FaceCrops, frame_logits, loader, normalise
from deepfake_detector.files import write_whole
from deepfake_detector.network import Detector

FEWEST_VIDEOS = 10  # of a class; with fewer, video figures are too coarse to choose an epoch by
PRECISIONS = {"fp32": "32-true", "bf16": "bf16-mixed", "fp16": "16-mixed"}


@dataclass(frozen=True)
class Recipe:
    """How to fit; each value as params.yaml captions it under `train`."""

    seed: int
    epochs: int
    batch_size: int
    optimizer: str
    lr: float
    weight_decay: float
    warmup: float
    label_smoothing: float
    precision: str
    accelerator: str
    loader_workers: int


@dataclass(frozen=True)
class Epoch:
    """What one epoch came to; `lr` is the learning rate at its end, the val figures are of dominant tracks."""

    epoch: int
    lr: float
    train_loss: float
    val_frame_log_loss: float
    val_frame_roc_auc: float
    val_video_log_loss: float
    val_video_roc_auc: float


@dataclass
class State:
    """All that a resumed run needs beside weights, optimizer and schedule."""

    history: list[Epoch] = field(default_factory=list)
    best: int = -1  # number of the best epoch
    best_weights: dict = field(default_factory=dict)


def setup(accelerator: str, precision: str, seed: int) -> Fabric:
    """A Fabric on the device asked for, everything seeded and deterministic. Raises UserError where it is not there."""
    if accelerator == "cuda" and not torch.cuda.is_available():
        raise UserError("train.accelerator: cuda, but torch finds no GPU; use auto or cpu, or check the driver")
    on_gpu = accelerator != "cpu" and torch.cuda.is_available()
    os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")  # without it deterministic CUDA raises
    torch.use_deterministic_algorithms(True)
    torch.manual_seed(seed)
    chosen = fastest_precision(on_gpu) if precision == "auto" else precision
    if not on_gpu and chosen == "bf16" and not amx_works():
        os.environ["ONEDNN_MAX_CPU_ISA"] = "AVX512_CORE_BF16"
    return Fabric(accelerator="cuda" if on_gpu else "cpu", devices=1, precision=PRECISIONS[chosen])


def fastest_precision(on_gpu: bool) -> str:
    """The precision the device computes fast.

    On GPUs bf16 unless it is emulated, else fp16; on processors bf16 where AMX works, else fp32 (AVX512-BF16 alone was
    no faster than fp32 at 112 and 224 pixels: python -m benchmarks.precision).
    """
    if on_gpu:
        return "bf16" if torch.cuda.is_bf16_supported(including_emulation=False) else "fp16"
    return "bf16" if amx_works() else "fp32"


@cache
def amx_works() -> bool:
    """Whether this processor's matrix unit can be used: some virtual machines announce it and then trap its use."""
    if not torch.cpu.get_capabilities().get("amx_bf16"):
        return False
    tried = "import torch; torch.ones(256, 256).bfloat16() @ torch.ones(256, 256).bfloat16()"
    return subprocess.run([sys.executable, "-c", tried], capture_output=True, check=False).returncode == 0


def fit(
    fabric: Fabric,
    detector: Detector,
    train: FaceCrops,
    weights: np.ndarray,
    val: FaceCrops,
    val_rows: pd.DataFrame,
    recipe: Recipe,
    checkpoint: Path,
    watch: Callable[[Iterator, int, str], Iterator],
    report: Callable[[Epoch, bool], None],
) -> State:
    """Train `detector` and leave the weights of its best epoch in it; go on from `checkpoint` where there is one.

    `weights` says how often each row of `train` is drawn, `val_rows` (columns item, label) describes the rows of `val`.
    `watch` wraps an epoch's batches (a progress bar), `report` is told of each epoch and whether it is the best so far.
    """
    steps = len(train) // recipe.batch_size
    if not steps:
        raise UserError(
            f"{len(train)} training faces do not fill a batch of {recipe.batch_size}; lower train.batch_size"
        )
    detector.to(memory_format=torch.channels_last)
    optimizer = make_optimizer(detector, recipe.optimizer, recipe.lr, recipe.weight_decay)
    schedule = torch.optim.lr_scheduler.LambdaLR(optimizer, cosine_with_warmup(steps * recipe.epochs, recipe.warmup))
    model, optimizer = fabric.setup(detector, optimizer)
    sampler = BalancedSampler(weights, len(train), recipe.seed)
    batches = loader(train, recipe.batch_size, recipe.loader_workers, sampler)
    state = _resume(checkpoint, detector, optimizer, schedule, fabric)
    by_frames = val_rows.drop_duplicates("item")["label"].value_counts().min() < FEWEST_VIDEOS
    for number in range(len(state.history), recipe.epochs):
        sampler.set_epoch(number)
        watched = watch(iter(batches), steps, f"epoch {number + 1} of {recipe.epochs}")
        loss = train_epoch(fabric, model, optimizer, schedule, watched, recipe.label_smoothing)
        figures = validate(model, val, val_rows, recipe)
        state.history.append(Epoch(number, schedule.get_last_lr()[0], loss, **figures))
        if number == (best := best_epoch(state.history, by_frames)):
            state.best, state.best_weights = (
                best,
                {k: v.detach().cpu().clone() for k, v in detector.state_dict().items()},
            )
        report(state.history[-1], state.best == number)
        _save(checkpoint, detector, optimizer, schedule, fabric, state)
    detector.load_state_dict(state.best_weights)
    return state


def train_epoch(
    fabric: Fabric,
    model: nn.Module,
    optimizer: torch.optim.Optimizer,
    schedule: torch.optim.lr_scheduler.LRScheduler,
    batches: Iterator,
    label_smoothing: float,
) -> float:
    """One pass over `batches`; returns the mean loss. Raises UserError where the loss is no longer a number."""
    model.train()
    total, seen = 0.0, 0
    for images, labels, _ in batches:
        inputs = normalise(images.to(fabric.device, non_blocking=True)).to(memory_format=torch.channels_last)
        loss = nn.functional.cross_entropy(
            model(inputs), labels.to(fabric.device, non_blocking=True), label_smoothing=label_smoothing
        )
        if not torch.isfinite(loss):
            raise UserError(
                "the training loss is not a number any more; lower train.lr, or set train.precision to fp32"
            )
        fabric.backward(loss)
        optimizer.step()
        schedule.step()
        optimizer.zero_grad()
        total, seen = total + loss.item() * len(labels), seen + len(labels)
    return total / seen


def validate(model: nn.Module, val: FaceCrops, rows: pd.DataFrame, recipe: Recipe) -> dict[str, float]:
    """The val figures of an `Epoch`, by mean logit per item."""
    model.eval()
    scored = rows[["item", "label"]].assign(
        logit=frame_logits(model, val, 2 * recipe.batch_size, recipe.loader_workers)
    )
    videos = scored.groupby("item").agg(label=("label", "first"), logit=("logit", "mean"))
    result = {}
    for level, table in (("frame", scored), ("video", videos)):
        result[f"val_{level}_log_loss"] = metrics.log_loss(table["label"], expit(table["logit"]))
        result[f"val_{level}_roc_auc"] = metrics.roc_auc_score(table["label"], table["logit"])
    return result


def best_epoch(history: list[Epoch], by_frames: bool) -> int:
    """The epoch with the highest validation video ROC-AUC, ties by the lowest video log loss.

    With too few videos of a class (`by_frames`) the one with the lowest frame log loss.
    """
    if by_frames:
        return min(history, key=lambda epoch: epoch.val_frame_log_loss).epoch
    return min(history, key=lambda epoch: (-epoch.val_video_roc_auc, epoch.val_video_log_loss)).epoch


def make_optimizer(detector: nn.Module, name: str, lr: float, weight_decay: float) -> torch.optim.Optimizer:
    """AdamW or SGD with Nesterov momentum; biases and normalisation are not decayed."""
    decayed = [parameter for parameter in detector.parameters() if parameter.ndim > 1]
    plain = [parameter for parameter in detector.parameters() if parameter.ndim <= 1]
    groups = [{"params": decayed, "weight_decay": weight_decay}, {"params": plain, "weight_decay": 0.0}]
    if name == "sgd":
        return torch.optim.SGD(groups, lr=lr, momentum=0.9, nesterov=True)
    return torch.optim.AdamW(groups, lr=lr)


def cosine_with_warmup(steps: int, warmup: float) -> Callable[[int], float]:
    """Factor of the learning rate at each of `steps` updates: linear up for the share `warmup`, half a cosine to 0."""
    climb = round(steps * warmup)

    def factor(step: int) -> float:
        if step < climb:
            return (step + 1) / climb
        return 0.5 * (1 + math.cos(math.pi * (step - climb) / max(1, steps - climb)))

    return factor


def _save(checkpoint: Path, detector: Detector, optimizer, schedule, fabric: Fabric, state: State) -> None:
    content = {
        "weights": detector.state_dict(),
        "optimizer": optimizer.state_dict(),
        "schedule": schedule.state_dict(),
        "precision": fabric._precision.state_dict(),
        "history": [asdict(epoch) for epoch in state.history],
        "best": state.best,
        "best_weights": state.best_weights,
    }
    buffer = io.BytesIO()
    torch.save(content, buffer)
    write_whole(checkpoint, buffer.getvalue())


def _resume(checkpoint: Path, detector: Detector, optimizer, schedule, fabric: Fabric) -> State:
    if not checkpoint.exists():
        return State()
    content = torch.load(checkpoint, map_location="cpu", weights_only=True)
    detector.load_state_dict(content["weights"])
    optimizer.load_state_dict(content["optimizer"])
    schedule.load_state_dict(content["schedule"])
    fabric._precision.load_state_dict(content["precision"])
    return State([Epoch(**epoch) for epoch in content["history"]], content["best"], content["best_weights"])
