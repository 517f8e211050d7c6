"""How a logit becomes a verdict, and how validation's clips scored beside it."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from made import contract_terms

from deepfake_detector.common.verdicts import Reason
from deepfake_detector.scoring.decision import (
    Judgement,
    Validation,
    decide,
    judge,
    judge_clip,
    judge_person,
    withheld_for_quality,
)
from deepfake_detector.scoring.scores import probability

SHARE = st.floats(0, 1)
SCORES = st.lists(SHARE, min_size=1, max_size=30).map(sorted)


def validation(scores: tuple[float, ...]) -> Validation:
    """Reals and fakes that scored alike."""
    counts = {"real_clips": len(scores), "fake_clips": len(scores), "wrong_outside_band": 0}
    return Validation(inconclusive=0, real_scores=scores, fake_scores=scores, **counts)


# a verdict


def test_an_unproven_model_gives_none_and_its_score_all_the_same():
    decision = contract_terms().decision.model_copy(update={"unproven": "too few groups"})
    assert judge(9.0, "", decision) == Judgement(
        "INCONCLUSIVE", Reason.UNPROVEN, pytest.approx(1, abs=0.1)
    )
    assert judge(None, "no face", decision) == Judgement("INCONCLUSIVE", "no face", None)


def test_of_several_people_whoever_was_seen_well_decides():
    real, fake, dim = (
        Judgement("REAL", "", 0.1),
        Judgement("FAKE", "", 0.9),
        Judgement("INCONCLUSIVE", Reason.BAD_QUALITY, 0.95),
    )
    assert judge_clip(fake, 0, {0: fake, 1: real}) == (fake, 0)
    assert judge_clip(fake, 2, {0: fake, 1: real, 2: dim}) == (fake, 0)
    nobody = Judgement("INCONCLUSIVE", Reason.BAD_QUALITY, None)
    assert judge_clip(fake, 2, {1: real, 2: dim}) == (nobody, None)
    assert withheld_for_quality(fake) == Judgement("INCONCLUSIVE", Reason.BAD_QUALITY, 0.9)


@pytest.mark.parametrize(
    ("reason", "verdict"),
    [
        (Reason.BAD_QUALITY, "INCONCLUSIVE"),
        (Reason.BRIEF_FAKE, "INCONCLUSIVE"),
        (Reason.TOO_FEW, "REAL"),
        ("", "REAL"),
    ],
)
def test_a_clip_is_real_only_where_nobody_else_may_be_the_forgery(reason, verdict):
    real, other = Judgement("REAL", "", 0.1), Judgement("INCONCLUSIVE", reason, 0.05)
    found, decides = judge_clip(real, 0, {0: real, 1: other})
    assert (found.verdict, found.fake_probability, decides) == (verdict, 0.1, 0)
    assert found.reason == ("" if verdict == "REAL" else Reason.NOT_ALL)
    fake = Judgement("FAKE", "", 0.9)
    assert judge_clip(fake, 0, {0: fake, 1: other}) == (fake, 0)


@pytest.mark.parametrize(
    ("logits", "beyond", "verdict", "reason", "details"),
    [
        ([9.0] * 8, "", "FAKE", "", ""),
        ([9.0] * 8, "too soft", "INCONCLUSIVE", Reason.BAD_QUALITY, "too soft"),
        ([9.0] * 7, "", "INCONCLUSIVE", Reason.BRIEF_FAKE, "7 of at least 8"),
        ([9.0] * 7, "too soft", "INCONCLUSIVE", Reason.TOO_FEW, "7 of at least 8"),
        ([9.0] * 3, "", "INCONCLUSIVE", Reason.BRIEF_FAKE, "3 of at least 8"),
        ([9.0] * 2, "", "INCONCLUSIVE", Reason.TOO_FEW, "2 of at least 8"),
        ([0.0] * 7, "", "INCONCLUSIVE", Reason.TOO_FEW, "7 of at least 8"),
        ([-9.0] * 7, "", "INCONCLUSIVE", Reason.TOO_FEW, "7 of at least 8"),
    ],
)
def test_a_person_seen_for_a_short_while_has_no_verdict_but_may_be_fake(
    logits, beyond, verdict, reason, details
):
    terms = {"min_faces": 8, "temperature": 1.0, "band_low": 0.3, "band_high": 0.7}
    decision = contract_terms(decision=terms).decision
    found, numbers = judge_person(logits, 32, decision, 1, beyond)
    assert (found.verdict, found.reason, numbers) == (verdict, reason, details)


@pytest.mark.parametrize(
    ("probability", "low", "high", "verdict"),
    [
        (0.6, 0.4, 0.6, "FAKE"),
        (0.5999, 0.4, 0.6, "INCONCLUSIVE"),
        (0.4001, 0.4, 0.6, "INCONCLUSIVE"),
        (0.4, 0.4, 0.6, "REAL"),
        (0.5, 0.5, 0.5, "FAKE"),
        (0.4999, 0.5, 0.5, "REAL"),
        (1.0, 0.2, 1.0, "INCONCLUSIVE"),  # never FAKE, though the logit is beyond all numbers
        (0.0, 0.0, 0.8, "INCONCLUSIVE"),
        (0.9999, 1.0, 1.0, "REAL"),
        (1.0, 1.0, 1.0, "INCONCLUSIVE"),  # the surest of fakes is no real one
    ],
)
def test_the_ends_of_the_band_are_decided(probability, low, high, verdict):
    assert decide(probability, low, high) == verdict


@pytest.mark.parametrize(
    ("logit", "verdict", "reason"),
    [
        (2.0, "FAKE", ""),
        (0.0, "INCONCLUSIVE", "score in the inconclusive band"),
        (-2.0, "REAL", ""),
    ],
)
def test_a_logit_is_judged_by_its_scaled_probability_and_the_band(logit, verdict, reason):
    terms = {"temperature": 2.0, "band_low": 0.3, "band_high": 0.7}
    decision = contract_terms(decision=terms).decision
    found = judge(logit, "nobody asks", decision)
    assert found == Judgement(verdict, reason, pytest.approx(probability(logit, 2.0)))


@pytest.mark.parametrize(
    ("logit", "people", "verdict", "reason"),
    [
        (0.9, 1, "FAKE", ""),
        (0.9, 2, "INCONCLUSIVE", Reason.OF_SEVERAL),
        (1.5, 2, "FAKE", ""),
        (1.5, 3, "INCONCLUSIVE", Reason.OF_SEVERAL),
        (3.0, 3, "FAKE", ""),
        (1.5, 9, "INCONCLUSIVE", Reason.OF_SEVERAL),  # as of the most people that are known of
        (0.0, 3, "INCONCLUSIVE", Reason.IN_BAND),
        (-2.0, 3, "REAL", ""),
    ],
)
def test_of_several_people_the_highest_needs_a_higher_score_to_be_fake(
    logit, people, verdict, reason
):
    terms = {"temperature": 1.0, "band_low": 0.3, "band_high": 0.7, "several": (0.8, 0.9)}
    found = judge(logit, "", contract_terms(decision=terms).decision, people)
    assert (found.verdict, found.reason) == (verdict, reason)


def test_without_a_logit_the_verdict_is_inconclusive_for_the_reason_given():
    found = judge(None, "too few faces", contract_terms().decision)
    assert found == Judgement("INCONCLUSIVE", "too few faces", None)


# how validation's clips scored


@pytest.mark.parametrize(
    ("scores", "at", "as_high", "as_low"),
    [
        ((), 0.5, None, None),
        ((0.1, 0.2, 0.2, 0.9), 0.0, 1, 0),
        ((0.1, 0.2, 0.2, 0.9), 0.1, 1, 1 / 4),
        ((0.1, 0.2, 0.2, 0.9), 0.15, 3 / 4, 1 / 4),
        ((0.1, 0.2, 0.2, 0.9), 0.2, 3 / 4, 3 / 4),
        ((0.1, 0.2, 0.2, 0.9), 0.21, 1 / 4, 3 / 4),
        ((0.1, 0.2, 0.2, 0.9), 0.9, 1 / 4, 1),
        ((0.1, 0.2, 0.2, 0.9), 1.0, 0, 1),
        ((0.5,), 0.5, 1, 1),
    ],
)
def test_the_share_of_clips_that_score_so_high_or_so_low_worked_out_by_hand(
    scores, at, as_high, as_low
):
    assert validation(scores).reals_as_high(at) == as_high
    assert validation(scores).fakes_as_low(at) == as_low


def test_rounding_does_not_put_a_clip_on_the_other_side_of_its_own_score():
    """Validation's scores are kept with six digits; the same clip comes back with all of them."""
    for exact in (0.81234551, 0.81234549):
        kept = validation((round(exact, 6),))
        assert (kept.reals_as_high(exact), kept.fakes_as_low(exact)) == (1, 1)


@given(SCORES, SHARE, SHARE)
def test_the_higher_a_score_the_fewer_reals_have_it_and_the_more_fakes_lie_below(
    scores, one, other
):
    both, lower, higher = validation(tuple(scores)), min(one, other), max(one, other)
    assert 0 <= both.reals_as_high(higher) <= both.reals_as_high(lower) <= 1
    assert 0 <= both.fakes_as_low(lower) <= both.fakes_as_low(higher) <= 1
