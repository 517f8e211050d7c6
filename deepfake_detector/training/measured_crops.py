"""Crops as batches for the network, and what is measured on each on its way: stored ones, and those
of changed frames."""

from collections.abc import Callable

import numpy as np
import pandas as pd
import torch

from deepfake_detector.faces.degradation import measures
from deepfake_detector.training.crops import (
    JUDGE_BATCH,
    FaceCrops,
    frame_logits,
    judged_rows,
    watched,
)

Maker = Callable[[int], np.ndarray | None]


class MeasuredCrops(FaceCrops):
    """Crops that are measured when they are read."""

    def __init__(self, rows: pd.DataFrame, input_size: int) -> None:
        super().__init__(rows, input_size)
        self._measured: dict[int, dict[str, float]] = {}

    @property
    def measured(self) -> pd.DataFrame:
        """The measures of each crop, a row in order, once all were read."""
        return pd.DataFrame([self._measured[row] for row in range(len(self))])

    def picture(self, row: int) -> np.ndarray:
        """The crop, RGB uint8; its measures are noted."""
        crop = self._crop(row)
        self._measured[row] = measures(crop)
        return crop

    def _crop(self, row: int) -> np.ndarray:
        return super().picture(row)


class CopiedCrops(MeasuredCrops):
    """The crops that `make` makes of row numbers; the stored one where it returns None."""

    def __init__(self, rows: pd.DataFrame, input_size: int, make: Maker) -> None:
        super().__init__(rows, input_size)
        self._make = make

    def _crop(self, row: int) -> np.ndarray:
        made = self._make(row)
        return super()._crop(row) if made is None else made


def judge_and_measure(
    detector: torch.nn.Module, faces: pd.DataFrame, split: pd.DataFrame, input_size: int
) -> pd.DataFrame:
    """What `crops.judge_faces` returns, and a column for each measure."""
    rows = judged_rows(faces, split)
    crops = MeasuredCrops(rows, input_size)
    logits = frame_logits(detector, crops, JUDGE_BATCH, 0, watched("judging"))
    return pd.concat([rows.assign(logit=logits), crops.measured], axis="columns")
