"""Threshold and band against brute force, known truths and pen and paper."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from made import BOTH_CLASSES, LABELLED, arrays, few
from sklearn import metrics

from deepfake_detector.scoring import calibration
from deepfake_detector.scoring.decision import decide
from deepfake_detector.scoring.people import fake_from
from deepfake_detector.scoring.scores import probability
from deepfake_detector.scoring.settings import Calibrate
from deepfake_detector.scoring.temperature import TOO_FEW, fit_temperature


def calibrated(count: int = 4000) -> tuple[np.ndarray, np.ndarray]:
    """Labels and logits whose sigmoid is the true probability."""
    rng = np.random.default_rng(0)
    logits = rng.normal(0, 2, count)
    return (rng.random(count) < 1 / (1 + np.exp(-logits))).astype(int), logits


# threshold and band


@pytest.mark.slow
@few
@given(BOTH_CLASSES)
def test_no_threshold_has_a_higher_balanced_accuracy(rows):
    labels, probabilities = arrays(rows)

    def balanced(threshold: float) -> float:
        return metrics.balanced_accuracy_score(labels, probabilities >= threshold)

    tried = {at: balanced(at) for at in (step / 40 for step in range(1, 41, 2))}
    chosen = calibration.most_balanced(labels, probabilities)
    assert balanced(chosen) == pytest.approx(max(tried.values()))
    assert chosen not in probabilities


def test_of_equally_good_thresholds_the_one_nearest_to_a_half_is_taken():
    assert calibration.most_balanced([0, 1, 0, 1], [0.1, 0.3, 0.5, 0.9]) == pytest.approx(0.7)
    assert calibration.most_balanced([0, 1, 0, 1], [0.1, 0.5, 0.7, 0.9]) == pytest.approx(0.3)
    assert calibration.most_balanced([0, 0, 1, 1], [0.1, 0.2, 0.4, 0.9]) == pytest.approx(0.3)


@few
@given(BOTH_CLASSES, st.sampled_from([0, 0.1, 0.25, 0.5, 1]))
def test_no_lower_threshold_has_as_few_false_alarms(rows, share):
    labels, probabilities = arrays(rows)
    chosen = calibration.fewest_false_alarms(labels, probabilities, share)
    reals = probabilities[labels == 0]
    assert (reals >= chosen).mean() <= share
    lower = [
        at
        for at in (step / 40 for step in range(1, 41, 2))
        if at < chosen and (reals >= at).mean() <= share
    ]
    assert all(((at > probabilities) == (chosen > probabilities)).all() for at in lower)


def test_a_threshold_for_false_alarms_worked_out_by_hand():
    labels, probabilities = [0, 0, 0, 0, 1, 1], [0.1, 0.2, 0.3, 0.6, 0.5, 0.9]
    assert calibration.fewest_false_alarms(labels, probabilities, 0.25) == pytest.approx(0.4)
    assert calibration.fewest_false_alarms(labels, probabilities, 0.0) == pytest.approx(0.75)


def test_a_threshold_beyond_all_scores_lies_half_way_to_0_or_1():
    labels, probabilities = [1, 0], [0.5, 0.9]
    assert calibration.fewest_false_alarms(labels, probabilities, 0.0) == pytest.approx(0.95)
    assert calibration.fewest_false_alarms(labels, probabilities, 1.0) == pytest.approx(0.25)


def outcome(
    labels: np.ndarray, probabilities: np.ndarray, low: float, high: float
) -> tuple[int, float]:
    """Clips inside a band, and the share of those outside that `decide` gets wrong."""
    verdicts = [decide(one, low, high) for one in probabilities]
    outside = [
        (label, verdict)
        for label, verdict in zip(labels, verdicts, strict=True)
        if verdict != "INCONCLUSIVE"
    ]
    wrong = sum(verdict != ("FAKE" if label else "REAL") for label, verdict in outside)
    return len(labels) - len(outside), wrong / len(outside) if outside else 0.0


@pytest.mark.slow
@settings(max_examples=200, deadline=None)
@given(
    LABELLED,
    st.integers(0, 19),
    st.sampled_from([0, 0.1, 0.25, 0.34, 0.5]),
    st.sampled_from([0, 0.1, 0.3, 0.5, 1]),
)
def test_no_band_within_the_share_holds_fewer_clips_or_reaches_a_lower_error(
    rows, cut, error, share
):
    labels, probabilities = arrays(rows)
    threshold = (cut + 0.5) / 20
    cuts = [(step + 0.5) / 20 for step in range(20)]
    every = [
        outcome(labels, probabilities, low, high)
        for low in cuts
        for high in cuts
        if low <= threshold <= high
    ]
    allowed = [(inside, wrong) for inside, wrong in every if inside <= share * len(labels) + 1e-9]
    good = [inside for inside, wrong in allowed if wrong <= error]

    band = calibration.inconclusive_band(labels, probabilities, threshold, error, share)
    inside, wrong = outcome(labels, probabilities, band.low, band.high)
    assert 0 <= band.low <= threshold <= band.high <= 1
    assert not {band.low, band.high} & set(probabilities)
    assert inside <= share * len(labels) + 1e-9
    assert band.reached == bool(good)
    if good:
        assert (inside, wrong <= error) == (min(good), True)
    else:
        assert wrong == min(wrong for _, wrong in allowed)


def test_a_band_takes_in_the_clips_that_are_wrong():
    labels = [0, 0, 0, 1, 0, 1, 1, 1]
    probabilities = [0.1, 0.2, 0.3, 0.4, 0.6, 0.7, 0.8, 0.9]
    band = calibration.inconclusive_band(labels, probabilities, 0.5, error=0, share=0.3)
    assert (band.low, band.high, band.reached) == (pytest.approx(0.35), pytest.approx(0.65), True)


def test_of_two_bands_that_will_do_the_one_with_fewer_clips_is_taken():
    labels, probabilities = [0, 0, 1, 1, 0, 1, 1], [0.1, 0.2, 0.4, 0.6, 0.7, 0.8, 0.9]
    band = calibration.inconclusive_band(labels, probabilities, 0.5, error=0.25, share=0.3)
    assert (band.low, band.high, band.reached) == (pytest.approx(0.3), 0.5, True)


def test_a_band_that_would_leave_one_wrong_clip_outside_does_not_reach_an_error_of_a_half():
    band = calibration.inconclusive_band([1, 0], [0.2, 0.8], 0.5, error=0.5, share=0.5)
    assert band == calibration.Band(0.5, 0.5, False)


def test_no_band_is_needed_where_nothing_is_wrong():
    assert calibration.inconclusive_band([0, 1], [0.2, 0.8], 0.5, 0.05, 0.3) == calibration.Band(
        0.5, 0.5, True
    )


# all of it


@pytest.mark.parametrize("policy", ["balanced_accuracy", "false_alarms"])
@pytest.mark.parametrize(("error", "share", "reached"), [(0.15, 0.5, True), (0.0, 0.1, False)])
def test_a_decision_is_made_of_what_its_parts_find(policy, error, share, reached):
    labels, logits = calibrated(300)
    aims = Calibrate(threshold=policy, false_alarms=0.1, band_error=error, band_share=share)
    groups = np.arange(300) // 3
    found = calibration.decision(labels, logits * 3, groups, 8, aims)
    temperature = fit_temperature(labels, logits * 3, groups)
    probabilities = probability(logits * 3, temperature.value)
    if policy == "balanced_accuracy":
        threshold = calibration.most_balanced(labels, probabilities)
    else:
        threshold = calibration.fewest_false_alarms(labels, probabilities, 0.1)
    band = calibration.inconclusive_band(labels, probabilities, threshold, error, share)
    inside, wrong = outcome(labels, probabilities, band.low, band.high)

    at = temperature.value * np.log(band.high / (1 - band.high))
    several = probability(np.array(fake_from(logits[labels == 0] * 3, at)[1:]), temperature.value)
    assert inside > 0
    assert found == {
        "temperature": round(temperature.value, 6),
        "temperature_reason": "",
        "threshold": round(threshold, 6),
        "band_low": round(band.low, 6),
        "band_high": round(band.high, 6),
        "recalibrated": "",
        "several": pytest.approx(several, abs=1e-6),
        "band_reached": reached,
        "unproven": "",
        "min_faces": 8,
        "validation": {
            "real_clips": (labels == 0).sum(),
            "fake_clips": (labels == 1).sum(),
            "inconclusive": inside,
            "wrong_outside_band": round(wrong * (300 - inside)),
            "real_scores": pytest.approx(np.sort(probabilities[labels == 0]), abs=1e-6),
            "fake_scores": pytest.approx(np.sort(probabilities[labels == 1]), abs=1e-6),
        },
    }


@pytest.mark.parametrize(("reals", "fakes"), [(3, 200), (201, 1000), (1, 4000)])
def test_a_decision_keeps_at_most_200_scores_of_each_class_that_stand_for_all(reals, fakes):
    rng = np.random.default_rng(reals)
    labels, logits = np.repeat([0, 1], [reals, fakes]), rng.permutation(reals + fakes) / 100
    found = calibration.decision(labels, logits, labels, 8, Calibrate())
    assert found["temperature_reason"] == TOO_FEW
    probabilities = probability(logits, 1).round(6)
    for label, name in enumerate(("real_scores", "fake_scores")):
        every, kept = np.sort(probabilities[labels == label]), found["validation"][name]
        assert len(kept) == min(len(every), 200)
        assert kept == sorted(kept)
        assert set(kept) <= set(every)
        for one in every:
            share, kept_share = (np.mean(np.array(scores) <= one) for scores in (every, kept))
            assert abs(share - kept_share) <= 1 / len(kept)
