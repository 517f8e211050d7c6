"""How far a training run has come, and which of its epochs is the best."""

from dataclasses import asdict, dataclass, field

import pandas as pd
import torch

FEWEST_VIDEOS = 10  # of a class; with fewer, video figures are too coarse to choose an epoch by


@dataclass(frozen=True)
class Epoch:
    """What one epoch came to; `lr` is the learning rate at its end, the loss NaN where a run
    without epochs learned nothing. The val figures are of dominant tracks; the select figures are
    those of one method's fakes alone against all reals, where these choose the epoch."""

    epoch: int
    lr: float
    train_loss: float
    val_frame_log_loss: float
    val_frame_roc_auc: float
    val_video_log_loss: float
    val_video_roc_auc: float
    select_frame_log_loss: float | None = None
    select_frame_roc_auc: float | None = None
    select_video_log_loss: float | None = None
    select_video_roc_auc: float | None = None

    @property
    def by_video(self) -> tuple[float, float]:
        """Negative ROC-AUC and log loss by video of what chooses the epoch: the least is best."""
        if self.select_video_roc_auc is None or self.select_video_log_loss is None:
            return -self.val_video_roc_auc, self.val_video_log_loss
        return -self.select_video_roc_auc, self.select_video_log_loss

    @property
    def by_frame(self) -> float:
        """The log loss by frame of what chooses the epoch."""
        chosen = self.select_frame_log_loss
        return self.val_frame_log_loss if chosen is None else chosen

    def __str__(self) -> str:
        auc = self.select_video_roc_auc
        return (
            f"epoch {self.epoch + 1:3d}  loss {self.train_loss:.4f}"
            f"  val frame AUC {self.val_frame_roc_auc:.4f} log loss {self.val_frame_log_loss:.4f}"
            f"  video AUC {self.val_video_roc_auc:.4f} log loss {self.val_video_log_loss:.4f}"
            f"{'' if auc is None else f'  select video AUC {auc:.4f}'}"
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
    """The progress that `Progress.state` was taken of."""
    return Progress(**state | {"history": [Epoch(**epoch) for epoch in state["history"]]})


def history_table(history: list[Epoch]) -> pd.DataFrame:
    """A row for each epoch, counted from 1; without the select figures where there are none."""
    rows = [asdict(epoch) | {"epoch": epoch.epoch + 1} for epoch in history]
    return pd.DataFrame(
        [{name: value for name, value in row.items() if value is not None} for row in rows]
    )


def best_epoch(history: list[Epoch], by_frames: bool) -> int:
    """The epoch with the highest video ROC-AUC of what chooses it, ties by the lowest video log
    loss.

    With too few videos of a class (`by_frames`) the one with the lowest frame log loss.
    """
    if by_frames:
        return min(history, key=lambda epoch: epoch.by_frame).epoch
    return min(history, key=lambda epoch: epoch.by_video).epoch
