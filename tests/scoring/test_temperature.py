"""Temperature scaling against known truths, and where it must leave the logits alone."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import norm

from deepfake_detector.scoring.metrics import expected_calibration_error
from deepfake_detector.scoring.scores import probability
from deepfake_detector.scoring.temperature import (
    HIGHEST,
    NO_GAIN,
    TOO_FEW,
    Temperature,
    fit_temperature,
)


def clips(reals: int, fakes: int, auc: float = 0.9, seed: int = 0, group: int = 1):
    """Labels, logits that are calibrated for classes of equal size, and groups of so many clips."""
    apart = norm.ppf(auc) * np.sqrt(2)
    labels = np.repeat([0, 1], [reals, fakes])
    noise = np.random.default_rng(seed).normal(0, apart, len(labels))
    return labels, noise + (labels - 0.5) * apart**2, np.arange(len(labels)) // group


@pytest.mark.parametrize("factor", [0.25, 0.5, 2, 4, 8])
@pytest.mark.parametrize(("reals", "fakes"), [(2000, 2000), (400, 4000)])
def test_a_known_temperature_is_recovered_whatever_the_balance_of_the_classes(factor, reals, fakes):
    labels, logits, groups = clips(reals, fakes)
    found = fit_temperature(labels, logits * factor, groups)
    assert found.value == pytest.approx(factor, rel=0.1)
    assert found.reason == ""


def test_it_is_the_most_probable_of_all_temperatures():
    """By brute force: likelihood as of so many clips, half of each class, and the normal prior."""
    labels, logits, groups = clips(90, 30, auc=0.8, seed=3)
    logits = 2 * logits
    logs = np.linspace(-np.log(np.sqrt(120)), np.log(np.sqrt(120)), 40_001)
    scaled = logits / np.exp(logs)[:, None]
    losses = np.log1p(np.exp(np.where(labels == 1, -scaled, scaled)))
    balanced = (losses[:, labels == 0].mean(axis=1) + losses[:, labels == 1].mean(axis=1)) / 2
    clips_worth = 4 / (1 / 90 + 1 / 30)
    improbable = clips_worth * balanced + logs**2 / (2 * 0.35**2)
    found = fit_temperature(labels, logits, groups)
    assert found.value == pytest.approx(float(np.exp(logs[improbable.argmin()])), rel=1e-4)


@given(
    st.lists(st.tuples(st.integers(0, 1), st.floats(-1e6, 1e6), st.integers(0, 9)), min_size=1),
)
@settings(max_examples=60)
def test_it_is_at_most_the_square_root_of_the_number_of_groups_whatever_the_logits(rows):
    labels, logits, groups = (np.array(column) for column in zip(*rows, strict=True))
    found = fit_temperature(labels, logits, groups)
    most = np.sqrt(len(set(groups.tolist()))) + 1e-9
    assert 1 / most <= found.value <= most
    assert found.value == 1 or found.reason == ""


@pytest.mark.parametrize(("groups", "most"), [(4, 2.0), (16, 4.0), (400, HIGHEST), (1000, HIGHEST)])
def test_what_few_groups_say_is_believed_within_bounds(groups, most):
    labels = np.tile([0, 1], 1000)
    logits = 200 * np.random.default_rng(0).normal(labels - 0.5, 1)  # far too large
    found = fit_temperature(labels, logits, np.arange(2000) // 2 % groups)
    assert found == Temperature(pytest.approx(most, rel=1e-3))


@pytest.mark.parametrize(
    "groups", [np.zeros(40), np.repeat([0, 1], 20)], ids=["one group", "one group of each class"]
)
def test_without_groups_to_leave_out_logits_stay_as_they_are(groups):
    labels = np.repeat([0, 1], 20)
    assert fit_temperature(labels, 3.0 * labels, groups) == Temperature(1.0, TOO_FEW)


def test_where_scaling_does_not_carry_over_to_groups_left_out_logits_stay_as_they_are():
    """Copies of a clip in its own group say nothing new: they are left out with it."""
    labels, logits, groups = clips(6, 6, seed=4)
    once = fit_temperature(labels, logits, groups)
    often = fit_temperature(*(np.repeat(one, 50) for one in (labels, logits, groups)))
    assert once.reason == often.reason == NO_GAIN


def log_loss_beside_truth(reals: int, fakes: int, auc: float, factor: float, tries: int = 40):
    """The mean true log loss of scaled logits, as a ratio to that of the calibrated ones."""
    apart = norm.ppf(auc) * np.sqrt(2)
    truth = apart**2 / 2 + apart * norm.ppf((np.arange(2000) + 0.5) / 2000)
    ratios = []
    for seed in range(tries):
        labels, logits, groups = clips(reals, fakes, auc, seed)
        temperature = fit_temperature(labels, logits * factor, groups).value
        losses = (np.logaddexp(0, -truth * one).mean() for one in (factor / temperature, 1))
        ratios.append(np.divide(*losses))
    return np.mean(ratios)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("reals", "fakes", "auc"), [(10, 10, 0.85), (10, 100, 0.95), (25, 25, 0.99), (50, 50, 0.999)]
)
def test_calibrated_logits_lose_little(reals, fakes, auc):
    assert log_loss_beside_truth(reals, fakes, auc, 1) < 1.025


@pytest.mark.slow
@pytest.mark.parametrize(("count", "auc"), [(50, 0.85), (50, 0.95), (200, 0.99)])
def test_logits_three_times_too_large_are_mended(count, auc):
    assert log_loss_beside_truth(count, count, auc, 3) < 1.10


def test_it_mends_the_calibration_error_of_over_confident_logits():
    labels, logits, groups = clips(2000, 2000)
    found = fit_temperature(labels, logits * 4, groups)
    before, after = (
        expected_calibration_error(labels, probability(logits * 4, one)) for one in (1, found.value)
    )
    assert after < before / 5
