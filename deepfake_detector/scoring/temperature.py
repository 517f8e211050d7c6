"""Temperature scaling that costs nothing where there is nothing to scale, or too little to tell.

Guo et al., On Calibration of Modern Neural Networks (2017), with a prior. How often the ends hold,
by simulation: python -m benchmarks.calibration.
"""

import math
from dataclasses import dataclass

import numpy as np
from scipy.optimize import minimize_scalar

HIGHEST = 20.0  # and the lowest is 1 / HIGHEST
PRIOR = 0.35  # standard deviation of log T about 0: most networks lie within a factor of two of 1
PARTS = 30  # the groups are left out in at most so many parts
TOO_FEW = "too few groups to tell"
NO_GAIN = "scaling would raise the log loss of groups left out"


@dataclass(frozen=True)
class Temperature:
    """What logits are divided by; where it is 1 because scaling was refused, the `reason`."""

    value: float
    reason: str = ""


def fit_temperature(labels: np.ndarray, logits: np.ndarray, groups: np.ndarray) -> Temperature:
    """The temperature of logits (fake minus real) with `labels` 0 or 1 in `groups` (any names).

    It maximises the class-balanced likelihood times a normal prior on log T, within the square root
    of the number of groups. Where it raises the log loss of groups that it was not fitted on, or
    they lack a class whenever one is left out, it is 1.
    """
    labels, logits = np.asarray(labels), np.asarray(logits, float)
    _, group = np.unique(np.asarray(groups, str), return_inverse=True)
    part = group % PARTS
    count = int(group.max()) + 1
    gains = []
    for left_out in np.unique(part):
        others = part != left_out
        if len(set(labels[others])) == 2:
            fitted = _fitted(labels[others], logits[others], count)
            losses = (_losses(labels, logits / divisor)[~others].sum() for divisor in (1.0, fitted))
            gains.append(np.subtract(*losses))
    if not gains:
        return Temperature(1.0, TOO_FEW)
    if sum(gains) < 0:
        return Temperature(1.0, NO_GAIN)
    return Temperature(_fitted(labels, logits, count))


def _fitted(labels: np.ndarray, logits: np.ndarray, groups: int) -> float:
    """The most probable temperature, at most the square root of `groups` from 1."""
    fakes, reals = (labels == 1).sum(), (labels == 0).sum()
    worth = 4 * fakes * reals / (fakes + reals)  # as many clips, half of each class, say as much
    furthest = math.log(min(HIGHEST, math.sqrt(groups)))

    def improbable(log_temperature: float) -> float:
        loss = _losses(labels, logits / math.exp(log_temperature)).sum()
        return float(worth * loss + (log_temperature / PRIOR) ** 2 / 2)

    bounds = (-furthest, furthest)
    return math.exp(
        minimize_scalar(improbable, bounds=bounds, method="bounded", options={"xatol": 1e-6}).x
    )


def _losses(labels: np.ndarray, logits: np.ndarray) -> np.ndarray:
    """The share of each clip in the class-balanced log loss."""
    size = np.where(labels == 1, (labels == 1).sum(), (labels == 0).sum())
    return np.logaddexp(0, np.where(labels == 1, -logits, logits)) / (2 * size)
