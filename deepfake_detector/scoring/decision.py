"""How a clip's logit becomes a verdict: temperature, threshold and band, and what they rest on."""

import bisect

from pydantic import Field

from deepfake_detector.common.settings import StrictModel


class Validation(StrictModel):
    """How validation's clips scored: ascending probabilities of fake of its real and its fake clips, thinned to 200 of each
    class, and how many clips there were."""

    real_clips: int = Field(ge=0)
    fake_clips: int = Field(ge=0)
    inconclusive: int = Field(ge=0)  # of them, within the band
    wrong_outside_band: int = Field(ge=0)
    real_scores: tuple[float, ...]
    fake_scores: tuple[float, ...]

    def reals_as_high(self, fake_probability: float) -> float | None:
        """The share of real clips that score so high or higher; None where there were none."""
        if not self.real_scores:
            return None
        return 1 - bisect.bisect_left(self.real_scores, fake_probability) / len(self.real_scores)

    def fakes_as_low(self, fake_probability: float) -> float | None:
        """The share of fake clips that score so low or lower; None where there were none."""
        if not self.fake_scores:
            return None
        return bisect.bisect_right(self.fake_scores, fake_probability) / len(self.fake_scores)


class Decision(StrictModel):
    """How frame logits become a verdict (scores.py); probabilities of fake."""

    min_faces: int = Field(gt=0)
    temperature: float = Field(gt=0)
    threshold: float = Field(ge=0, le=1)
    band_low: float = Field(ge=0, le=1)
    band_high: float = Field(ge=0, le=1)
    validation: Validation
