"""How sure a figure is: bootstrap intervals over source groups, as the items of one group are no
independent witnesses.

Groups are drawn with replacement, those of reals alone, of fakes alone and of both apart, so that
every draw has as many of each (Davison and Hinkley 1997, section 3.2); all together where a kind
has one group, which would be in every draw and never vary. The ends are bias-corrected
and accelerated percentiles (BCa, Efron 1987), further out where groups are few (Hesterberg 2015,
expanded percentile interval). Groups that were not met cannot be drawn, so a bootstrap of few is
too sure of a figure near its best. An end never lies further in than that of an exact method with
as many cases as the draws' variance is worth: Clopper and Pearson's for a figure of 0 to 1 (Korn
and Graubard 1998), the gamma interval for log loss (Fay and Feuer 1997). How often they hold the
truth: `python -m benchmarks.interval_coverage`. All draws of a figure are computed at once: a
metric of `scoring.metrics` has an interval where OF_CURVES or OF_TOTALS has its form under weights,
by the same name.
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from scipy.stats import beta, chi2, norm, t

FEWEST_GROUPS = 6  # that hold a class; with fewer an interval would be a guess
TOO_FEW = "too few groups"
LEVEL = 0.95
DRAWS, DRAWS_OF_FEW = 2000, 10_000
MANY_GROUPS = 20  # that hold a class; fewer are drawn more often, as their ends lie further out
CHUNK = 500_000  # things drawn at a time
MOST_LEFT_OUT = 500  # times that something of a stratum is left out, else several groups at a time
MOST_REDRAWN = 10  # times as many draws as wanted are tried, where some are undefined
# of a draw's figure, and of two draws' difference; those beyond are rounding errors, by which
# equal draws would differ
DECIMALS = 12
ROUNDING = 1e-9  # draws that differ by less are equal
LEAST_PROBABILITY = np.finfo(float).eps  # as scikit-learn clips in log loss


class Curves(NamedTuple):
    """Points of the curves at each distinct score, from the highest, after a 0: fractions of what
    lies at or above it, a row per draw."""

    recall: np.ndarray
    false_alarms: np.ndarray  # as a fraction of the reals
    precision: np.ndarray


class Totals(NamedTuple):
    """Sums over things, one per draw."""

    reals: np.ndarray
    fakes: np.ndarray
    alarms: np.ndarray  # reals called fake
    hits: np.ndarray  # fakes called fake
    loss: np.ndarray  # negative logarithms of the true class's probability
    squares: np.ndarray  # squared errors of the probability


def _roc_auc(of: Curves) -> np.ndarray:
    steps = np.diff(of.false_alarms, axis=1)
    return (steps * (of.recall[:, 1:] - np.diff(of.recall, axis=1) / 2)).sum(axis=1)


def _average_precision(of: Curves) -> np.ndarray:
    return (np.diff(of.recall, axis=1) * of.precision[:, 1:]).sum(axis=1)


def _equal_error_rate(of: Curves) -> np.ndarray:
    gap = of.false_alarms + of.recall - 1  # from -1 up to 1
    after = (gap < 0).sum(axis=1)
    rows = np.arange(len(gap))
    share = -gap[rows, after - 1] / (gap[rows, after] - gap[rows, after - 1])
    return of.false_alarms[rows, after - 1] + share * (
        of.false_alarms[rows, after] - of.false_alarms[rows, after - 1]
    )


def _recall_at(of: Curves, most: float) -> np.ndarray:
    place = (of.false_alarms <= most + 1e-12).sum(axis=1) - 1
    return of.recall[np.arange(len(of.recall)), place]


def _balanced_accuracy(of: Totals) -> np.ndarray:
    return ((of.reals - of.alarms) / of.reals + of.hits / of.fakes) / 2


def _precision(of: Totals) -> np.ndarray:
    """NaN in a draw where nothing is called fake."""
    flagged = of.hits + of.alarms
    return np.divide(of.hits, flagged, out=np.full_like(flagged, np.nan), where=flagged > 0)


OF_CURVES: dict[str, Callable[[Curves], np.ndarray]] = {
    "roc_auc": _roc_auc,
    "pr_auc": _average_precision,
    "eer": _equal_error_rate,
    "tpr_at_fpr_1": lambda of: _recall_at(of, 0.01),
    "tpr_at_fpr_5": lambda of: _recall_at(of, 0.05),
}
OF_TOTALS: dict[str, Callable[[Totals], np.ndarray]] = {
    "accuracy": lambda of: (of.reals - of.alarms + of.hits) / (of.reals + of.fakes),
    "balanced_accuracy": _balanced_accuracy,
    "precision": _precision,
    "recall": lambda of: of.hits / of.fakes,
    "f1": lambda of: 2 * of.hits / (of.fakes + of.hits + of.alarms),
    "log_loss": lambda of: of.loss / (of.reals + of.fakes),
    "brier": lambda of: of.squares / (of.reals + of.fakes),
}
WITH_INTERVAL = (*OF_CURVES, *OF_TOTALS)
UNBOUNDED = ("log_loss",)  # all others lie between 0 and 1


@dataclass(frozen=True)
class Intervals:
    """95 % intervals by figure; those in `exact` are by Clopper and Pearson alone, as every draw
    came to the same value.

    `ends` is empty, with the `reason`, where there are none. `undefined` draws had no value of some
    figure (a precision where nothing was flagged) and were made again.
    """

    ends: dict[str, tuple[float, float]]
    exact: tuple[str, ...] = ()
    undefined: int = 0
    reason: str = ""


@dataclass(frozen=True)
class Scores:
    """One detector's scores of some things, higher for fakes, and the `threshold` at or above which
    they are called fake.

    Log loss and Brier score take the scores for probabilities; the ranks alone do not.
    """

    scores: np.ndarray
    threshold: float = 0.5


def intervals(
    labels: np.ndarray,
    scored: Scores,
    groups: np.ndarray,
    names: Sequence[str] = WITH_INTERVAL,
    draws: int | None = None,
    seed: int = 0,
) -> Intervals:
    """The intervals of the figures `names` of things with `labels` 0 or 1 in `groups` (any names).

    There are none where fewer than 6 groups hold a class. `draws` is by default 2,000, or 10,000
    where fewer than 20 groups hold a class. Where a figure from 0 to 1 is the same in all draws,
    which says little of how sure it is (1 in a row of successes, or .8 where everything is called
    fake and every group has four fakes of five), its ends are those of Clopper and Pearson (1934)
    for as many cases as there are groups of the scarcer class: so many pairs of a real and a fake
    one can be formed that have nothing to do with each other.
    """
    drawn = _draw(labels, [scored], groups, names, draws, seed)
    if not drawn:
        return Intervals({}, reason=TOO_FEW)
    ends, exact = {}, []
    for name, values, point, without in zip(
        names, drawn.values[0], drawn.points[0], drawn.without[0], strict=True
    ):
        if name in UNBOUNDED or np.ptp(values) > ROUNDING:
            ends[name] = _ends_of(name, values, point, without, drawn)
        else:
            ends[name] = clopper_pearson(point, drawn.fewest)
            exact.append(name)
    return Intervals(ends, tuple(exact), drawn.undefined)


def mean_difference_intervals(
    labels: np.ndarray,
    ours: Sequence[Scores],
    theirs: Sequence[Scores],
    groups: np.ndarray,
    names: Sequence[str] = WITH_INTERVAL,
    draws: int | None = None,
    seed: int = 0,
) -> Intervals:
    """The intervals of the mean figures of the detectors `ours` less those of `theirs`.

    Every draw has the same groups for all detectors, and of each side as many detectors as it has,
    with replacement. Detectors that were not trained cannot be drawn, so a side's draws are spread
    by sqrt(n / (n - 1)) about their mean, and Student's quantile is that of the degrees of freedom
    that groups and detectors leave together (Welch 1947). No end lies further in than by this
    quantile and the spreads alone. A side of one detector has no spread.
    """
    drawn = _draw(labels, [*ours, *theirs], groups, names, draws, seed)
    if not drawn:
        return Intervals({}, reason=TOO_FEW)
    rng = np.random.default_rng([seed, len(ours), len(theirs)])
    sides = slice(None, len(ours)), slice(len(ours), None)
    points, without = (
        (figures[sides[0]].mean(axis=0) - figures[sides[1]].mean(axis=0)).round(DECIMALS)
        for figures in (drawn.points, drawn.without)
    )
    first, second = (_of_drawn_detectors(drawn.values[side], rng) for side in sides)
    values = (first - second).round(DECIMALS)
    fixed = drawn.values[sides[0]].mean(axis=0) - drawn.values[sides[1]].mean(axis=0)
    ends = {}
    for number, name in enumerate(names):
        spreads = [(fixed[number].var(), _freedom(without[number], drawn)[0])]
        for figures in (drawn.points[side][:, number] for side in sides):
            if len(figures) > 1:
                spreads.append((figures.var(ddof=1) / len(figures), len(figures) - 1.0))
        freedom = _joint_freedom(spreads)
        low, high = _ends(values[number], points[number], without[number], drawn, freedom)
        spread = sum(variance for variance, _ in spreads)
        if spread > spreads[0][0]:  # of few detectors no draw lies as far out as that quantile
            half = abs(t.ppf((1 - LEVEL) / 2, freedom)) * math.sqrt(spread)
            low, high = min(low, points[number] - half), max(high, points[number] + half)
        ends[name] = float(low), float(high)
    return Intervals(ends, undefined=drawn.undefined)


@dataclass(frozen=True)
class _Drawn:
    """Figures by detector and name: of all draws (`values`), of everything, and `without` one block
    of groups after the other."""

    values: np.ndarray
    points: np.ndarray
    without: np.ndarray
    strata: np.ndarray  # of each group, by the classes it holds
    block_strata: np.ndarray
    fewest: int  # groups of the scarcer class
    things: int  # of the scarcer class
    undefined: int


def _draw(
    labels: np.ndarray,
    scored: list[Scores],
    groups: np.ndarray,
    names: Sequence[str],
    draws: int | None,
    seed: int,
) -> _Drawn | None:
    """None where fewer than 6 groups hold a class."""
    labels = np.asarray(labels, int)
    _, group = np.unique(np.asarray(groups, str), return_inverse=True)
    count = int(group.max(initial=-1)) + 1
    holds = [np.bincount(group[labels == label], minlength=count) > 0 for label in (0, 1)]
    fewest = min(int(holders.sum()) for holders in holds)
    if fewest < FEWEST_GROUPS:
        return None
    draws = draws or (DRAWS if fewest >= MANY_GROUPS else DRAWS_OF_FEW)
    chunk = max(1, CHUNK // len(labels))
    strata = _strata(*holds)
    figures = [_Figures(labels, scores, group, count, names) for scores in scored]
    values, undefined = _values_of_draws(figures, strata, draws, chunk, seed)
    points = np.stack([of_detector(np.ones((1, count)))[:, 0] for of_detector in figures])
    block, block_strata = _blocks(strata)
    kept_groups = (
        block != np.arange(place, min(place + chunk, len(block_strata)))[:, None]
        for place in range(0, len(block_strata), chunk)
    )
    without = np.concatenate(
        [
            np.stack([of_detector(kept.astype(float)) for of_detector in figures])
            for kept in kept_groups
        ],
        axis=2,
    )
    return _Drawn(
        values=values,
        points=points,
        without=without,
        strata=strata,
        block_strata=block_strata,
        fewest=fewest,
        things=int(np.bincount(labels, minlength=2).min()),
        undefined=undefined,
    )


class _Figures:
    """The figures `names` of one detector under weights of the groups, (draws, groups): an array of
    (names, draws)."""

    def __init__(
        self,
        labels: np.ndarray,
        scored: Scores,
        group: np.ndarray,
        count: int,
        names: Sequence[str],
    ) -> None:
        self.names = names
        self.ranks = _Ranks(labels, scored, group) if set(names) & set(OF_CURVES) else None
        self.counts = _Counts(labels, scored, group, count) if set(names) & set(OF_TOTALS) else None

    def __call__(self, times: np.ndarray) -> np.ndarray:
        values: dict[str, np.ndarray] = {}
        if self.ranks:
            curves = self.ranks.curves(times)
            values |= {name: OF_CURVES[name](curves) for name in self.names if name in OF_CURVES}
        if self.counts:
            totals = self.counts.totals(times)
            values |= {name: OF_TOTALS[name](totals) for name in self.names if name in OF_TOTALS}
        return np.stack([values[name] for name in self.names]).round(DECIMALS)


class _Ranks:
    """Scores in order, to be weighted by group."""

    def __init__(self, labels: np.ndarray, scored: Scores, group: np.ndarray) -> None:
        scores = np.asarray(scored.scores, float)
        order = np.argsort(-scores, kind="stable")
        # last of each run of equal scores
        self.ends = np.append(np.flatnonzero(np.diff(scores[order])), len(scores) - 1)
        self.group, self.fake = group[order], labels[order] == 1

    def curves(self, times: np.ndarray) -> Curves:
        weights = times[:, self.group]
        hits, alarms = (self._sums(weights * of_class) for of_class in (self.fake, ~self.fake))
        flagged = hits + alarms
        precision = np.divide(hits, flagged, out=np.zeros_like(hits), where=flagged > 0)
        with np.errstate(invalid="ignore"):  # a draw that lacks a class is drawn again
            return Curves(hits / hits[:, -1:], alarms / alarms[:, -1:], precision)

    def _sums(self, weights: np.ndarray) -> np.ndarray:
        return np.pad(np.cumsum(weights, axis=1)[:, self.ends], ((0, 0), (1, 0)))


class _Counts:
    """Sums by group, to be weighted."""

    def __init__(self, labels: np.ndarray, scored: Scores, group: np.ndarray, count: int) -> None:
        scores = np.asarray(scored.scores, float)
        flagged = scores >= scored.threshold
        # probability of the true class
        likelihood = np.clip(np.where(labels == 1, scores, 1 - scores), LEAST_PROBABILITY, 1)
        columns = Totals(
            reals=labels == 0,
            fakes=labels == 1,
            alarms=(labels == 0) & flagged,
            hits=(labels == 1) & flagged,
            loss=-np.log(likelihood),
            squares=(1 - likelihood) ** 2,
        )
        self.sums = np.stack([np.bincount(group, column, count) for column in columns], axis=1)

    def totals(self, times: np.ndarray) -> Totals:
        return Totals(*(times @ self.sums).T)


def _values_of_draws(
    figures: Sequence[_Figures], strata: np.ndarray, draws: int, chunk: int, seed: int
) -> tuple[np.ndarray, int]:
    """The figures of so many draws, (detectors, names, draws), `chunk` drawn at a time, and how
    many more had no value and were made again."""
    rng = np.random.default_rng(seed)
    parts: list[np.ndarray] = []
    undefined = defined_draws = 0
    while defined_draws < draws:
        if undefined > MOST_REDRAWN * draws:
            names = ", ".join(figures[0].names)
            raise ValueError(f"no draw of groups has a value of all of {names}")
        times = _times_drawn(strata, min(chunk, draws), rng)
        values = np.stack([of_detector(times) for of_detector in figures])
        defined = np.isfinite(values).all(axis=(0, 1))
        parts.append(values[:, :, defined])
        undefined += int((~defined).sum())
        defined_draws += int(defined.sum())
    return np.concatenate(parts, axis=2)[:, :, :draws], undefined


def _strata(holds_reals: np.ndarray, holds_fakes: np.ndarray) -> np.ndarray:
    """The stratum of each group: by the classes it holds, or one for all where a group would be
    alone in its own."""
    kinds = holds_reals + 2 * holds_fakes
    _, members = np.unique(kinds, return_counts=True)
    return np.zeros_like(kinds) if members.min() == 1 else kinds


def _times_drawn(strata: np.ndarray, draws: int, rng: np.random.Generator) -> np.ndarray:
    """(draws, groups): how often each group is drawn, those of a stratum among themselves."""
    times = np.zeros((draws, len(strata)))
    for stratum in np.unique(strata):
        members = np.flatnonzero(strata == stratum)
        times[:, members] = rng.multinomial(
            len(members), np.full(len(members), 1 / len(members)), draws
        )
    return times


def _blocks(strata: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The block that each group is left out with, and the stratum of each block.

    A group alone, or where a stratum has too many, several of it: their influences add up, and
    so do the second and third moments that the acceleration is made of.
    """
    block = np.zeros(len(strata), int)
    block_strata: list[int] = []
    for stratum in np.unique(strata):
        members = np.flatnonzero(strata == stratum)
        blocks = min(len(members), MOST_LEFT_OUT)
        block[members] = len(block_strata) + np.arange(len(members)) % blocks
        block_strata += [int(stratum)] * blocks
    return block, np.array(block_strata)


def _ends_of(
    name: str, values: np.ndarray, point: float, without: np.ndarray, drawn: _Drawn
) -> tuple[float, float]:
    """The BCa ends, or those of the exact method where these lie further out.

    Of few groups the worst is likely not among them: then no more cases are counted than there are
    things, and the heaviest group is taken for half of what one may add.
    """
    freedom, shrunk = _freedom(without, drawn)
    low, high = _ends(values, point, without, drawn, freedom)
    blocks, few = len(drawn.block_strata), drawn.fewest < MANY_GROUPS
    variance = values.var() / shrunk
    if variance <= ROUNDING**2:
        return low, high
    if name in UNBOUNDED:
        heaviest = point - (blocks - 1) / blocks * without[np.isfinite(without)].min()
        exact = _gamma_ends(point, variance, heaviest * (2 if few else 1), freedom)
    else:
        exact = _binomial_ends(point, variance, drawn.things if few else math.inf, freedom)
    return min(low, exact[0]), max(high, exact[1])


def _binomial_ends(
    point: float, variance: float, most: float, freedom: float
) -> tuple[float, float]:
    """The ends of a figure from 0 to 1 by Clopper and Pearson for as many cases as would vary like
    it, at `most` so many (Korn and Graubard 1998)."""
    cases = min(point * (1 - point) / variance, most)
    if cases > 1:
        tail = (1 - LEVEL) / 2
        cases *= (t.ppf(tail, cases - 1) / t.ppf(tail, freedom)) ** 2
    return clopper_pearson(point, cases)


def clopper_pearson(point: float, cases: float) -> tuple[float, float]:
    """The exact 95 % interval of the fraction `point` of that many cases, each independent of the
    others (Clopper and Pearson 1934); `cases` need not be a whole number."""
    tail = (1 - LEVEL) / 2
    right, wrong = point * cases, (1 - point) * cases
    low = beta.ppf(tail, right, wrong + 1) if right > ROUNDING else 0.0
    high = beta.ppf(1 - tail, right + 1, wrong) if wrong > ROUNDING else 1.0
    return float(low), float(high)


def _gamma_ends(
    point: float, variance: float, heaviest: float, freedom: float
) -> tuple[float, float]:
    """The ends of a mean without an upper limit, by the gamma distribution with its variance;
    `heaviest` is the most that one group adds to it (Fay and Feuer 1997)."""
    tail = (1 - LEVEL) / 2
    variance *= (t.ppf(tail, freedom) / norm.ppf(tail)) ** 2
    above, spread = point + heaviest, variance + heaviest**2
    low = variance / (2 * point) * chi2.ppf(tail, 2 * point**2 / variance)
    high = spread / (2 * above) * chi2.ppf(1 - tail, 2 * above**2 / spread)
    return float(low), float(high)


def _freedom(without: np.ndarray, drawn: _Drawn) -> tuple[float, float]:
    """The degrees of freedom of a figure, and by what its bootstrap's variance is too small (a
    factor; Efron and Tibshirani 1993, section 5.2).

    Each stratum counts as far as the figure varies with it (Satterthwaite 1946): groups of reals
    alone say nothing of a recall.
    """
    groups = [int((drawn.strata == stratum).sum()) for stratum in np.unique(drawn.strata)]
    by_stratum = [without[drawn.block_strata == stratum] for stratum in np.unique(drawn.strata)]
    spreads = [len(part) * float(part.var(ddof=1)) if len(part) > 1 else 0.0 for part in by_stratum]
    total = sum(spreads)
    if not ROUNDING**2 < total < math.inf:  # nothing varies, or that is not known: all groups count
        free = sum(groups) - len(groups)
        return free, free / sum(groups)
    parts = [(spread, count) for spread, count in zip(spreads, groups, strict=True) if spread > 0]
    freedom = _joint_freedom([(spread, count - 1) for spread, count in parts])
    return freedom, sum(spread * (1 - 1 / count) for spread, count in parts) / total


def _of_drawn_detectors(values: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """The mean (names, draws) of as many detectors, resampled for each draw, as `values`
    (detectors, names, draws) has."""
    count = len(values)
    if count == 1:
        return values[0]
    share = rng.multinomial(count, np.full(count, 1 / count), values.shape[2]) / count
    mean = values.mean(axis=0)
    drawn = np.einsum("rnd,dr->nd", values, share)
    return mean + math.sqrt(count / (count - 1)) * (drawn - mean)


def _joint_freedom(spreads: Sequence[tuple[float, float]]) -> float:
    """Degrees of freedom of a sum whose parts have these variances and degrees of freedom (Welch
    1947); those of the first where nothing varies."""
    total = sum(variance for variance, _ in spreads)
    if total <= ROUNDING**2:
        return spreads[0][1]
    return total**2 / sum(variance**2 / freedom for variance, freedom in spreads)


def _ends(
    values: np.ndarray,
    point: float,
    without: np.ndarray,
    drawn: _Drawn,
    freedom: float,
) -> tuple[float, float]:
    """The BCa percentiles, with Student's quantile (`freedom` degrees) for the normal one."""
    tail = abs(t.ppf((1 - LEVEL) / 2, freedom))
    below = ((values < point).mean() + (values <= point).mean()) / 2
    shift = norm.ppf(np.clip(below, 1 / len(values), 1 - 1 / len(values)))
    moved = shift + np.array([-tail, tail])
    places = norm.cdf(shift + moved / (1 - _acceleration(without, drawn.block_strata) * moved))
    low, high = np.quantile(values, places)
    return float(low), float(high)


def _acceleration(without: np.ndarray, strata: np.ndarray) -> float:
    """How fast the standard error changes with the figure, by the figures without one block of
    groups each (Efron 1987, for strata)."""
    if not np.isfinite(without).all():
        return 0.0
    cubes = squares = 0.0
    for stratum in np.unique(strata):
        figures = without[strata == stratum]
        pull = (len(figures) - 1) / len(figures) * (figures.mean() - figures)
        cubes += (pull**3).sum()
        squares += (pull**2).sum()
    return float(cubes / (6 * squares**1.5)) if squares > 0 else 0.0
