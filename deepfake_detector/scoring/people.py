"""From which score on one of several people is called fake.

A clip's score is the highest of its people. The more real people a clip shows, the higher is the
highest of them by chance, and at the threshold for one person the clip is a false alarm more often.
"""

import math

import numpy as np

MOST = 8  # people; of more, the threshold is that of so many
TAIL = 0.2  # the fraction of real clips whose scores say how fast such scores become rare
LEAST = 1e-300  # a fraction that still has a logarithm


def fake_from(reals: np.ndarray, threshold: float) -> list[float]:
    """The logits from which the highest of 1, 2 .. MOST real people is as seldom called fake as a
    single one at `threshold`; never below it.

    Of k independent people none passes t with probability (1 - p(t))^k, where p is the fraction of
    single ones that do. So p(t_k) = 1 - (1 - p(threshold))^(1/k). `reals`: the logits of real
    clips, at least one. In their upper TAIL p falls exponentially with the mean excess (peaks over
    a threshold with shape 0: Pickands 1975; Coles, An Introduction to Statistical Modeling of
    Extreme Values, 2001, section 4.2), so that it goes on where no score was seen.
    """
    start = float(np.quantile(reals, 1 - TAIL))
    excess = float(np.mean(reals[reals >= start]) - start)
    single = (
        TAIL * np.exp(-(threshold - start) / excess)
        if threshold > start and excess > 0
        else np.mean(reals >= threshold)
    )
    nobody = math.log1p(-float(single)) if single < 1 else -math.inf  # 1 - 1e-16 is 1
    fractions = [-math.expm1(nobody / people) for people in range(1, MOST + 1)]
    passed = [_passed_by(fraction, reals, start, excess) for fraction in fractions]
    return [threshold + (logit - passed[0]) for logit in passed]


def _passed_by(fraction: float, reals: np.ndarray, start: float, excess: float) -> float:
    """The logit that this fraction of single real people passes."""
    if fraction >= TAIL:
        return float(np.quantile(reals, 1 - fraction))
    return start - excess * math.log(max(fraction, LEAST) / TAIL)
