"""Threshold and band against brute force, known truths and pen and paper."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from made import BOTH_CLASSES, arrays, few
from sklearn import metrics

from deepfake_detector.scoring import calibration
from deepfake_detector.scoring.decision import decide, judge
from deepfake_detector.scoring.people import fake_from
from deepfake_detector.scoring.scores import probability
from deepfake_detector.scoring.settings import Calibrate
from deepfake_detector.scoring.temperature import TOO_FEW, fit_temperature


def ones(count: int) -> np.ndarray:
    """So many clips of one person."""
    return np.ones(count, int)


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


def test_where_too_many_reals_are_sure_fakes_sure_fakes_are_not_called_real():
    labels = np.repeat([0, 1], 60)
    logits = np.concatenate([np.linspace(-5, 5, 50), np.full(10, 1e4), [0.0], np.full(59, 1e4)])
    aims = Calibrate(threshold="false_alarms", false_alarms=0.05, band_error=0.5)
    found, _ = calibration.decision(labels, logits, np.arange(120), ones(120), 1, aims)
    verdicts = [judge(1e4, "", found, people).verdict for people in (1, 2)]
    assert set(verdicts) == {"INCONCLUSIVE"}
    given = [judge(one, "", found).verdict for one in logits]
    assert found.validation.inconclusive == given.count("INCONCLUSIVE")
    wrong = [
        verdict == ("REAL" if label else "FAKE")
        for verdict, label in zip(given, labels, strict=True)
    ]
    assert found.validation.wrong_outside_band == sum(wrong)


def test_where_too_many_reals_are_sure_fakes_nobody_is_called_fake():
    probabilities = np.array([0.2, 0.9, 1.0, 1.0])
    assert calibration.fewest_false_alarms(np.zeros(4), probabilities, 0.25) == 1.0
    assert calibration.fewest_false_alarms(np.zeros(4), probabilities, 0.5) == pytest.approx(0.95)


def wrong_below(wrong: np.ndarray, below: np.ndarray) -> float:
    """Of those below a cut the fraction that is wrong, were there as many wrong as right clips, and
    had one more of them been wrong."""
    bad, good = (below[wrong].sum() + 1) / (wrong.sum() + 1), below[~wrong].mean()
    return bad / (bad + good) if below.any() else 0.0


@pytest.mark.slow
@settings(max_examples=200, deadline=None)
@given(
    BOTH_CLASSES,
    st.lists(st.integers(0, 3), min_size=9, max_size=9),
    st.integers(0, 19),
    st.sampled_from([0, 0.1, 0.25, 0.34, 0.5]),
    st.integers(1, 3),
)
def test_each_side_of_the_band_has_every_clip_that_it_can_with_so_few_wrong(
    rows, groups, cut, error, least
):
    labels, probabilities = arrays(rows)
    groups, threshold = np.array(groups[: len(rows)]), (cut + 0.5) / 20
    cuts = [(step + 0.5) / 20 for step in range(20)]

    def most(wrong: np.ndarray, sides: list[np.ndarray]) -> int:
        return max(
            (
                int(side.sum())
                for side in sides
                if wrong_below(wrong, side) <= error + 1e-9 and len(set(groups[side])) >= least
            ),
            default=0,
        )

    band = calibration.inconclusive_band(labels, probabilities, groups, threshold, error, least)
    verdicts = np.array([decide(one, band.low, band.high) for one in probabilities])
    reals = [probabilities < at for at in cuts if at <= threshold]
    fakes = [probabilities > at for at in cuts if at >= threshold]
    assert (verdicts == "REAL").sum() == most(labels == 1, reals)
    assert (verdicts == "FAKE").sum() == most(labels == 0, fakes)
    assert 0 <= band.low <= threshold <= band.high <= 1
    assert (band.low == 0, band.high == 1) == ("REAL" not in verdicts, "FAKE" not in verdicts)
    assert not {band.low, band.high} & set(probabilities)


@pytest.mark.parametrize(
    ("labels", "probabilities", "groups", "error", "least", "low", "high"),
    [
        pytest.param("00010111", "12346789", "abcdefgh", 0.25, 1, 0.35, 0.65, id="what is wrong"),
        pytest.param("01", "28", "ab", 0.4, 1, 0.5, 0.5, id="nothing is wrong, no band"),
        pytest.param("000111", "123789", "abcdef", 0.2, 1, 0.5, 0.5, id="one more may be wrong"),
        pytest.param("000111", "123789", "abcdef", 0.19, 1, 0, 1, id="one more would be too many"),
        pytest.param("10", "28", "ab", 0.4, 1, 0.0, 1.0, id="all is wrong, no verdict"),
        pytest.param("00111", "12678", "abcde", 0.25, 3, 0.0, 0.5, id="two clips are no proof"),
        pytest.param("0001", "1238", "aaab", 0.5, 2, 0.0, 1.0, id="one group is no proof"),
    ],
)
def test_a_band_worked_out_by_hand(labels, probabilities, groups, error, least, low, high):
    band = calibration.inconclusive_band(
        [int(label) for label in labels],
        [int(tenth) / 10 for tenth in probabilities],
        list(groups),
        0.5,
        error,
        least,
    )
    assert (band.low, band.high) == (pytest.approx(low), pytest.approx(high))


def test_how_many_clips_a_class_has_hardly_moves_the_band():
    labels, logits = calibrated(4000)
    probabilities, groups = probability(logits, 1), np.arange(4000)
    fakes = np.flatnonzero(labels == 1)
    more = np.concatenate([np.arange(4000), *[fakes] * 9])
    one, ten = (
        calibration.inconclusive_band(labels[at], probabilities[at], groups[at], 0.5, 0.05, 6)
        for at in (np.arange(4000), more)
    )
    assert 0 < one.low < 0.5 < one.high < 1
    assert (ten.low, ten.high) == (pytest.approx(one.low, abs=0.01), one.high)


@pytest.mark.parametrize("error", [0.01, 0.05, 0.1, 0.15, 0.2, 0.25, 0.4, 0.5, 1.0])
def test_few_clips_prove_no_verdict_however_right_it_was(error):
    """At 0.05: were one more wrong, 1 of 18 against 17 of 17, it would be more than a twentieth."""
    least = Calibrate(band_error=error).least_clips
    for clips in range(max(1, least - 1), least + 1):
        labels, probabilities = np.repeat([0, 1], clips), np.repeat([0.1, 0.9], clips)
        groups = np.arange(2 * clips)
        band = calibration.inconclusive_band(labels, probabilities, groups, 0.5, error, 1)
        given = clips == least
        assert (band.low > 0, band.high < 1) == (given, given)


# all of it


@pytest.mark.parametrize("policy", ["balanced_accuracy", "false_alarms"])
@pytest.mark.parametrize("error", [0.15, 0.05])
def test_a_decision_is_made_of_what_its_parts_find(policy, error):
    labels, logits = calibrated(300)
    aims = Calibrate(threshold=policy, false_alarms=0.1, band_error=error)
    groups = np.arange(300) // 3
    found, unscaled = calibration.decision(labels, logits * 3, groups, ones(300), 8, aims)
    temperature = fit_temperature(labels, logits * 3, groups)
    probabilities = probability(logits * 3, temperature.value)
    if policy == "balanced_accuracy":
        threshold = calibration.most_balanced(labels, probabilities)
    else:
        threshold = calibration.fewest_false_alarms(labels, probabilities, 0.1)
    band = calibration.inconclusive_band(
        labels, probabilities, groups, threshold, error, aims.min_groups
    )
    verdicts = [decide(one, band.low, band.high) for one in probabilities]
    truth = ["FAKE" if label else "REAL" for label in labels]
    inside = verdicts.count("INCONCLUSIVE")
    right = sum(map(str.__eq__, verdicts, truth))

    at = temperature.value * np.log(band.high / (1 - band.high))
    several = probability(np.array(fake_from(logits[labels == 0] * 3, at)[1:]), temperature.value)
    assert inside > 0
    assert unscaled == ""
    assert found.model_dump() == {
        "temperature": round(temperature.value, 6),
        "threshold": round(threshold, 6),
        "band_low": round(band.low, 6),
        "band_high": round(band.high, 6),
        "recalibrated": "",
        "several": pytest.approx(several, abs=1e-6),
        "unproven": "",
        "min_faces": 8,
        "validation": {
            "real_clips": (labels == 0).sum(),
            "fake_clips": (labels == 1).sum(),
            "inconclusive": inside,
            "wrong_outside_band": 300 - inside - right,
            "real_scores": pytest.approx(np.sort(probabilities[labels == 0]), abs=1e-6),
            "fake_scores": pytest.approx(np.sort(probabilities[labels == 1]), abs=1e-6),
        },
    }


def test_validation_is_counted_by_the_verdicts_that_are_given():
    """The highest of several people is FAKE from a higher score than one alone."""
    labels, logits = calibrated(300)
    people = np.arange(300) % 3 + 1
    found, _ = calibration.decision(labels, logits, np.arange(300), people, 8, Calibrate())
    given = [judge(one, "", found, of).verdict for one, of in zip(logits, people, strict=True)]
    wrong = [
        verdict == ("REAL" if label else "FAKE")
        for verdict, label in zip(given, labels, strict=True)
    ]
    assert found.validation.inconclusive == given.count("INCONCLUSIVE")
    assert found.validation.wrong_outside_band == sum(wrong)
    alone, _ = calibration.decision(labels, logits, np.arange(300), ones(300), 8, Calibrate())
    assert found.validation.inconclusive > alone.validation.inconclusive


def test_a_model_whose_highest_and_lowest_scores_are_wrong_is_unproven():
    labels = np.array([1] * 10 + [0] * 40 + [1] * 40 + [0] * 10)
    logits, groups = np.linspace(-3, 3, 100), np.arange(100)
    found, _ = calibration.decision(labels, logits, groups, ones(100), 8, Calibrate())
    assert (found.band_low, found.band_high) == (0, 1)
    assert found.unproven == calibration.NO_VERDICT.format(0.05)
    more, _ = calibration.decision(labels, logits, groups, ones(100), 8, Calibrate(band_error=0.3))
    assert (more.unproven, more.validation.inconclusive) == ("", 0)


@pytest.mark.parametrize(("reals", "fakes"), [(3, 200), (201, 1000), (1, 4000)])
def test_a_decision_keeps_at_most_200_scores_of_each_class_that_stand_for_all(reals, fakes):
    rng = np.random.default_rng(reals)
    labels, logits = np.repeat([0, 1], [reals, fakes]), rng.permutation(reals + fakes) / 100
    found, unscaled = calibration.decision(
        labels, logits, labels, ones(len(labels)), 8, Calibrate()
    )
    assert unscaled == TOO_FEW
    probabilities = probability(logits, 1).round(6)
    for label, name in enumerate(("real_scores", "fake_scores")):
        every, kept = np.sort(probabilities[labels == label]), getattr(found.validation, name)
        assert len(kept) == min(len(every), 200)
        assert list(kept) == sorted(kept)
        assert set(kept) <= set(every)
        for one in every:
            share, kept_share = (np.mean(np.array(scores) <= one) for scores in (every, kept))
            assert abs(share - kept_share) <= 1 / len(kept)
