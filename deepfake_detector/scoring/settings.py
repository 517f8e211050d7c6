"""Settings of how frame logits become a clip's verdict."""

import math
from typing import Literal

from pydantic import Field

from deepfake_detector.common.settings import Fraction, StrictModel


class Aggregation(StrictModel):
    """From frames to one probability per clip."""

    min_faces: int = Field(
        8,
        ge=1,
        description="a track counts from this many faces on, or half of the sampled frames, "
        "where that is fewer",
    )


class Calibrate(StrictModel):
    """What the threshold and the inconclusive band are fitted for, on validation clips."""

    threshold: Literal["balanced_accuracy", "false_alarms"] = Field(
        "balanced_accuracy",
        description="fitted for the highest balanced_accuracy, or for at most the rate false_alarms",
    )
    false_alarms: Fraction = Field(
        0.05, description="fraction of real clips that may be called fake (threshold: false_alarms)"
    )
    band_error: float = Field(
        0.05,
        gt=0,
        le=1,
        description="at most this fraction of the FAKE verdicts on validation is wrong, and of "
        "the REAL ones, were one more of them wrong; where more would be, there is no verdict",
    )
    min_groups: int = Field(
        6,
        ge=1,
        description="fewest source groups per class in validation; with fewer the model is unproven "
        "and judges nothing, and a verdict that rests on fewer groups is never given",
    )

    @property
    def least_clips(self) -> int:
        """Clips of a class in validation from which a verdict can be given, if all are judged
        rightly: with fewer, one more that is wrong would be too many."""
        return max(1, math.ceil(round(1 / self.band_error, 6)) - 2)
