"""How sure a figure is: bootstrap intervals over source groups, as the items of one group are no independent witnesses."""

import numpy as np

FEWEST_GROUPS = 6  # that hold a class; with fewer an interval would be a guess
LEVEL = 0.95
CHUNK = 100  # draws at a time


def auc_interval(
    labels: np.ndarray, scores: np.ndarray, groups: np.ndarray, draws: int = 2000, seed: int = 0
) -> tuple[float, float] | None:
    """The 95 % percentile interval of the ROC-AUC when whole groups are drawn with replacement.

    Arrays of one length: `labels` 0 or 1, `scores` higher for 1, `groups` any names. Groups of reals alone, of fakes alone
    and of both are drawn apart, so that every draw has as many of each. None where fewer than 6 groups hold a class.
    """
    drawn = _drawn_aucs(labels, [scores], groups, draws, seed)
    return None if drawn is None else _ends(drawn[0])


def auc_difference_interval(
    labels: np.ndarray, ours: np.ndarray, theirs: np.ndarray, groups: np.ndarray, draws: int = 2000, seed: int = 0
) -> tuple[float, float] | None:
    """The 95 % interval of the ROC-AUC of `ours` less that of `theirs`, both scores of the same things in each draw."""
    drawn = _drawn_aucs(labels, [ours, theirs], groups, draws, seed)
    return None if drawn is None else _ends(drawn[0] - drawn[1])


def _drawn_aucs(
    labels: np.ndarray, scores: list[np.ndarray], groups: np.ndarray, draws: int, seed: int
) -> list[np.ndarray] | None:
    """The ROC-AUC of each of `scores` in each draw of groups; None where fewer than 6 groups hold a class."""
    labels = np.asarray(labels)
    _, group = np.unique(np.asarray(groups, str), return_inverse=True)
    holds = np.stack([np.bincount(group[labels == label], minlength=group.max() + 1) > 0 for label in (0, 1)], axis=1)
    if holds.sum(axis=0).min() < FEWEST_GROUPS:
        return None
    rng = np.random.default_rng(seed)
    drawn: list[list[np.ndarray]] = [[] for _ in scores]
    for start in range(0, draws, CHUNK):
        times = _times_drawn(holds, min(CHUNK, draws - start), rng)[:, group]
        for found, own in zip(drawn, scores, strict=True):
            found.append(_weighted_auc(labels, np.asarray(own, float), times))
    return [np.concatenate(found) for found in drawn]


def _ends(drawn: np.ndarray) -> tuple[float, float]:
    low, high = np.quantile(drawn, [(1 - LEVEL) / 2, (1 + LEVEL) / 2])
    return float(low), float(high)


def _times_drawn(holds: np.ndarray, draws: int, rng: np.random.Generator) -> np.ndarray:
    """(draws, groups): how often each group is drawn, groups with the same classes among themselves."""
    times = np.zeros((draws, len(holds)))
    for kind in np.unique(holds, axis=0):
        members = np.flatnonzero((holds == kind).all(axis=1))
        times[:, members] = rng.multinomial(len(members), np.full(len(members), 1 / len(members)), draws)
    return times


def _weighted_auc(labels: np.ndarray, scores: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """The ROC-AUC under each row of `weights`: the share of real-fake pairs in the right order, ties half."""
    values, place = np.unique(scores, return_inverse=True)
    reals, fakes = (np.zeros((len(weights), len(values))) for _ in range(2))
    for sums, label in ((reals, 0), (fakes, 1)):
        own = labels == label
        np.add.at(sums.T, place[own], weights.T[own])
    below = np.cumsum(reals, axis=1) - reals / 2
    return (fakes * below).sum(axis=1) / (fakes.sum(axis=1) * reals.sum(axis=1))
