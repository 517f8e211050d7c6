"""How often the 95 % intervals hold the truth, by groups and, to compare, with every frame taken
for a witness of its own.

    python -m benchmarks.interval_coverage [--tries 1000]

Simulated frames of real and fake groups, half of a score's variance its group's. Their logits are
calibrated, so the true log loss is known, and so is recall at a probability of 0.5. Also timed: all
headline figures of 20,000 frames.
"""

import argparse
import os
import time
from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from multiprocessing import get_context

import numpy as np
from scipy.stats import norm

from deepfake_detector.scoring.intervals import Scores, intervals
from deepfake_detector.scoring.scores import probability

AUCS = (0.85, 0.99)
GROUPS = (6, 8, 12, 20, 60)  # that hold a class
FIGURES = ("roc_auc", "log_loss", "recall")
FRAMES = 10  # of a group
QUANTILES = norm.ppf((np.arange(4000) + 0.5) / 4000)


@dataclass(frozen=True)
class Design:
    """Groups, each of both classes or of one; `witnesses`: each frame a group of its own; `large`:
    one more group of both, of as many frames as the others of a class together."""

    name: str
    groups: int  # that hold a class
    both: bool
    witnesses: bool = False
    large: bool = False


@dataclass(frozen=True)
class Held:
    """Of a figure's intervals: the fractions that hold the truth and lie above it, mean width."""

    truth: float
    above: float
    width: float

    def __str__(self) -> str:
        return f"{self.truth:.3f} ({self.above:.3f}) {self.width:.3f}"


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "--tries", type=int, default=1000, help="simulations of each kind (default: %(default)s)"
    )
    tries = parser.parse_args().tries
    print(
        f"of {tries} simulations: intervals that hold the truth (that lie above it), mean width\n"
        f"{'groups of a class':<34}" + "".join(f"{name:<22}" for name in FIGURES)
    )
    designs = [
        Design(f"{own}, each of {'both' if both else 'one'}", own, both)
        for own in GROUPS
        for both in (True, False)
    ]
    designs += [
        Design("60, every frame a witness", 60, both=True, witnesses=True),
        Design("20, of one, and a large one", 20, both=False, large=True),
    ]
    with get_context("spawn").Pool(len(os.sched_getaffinity(0))) as pool:
        for design in designs:
            for auc in AUCS:
                ends = np.array(pool.map(partial(_ends, design, auc), range(tries), 20))
                cells = [f"{held!s:<22}" for held in _held(ends, auc)]
                print(f"AUC {auc}, {design.name:<24} {''.join(cells)}".rstrip(), flush=True)
    _timed()


def _held(ends: np.ndarray, auc: float) -> Iterator[Held]:
    """Of each figure, from its (tries, figures, 2) ends."""
    for (low, high), truth in zip(ends.transpose(1, 2, 0), _truths(auc), strict=True):
        yield Held(
            ((low <= truth) & (truth <= high)).mean(), (low > truth).mean(), (high - low).mean()
        )


def _apart(auc: float) -> float:
    """The distance of the classes' means, in standard deviations of a score."""
    return float(norm.ppf(auc) * np.sqrt(2))


def _truths(auc: float) -> tuple[float, float, float]:
    apart = _apart(auc)
    log_loss = np.logaddexp(0, -(apart**2 / 2 + apart * QUANTILES)).mean()
    return auc, float(log_loss), float(norm.cdf(apart / 2))


def _ends(design: Design, auc: float, seed: int) -> list[tuple[float, float]]:
    """The ends of each figure in one simulation."""
    rng, apart = np.random.default_rng(seed), _apart(auc)
    groups = design.groups if design.both else 2 * design.groups
    group = np.repeat(np.arange(groups), FRAMES)
    labels = np.arange(len(group)) % 2 if design.both else group % 2
    if design.large:
        more = design.groups * FRAMES
        group, labels = np.r_[group, np.full(more, groups)], np.r_[labels, np.arange(more) % 2]
    own = rng.standard_normal(groups + design.large)[group] + rng.standard_normal(len(group))
    logits = apart * (own / np.sqrt(2) + (labels - 0.5) * apart)
    names = np.arange(len(group)) if design.witnesses else group
    found = intervals(labels, Scores(probability(logits, 1.0)), names, FIGURES, seed=seed)
    return [found.ends[name] for name in FIGURES]


def _timed() -> None:
    rng = np.random.default_rng(0)
    labels, groups = rng.integers(0, 2, 20_000), rng.integers(0, 625, 20_000)
    scores = probability(rng.normal(0, 2, 20_000) + labels, 1.0)
    started = time.perf_counter()
    found = intervals(labels, Scores(scores), groups)
    print(
        f"{len(found.ends)} figures of 20,000 frames in 625 groups: "
        f"{time.perf_counter() - started:.1f} s"
    )


if __name__ == "__main__":
    main()
