"""How often the 95 % intervals hold the truth, by groups and, to compare, with every frame taken for a witness of its own.

    python -m benchmarks.interval_coverage [--tries 1000]

Simulated frames of real and fake groups, half of a score's variance its group's, true ROC-AUC 0.85. Also timed: all headline
figures of 20,000 frames, 2,000 draws.
"""

import argparse
import time
from collections.abc import Iterator

import numpy as np
from scipy.stats import norm

from deepfake_detector.scoring.intervals import DRAWS, Scores, intervals
from deepfake_detector.scoring.scores import probability

AUC = 0.85
APART = norm.ppf(AUC) * np.sqrt(2)  # distance of the means, in standard deviations of a score
FRAMES = 10


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "--tries", type=int, default=1000, help="simulations of each kind (default: %(default)s)"
    )
    tries = parser.parse_args().tries
    print(
        f"true ROC-AUC {AUC} in its 95 % interval, of {tries} simulations with {DRAWS} draws each:"
    )
    for name, groups, mixed, apart in (
        ("60 groups, each of one class", 60, False, False),
        ("60 groups, each of both classes", 60, True, False),
        ("12 groups, six of each class", 12, False, False),
        ("60 groups, every frame a witness", 60, False, True),
    ):
        held, below, width = _tried(groups, mixed, apart, tries)
        print(
            f"  {name}: {held:.1%} (truth below the interval {below:.1%}); mean width {width:.3f}",
            flush=True,
        )
    _timed()


def _tried(groups: int, mixed: bool, apart: bool, tries: int) -> tuple[float, float, float]:
    """Share of intervals that hold the truth, share above it, and their mean width."""
    ends = np.array(list(_intervals(groups, mixed, apart, tries)))
    held = (ends[:, 0] <= AUC) & (ends[:, 1] >= AUC)
    return held.mean(), (ends[:, 0] > AUC).mean(), (ends[:, 1] - ends[:, 0]).mean()


def _intervals(groups: int, mixed: bool, apart: bool, tries: int) -> Iterator[tuple[float, float]]:
    group = np.repeat(np.arange(groups), FRAMES)
    labels = np.arange(groups * FRAMES) % 2 if mixed else group % 2
    for seed in range(tries):
        rng = np.random.default_rng(seed)
        own = np.repeat(rng.standard_normal(groups), FRAMES) + rng.standard_normal(len(group))
        scores = own / np.sqrt(2) + labels * APART
        names = np.arange(len(group)) if apart else group
        yield intervals(labels, Scores(scores), names, ["roc_auc"], seed=seed).ends["roc_auc"]


def _timed() -> None:
    rng = np.random.default_rng(0)
    labels, groups = rng.integers(0, 2, 20_000), rng.integers(0, 625, 20_000)
    scores = probability(rng.normal(0, 2, 20_000) + labels, 1.0)
    started = time.perf_counter()
    found = intervals(labels, Scores(scores), groups)
    print(
        f"{len(found.ends)} figures of 20,000 frames in 625 groups, {DRAWS} draws: "
        f"{time.perf_counter() - started:.1f} s"
    )


if __name__ == "__main__":
    main()
