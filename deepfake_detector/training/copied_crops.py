"""Crops of changed frames as batches for the network, and what is measured on each on its way."""

from collections.abc import Callable

import numpy as np
import pandas as pd

from deepfake_detector.faces.degradation import measures
from deepfake_detector.training.crops import FaceCrops

Maker = Callable[[int], np.ndarray | None]


class CopiedCrops(FaceCrops):
    """The crops that `make` makes of rows by their number, or the stored one where it makes none.
    `measured` has the measures of each that was looked at, by row."""

    def __init__(self, rows: pd.DataFrame, input_size: int, make: Maker) -> None:
        super().__init__(rows, input_size)
        self.measured: dict[int, dict[str, float]] = {}
        self._make = make

    def picture(self, row: int) -> np.ndarray:
        made = self._make(row)
        crop = super().picture(row) if made is None else made
        self.measured[row] = measures(crop)
        return crop
