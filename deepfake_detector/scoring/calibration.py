"""From validation's scores to what a score means: temperature, threshold and inconclusive band.

Pure functions. Labels: 0 real, 1 fake; probabilities are those of fake, 0..1.
"""

import math
from dataclasses import dataclass

import numpy as np

from deepfake_detector.scoring.decision import DIGITS
from deepfake_detector.scoring.people import fake_from
from deepfake_detector.scoring.proof import why_unproven
from deepfake_detector.scoring.scores import logit, probability
from deepfake_detector.scoring.settings import Calibrate
from deepfake_detector.scoring.temperature import fit_temperature

SCORES_KEPT = 200
SURE = 1e-3  # nearer to 0 or 1 a threshold is not rounded


@dataclass(frozen=True)
class Band:
    """Probabilities strictly between `low` and `high` are inconclusive; `reached` says whether the
    aim was met."""

    low: float
    high: float
    reached: bool


def decision(
    labels: np.ndarray,
    logits: np.ndarray,
    groups: np.ndarray,
    min_faces: int,
    aims: Calibrate,
) -> dict:
    """Everything that follows from the logits of validation's clips in their source groups, as
    models/decision.json holds it. Both classes must be there."""
    labels, logits = np.asarray(labels), np.asarray(logits, float)
    temperature = fit_temperature(labels, logits, groups)
    probabilities = probability(logits, temperature.value)
    threshold = (
        most_balanced(labels, probabilities)
        if aims.threshold == "balanced_accuracy"
        else fewest_false_alarms(labels, probabilities, aims.false_alarms)
    )
    band = inconclusive_band(labels, probabilities, threshold, aims.band_error, aims.band_share)
    inside = (probabilities > band.low) & (probabilities < band.high)
    wrong = (probabilities >= threshold) != (labels == 1)
    return {
        "temperature": round(temperature.value, 6),
        "temperature_reason": temperature.reason,
        "threshold": rounded(threshold),
        "band_low": rounded(band.low),
        "band_high": rounded(band.high),
        "several": several(logits[labels == 0], band.high, temperature.value),
        "band_reached": band.reached,
        "recalibrated": "",
        "unproven": why_unproven(labels, probabilities, groups, aims.min_groups),
        "min_faces": min_faces,
        "validation": {
            "real_clips": int((labels == 0).sum()),
            "fake_clips": int((labels == 1).sum()),
            "inconclusive": int(inside.sum()),
            "wrong_outside_band": int((wrong & ~inside).sum()),
            "real_scores": thinned(probabilities[labels == 0]),
            "fake_scores": thinned(probabilities[labels == 1]),
        },
    }


def several(reals: np.ndarray, band_high: float, temperature: float) -> list[float]:
    """The probabilities from which the highest of 2, 3 … people is fake."""
    at = logit(band_high, temperature)
    return [rounded(float(probability(one, temperature))) for one in fake_from(reals, at)[1:]]


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
    observed scores."""
    labels, probabilities = np.asarray(labels), np.asarray(probabilities, float)
    candidates = _between(probabilities)
    reals = np.sort(probabilities[labels == 0])
    alarms = 1 - np.searchsorted(reals, candidates) / len(reals)
    return float(candidates[np.argmax(alarms <= share + 1e-12)])


def inconclusive_band(
    labels: np.ndarray, probabilities: np.ndarray, threshold: float, error: float, share: float
) -> Band:
    """The band round the threshold that holds fewest clips while at most `error` of the clips
    outside are wrong.

    It never holds more than `share` of the clips; where that cannot be, the band within `share`
    with the smallest error outside is returned, not `reached`. Its ends lie half-way between
    observed scores.
    """
    labels, probabilities = np.asarray(labels), np.asarray(probabilities, float)
    order = np.argsort(probabilities, kind="stable")
    labels, probabilities = labels[order], probabilities[order]
    middle = int(np.searchsorted(probabilities, threshold))
    total, most = len(labels), math.floor(share * len(labels) + 1e-9)
    wrong_below = np.concatenate([[0], np.cumsum(labels[:middle] == 1)])[
        ::-1
    ]  # [k]: wrong when k below are taken in
    wrong_above = np.concatenate([[0], np.cumsum((labels[middle:] == 0)[::-1])])[::-1]
    below, above = np.meshgrid(
        np.arange(min(most, middle) + 1), np.arange(min(most, total - middle) + 1), indexing="ij"
    )
    outside = total - below - above
    wrong = wrong_below[below] + wrong_above[above]
    rate = np.where(outside > 0, wrong / np.maximum(outside, 1), 0.0)
    distinct = np.concatenate(
        [[True], probabilities[1:] > probabilities[:-1], [True]]
    )  # a cut may fall here
    allowed = (below + above <= most) & distinct[middle - below] & distinct[middle + above]
    good = allowed & (rate <= error)
    reached = bool(good.any())
    cost = np.where(good, below + above, np.inf) if reached else np.where(allowed, rate, np.inf)
    taken_below, taken_above = (
        int(axis[np.unravel_index(np.argmin(cost), cost.shape)]) for axis in (below, above)
    )
    return Band(
        low=_half_way(probabilities, middle - taken_below) if taken_below else threshold,
        high=_half_way(probabilities, middle + taken_above) if taken_above else threshold,
        reached=reached,
    )


def thinned(probabilities: np.ndarray) -> list[float]:
    """Ascending, at most 200 of them, evenly over their ranks."""
    count = min(len(probabilities), SCORES_KEPT)
    places = ((np.arange(count) + 0.5) * len(probabilities) / max(count, 1)).astype(int)
    return [round(float(value), DIGITS) for value in np.sort(probabilities)[places]]


def _between(probabilities: np.ndarray) -> np.ndarray:
    """Thresholds that tell the observed scores apart in every way, ascending."""
    observed = np.unique(probabilities)
    return np.concatenate(
        [[observed[0] / 2], (observed[1:] + observed[:-1]) / 2, [(observed[-1] + 1) / 2]]
    )


def _half_way(ordered: np.ndarray, position: int) -> float:
    """An end of the band: between the clips at `position - 1` and `position`."""
    before = ordered[position - 1] if position > 0 else 0.0
    after = ordered[position] if position < len(ordered) else 1.0
    return float((before + after) / 2)
