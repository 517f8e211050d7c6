"""Which fake face stands beside which real one: one of its own source group as often as that leaves
every face its weight."""

import numpy as np


class Pairing:
    """A maximal coupling of reals and fakes by source group.

    A group's pairs take what both its classes weigh, min(real, fake), times `pairs`; what is left
    of either class is drawn independently. So each class keeps its weights, and no other way to
    draw has more pairs (Thorisson, Coupling, Stationarity, and Regeneration, 2000, section 1.4).
    `weights`, `labels` (0 real, 1 fake, both there) and `groups` (integers from 0) describe rows.
    """

    def __init__(
        self, weights: np.ndarray, labels: np.ndarray, groups: np.ndarray, pairs: float
    ) -> None:
        real, fake = (np.where(labels == label, weights, 0) for label in (0, 1))
        of_real, of_fake = (
            np.bincount(groups, of_class / of_class.sum()) for of_class in (real, fake)
        )
        paired = pairs * np.minimum(of_real, of_fake)
        self.groups, self.fake_shares = groups, fake / fake.sum()
        self.stays = _ratio(paired, of_real)  # of each group: of its reals the fraction in pairs
        self.apart = fake * (1 - _ratio(paired, of_fake))[groups]  # weights outside pairs
        if not self.apart.any():
            self.apart = fake
        self.fakes = np.flatnonzero(fake)
        self.fakes = self.fakes[np.argsort(groups[self.fakes], kind="stable")]
        self.ends = np.cumsum(fake[self.fakes])  # of the fakes' weights, group after group
        last = np.searchsorted(groups[self.fakes], np.arange(len(of_real)), "right")
        self.bounds = np.concatenate([[0], np.concatenate([[0], self.ends])[last]])

    def partners(
        self, reals: np.ndarray, strangers: np.ndarray, rng: np.random.Generator
    ) -> np.ndarray:
        """The row of a fake for each of the rows `reals`: of its group, or that of `strangers`,
        which were drawn by the weights `apart`."""
        group = self.groups[reals]
        paired = rng.random(len(reals)) < self.stays[group]
        first, end = self.bounds[group], self.bounds[group + 1]
        place = np.searchsorted(self.ends, first + rng.random(len(reals)) * (end - first), "right")
        companions = self.fakes[np.minimum(place, len(self.fakes) - 1)]
        return np.where(paired, companions, strangers)


def _ratio(part: np.ndarray, whole: np.ndarray) -> np.ndarray:
    return np.divide(part, whole, out=np.zeros_like(whole), where=whole > 0)
