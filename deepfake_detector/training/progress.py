"""How far a training run has come, and which of its epochs is the best."""

from dataclasses import asdict, dataclass, field

import pandas as pd
import torch

FEWEST_VIDEOS = 10  # of a class; with fewer, video figures are too coarse to choose an epoch by


@dataclass(frozen=True)
class Figures:
    """Log loss and ROC-AUC on validation, by frame and by video, which is the mean logit of an
    item's dominant track."""

    frame_log_loss: float
    frame_roc_auc: float
    video_log_loss: float
    video_roc_auc: float


@dataclass(frozen=True)
class Epoch:
    """One epoch, counted from 0: the learning rate at its end, the mean loss (NaN where a run
    without epochs learned nothing) and the figures on validation.

    `select` are the figures of one method's fakes against all reals, where these choose the epoch.
    """

    epoch: int
    lr: float
    train_loss: float
    val: Figures
    select: Figures | None = None

    @property
    def choosing(self) -> Figures:
        """The figures that the epoch is chosen by."""
        return self.select or self.val

    def __str__(self) -> str:
        val, select = self.val, self.select
        return (
            f"epoch {self.epoch + 1:3d}  loss {self.train_loss:.4f}"
            f"  val frame AUC {val.frame_roc_auc:.4f} log loss {val.frame_log_loss:.4f}"
            f"  video AUC {val.video_roc_auc:.4f} log loss {val.video_log_loss:.4f}"
            f"{f'  select video AUC {select.video_roc_auc:.4f}' if select else ''}"
        )


@dataclass
class Progress:
    """How far a run has come: finished epochs, and of the current one the steps done and the sum of
    their losses."""

    history: list[Epoch] = field(default_factory=list)
    best: int = -1  # number of the best epoch
    best_weights: dict[str, torch.Tensor] = field(default_factory=dict)
    best_logits: list[float] = field(default_factory=list)  # of the validation faces
    step: int = 0
    loss: float = 0.0

    def finish_epoch(
        self, epoch: Epoch, weights: dict[str, torch.Tensor], logits: list[float], by_frames: bool
    ) -> bool:
        """Count a finished epoch, with the weights that were validated and the logits they gave;
        returns whether it is the best so far (`by_frames`: see `best_epoch`), whose weights and
        logits are kept."""
        self.history.append(epoch)
        self.step, self.loss = 0, 0.0
        if epoch.epoch != best_epoch(self.history, by_frames):
            return False
        self.best, self.best_logits = epoch.epoch, logits
        self.best_weights = {name: value.detach().cpu().clone() for name, value in weights.items()}
        return True

    def is_over(self, epochs: int, patience: int, partly: int) -> bool:
        """Whether all `epochs` are done, or `patience` of them have brought nothing better (0: wait
        for ever), those not counted that come first, in which the network learns `partly`."""
        waited = len(self.history) - max(self.best + 1, partly)
        return len(self.history) >= epochs or (bool(patience) and waited >= patience)

    def state(self) -> dict:
        """What `restored` needs to make the same progress again."""
        return vars(self) | {"history": [asdict(epoch) for epoch in self.history]}


def restored(state: dict) -> Progress:
    """The progress whose `Progress.state` this is."""
    return Progress(**state | {"history": [_restored_epoch(epoch) for epoch in state["history"]]})


def history_table(history: list[Epoch]) -> pd.DataFrame:
    """A row for each epoch, counted from 1; without the select figures where there are none."""
    return pd.DataFrame(
        [
            {"epoch": epoch.epoch + 1, "lr": epoch.lr, "train_loss": epoch.train_loss}
            | _columns("val", epoch.val)
            | _columns("select", epoch.select)
            for epoch in history
        ]
    )


def best_epoch(history: list[Epoch], by_frames: bool) -> int:
    """The number of the epoch with the highest video ROC-AUC, ties by the lowest video log loss;
    with `by_frames`, for too few videos of a class, of that with the lowest frame log loss."""
    if by_frames:
        return min(history, key=lambda epoch: epoch.choosing.frame_log_loss).epoch
    return min(history, key=_by_video).epoch


def _by_video(epoch: Epoch) -> tuple[float, float]:
    """The least is the best."""
    return -epoch.choosing.video_roc_auc, epoch.choosing.video_log_loss


def _columns(prefix: str, figures: Figures | None) -> dict[str, float]:
    columns = asdict(figures) if figures else {}
    return {f"{prefix}_{name}": value for name, value in columns.items()}


def _restored_epoch(state: dict) -> Epoch:
    select = Figures(**state["select"]) if state["select"] else None
    return Epoch(**state | {"val": Figures(**state["val"]), "select": select})
