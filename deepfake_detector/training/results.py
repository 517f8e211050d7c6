"""The figures of a training run, from its table of epochs and its logits on validation."""

from typing import Any

import pandas as pd

from deepfake_detector.scoring.intervals import Scores, intervals
from deepfake_detector.scoring.scores import track_logit


def figures(history: pd.DataFrame, validation: pd.DataFrame) -> dict:
    """The figures of the best epoch, to six decimals, with the 95 % interval of its ROC-AUC by
    video.

    `history` has a row for each epoch (plots/training.csv), `validation` the best epoch's logit of
    every validation face (`tables.VALIDATION`). `learned` says whether the interval lies above
    0.5, None where there is none; `reason` then says why.
    """
    best_epoch = int(validation["epoch"].iloc[0])
    best = history.set_index("epoch").loc[best_epoch].drop("lr").to_dict()
    videos = validation.groupby("item")[["label", "group", "logit"]]
    videos = videos.agg({"label": "first", "group": "first", "logit": track_logit})
    interval = intervals(videos["label"], Scores(videos["logit"]), videos["group"], ["roc_auc"])
    low, high = interval.ends.get("roc_auc", (None, None))
    learned = None if low is None else low > 0.5
    result: dict[str, Any] = {"best_epoch": best_epoch, "epochs": len(history), "learned": learned}
    if interval.reason:
        result["reason"] = interval.reason
    rounded = best | {"val_video_roc_auc_low": low, "val_video_roc_auc_high": high}
    return result | {
        name: None if pd.isna(value) else round(value, 6) for name, value in rounded.items()
    }
