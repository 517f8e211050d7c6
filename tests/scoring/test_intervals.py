"""Intervals: what they hold, how often they are right, and when there are none."""

from types import SimpleNamespace

import numpy as np
import pytest
import scipy.stats
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import binomtest, norm

from deepfake_detector.scoring import intervals as rooms
from deepfake_detector.scoring import metrics, scores
from deepfake_detector.scoring.intervals import (
    WITH_INTERVAL,
    Intervals,
    Scores,
    intervals,
    mean_difference_intervals,
)


def made(groups: int, per_group: int, shift: float, seed: int = 0):
    """Labels, probabilities (fakes' logits higher by `shift` standard deviations) and groups with
    both classes in each."""
    rng = np.random.default_rng(seed)
    labels = np.tile(np.arange(per_group) % 2, groups)
    logits = rng.standard_normal(groups * per_group) + shift * labels
    return (
        labels,
        scores.probability(logits, 1.0),
        np.repeat([f"g{number}" for number in range(groups)], per_group),
    )


def difference_intervals(labels, ours: Scores, theirs: Scores, *more, **options) -> Intervals:
    """Of one detector less another."""
    return mean_difference_intervals(labels, [ours], [theirs], *more, **options)


def test_they_hold_the_figures_and_come_back():
    labels, probabilities, groups = made(30, 10, 1.0)
    found = intervals(labels, Scores(probabilities), groups)
    figures = metrics.figures(labels, probabilities, 0.5)
    assert set(found.ends) == set(WITH_INTERVAL) <= set(figures)
    assert all(low < figures[name] < high for name, (low, high) in found.ends.items())
    assert (found.exact, found.undefined, found.reason) == ((), 0, "")
    assert found == intervals(labels, Scores(probabilities), groups)
    assert found != intervals(labels, Scores(probabilities), groups, seed=1)


@pytest.mark.slow
@settings(max_examples=40, deadline=None)
@given(
    st.lists(
        st.tuples(st.integers(0, 1), st.integers(1, 9), st.integers(0, 3)), min_size=2, max_size=14
    ),
    st.sampled_from([0.25, 0.5, 0.75]),
)
def test_figures_under_weights_are_those_of_the_things_repeated(rows, threshold):
    labels, tenths, times = (np.array(column) for column in zip(*rows, strict=True))
    repeated = np.repeat(np.arange(len(rows)), times)
    if len(set(labels[repeated])) < 2:
        return
    wanted = metrics.figures(labels[repeated], tenths[repeated] / 10, threshold)
    places = np.arange(len(rows))
    scored = Scores(tenths / 10, threshold)
    found = rooms._Figures(labels, scored, places, len(rows), WITH_INTERVAL)(
        times[None].astype(float)
    )[:, 0]
    for name, value in zip(WITH_INTERVAL, found, strict=True):
        assert (
            (value == pytest.approx(wanted[name])) if wanted[name] is not None else np.isnan(value)
        ), name


SIZES = (8, 9, 7)  # groups of two reals, of two fakes, and of one of each


def errors(power: int, seed: int) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Labels, groups, errors and probabilities of things in three kinds of groups: a few are far
    off, so that a figure's draws are skewed."""
    labels = np.repeat([[0, 0], [1, 1], [0, 1]], SIZES, axis=0).ravel()
    own = 0.95 * np.random.default_rng(seed).random(len(labels)) ** power
    return labels, np.arange(len(labels)) // 2, own, np.where(labels == 1, 1 - own, own)


def bca_of_scipy(per_thing: np.ndarray, draws: np.ndarray) -> tuple[float, float]:
    """The ends for a mean over things by these draws, at the level at which the normal quantile is
    what Student's is at 95 %, with Satterthwaite's degrees of freedom."""
    per_group = np.split(per_thing.reshape(-1, 2).mean(axis=1), np.cumsum(SIZES)[:-1])
    spreads = np.array([len(kind) * kind.var(ddof=1) for kind in per_group])
    freedom = spreads.sum() ** 2 / (spreads**2 / (np.array(SIZES) - 1)).sum()
    tail = scipy.stats.t.ppf(0.975, freedom)
    ends = scipy.stats.bootstrap(
        per_group,
        lambda *parts, axis: np.concatenate(parts, axis=axis).mean(axis=axis).round(12),
        n_resamples=0,
        method="BCa",
        confidence_level=2 * norm.cdf(tail) - 1,
        bootstrap_result=SimpleNamespace(bootstrap_distribution=draws),
    ).confidence_interval
    return ends.low, ends.high


OF_ERRORS = {
    "log_loss": lambda own: -np.log(1 - own),
    "brier": np.square,
    "accuracy": lambda own: (own < 0.5).astype(float),  # equal in many draws
}


@pytest.mark.parametrize("name", OF_ERRORS)
def test_ends_are_those_of_scipy_with_students_quantile(name):
    labels, groups, own, probabilities = errors(4, 0)
    drawn = rooms._draw(labels, [Scores(probabilities)], groups, [name], 2000, 0)
    values = drawn.values[0, 0]
    without = drawn.without[0, 0]
    freedom, _ = rooms._freedom(without, drawn)
    found = rooms._ends(values, drawn.points[0, 0], without, drawn, freedom)
    assert found == pytest.approx(bca_of_scipy(OF_ERRORS[name](own), values), rel=1e-6)


@pytest.mark.parametrize("name", OF_ERRORS)
def test_ends_of_a_difference_are_those_of_scipy_for_paired_draws(name):
    labels, groups, own, ours = errors(4, 0)
    *_, other, theirs = errors(2, 1)
    drawn = rooms._draw(labels, [Scores(ours), Scores(theirs)], groups, [name], 2000, 0).values
    both = Scores(ours), Scores(theirs)
    found = difference_intervals(labels, *both, groups, [name], draws=2000).ends[name]
    paired, draws = OF_ERRORS[name](own) - OF_ERRORS[name](other), drawn[0, 0] - drawn[1, 0]
    assert found == pytest.approx(bca_of_scipy(paired, draws.round(12)), rel=1e-6)


def test_equal_draws_of_a_difference_are_equal():
    """Two recalls of 25 fakes differ by twenty-fifths, and by rounding errors of their own."""
    labels, groups, _, ours = errors(4, 0)
    *_, theirs = errors(2, 15)
    both = Scores(ours), Scores(theirs)
    drawn = rooms._draw(labels, [*both], groups, ["recall"], 2000, 0)
    values, point = (
        np.rint(25 * (of[0, 0] - of[1, 0])) / 25 for of in (drawn.values, drawn.points)
    )
    without = drawn.without[0, 0] - drawn.without[1, 0]
    wanted = rooms._ends(values, point, without, drawn, rooms._freedom(without, drawn)[0])
    found = difference_intervals(labels, *both, groups, ["recall"], draws=2000).ends["recall"]
    assert found == pytest.approx(wanted, abs=1e-9)


def test_draws_spread_as_much_as_draws_within_each_kind_do():
    labels, groups, own, probabilities = errors(4, 0)
    drawn = rooms._draw(labels, [Scores(probabilities)], groups, ["brier"], 20_000, 0)
    kinds = np.split(np.square(own).reshape(-1, 2).mean(axis=1), np.cumsum(SIZES)[:-1])
    spread = np.sqrt(sum(len(kind) * kind.var() for kind in kinds)) / sum(SIZES)
    assert drawn.values.shape == (1, 1, 20_000)
    assert drawn.values.std() == pytest.approx(spread, rel=0.02)
    assert drawn.values.mean() == pytest.approx(drawn.points.item(), abs=0.03 * spread)
    assert len(np.unique(drawn.values)) > 19_900


def test_ends_do_not_fail_where_all_draws_lie_on_one_side():
    """Then as many as one draw counts as lying on the other."""
    strata, without = np.repeat([1, 2], 6), np.ones(12)
    tail = scipy.stats.t.ppf(0.975, 10)
    for point, share in ((-1.0, 0.1), (11.0, 0.9)):
        drawn = SimpleNamespace(strata=strata, block_strata=strata)
        places = norm.cdf(2 * norm.ppf(share) + np.array([-tail, tail]))
        found = rooms._ends(np.arange(10.0), point, without, drawn, 10)
        assert found == pytest.approx(np.quantile(np.arange(10.0), places))


@pytest.mark.parametrize("counts", [(2, 2, 2), (500, 7, 500), (501, 7, 1300)])
def test_of_a_stratum_with_many_groups_several_are_left_out_at_a_time(counts):
    strata = np.random.default_rng(1).permutation(np.repeat([1, 2, 3], counts))
    block, block_strata = rooms._blocks(strata)
    assert (block_strata[block] == strata).all()
    for stratum, count in zip((1, 2, 3), counts, strict=True):
        sizes = np.bincount(block[strata == stratum], minlength=len(block_strata))
        sizes = sizes[block_strata == stratum]
        assert len(sizes) == min(count, 500)
        assert sizes.max() - sizes.min() <= 1 and sizes.min() >= 1


def test_a_few_groups_of_a_class_leave_their_own_freedom_beside_very_many_of_the_other():
    labels = np.r_[np.zeros(3600), np.repeat(1, 70)].astype(int)
    groups = np.r_[np.arange(3600), 3600 + np.arange(70) // 10]
    rng = np.random.default_rng(2)
    scores = rng.normal(labels, 1) + np.r_[np.zeros(3600), np.repeat(rng.normal(0, 1, 7), 10)]
    drawn = rooms._draw(labels, [Scores(scores)], groups, ["roc_auc"], 50, 0)
    freedom, shrunk = rooms._freedom(drawn.without[0, 0], drawn)
    assert freedom == pytest.approx(6, abs=0.3)
    assert shrunk == pytest.approx(6 / 7, abs=0.01)


def test_a_group_that_is_alone_in_its_stratum_is_drawn_with_the_others():
    """Else it would be in every draw: here it is what makes the figure vary at all."""
    labels = np.r_[[0] * 20, [1] * 20, [0, 1] * 20]
    groups = np.r_[:40, [40] * 40]
    scores = np.r_[np.zeros(20), np.ones(20), 1 - labels[40:]].astype(float)
    low, high = intervals(labels, Scores(scores), groups, ["roc_auc"]).ends["roc_auc"]
    assert low < 0.3
    assert high > 0.9


def test_left_out_several_at_a_time_groups_move_the_ends_as_they_do_one_by_one(monkeypatch):
    labels, groups = np.tile([0, 1], 600), np.repeat(np.arange(600), 2)
    probabilities = 1 / (1 + np.exp(-np.random.default_rng(1).normal(2 * labels - 1, 2)))
    scored = Scores(probabilities)
    several = intervals(labels, scored, groups, ["roc_auc", "log_loss"], draws=2000).ends
    monkeypatch.setattr(rooms, "MOST_LEFT_OUT", 600)
    one_by_one = intervals(labels, scored, groups, ["roc_auc", "log_loss"], draws=2000).ends
    for name, (low, high) in one_by_one.items():
        assert several[name] == pytest.approx((low, high), abs=0.05 * (high - low))


def test_every_draw_has_as_many_groups_of_each_kind():
    """Right are all reals and, in groups of both, the fakes: a figure of the kinds' sizes alone."""
    labels = np.r_[[0] * 8, [1] * 9, [0, 1] * 7]
    groups = np.r_[:17, 17 + np.arange(14) // 2]
    probabilities = np.where((labels == 1) & (groups >= 17), 0.9, 0.1)
    drawn = rooms._draw(labels, [Scores(probabilities)], groups, ["accuracy"], None, 0)
    assert drawn.values == pytest.approx(22 / 31)


@pytest.mark.parametrize(("number", "draws"), [(20, 2000), (19, 10_000), (6, 10_000)])
def test_unless_told_otherwise_few_groups_are_drawn_more_often_and_the_seed_is_0(number, draws):
    labels, probabilities, groups = made(number, 4, 0.5)
    one = labels, Scores(probabilities), groups, ["log_loss"]
    both = labels, Scores(probabilities), Scores(1 - probabilities), groups, ["log_loss"]
    for made_of, these in ((intervals, one), (difference_intervals, both)):
        assert made_of(*these) == made_of(*these, draws=draws, seed=0)
    for changed in ({"draws": draws - 10}, {"seed": 1}):
        assert made_of(*these) != made_of(*these, **changed)  # of a difference, by the draws alone


def test_groups_may_have_any_names():
    """In which order they are drawn follows from their names as text."""
    labels, probabilities, _ = made(12, 4, 0.5)
    numbers = np.repeat(np.arange(12), 4)
    mixed = np.array([number if number % 2 else str(number) for number in numbers], object)
    wanted = intervals(labels, Scores(probabilities), numbers.astype(str), ["log_loss"])
    for names in (numbers, mixed):
        assert intervals(labels, Scores(probabilities), names, ["log_loss"]) == wanted


@pytest.mark.parametrize(
    ("reals", "fakes", "threshold"),
    [
        (np.linspace(0, 0.99, 100), [0.985, 0.995, 0.5], 0.5),  # one false alarm is 1 % of them
        (np.linspace(0, 0.95, 20), [0.92, 0.94, 0.96], 0.95),  # and 5 %
        ([0.0, 1.0, 0.3], [0.0, 1.0, 0.3], 0.3),  # sure, and wrong
    ],
    ids=["1 %", "5 %", "sure"],
)
def test_figures_of_everything_once_are_those_of_metrics(reals, fakes, threshold):
    labels, scores_of = np.repeat([0, 1], [len(reals), len(fakes)]), np.r_[reals, fakes]
    places = np.arange(len(labels))
    of = rooms._Figures(labels, Scores(scores_of, threshold), places, len(places), WITH_INTERVAL)
    wanted = metrics.figures(labels, scores_of, threshold)
    found = dict(zip(WITH_INTERVAL, of(np.ones((1, len(places))))[:, 0], strict=True))
    assert found == pytest.approx({name: wanted[name] for name in WITH_INTERVAL})


@pytest.mark.parametrize(("shift", "holds_chance"), [(0.0, True), (1.0, False)])
def test_they_tell_chance_from_something_learned(shift, holds_chance):
    labels, probabilities, groups = made(40, 10, shift)
    low, high = intervals(labels, Scores(probabilities), groups).ends["roc_auc"]
    assert (low <= 0.5 <= high) == holds_chance


AUC = 0.85


def simulated(seed: int, groups: int, frames: int, auc: float):
    """Frames of half real and half fake groups; half of the scores' variance is the group's."""
    rng = np.random.default_rng(seed)
    labels = np.repeat(np.arange(groups) % 2, frames)
    own = np.repeat(rng.standard_normal(groups), frames) + rng.standard_normal(groups * frames)
    return (
        labels,
        own / np.sqrt(2) + labels * norm.ppf(auc) * np.sqrt(2),
        np.repeat(np.arange(groups), frames),
    )


def share_right(groups: int, tries: int, frames_as_groups: bool = False, auc: float = AUC) -> int:
    """In how many tries the true ROC-AUC lies in its interval."""
    right = 0
    for seed in range(tries):
        labels, own, names = simulated(seed, groups, 8, auc)
        names = np.arange(len(labels)) if frames_as_groups else names
        low, high = intervals(labels, Scores(own), names, ["roc_auc"], draws=400).ends["roc_auc"]
        right += low <= auc <= high
    return right


@pytest.mark.slow
def test_they_are_right_about_as_often_as_they_say_and_frames_as_witnesses_are_not():
    """`python -m benchmarks.interval_coverage` tells it with more tries."""
    assert binomtest(share_right(60, 150), 150, 0.95).pvalue > 0.01
    assert share_right(60, 60, frames_as_groups=True) < 0.8 * 60


@pytest.mark.slow
def test_of_six_groups_of_a_class_they_are_right_as_often():
    """A bootstrap alone is too sure where the figure is near its best."""
    right = share_right(12, 150, auc=0.99)
    assert binomtest(right, 150, 0.93, alternative="less").pvalue > 0.05


@pytest.mark.parametrize("name", ["log_loss", "brier", "accuracy"])
@pytest.mark.parametrize(
    ("number", "heaviest", "most"), [(6, 2, 12), (24, 1, np.inf)], ids=["few groups", "more"]
)
def test_no_end_lies_further_in_than_the_bootstraps_or_the_exact_methods(
    name, number, heaviest, most
):
    labels, probabilities, groups = made(number, 4, 1.5)
    drawn = rooms._draw(labels, [Scores(probabilities)], groups, [name], None, 0)
    values, point, without = drawn.values[0, 0], drawn.points[0, 0], drawn.without[0, 0]
    low, high = intervals(labels, Scores(probabilities), groups, [name]).ends[name]
    freedom = number - 1
    ends = rooms._ends(values, point, without, drawn, freedom)
    variance = values.var() * number / freedom
    own = max(point - freedom / number * without)  # what the heaviest group adds
    exact = (
        rooms._gamma_ends(point, variance, heaviest * own, freedom)
        if name == "log_loss"
        else rooms._binomial_ends(point, variance, most, freedom)
    )
    assert (low, high) == pytest.approx((min(ends[0], exact[0]), max(ends[1], exact[1])))


@pytest.mark.parametrize(("right", "cases"), [(37, 40), (3, 40), (20, 40), (6, 7)])
def test_as_many_cases_as_the_variance_is_worth_have_the_ends_of_clopper_and_pearson(right, cases):
    point = right / cases
    variance = point * (1 - point) / cases
    found = rooms._binomial_ends(point, variance, np.inf, cases - 1)
    wanted = binomtest(right, cases).proportion_ci(0.95, "exact")
    assert found == pytest.approx((wanted.low, wanted.high))
    most = rooms._binomial_ends(point, variance / 2, cases, cases - 1)
    assert most == pytest.approx(found)
    wider = rooms._binomial_ends(point, variance, cases, 3)  # as few groups leave
    assert wider[0] < found[0] < point < found[1] < wider[1]
    fewer = cases * (scipy.stats.t.ppf(0.025, cases - 1) / scipy.stats.t.ppf(0.025, 3)) ** 2
    low = scipy.stats.beta.ppf(0.025, point * fewer, (1 - point) * fewer + 1)
    assert wider[0] == pytest.approx(low)


@pytest.mark.parametrize("point", [0.0, 1.0])
def test_a_figure_at_its_end_without_cases_to_go_by_may_be_anything(point):
    assert rooms._binomial_ends(point, 0.01, 12, 5) == (0.0, 1.0)


@pytest.mark.parametrize("count", [1, 4, 30])
def test_a_count_has_the_ends_of_the_gamma_distribution(count):
    """Garwood 1936: with equal weights the interval of Fay and Feuer is that of a Poisson count."""
    weight = 0.25
    found = rooms._gamma_ends(count * weight, count * weight**2, weight, 10**9)
    wanted = scipy.stats.chi2.ppf([0.025, 0.975], [2 * count, 2 * count + 2]) / 2 * weight
    assert found == pytest.approx(tuple(wanted), rel=1e-6)
    wider = (scipy.stats.t.ppf(0.025, 5) / norm.ppf(0.025)) ** 2  # as few groups leave
    few_groups = rooms._gamma_ends(count * weight, count * weight**2, weight, 5)
    wide = rooms._gamma_ends(count * weight, wider * count * weight**2, weight, 10**9)
    assert few_groups == pytest.approx(wide, rel=1e-6)


def test_frames_of_one_group_are_no_more_evidence_than_one():
    labels, probabilities, groups = made(20, 2, 0.5)
    once = intervals(labels, Scores(probabilities), groups).ends
    often = intervals(
        *(np.repeat(labels, 10), Scores(np.repeat(probabilities, 10)), np.repeat(groups, 10))
    ).ends
    for name, ends in once.items():
        assert often[name] == pytest.approx(ends, abs=1e-9), name


def test_a_paired_difference_is_surer_than_two_intervals():
    labels, probabilities, groups = made(40, 10, 0.8)
    better = np.clip(probabilities + 0.05 * labels, 0, 1)
    low, high = difference_intervals(labels, Scores(better), Scores(probabilities), groups).ends[
        "roc_auc"
    ]
    first, second = (
        intervals(labels, Scores(one), groups).ends["roc_auc"] for one in (probabilities, better)
    )
    gained = (
        metrics.figures(labels, better, 0.5)["roc_auc"]
        - metrics.figures(labels, probabilities, 0.5)["roc_auc"]
    )
    assert 0 < low < gained < high
    assert first[1] > second[0]  # apart, the two could not be told from each other


def test_nothing_differs_from_itself():
    labels, probabilities, groups = made(40, 10, 0.8)
    found = difference_intervals(labels, Scores(probabilities), Scores(probabilities), groups).ends
    assert set(found.values()) == {(0.0, 0.0)}


@pytest.mark.parametrize(("reals", "fakes"), [(5, 20), (20, 5), (0, 20), (5, 5), (0, 0)])
def test_too_few_groups_of_a_class_give_none_and_the_reason(reals, fakes):
    labels = np.repeat([0, 1], [reals, fakes])
    scored, groups = Scores(np.linspace(0.1, 0.9, len(labels))), np.arange(len(labels))
    none = Intervals({}, reason="too few groups")
    assert intervals(labels, scored, groups) == none
    assert difference_intervals(labels, scored, scored, groups) == none


def test_six_groups_of_a_class_are_enough():
    labels, probabilities, groups = made(6, 4, 0.5)
    assert set(intervals(labels, Scores(probabilities), groups).ends) == set(WITH_INTERVAL)


def test_a_bound_that_says_nothing_is_replaced_by_an_exact_one():
    labels = np.repeat([0, 1], [6, 60])
    found = intervals(labels, Scores(np.r_[np.full(6, 0.2), np.full(60, 0.9)]), np.arange(66))
    assert found.ends["roc_auc"] == pytest.approx(
        (binomtest(6, 6).proportion_ci(0.95, "exact").low, 1.0)
    )
    assert found.ends["eer"] == pytest.approx(
        (0.0, binomtest(0, 6).proportion_ci(0.95, "exact").high)
    )
    assert {"roc_auc", "eer", "recall", "tpr_at_fpr_1"} <= set(found.exact)
    assert "log_loss" not in found.exact


@pytest.mark.parametrize("count", [6, 30])
def test_a_figure_that_is_the_same_in_every_draw_is_not_told_as_certain(count):
    """Everything is called fake, and every group is made up alike."""
    labels, groups = np.tile([0, 1, 1, 1, 1], count), np.repeat(np.arange(count), 5)
    scores = Scores(np.random.default_rng(0).uniform(0.8, 0.99, 5 * count))
    found = intervals(labels, scores, groups)
    assert {"accuracy", "balanced_accuracy", "precision", "f1"} <= set(found.exact)
    assert found.ends["balanced_accuracy"] == pytest.approx(
        tuple(binomtest(count // 2, count).proportion_ci(0.95, "exact"))
    )
    for name, point in {"accuracy": 0.8, "precision": 0.8, "f1": 8 / 9}.items():
        low, high = found.ends[name]
        assert low < point < high


@pytest.mark.parametrize(("per_class", "in_a_group"), [(6, 1), (7, 1), (24, 2)])
def test_draws_that_differ_by_rounding_alone_are_equal(per_class, in_a_group):
    labels = np.repeat([0, 1], per_class)
    ordered = Scores(np.linspace(0.1, 0.9, 2 * per_class))
    groups = np.arange(2 * per_class) // in_a_group
    found = intervals(labels, ordered, groups, tuple(rooms.OF_CURVES), draws=200)
    far = (
        binomtest(per_class // in_a_group, per_class // in_a_group).proportion_ci(0.95, "exact").low
    )
    assert found.ends["roc_auc"] == found.ends["pr_auc"] == pytest.approx((far, 1.0))
    assert set(found.exact) == set(rooms.OF_CURVES)
    tied = Scores(np.where(labels, 0.9, 0.1))
    assert set(
        difference_intervals(
            labels, ordered, tied, groups, tuple(rooms.OF_CURVES), draws=200
        ).ends.values()
    ) == {(0.0, 0.0)}


@pytest.mark.filterwarnings("error")
def test_draws_without_a_figure_are_made_again_and_counted():
    labels = np.tile([0, 1], 8)
    probabilities = np.where(
        np.arange(16) == 1, 0.9, 0.1
    )  # one group is flagged: many draws do not hold it
    scored, groups = Scores(probabilities), np.arange(16) // 2
    found = intervals(labels, scored, groups, draws=500)
    assert 100 < found.undefined < 500
    assert found.ends["precision"][1] == 1.0
    difference = difference_intervals(labels, scored, scored, groups, draws=500)
    assert difference.undefined == found.undefined


def test_a_figure_that_no_draw_has_is_refused():
    labels, probabilities, groups = made(10, 4, 0.5)
    with pytest.raises(ValueError, match="no draw of groups has a value of all of precision"):
        intervals(labels, Scores(probabilities, threshold=2.0), groups, ["precision"], draws=100)


def _seeds(shifts: list[float]) -> tuple[np.ndarray, np.ndarray, list[Scores]]:
    """Labels, groups and one detector for each shift of what it says of fakes."""
    rng = np.random.default_rng(3)
    labels, groups = np.tile([0, 1], 60), np.repeat(np.arange(30), 4).astype(str)
    base = rng.normal(0, 1, 120)
    made = [Scores(1 / (1 + np.exp(-(base + shift * labels)))) for shift in shifts]
    return labels, groups, made


def test_a_side_of_one_detector_is_compared_as_two_runs_are():
    labels, groups, (one, other) = _seeds([0.5, 1.0])
    assert mean_difference_intervals(
        labels, [one], [other], groups, ["roc_auc"]
    ) == difference_intervals(labels, one, other, groups, ["roc_auc"])


def test_seeds_that_differ_make_the_interval_of_a_mean_wider():
    """Both sides have the same mean shift; the second comparison has detectors that agree."""
    labels, groups, made = _seeds([0.2, 1.0, 1.8, 1.0, 1.0, 1.0, 1.3])
    apart = mean_difference_intervals(labels, made[:3], made[3:6], groups, ["roc_auc"])
    alike = mean_difference_intervals(labels, [made[6]] * 3, made[3:6], groups, ["roc_auc"])
    width = [high - low for low, high in (apart.ends["roc_auc"], alike.ends["roc_auc"])]
    assert width[0] > 3 * width[1]
    single = difference_intervals(labels, made[6], made[3], groups, ["roc_auc"])
    assert alike.ends["roc_auc"] == pytest.approx(single.ends["roc_auc"], abs=1e-9)


@pytest.mark.parametrize("count", [2, 3, 5])
def test_drawn_detectors_spread_as_their_mean_does(count):
    """Of the mean of n the variance is s^2 / n, s^2 with n - 1 degrees of freedom."""
    own = np.random.default_rng(count).normal(0.8, 0.1, count)
    values = np.repeat(own[:, None, None], 20_000, axis=2)
    (drawn,) = rooms._of_drawn_detectors(values, np.random.default_rng(0))
    assert drawn.mean() == pytest.approx(own.mean(), abs=0.005)
    assert drawn.std() == pytest.approx(np.sqrt(own.var(ddof=1) / count), rel=0.02)


@pytest.mark.parametrize(
    ("name", "freedom", "shrunk"),
    [("recall", 7 - 1, 1 - 1 / 7), ("brier", 6 + 6, 1 - 1 / 7), ("roc_auc", 6 + 6, 1 - 1 / 7)],
)
def test_groups_of_the_other_class_say_nothing_of_a_recall(name, freedom, shrunk):
    """Of 14 groups, each of one class, alike in both."""
    labels, groups = np.repeat([0, 1], 7 * 3), np.repeat(np.arange(14), 3)
    own = np.random.default_rng(0).random(7 * 3)
    scored = Scores(np.concatenate([own, 1 - own]))
    drawn = rooms._draw(labels, [scored], groups, [name], None, 0)
    found = rooms._freedom(drawn.without[0, 0], drawn)
    assert found == pytest.approx((freedom, shrunk))


def test_where_nothing_varies_all_groups_are_free():
    drawn = SimpleNamespace(
        strata=np.repeat([1, 2, 3], (4, 1, 5)), block_strata=np.repeat([1, 3], 5)
    )
    assert rooms._freedom(np.ones(10), drawn) == (7, 0.7)
    assert rooms._freedom(np.full(10, np.nan), drawn) == (7, 0.7)


def test_freedom_of_a_difference_is_that_of_welchs_test():
    first, second = np.array([0.1, 0.5, 0.2]), np.array([0.3, 0.9, 0.2, 0.8])
    spreads = [(own.var(ddof=1) / len(own), len(own) - 1.0) for own in (first, second)]
    wanted = scipy.stats.ttest_ind(first, second, equal_var=False).df
    assert rooms._joint_freedom(spreads) == pytest.approx(wanted)
    assert rooms._joint_freedom([(0.0, 9.0), (0.0, 2.0)]) == 9.0


@pytest.mark.parametrize("counts", [(2, 2), (2, 3), (3, 3)])
def test_of_few_seeds_no_end_lies_further_in_than_that_of_welchs_test(counts):
    """So few give too few different means for a percentile to reach Student's quantile."""
    rng = np.random.default_rng(4)
    labels, groups = np.tile([0, 1], 12), np.arange(24) // 2
    figures = [rng.normal(0.25, 0.02, count) for count in counts]  # Brier scores
    sides = [[Scores(np.abs(labels - np.sqrt(one))) for one in own] for own in figures]
    low, high = mean_difference_intervals(labels, *sides, groups, ["brier"]).ends["brier"]
    wanted = scipy.stats.ttest_ind(*figures, equal_var=False).confidence_interval(0.95)
    assert low <= wanted.low + 1e-9
    assert high >= wanted.high - 1e-9


def test_where_seeds_alone_differ_the_interval_is_about_that_of_welchs_test():
    """Each detector is equally wrong on everything, so that groups tell nothing."""
    rng = np.random.default_rng(4)
    labels, groups = np.tile([0, 1], 12), np.arange(24) // 2
    figures = rng.normal(0.3, 0.03, 14), rng.normal(0.2, 0.01, 9)  # Brier scores
    sides = [[Scores(np.abs(labels - np.sqrt(one))) for one in own] for own in figures]
    found = mean_difference_intervals(labels, *sides, groups, ["brier"]).ends["brier"]
    wanted = scipy.stats.ttest_ind(*figures, equal_var=False).confidence_interval(0.95)
    width = wanted.high - wanted.low
    assert found == pytest.approx((wanted.low, wanted.high), abs=0.08 * width)
