"""A threshold from one's own real clips: it calls no more of them fake than was asked."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from made import contract_terms
from scipy.stats import beta

from deepfake_detector import UserError
from deepfake_detector.scoring.calibration import rounded
from deepfake_detector.scoring.decision import judge
from deepfake_detector.scoring.recalibration import false_alarms, recalibrated
from deepfake_detector.scoring.scores import logit, probability

DECISION = contract_terms().decision


@given(
    st.lists(st.integers(-80, 80).map(lambda tenths: tenths / 10), min_size=20, max_size=60),
    st.sampled_from([0.05, 0.1, 0.3]),
)
def test_at_most_the_share_asked_for_is_called_fake_and_no_lower_threshold_would_do(logits, share):
    logits = np.array(logits)
    before = false_alarms(DECISION, logits)[0]
    if before <= share * len(logits):
        with pytest.raises(UserError, match=f"calls {before} of these .*: there is nothing to fix"):
            recalibrated(DECISION, logits, share)
        return
    new = recalibrated(DECISION, logits, share)
    assert new.threshold > DECISION.band_high
    assert new.band_low == DECISION.band_low
    assert new.threshold == rounded(new.threshold)
    alarms = sum(judge(one, "", new).verdict == "FAKE" for one in logits)
    assert alarms <= share * len(logits)
    assert alarms == false_alarms(new, logits)[0]
    scores = probability(logits, new.temperature)
    below = scores[scores < new.threshold]
    if len(below):
        assert (scores >= below.max()).sum() > share * len(logits)


def test_a_threshold_near_the_end_is_no_end():
    """With six digits it would be 1, and no clip FAKE."""
    logits = np.linspace(15, 20, 100)
    new = recalibrated(DECISION, logits, 0.05)
    assert DECISION.band_high < new.threshold < 1
    assert false_alarms(new, logits)[0] == 5
    assert judge(-30.0, "", new).verdict == "REAL"
    assert judge(30.0, "", new).verdict == "FAKE"


def test_where_real_clips_are_surely_fake_nobody_is_called_fake():
    scores = probability(np.append(np.linspace(-5, 5, 18), [1e4, 1e4]), DECISION.temperature)
    logits = np.array([logit(score, DECISION.temperature) for score in scores])
    new = recalibrated(DECISION, logits, 0.05)
    assert new.band_high == 1
    assert false_alarms(new, logits)[0] == 0
    verdicts = {judge(1e4, "", new, people).verdict for people in (1, 2, 3)}
    assert verdicts == {"INCONCLUSIVE"}
    assert new.validation.wrong_outside_band == 0


def test_what_a_score_means_is_told_of_the_new_clips():
    logits = np.arange(40) / 10
    new = recalibrated(DECISION, logits, 0.125)
    assert new.validation.real_clips == 40
    assert new.validation.real_scores == pytest.approx(probability(logits, 1.25), abs=1e-6)
    assert new.validation.fake_scores == DECISION.validation.fake_scores
    assert new.recalibrated == ("at most 12.5% of 40 of the user's own real clips are called fake")
    assert len(new.several) == 7
    assert new.several[0] > new.band_high
    assert DECISION.recalibrated == ""


@pytest.mark.parametrize(
    ("fakes", "wrong", "inconclusive"),
    [((0.1, 0.5, 0.7, 0.9), 4 + 2, 6 + 4), ((), 4, 6)],
    ids=["a quarter of eight fakes each", "without fakes"],
)
def test_verdicts_are_counted_among_the_new_reals_and_the_known_fakes(fakes, wrong, inconclusive):
    known = DECISION.validation.model_copy(update={"fake_scores": fakes, "fake_clips": 8})
    before = DECISION.model_copy(update={"validation": known})  # REAL up to .3
    probabilities = np.repeat([0.2, 0.8, 0.95], [30, 6, 4])
    new = recalibrated(before, np.array([logit(one, 1.25) for one in probabilities]), 0.1)
    assert (new.band_low, new.threshold) == (0.3, pytest.approx(0.875))
    found = new.validation
    assert (found.wrong_outside_band, found.inconclusive) == (wrong, inconclusive)


@pytest.mark.parametrize(
    ("count", "share", "wanted"), [(19, 0.1, 20), (49, 0.02, 50), (0, 0.5, 20)]
)
def test_too_few_clips_are_refused(count, share, wanted):
    with pytest.raises(
        UserError,
        match=rf"^{count} real clips with a score, {wanted} are needed .*; add real clips",
    ):
        recalibrated(DECISION, np.zeros(count), share)


def test_the_interval_of_the_rate_is_the_exact_one():
    logits = np.concatenate([np.full(38, -9.0), np.full(2, 9.0)])
    assert false_alarms(DECISION, logits) == (
        2,
        pytest.approx(beta.ppf(0.025, 2, 39)),
        pytest.approx(beta.ppf(0.975, 3, 38)),
    )
