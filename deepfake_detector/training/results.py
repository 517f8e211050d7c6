"""What a training run came to: its epochs as a table, and the figures of the best of them."""

from dataclasses import asdict

import pandas as pd

from deepfake_detector.scoring.intervals import Scores, intervals
from deepfake_detector.scoring.scores import track_logit
from deepfake_detector.training.progress import Progress


def history(progress: Progress) -> pd.DataFrame:
    """A row for each epoch, counted from 1."""
    return pd.DataFrame([asdict(epoch) | {"epoch": epoch.epoch + 1} for epoch in progress.history])


def figures(progress: Progress, val: pd.DataFrame) -> dict:
    """The figures of the best epoch, to six decimals, with the ends of the 95 % interval of its ROC-AUC by video.

    `val` (columns item, label, group) describes the validation faces. `learned` says whether that interval leaves 0.5 out, None
    where there is none; `reason` then says why.
    """
    best = asdict(progress.history[progress.best])
    found = {name: value for name, value in best.items() if name not in ("epoch", "lr")}
    videos = val.assign(logit=progress.best_logits).groupby("item")[["label", "group", "logit"]]
    videos = videos.agg({"label": "first", "group": "first", "logit": track_logit})
    interval = intervals(videos["label"], Scores(videos["logit"]), videos["group"], ["roc_auc"])
    low, high = interval.ends.get("roc_auc", (None, None))
    found |= {"val_video_roc_auc_low": low, "val_video_roc_auc_high": high}
    told = {
        "best_epoch": progress.best + 1,
        "epochs": len(progress.history),
        "learned": None if low is None else not low <= 0.5 <= high,
    }
    if interval.reason:
        told["reason"] = interval.reason
    return told | {
        name: value if value is None else round(value, 6) for name, value in found.items()
    }
