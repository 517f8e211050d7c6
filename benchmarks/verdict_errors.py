"""How often verdicts on new clips are wrong where `calibrate.band_error` is 0.05, by how good the
detector is and how many clips validation has.

    python -m benchmarks.verdict_errors [--tries 40]

Simulated clips, each a group of its own, of two normal distributions. Printed is in how many of the
validations the detector gives verdicts, on how many new clips it then gives one, and how many of
these are wrong; reals and fakes count the same.
"""

import argparse
from dataclasses import dataclass

import numpy as np
from scipy.stats import norm

from deepfake_detector.scoring import calibration
from deepfake_detector.scoring.decision import Decision, is_fake, is_real
from deepfake_detector.scoring.scores import probability
from deepfake_detector.scoring.settings import Calibrate

AUCS = (0.65, 0.8, 0.9, 0.97)
CLIPS = (12, 25, 50, 100, 200, 500)  # of each class
NEW = norm.ppf((np.arange(20_000) + 0.5) / 20_000)


@dataclass(frozen=True)
class Rates:
    """Of new clips, the fraction that gets a verdict, and the fraction whose verdict is wrong."""

    given: float
    wrong: float


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "--tries", type=int, default=40, help="validations of each kind (default: %(default)s)"
    )
    tries = parser.parse_args().tries
    print("validations with verdicts; new clips with a verdict; of these wrong")
    print(f"{'clips a class':<14}" + "".join(f"{f'ROC-AUC {auc}':>22}" for auc in AUCS))
    for clips in CLIPS:
        cells = [_cell([_rates(clips, auc, seed) for seed in range(tries)]) for auc in AUCS]
        print(f"{clips:<14}" + "".join(f"{cell:>22}" for cell in cells), flush=True)


def _cell(validations: list[Rates]) -> str:
    with_verdicts = [rates for rates in validations if rates.given]
    if not with_verdicts:
        return "0%    –    –"
    given = sum(rates.given for rates in with_verdicts)
    wrong = sum(rates.wrong for rates in with_verdicts)
    share, clips = len(with_verdicts) / len(validations), given / len(with_verdicts)
    return f"{share:.0%} {clips:>5.0%} {wrong / given:>6.1%}"


def _rates(clips: int, auc: float, seed: int) -> Rates:
    """Of a detector with a ROC-AUC of `auc` that was calibrated on so many clips of each class."""
    apart = norm.ppf(auc) * np.sqrt(2)
    labels = np.repeat([0, 1], clips)
    logits = np.random.default_rng(seed).normal(apart * (labels - 0.5), 1) * apart
    one, groups = np.ones(len(labels), int), np.arange(len(labels))
    decision, _ = calibration.decision(labels, logits, groups, one, 1, Calibrate())
    if decision.unproven:
        return Rates(0.0, 0.0)
    reals, fakes = (_verdicts(decision, (NEW + side * apart / 2) * apart) for side in (-1, 1))
    return Rates((reals.sum() + fakes.sum()) / 2, (reals[1] + fakes[0]) / 2)


def _verdicts(decision: Decision, logits: np.ndarray) -> np.ndarray:
    """The fractions that are called REAL and FAKE."""
    scores = probability(logits, decision.temperature)
    return np.array(
        [is_real(scores, decision.band_low).mean(), is_fake(scores, decision.band_high).mean()]
    )


if __name__ == "__main__":
    main()
