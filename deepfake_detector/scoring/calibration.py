"""From validation's scores to what a score means: temperature, threshold and inconclusive band.

Pure functions. Labels: 0 real, 1 fake; probabilities are those of fake, 0..1.
"""

from collections.abc import Collection
from dataclasses import dataclass
from typing import get_args

import numpy as np
import pandas as pd

from deepfake_detector.common.verdicts import Decided
from deepfake_detector.scoring.decision import DIGITS, Decision, Validation, is_fake, is_real
from deepfake_detector.scoring.people import MOST, fake_from
from deepfake_detector.scoring.proof import why_unproven
from deepfake_detector.scoring.scores import logit, probability
from deepfake_detector.scoring.settings import Calibrate
from deepfake_detector.scoring.temperature import fit_temperature

SCORES_KEPT = 200
TOLERANCE = 1e-12  # of fractions of clips, for rounding
SURE = 1e-3  # nearer to 0 or 1 a threshold is not rounded
NO_VERDICT = "validation shows no score at which as few as {:.0%} of its verdicts are wrong"


@dataclass(frozen=True)
class Band:
    """Probabilities strictly between `low` and `high` are inconclusive. Where `low` is 0 nothing is
    REAL, where `high` is 1 nothing is FAKE."""

    low: float
    high: float

    @property
    def covers_all(self) -> bool:
        """Whether there is no verdict at any score."""
        return self.low == 0 and self.high == 1


def decision(
    labels: np.ndarray,
    logits: np.ndarray,
    groups: np.ndarray,
    people: np.ndarray,
    min_faces: int,
    aims: Calibrate,
    verdicts: Collection[Decided] = get_args(Decided),
) -> tuple[Decision, str]:
    """The decision that follows from the logits of validation's clips in their source groups, each
    the highest of so many `people`, and why the temperature was left at 1, where it was. Both
    classes must be there. Only these `verdicts` are given."""
    labels, logits, groups = np.asarray(labels), np.asarray(logits, float), np.asarray(groups)
    temperature = fit_temperature(labels, logits, groups)
    probabilities = probability(logits, temperature.value)
    threshold = (
        most_balanced(labels, probabilities)
        if aims.threshold == "balanced_accuracy"
        else fewest_false_alarms(labels, probabilities, aims.false_alarms)
    )
    band = inconclusive_band(
        labels, probabilities, groups, threshold, aims.band_error, aims.min_groups
    )
    band = Band(band.low if "REAL" in verdicts else 0.0, band.high if "FAKE" in verdicts else 1.0)
    of_several = several(logits[labels == 0], band.high, temperature.value)
    highs = np.array([band.high, *of_several])
    fake = is_fake(probabilities, highs[np.clip(people, 1, len(highs)) - 1])
    real = is_real(probabilities, band.low) & ~fake
    unproven = why_unproven(labels, probabilities, groups, aims.min_groups) or (
        NO_VERDICT.format(aims.band_error) if band.covers_all else ""
    )
    if unproven:
        fake = real = np.zeros_like(fake)
    fitted = Decision(
        min_faces=min_faces,
        temperature=round(temperature.value, 6),
        threshold=rounded(threshold),
        band_low=rounded(band.low),
        band_high=rounded(band.high),
        several=of_several,
        recalibrated="",
        unproven=unproven,
        validation=_validation(labels, probabilities, real, fake),
    )
    return fitted, temperature.reason


def _validation(
    labels: np.ndarray, probabilities: np.ndarray, real: np.ndarray, fake: np.ndarray
) -> Validation:
    """How clips scored that get the verdict REAL or FAKE where `real` or `fake` is true."""
    return Validation(
        real_clips=int((labels == 0).sum()),
        fake_clips=int((labels == 1).sum()),
        inconclusive=int((~fake & ~real).sum()),
        wrong_outside_band=int(((fake & (labels == 0)) | (real & (labels == 1))).sum()),
        real_scores=thinned(probabilities[labels == 0]),
        fake_scores=thinned(probabilities[labels == 1]),
    )


def several(reals: np.ndarray, band_high: float, temperature: float) -> tuple[float, ...]:
    """The probabilities from which the highest of 2, 3 … people is fake, from the logits of real
    clips; all 1 where a single person never is, at a `band_high` of 1."""
    if band_high >= 1:
        return (1.0,) * (MOST - 1)
    at = logit(band_high, temperature)
    return tuple(rounded(float(probability(cut, temperature))) for cut in fake_from(reals, at)[1:])


def rounded(threshold: float) -> float:
    """A threshold with six digits; near 0 and 1 with all of them, where the next of six is another
    verdict: it would be 0, and every clip FAKE."""
    return round(threshold, 6) if SURE < threshold < 1 - SURE else float(threshold)


def most_balanced(labels: np.ndarray, probabilities: np.ndarray) -> float:
    """The threshold with the highest balanced accuracy (fake: at or above it), half-way between two
    observed scores.

    Of several equally good ones the one nearest to 0.5.
    """
    labels, probabilities = np.asarray(labels), np.asarray(probabilities, float)
    candidates = _between(probabilities)
    fakes, reals = np.sort(probabilities[labels == 1]), np.sort(probabilities[labels == 0])
    hits = 1 - np.searchsorted(fakes, candidates) / len(fakes)
    rejections = np.searchsorted(reals, candidates) / len(reals)
    score = np.round(hits + rejections, 12)
    best = candidates[score == score.max()]
    return float(best[np.argmin(np.abs(best - 0.5))])


def fewest_false_alarms(labels: np.ndarray, probabilities: np.ndarray, share: float) -> float:
    """The lowest threshold that calls at most `share` of the reals fake, half-way between two
    observed scores; 1, which calls nobody fake, where more of them have a probability of 1."""
    labels, probabilities = np.asarray(labels), np.asarray(probabilities, float)
    candidates = _between(probabilities)
    reals = np.sort(probabilities[labels == 0])
    alarms = 1 - np.searchsorted(reals, candidates) / len(reals)
    return float(next(iter(candidates[alarms <= share + TOLERANCE]), 1.0))


def inconclusive_band(
    labels: np.ndarray,
    probabilities: np.ndarray,
    groups: np.ndarray,
    threshold: float,
    error: float,
    least: int,
) -> Band:
    """The smallest band round the threshold that leaves at most the fraction `error` of the clips
    above it real, and of those below it fake, each side with clips of at least so many groups.

    One clip more counts as wrong than was seen, since the next may be: the correction for few clips
    of conformal prediction (Vovk et al. 2005), for each class apart. Both classes count the
    same, however many clips they have, so that the mixture of validation does not show. Each end is
    the threshold or lies half-way between observed scores; it is 0 or 1 where its side cannot be
    had so.
    """
    labels, probabilities = np.asarray(labels), np.asarray(probabilities, float)
    low = _end(labels == 1, probabilities, groups, threshold, error, least)
    high = _end(labels == 0, -probabilities, groups, -threshold, error, least)
    return Band(0.0 if low is None else low, 1.0 if high is None else -high)


def thinned(probabilities: np.ndarray) -> tuple[float, ...]:
    """At most 200 of the probabilities, evenly over their ranks, ascending."""
    count = min(len(probabilities), SCORES_KEPT)
    places = ((np.arange(count) + 0.5) * len(probabilities) / max(count, 1)).astype(int)
    return tuple(round(float(value), DIGITS) for value in np.sort(probabilities)[places])


def _between(probabilities: np.ndarray) -> np.ndarray:
    """Thresholds that tell the observed scores apart in every way, ascending."""
    observed = np.unique(probabilities)
    return np.concatenate(
        [[observed[0] / 2], (observed[1:] + observed[:-1]) / 2, [(observed[-1] + 1) / 2]]
    )


def _end(
    wrong: np.ndarray,
    scores: np.ndarray,
    groups: np.ndarray,
    threshold: float,
    error: float,
    least: int,
) -> float | None:
    """The highest cut up to the threshold below which at most the fraction `error` is wrong, both
    classes counting the same, one clip more being wrong than was seen, and clips of `least` groups
    lie; None where there is none."""
    below = np.unique(scores[scores < threshold])
    cuts = np.append((below[:-1] + below[1:]) / 2, threshold)
    bad = (np.searchsorted(np.sort(scores[wrong]), cuts) + 1) / (wrong.sum() + 1)
    good = np.searchsorted(np.sort(scores[~wrong]), cuts) / (~wrong).sum()
    seen = np.searchsorted(np.sort(pd.Series(scores).groupby(groups).min()), cuts)
    fit = cuts[(bad <= error * (bad + good) + TOLERANCE) & (seen >= least)]
    return float(fit[-1]) if len(fit) else None
