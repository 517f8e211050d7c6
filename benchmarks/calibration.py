"""What temperature scaling costs logits that are calibrated, and what it mends of logits that are
three times too large.

    python -m benchmarks.calibration [--tries 200]

Simulated clips, each a group of its own, of two normal distributions whose logits are calibrated
for classes of equal size. Printed is how much higher the true log loss is than that of calibrated
logits: the mean, and the 95th percentile in brackets.
"""

import argparse
from collections.abc import Iterator

import numpy as np
from scipy.stats import norm

from deepfake_detector.scoring.temperature import fit_temperature

AUCS = (0.85, 0.95, 0.99, 0.999)
CLIPS = ((10, 10), (25, 25), (50, 50), (200, 200), (1000, 1000), (10, 100), (50, 500))
TRUTH = norm.ppf((np.arange(4000) + 0.5) / 4000)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "--tries", type=int, default=200, help="simulations of each kind (default: %(default)s)"
    )
    tries = parser.parse_args().tries
    for factor, heading in ((1, "calibrated logits"), (3, "logits three times too large")):
        print(f"{heading}; real and fake clips, and the ROC-AUC of the detector:")
        print(" " * 12 + "".join(f"{auc:>18}" for auc in AUCS))
        for reals, fakes in CLIPS:
            row = []
            for auc in AUCS:
                losses = np.fromiter(_losses(reals, fakes, auc, factor, tries), float)
                row.append(f"{losses.mean():+7.1%} ({np.quantile(losses, 0.95):+7.1%})")
            print(f"{reals:>5} {fakes:>5} " + "".join(f"{cell:>18}" for cell in row), flush=True)


def _losses(reals: int, fakes: int, auc: float, factor: float, tries: int) -> Iterator[float]:
    apart = norm.ppf(auc) * np.sqrt(2)
    labels = np.repeat([0, 1], [reals, fakes])
    best = _log_loss(apart, 1)
    for seed in range(tries):
        noise = np.random.default_rng(seed).normal(0, apart, len(labels))
        logits = factor * (noise + (labels - 0.5) * apart**2)
        temperature = fit_temperature(labels, logits, np.arange(len(labels)))
        yield _log_loss(apart, factor / temperature.value) / best - 1


def _log_loss(apart: float, scale: float) -> float:
    """The true log loss of calibrated logits times `scale`."""
    return float(np.logaddexp(0, -(apart**2 / 2 + apart * TRUTH) * scale).mean())


if __name__ == "__main__":
    main()
