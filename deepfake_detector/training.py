"""The fit loop: balanced batches, a schedule stepped per update, the best epoch by validation alone, and a state on disk
from which a run that was stopped anywhere ends at the same bytes."""

import random
import signal
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field

import numpy as np
import pandas as pd
import torch
from lightning_fabric import Fabric
from scipy.special import expit
from sklearn import metrics
from torch import nn

from deepfake_detector import Stopped, UserError
from deepfake_detector.checkpoints import Checkpoints
from deepfake_detector.crops import JUDGE_BATCH, Batches, FaceCrops, frame_logits, loader, normalise
from deepfake_detector.network import check_same
from deepfake_detector.optimization import cosine_with_warmup, let_learn, make_optimizer, running_mean
from deepfake_detector.sampling import BalancedBatches, LearningCrops

FEWEST_VIDEOS = 10  # of a class; with fewer, video figures are too coarse to choose an epoch by
FLAT = 1.0  # standard deviation of all pixels of a batch (0..255) below which there is nothing in it to learn from
AGREE_EVERY = 10  # updates, after which several processes ask each other whether to save: asking takes a while
Watch = Callable[[Batches, int, str, int], Batches]


@dataclass(frozen=True)
class Recipe:
    """How to fit; each value as params.yaml captions it under `train`."""

    epochs: int
    batch_size: int
    optimizer: str
    lr: float
    weight_decay: float
    warmup: float
    label_smoothing: float
    clip: float
    ema: float
    patience: int
    unfreeze_every: int
    loader_workers: int
    checkpoint_minutes: float


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
class Progress:
    """How far a run has come: finished epochs, and in the one under way the updates done and the sum of their losses."""

    history: list[Epoch] = field(default_factory=list)
    best: int = -1  # number of the best epoch
    best_weights: dict[str, torch.Tensor] = field(default_factory=dict)
    best_logits: list[float] = field(default_factory=list)  # of the validation faces
    update: int = 0
    loss: float = 0.0


class Learner:
    """All that changes while a detector learns. `judged` is the module that is validated and kept."""

    def __init__(self, fabric: Fabric, detector: nn.Module, recipe: Recipe, updates: int) -> None:
        self.fabric, self.detector = fabric, detector.to(memory_format=torch.channels_last)
        optimizer = make_optimizer(detector, recipe.optimizer, recipe.lr, recipe.weight_decay)
        factor = cosine_with_warmup(updates, recipe.warmup)
        self.schedule = torch.optim.lr_scheduler.LambdaLR(optimizer, factor)
        self.model, self.optimizer = fabric.setup(detector, optimizer)
        self.mean = running_mean(detector, recipe.ema) if recipe.ema else None
        self.judged = self.mean.module if self.mean else detector
        self.clip, self.label_smoothing = recipe.clip, recipe.label_smoothing

    def learn(self, pieces: list[tuple[torch.Tensor, torch.Tensor]]) -> torch.Tensor:
        """One update from the mean loss of equally large `pieces` of a batch; returns that loss."""
        total = torch.zeros((), device=self.fabric.device)
        for number, (images, labels) in enumerate(pieces):
            with self.fabric.no_backward_sync(self.model, enabled=number < len(pieces) - 1):
                loss = self._loss(images, labels) / len(pieces)
                self.fabric.backward(loss)
            total += loss.detach()
        if self.clip:
            self.fabric.clip_gradients(self.model, self.optimizer, max_norm=self.clip, error_if_nonfinite=False)
        self.optimizer.step()
        self.schedule.step()
        self.optimizer.zero_grad()
        if self.mean:
            self.mean.update_parameters(self.detector)
        return total

    def state(self) -> dict:
        """What `restore` needs to go on from here as if nothing had happened."""
        return {
            "weights": self.detector.state_dict(),
            "mean": self.mean.state_dict() if self.mean else {},
            "optimizer": self.optimizer.state_dict(),
            "schedule": self.schedule.state_dict(),
            "scaler": self.fabric.strategy.precision.state_dict(),
            "random": _random_state(),
        }

    def restore(self, state: dict) -> None:
        check_same("the saved state of this run", state["weights"], self.detector.state_dict())
        self.detector.load_state_dict(state["weights"])
        if self.mean:
            self.mean.load_state_dict(state["mean"])
        self.optimizer.load_state_dict(state["optimizer"])
        self.schedule.load_state_dict(state["schedule"])
        self.fabric.strategy.precision.load_state_dict(state["scaler"])
        _set_random_state(state["random"])

    def _loss(self, images: torch.Tensor, labels: torch.Tensor) -> torch.Tensor:
        device = self.fabric.device
        inputs = normalise(images.to(device, non_blocking=True)).to(memory_format=torch.channels_last)
        labels = labels.to(device, non_blocking=True)
        return nn.functional.cross_entropy(self.model(inputs), labels, label_smoothing=self.label_smoothing)


def fit(
    fabric: Fabric,
    detector: nn.Module,
    parts: list[list[nn.Module]],
    train: LearningCrops,
    items: list[str],
    batches: BalancedBatches,
    val: LearningCrops,
    val_rows: pd.DataFrame,
    recipe: Recipe,
    checkpoints: Checkpoints,
    watch: Watch,
    report: Callable[[Epoch, bool], None],
) -> Progress:
    """Train `detector` and leave the weights of its best epoch in it; go on from `checkpoints` where there is a state.

    `parts` are the detector's modules from the head down, for unfreezing in stages; `items` names the rows of `train`,
    `val_rows` (columns item, label) describes those of `val`. `watch` wraps batches, of which it is told the number, the
    purpose and the faces in each (a progress bar); `report` is told of each epoch and whether it is the best so far.
    Raises Stopped after SIGINT or SIGTERM, the state saved.
    """
    _check_draws(batches)
    learner = Learner(fabric, detector, recipe, batches.updates * recipe.epochs)
    progress = _resume(learner, checkpoints)
    loaded = loader(train, batches, recipe.loader_workers, keep_workers=True)
    by_frames = val_rows.drop_duplicates("item")["label"].value_counts().min() < FEWEST_VIDEOS
    with _signals() as received, _loaders_death_told(received):
        keeper = _Keeper(learner, progress, checkpoints, recipe.checkpoint_minutes, received)
        while len(progress.history) < recipe.epochs and not _out_of_patience(progress, recipe.patience):
            number = len(progress.history)
            let_learn(learner.model, parts, _learning(parts, number, recipe.unfreeze_every))
            batches.start(number, progress.update)
            epoch, what = iter(loaded), f"epoch {number + 1} of {recipe.epochs}"
            if fabric.is_global_zero:
                epoch = watch(epoch, len(batches), what, batches.piece * batches.ranks)
            train_epoch(learner, progress, epoch, batches, items, keeper)
            judged = None
            if fabric.is_global_zero:
                judged = validate(learner.judged, val, val_rows, recipe.loader_workers, keeper.interruptible(watch))
            figures, logits = fabric.broadcast(judged)
            loss = float(fabric.all_reduce(torch.tensor(progress.loss, dtype=torch.float64))) / batches.updates
            progress.history.append(Epoch(number, learner.schedule.get_last_lr()[0], loss, **figures))
            progress.update, progress.loss = 0, 0.0
            if number == (best := best_epoch(progress.history, by_frames)):
                progress.best, progress.best_logits = best, logits
                progress.best_weights = _copy(learner.judged.state_dict())
            keeper.save()
            if fabric.is_global_zero:
                report(progress.history[-1], progress.best == number)
    detector.load_state_dict(progress.best_weights)
    return progress


def train_epoch(
    learner: Learner,
    progress: Progress,
    loaded: Iterator,
    batches: BalancedBatches,
    items: list[str],
    keeper: "_Keeper",
) -> None:
    """The updates of an epoch that `progress` has not counted yet.

    Raises UserError, naming the items, where a loss is no longer a number.
    """
    losses = _Losses(progress, items)
    for update in range(progress.update, batches.updates):
        pieces = [_next(loaded) for _ in range(batches.pieces)]
        if not progress.history and not update:
            _check_batch(pieces[0][0])
        loss = learner.learn([(images, labels) for images, labels, _ in pieces])
        losses.add(loss, torch.cat([rows for _, _, rows in pieces]))
        if keeper.is_due():
            losses.settle()
            keeper.save()
    losses.settle()


def validate(
    judged: nn.Module, val: FaceCrops, rows: pd.DataFrame, workers: int, watch: Callable[[Batches, int], Batches]
) -> tuple[dict[str, float], list[float]]:
    """The val figures of an `Epoch`, by mean logit per item, and the logit of every face."""
    judged.eval()
    logits = frame_logits(judged, val, JUDGE_BATCH, workers, watch)
    scored = rows[["item", "label"]].assign(logit=logits)
    videos = scored.groupby("item").agg(label=("label", "first"), logit=("logit", "mean"))
    result = {}
    for level, table in (("frame", scored), ("video", videos)):
        result[f"val_{level}_log_loss"] = metrics.log_loss(table["label"], expit(table["logit"]))
        result[f"val_{level}_roc_auc"] = metrics.roc_auc_score(table["label"], table["logit"])
    return result, logits.tolist()


def best_epoch(history: list[Epoch], by_frames: bool) -> int:
    """The epoch with the highest validation video ROC-AUC, ties by the lowest video log loss.

    With too few videos of a class (`by_frames`) the one with the lowest frame log loss.
    """
    if by_frames:
        return min(history, key=lambda epoch: epoch.val_frame_log_loss).epoch
    return min(history, key=lambda epoch: (-epoch.val_video_roc_auc, epoch.val_video_log_loss)).epoch


class _Losses:
    """Counts updates and their losses, one update late, so that a GPU is not waited for."""

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
                f"the training loss is not a number any more, in epoch {len(self.progress.history) + 1} at update "
                f"{self.progress.update + 1}; lower train.lr, or set train.precision to fp32. Items of that batch: {named}"
            )
        self.progress.loss += loss.item()
        self.progress.update += 1


class _Keeper:
    """Saves the state of a run when it is time to, and ends the run when a signal has come."""

    def __init__(
        self, learner: Learner, progress: Progress, checkpoints: Checkpoints, minutes: float, received: list[int]
    ) -> None:
        self.learner, self.progress, self.checkpoints, self.received = learner, progress, checkpoints, received
        self.seconds, self.saved, self.asked = minutes * 60, time.monotonic(), 0

    def is_due(self) -> bool:
        """Whether the state is to be saved now, the same answer in all processes of the run; asked once per update."""
        due = bool(self.received) or time.monotonic() - self.saved >= self.seconds
        self.asked += 1
        if self.learner.fabric.world_size > 1 and self.asked % AGREE_EVERY:
            return False
        return self._any(due)

    def save(self) -> None:
        """Save; raises Stopped where a signal has come to any process of the run."""
        stopping = self._any(bool(self.received))
        if self.learner.fabric.is_global_zero:
            done = vars(self.progress) | {"history": [asdict(epoch) for epoch in self.progress.history]}
            self.checkpoints.write({"learner": self.learner.state(), "progress": done})
        self.saved = time.monotonic()
        if stopping:
            done = f"epoch {len(self.progress.history) + 1}, after update {self.progress.update}"
            stopped = Stopped(f"stopped in {done}; the same command goes on from there", max(self.received, default=2))
            raise stopped if self.learner.fabric.is_global_zero else SystemExit  # told once

    def interruptible(self, watch: Watch) -> Callable[[Batches, int], Batches]:
        """Validation's batches, at each of which a signal can end the run; of several processes only one validates, so
        there it waits."""

        def watched(batches: Batches, total: int) -> Batches:
            for batch in watch(batches, total, "validation", JUDGE_BATCH):
                if self.learner.fabric.world_size == 1 and self.received:
                    self.save()
                yield batch

        return watched

    def _any(self, here: bool) -> bool:
        """Whether it holds in any process of the run; all must ask."""
        fabric = self.learner.fabric
        return here if fabric.world_size == 1 else bool(fabric.all_reduce(torch.tensor(float(here)), reduce_op="max"))


@contextmanager
def _signals() -> Iterator[list[int]]:
    """Collects SIGINT and SIGTERM meanwhile; a second one ends the process at once."""
    received: list[int] = []

    def note(number: int, _frame: object) -> None:
        if received:
            raise KeyboardInterrupt
        received.append(number)

    before = {number: signal.signal(number, note) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield received
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


@contextmanager
def _loaders_death_told(received: list[int]) -> Iterator[None]:
    try:
        yield
    except RuntimeError as error:  # torch raises it wherever the main process happens to be
        if "DataLoader worker" not in str(error):
            raise
        if received:  # a signal to all processes of the run has ended the loaders before a state could be saved
            raise Stopped("stopped; the same command goes on from the last saved state", received[0]) from error
        raise UserError(
            f"a process that loads faces died ({error}); where memory is short lower train.loader_workers. The same "
            "command goes on from the last saved state"
        ) from error


def _resume(learner: Learner, checkpoints: Checkpoints) -> Progress:
    fabric = learner.fabric
    saved = fabric.broadcast(checkpoints.latest() if fabric.is_global_zero else None)
    if not saved:
        return Progress()
    learner.restore(saved["learner"])
    history = [Epoch(**epoch) for epoch in saved["progress"].pop("history")]
    progress = Progress(history, **saved["progress"])
    fabric.print(f"  going on in epoch {len(history) + 1}, after update {progress.update}")
    return progress


def _next(loaded: Iterator) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """The next batch, with errors of the processes that load as they were, or as what became of the process."""
    try:
        return next(loaded)
    except UserError as error:
        raise UserError(str(error).rpartition("UserError: ")[2].strip()) from error


def _learning(parts: list[list[nn.Module]], epoch: int, every: int) -> int:
    """How many parts learn in this epoch; one more after each `every` epochs."""
    return 1 + epoch // every if every else len(parts)


def _out_of_patience(progress: Progress, patience: int) -> bool:
    return bool(patience) and len(progress.history) - 1 - progress.best >= patience


def _check_draws(batches: BalancedBatches) -> None:
    """Raises UserError where an epoch would hold no batch, or one class alone."""
    if not batches.updates:
        raise UserError(
            f"{len(batches.labels)} training faces do not fill a batch of {batches.batch_size}; lower train.batch_size"
        )
    if not (batches.labels == 0).any():
        raise UserError("data/splits/train.csv holds no real face to learn from")
    if not (batches.labels == 1).any() and batches.self_blend < 1:
        raise UserError(
            "data/splits/train.csv holds no fake face to learn from; train.fakes: none with train.self_blend: 1.0 makes "
            "them from the real ones"
        )


def _check_batch(images: torch.Tensor) -> None:
    if images.float().std() < FLAT:
        raise UserError("the first batch's faces are blank; look at plots/training_samples")


def _copy(weights: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    return {name: value.detach().cpu().clone() for name, value in weights.items()}


def _random_state() -> dict:
    """Of every generator of this process."""
    kind, keys, *rest = np.random.get_state()
    return {
        "python": random.getstate(),
        "numpy": [kind, keys.tolist(), *rest],
        "torch": torch.get_rng_state(),
        "cuda": torch.cuda.get_rng_state_all() if torch.cuda.is_available() else [],
    }


def _set_random_state(state: dict) -> None:
    random.setstate(state["python"])
    kind, keys, *rest = state["numpy"]
    np.random.set_state((kind, np.array(keys, np.uint32), *rest))
    torch.set_rng_state(state["torch"])
    if state["cuda"]:
        torch.cuda.set_rng_state_all(state["cuda"])
