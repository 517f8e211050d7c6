"""The training loop: class-balanced batches, a schedule by step, the best epoch by validation
alone.

A run that was stopped anywhere resumes from its saved state and ends at the same bytes.
"""

import math
from collections.abc import Callable, Iterator
from functools import partial
from typing import cast

import numpy as np
import pandas as pd
import torch
from lightning_fabric import Fabric
from scipy.special import expit
from sklearn import metrics
from torch import nn

from deepfake_detector import UserError
from deepfake_detector.scoring.scores import track_logit
from deepfake_detector.training.checkpoints import Checkpoints
from deepfake_detector.training.crops import JUDGE_BATCH, Batches, FaceCrops, frame_logits, loader
from deepfake_detector.training.devices import mean_over_processes
from deepfake_detector.training.keeper import Keeper, Watch, loader_death_as_error, resume, signals
from deepfake_detector.training.learner import Learner
from deepfake_detector.training.network import FaceClassifier
from deepfake_detector.training.optimization import unfreeze
from deepfake_detector.training.progress import FEWEST_VIDEOS, Epoch, Figures, Progress
from deepfake_detector.training.sampling import BalancedBatches, LearningCrops
from deepfake_detector.training.settings import Runtime, Train

# standard deviation of all pixels of a batch (0..255) below which there is nothing in it to learn
# from
FLAT = 1.0
Validation = tuple[Figures, Figures | None, list[float]]
STEADIER = "lower train.lr, set train.clip, or have it computed in fp32 (train.precision)"


def fit(
    fabric: Fabric,
    detector: FaceClassifier,
    *,
    parts: list[list[nn.Module]],
    train: LearningCrops,
    items: list[str],
    batches: BalancedBatches,
    val: LearningCrops,
    val_rows: pd.DataFrame,
    recipe: Train,
    runtime: Runtime,
    checkpoints: Checkpoints,
    watch: Watch,
    report: Callable[[Epoch, bool], None],
    record: Callable[[list[Epoch]], None],
) -> Progress:
    """Train `detector` and leave the weights of its best epoch in it; go on from `checkpoints`
    where there is a state. Without epochs the detector is validated as it is.

    `parts` are the detector's modules from the head down, for unfreezing in stages; `items` names
    the rows of `train`, `val_rows` (columns item, label) describes those of `val`; where it has a
    column `selects`, the rows where this is true choose the epoch, else all. `watch(batches,
    number, purpose, faces in each)` wraps batches, as a progress bar does; `report` gets each epoch
    and whether it is the best so far, `record` all finished ones: after each, and at the start
    where a stopped run goes on. Raises Stopped after SIGINT or SIGTERM, the state saved; UserError
    where there is nothing to learn from or to choose the epoch by, or a figure is no number.
    """
    _check_draws(batches)
    by_frames = _few_videos(val_rows)
    learner = Learner(fabric, detector, recipe, batches.steps * recipe.epochs)
    progress = resume(learner, checkpoints)
    if fabric.is_global_zero and progress.history:
        record(progress.history)
    loaded = loader(
        train,
        batches,
        runtime.loader_workers,
        for_gpu=fabric.device.type == "cuda",
        keep_workers=True,
    )

    def finish(number: int, lr: float, loss: float, keeper: Keeper) -> None:
        watched = keeper.interruptible(watch)
        validated = partial(
            validate, learner.judged, val, val_rows, runtime.loader_workers, watched
        )
        figures, select, logits = _in_first_process(fabric, validated)
        done = Epoch(number, lr, loss, figures, select)
        best = progress.finish_epoch(done, learner.judged.state_dict(), logits, by_frames)
        keeper.save()
        if fabric.is_global_zero:
            report(done, best)
            record(progress.history)

    with signals() as received, loader_death_as_error(received):
        keeper = Keeper(learner, progress, checkpoints, runtime.checkpoint_minutes, received)
        partly = recipe.unfreeze_every * (len(parts) - 1)
        while not progress.is_over(recipe.epochs, recipe.patience, partly):
            number = len(progress.history)
            unfreeze(learner.model, parts, parts_learning(parts, number, recipe.unfreeze_every))
            batches.start(number, progress.step)
            epoch, purpose = iter(loaded), f"epoch {number + 1} of {recipe.epochs}"
            if fabric.is_global_zero:
                faces = batches.micro_batch_size * batches.ranks
                epoch = iter(watch(epoch, len(batches), purpose, faces))
            loss = train_epoch(learner, progress, epoch, batches, items, keeper)
            finish(number, float(learner.schedule.get_last_lr()[0]), loss, keeper)
        if not progress.history:
            finish(0, 0.0, math.nan, keeper)
    detector.load_state_dict(progress.best_weights)
    return progress


def _in_first_process(fabric: Fabric, validated: Callable[[], Validation]) -> Validation:
    """What `validated` returns or raises in the first process of the run, in all of them."""
    outcome: Validation | UserError | None = None
    if fabric.is_global_zero:
        try:
            outcome = validated()
        except UserError as error:
            outcome = error
    outcome = fabric.broadcast(outcome)
    if isinstance(outcome, UserError):
        raise outcome if fabric.is_global_zero else SystemExit(1)  # reported once
    return cast(Validation, outcome)


def train_epoch(
    learner: Learner,
    progress: Progress,
    loaded: Iterator,
    batches: BalancedBatches,
    items: list[str],
    keeper: Keeper,
) -> float:
    """Take the steps of an epoch that `progress` has not counted yet; returns the epoch's mean
    loss.

    Raises UserError, naming the items, where a loss is no longer a number.
    """
    losses = _Losses(progress, items)
    for step in range(progress.step, batches.steps):
        micro_batches = [next(loaded) for _ in range(batches.micro_batches)]
        if not progress.history and not step:
            _check_batch(micro_batches[0][0])
        loss = learner.learn(
            [(images, labels, *rest) for images, labels, _, *rest in micro_batches]
        )
        losses.add(loss, torch.cat([rows for _, _, rows, *_ in micro_batches]))
        if keeper.is_due():
            losses.settle()
            keeper.save()
    losses.settle()
    return mean_over_processes(learner.fabric, progress.loss) / batches.steps


def validate(
    judged: nn.Module,
    val: FaceCrops,
    rows: pd.DataFrame,
    workers: int,
    watch: Callable[[Batches, int], Batches],
) -> Validation:
    """The figures of an `Epoch` on all `rows`, those on the rows where their column `selects` is
    true (None without that column), and the logit of every face. Raises UserError where a logit is
    no number."""
    judged.eval()
    logits = frame_logits(judged, val, JUDGE_BATCH, workers, watch)
    if not np.isfinite(logits).all():
        raise UserError("the logits of validation are not numbers any more", STEADIER)
    scored = rows.assign(logit=logits)
    select = _figures(scored[scored["selects"]]) if "selects" in scored else None
    return _figures(scored), select, logits.tolist()


def _figures(frames: pd.DataFrame) -> Figures:
    videos = frames.groupby("item").agg(label=("label", "first"), logit=("logit", track_logit))
    return Figures(
        frame_log_loss=metrics.log_loss(frames["label"], expit(frames["logit"])),
        frame_roc_auc=metrics.roc_auc_score(frames["label"], frames["logit"]),
        video_log_loss=metrics.log_loss(videos["label"], expit(videos["logit"])),
        video_roc_auc=metrics.roc_auc_score(videos["label"], videos["logit"]),
    )


class _Losses:
    """Counts steps and their losses, one step late, so that nothing waits for a GPU."""

    def __init__(self, progress: Progress, items: list[str]) -> None:
        self.progress, self.items = progress, items
        self.waiting: tuple[torch.Tensor, torch.Tensor] | None = None

    def add(self, loss: torch.Tensor, rows: torch.Tensor) -> None:
        self.settle()
        self.waiting = loss, rows

    def settle(self) -> None:
        if not self.waiting:
            return
        (loss, rows), self.waiting = self.waiting, None
        if not torch.isfinite(loss):
            named = ", ".join(sorted({self.items[row] for row in rows.tolist()}))
            raise UserError(
                "the training loss is not a number any more, in epoch "
                f"{len(self.progress.history) + 1} at step {self.progress.step + 1}, in the batch "
                f"of {named}",
                STEADIER,
            )
        self.progress.loss += loss.item()
        self.progress.step += 1


def parts_learning(parts: list[list[nn.Module]], epoch: int, every: int) -> int:
    """How many parts learn in this epoch; one more after each `every` epochs."""
    return 1 + epoch // every if every else len(parts)


def _check_draws(batches: BalancedBatches) -> None:
    """Raises UserError where an epoch would hold no batch, or one class alone."""
    if not batches.steps:
        raise UserError(
            f"{len(batches.labels)} training faces do not fill a batch of {batches.batch_size}",
            "lower train.batch_size",
        )
    if not (batches.labels == 0).any():
        raise UserError(
            "data/splits/train.csv holds no real face to learn from",
            "add real items to a data set with use: train",
        )
    if not (batches.labels == 1).any() and batches.self_blend < 1:
        raise UserError(
            "data/splits/train.csv holds no fake face to learn from",
            "train.fakes: none with train.self_blend: 1.0 makes them from the real ones",
        )


def _few_videos(val_rows: pd.DataFrame) -> bool:
    """Whether what chooses the epoch has too few videos of a class for that. Raises UserError where
    it has one class alone."""
    choosing = val_rows[val_rows["selects"]] if "selects" in val_rows else val_rows
    if choosing["label"].nunique() < 2:
        raise UserError(
            "data/splits/val.csv has one class alone to choose the epoch by",
            "run `dvc repro split`",
        )
    return choosing.drop_duplicates("item")["label"].value_counts().min() < FEWEST_VIDEOS


def _check_batch(images: torch.Tensor) -> None:
    if images.float().std() < FLAT:
        raise UserError("the first batch's faces are blank", "look at plots/training_samples")
