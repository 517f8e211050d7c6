"""Words that say what a verdict and its score mean."""

from dataclasses import replace

import numpy as np
import pytest
from reports import FACELESS, JUDGED, TERMS, UNREADABLE, track

from deepfake_detector.common.verdicts import Reason
from deepfake_detector.scoring.calibration import thinned
from deepfake_detector.serving import sentences

REALS = "Of 40 real clips that the model was checked on, 10 scored"
FAKES = "Of 20 fake clips that the model was checked on, 10 scored"
UNSEEN = "A kind of manipulation that it has not seen (it has seen: swap) may score as low."


@pytest.mark.parametrize(
    ("verdict", "fake_probability", "expected"),
    [
        ("FAKE", 0.8, f"{REALS} as high or higher."),
        ("REAL", 0.7, f"{FAKES} as low or lower. {UNSEEN}"),
        ("INCONCLUSIVE", 0.75, f"{REALS} as high or higher. {FAKES} as low or lower."),
        ("INCONCLUSIVE", None, ""),
    ],
)
def test_a_score_is_told_by_the_clips_that_scored_like_it(verdict, fake_probability, expected):
    assert (
        sentences.meaning(
            replace(JUDGED, verdict=verdict, fake_probability=fake_probability), TERMS
        )
        == expected
    )


@pytest.mark.parametrize(
    ("data_sets", "expected"),
    [
        ({"a": {"real": 3, "swap": 2}, "b": {"real": 1, "reenact": 2, "swap": 1}}, "reenact, swap"),
        ({"a": {"real": 3, "fake": 2}}, ""),
        ({"a": {"real": 3}}, ""),
    ],
    ids=["of two data sets", "without a name", "real faces alone"],
)
def test_real_says_which_kinds_of_manipulation_it_speaks_of(data_sets, expected):
    learned = TERMS.trained_on.model_copy(update={"data_sets": data_sets})
    sentence = sentences.meaning(
        replace(JUDGED, verdict="REAL", fake_probability=0.7),
        TERMS.model_copy(update={"trained_on": learned}),
    )
    seen = f" (it has seen: {expected})" if expected else ""
    assert sentence.endswith(
        f" A kind of manipulation that it has not seen{seen} may score as low."
    )


def test_of_fewer_than_twenty_clips_no_number_is_told():
    found = TERMS.decision.validation.model_copy(update={"real_clips": 19})
    terms = TERMS.model_copy(
        update={"decision": TERMS.decision.model_copy(update={"validation": found})}
    )
    sentence = sentences.meaning(replace(JUDGED, verdict="FAKE", fake_probability=0.8), terms)
    assert sentence == (
        "The model was checked on 19 real clips only: too few to say how rare such a score is."
    )


@pytest.mark.parametrize(
    ("probability", "expected"),
    [
        (0.9995, "fewer than 25 scored"),
        (0.9, "about 500 scored"),
        (0.0, "about 5000 scored"),
    ],
)
def test_what_is_known_of_some_clips_is_not_told_as_a_count_of_all(probability, expected):
    scores = thinned(np.arange(5000) / 5000)
    found = TERMS.decision.validation.model_copy(update={"real_clips": 5000, "real_scores": scores})
    terms = TERMS.model_copy(
        update={"decision": TERMS.decision.model_copy(update={"validation": found})}
    )
    sentence = sentences.meaning(
        replace(JUDGED, verdict="FAKE", fake_probability=probability), terms
    )
    assert (
        f"Of 5000 real clips that the model was checked on, {expected} as high or higher."
        in sentence
    )


@pytest.mark.parametrize(
    ("probability", "low", "high", "expected"),
    [
        (0.984, 0.0, 0.8, ("98.4%", "FAKE from 80.0%, never REAL; otherwise there is no verdict.")),
        (0.9967, 0.1, 0.9968, ("99.67%", "FAKE from 99.68%, REAL up to 10.00%; otherwise")),
        (0.00004, 0.003, 0.9, ("under 0.1%", "FAKE from 90.0%, REAL up to 0.3%; otherwise")),
        (1.0, 0.1, 1.0, ("over 99.9%", "never FAKE, REAL up to 10.0%; otherwise")),
        (0.5, 0.5, 0.5, ("50.0%", "FAKE from 50.0%, REAL below.")),
    ],
)
def test_a_score_is_told_so_that_it_differs_from_the_limits_it_does_not_reach(
    probability, low, high, expected
):
    update = {"band_low": low, "band_high": high, "several": ()}
    decision = TERMS.decision.model_copy(update=update)
    score, limits = sentences.score_in_words(
        replace(JUDGED, fake_probability=probability), decision
    )
    assert score == expected[0]
    assert limits.startswith(expected[1])


def test_of_several_people_the_highest_is_told_to_be_high_more_often():
    decision = TERMS.decision.model_copy(update={"band_high": 0.6, "several": (0.7, 0.8)})
    alone, of_two = (replace(JUDGED, people=people, fake_probability=0.65) for people in (1, 2))
    assert sentences.score_in_words(alone, decision)[1].startswith("FAKE from 60.0%, REAL")
    limits = sentences.score_in_words(of_two, decision)[1]
    assert limits.startswith("FAKE from 70.0% for the highest of 2 people, REAL")
    one, two = (sentences.meaning(found, TERMS) for found in (alone, of_two))
    assert two.startswith(one)
    assert len(two) > len(one)


def test_without_a_class_in_validation_nothing_is_told_of_it():
    found = TERMS.decision.validation.model_copy(update={"real_clips": 0, "real_scores": ()})
    terms = TERMS.model_copy(
        update={"decision": TERMS.decision.model_copy(update={"validation": found})}
    )
    assert sentences.meaning(JUDGED, terms) == ""


@pytest.mark.parametrize("reason", Reason)
def test_every_reason_is_put_into_words_with_its_details(reason):
    sentence = sentences.in_words(replace(FACELESS, reason=reason))
    assert sentence
    assert "{" not in sentence
    assert (
        sentences.in_words(replace(FACELESS, reason=reason, details="2 of 8"))
        == f"{sentence} (2 of 8)"
    )


@pytest.mark.parametrize(
    ("frames", "least", "said"),
    [
        (1, 64.0, "No face of at least 64 pixels was found in the picture."),
        (
            8,
            63.6,
            "No face of at least 64 pixels was found in any of the 8 frames that were looked",
        ),
        (8, None, "No face was found in any of the 8 frames that were looked at."),
    ],
)
def test_where_no_face_is_found_it_says_what_was_looked_for(frames, least, said):
    found = replace(FACELESS, reason=Reason.NO_FACE, frames_sampled=frames, least_face=least)
    assert sentences.in_words(found).startswith(said)


@pytest.mark.parametrize(
    ("reason", "said"),
    [
        ("", ""),
        (Reason.TOO_FEW, ", not counted: seen in too few frames"),
        (Reason.BAD_QUALITY, ", not counted: too blurred, compressed or noisy"),
        (Reason.UNPROVEN, ""),
        (Reason.NOT_JUDGED, ""),
    ],
)
def test_beside_a_face_stands_why_it_does_not_count(reason, said):
    faces = (track(0, "REAL", 0.1), replace(track(1, "INCONCLUSIVE", 0.9), reason=reason))
    assert sentences.not_counted(replace(JUDGED, faces=faces), 2) == said
    assert sentences.not_counted(replace(JUDGED, faces=faces), 1) == ""


def test_an_error_says_what_it_was():
    assert sentences.in_words(UNREADABLE) == "Empty file."


@pytest.mark.parametrize(
    ("terms", "limits"),
    [
        ({}, "FAKE from 60.0%, REAL up to 40.0%; otherwise there is no verdict."),
        ({"band_low": 0.0}, "FAKE from 60.0%, never REAL; otherwise there is no verdict."),
        ({"band_high": 1.0}, "never FAKE, REAL up to 40.0%; otherwise there is no verdict."),
        ({"band_high": 0.4}, "FAKE from 40.0%, REAL below."),
        ({"unproven": "too few"}, "It gives no verdict at any score."),
    ],
)
def test_it_is_told_which_verdicts_there_are_at_which_probability(terms, limits):
    decision = TERMS.decision.model_copy(update=terms)
    assert sentences.limits_in_words(decision, people=1) == limits


@pytest.mark.parametrize(
    ("inconclusive", "terms", "reals", "checked"),
    [
        (10, {}, "40 real", ": 50 verdicts, 1 of them wrong, and none on the other 10"),
        (0, {}, "40 real", ": 60 verdicts, 1 of them wrong"),
        (10, {"unproven": "too few"}, "40 real", ""),
        (
            0,
            {"recalibrated": "at most 5% …"},
            "40 real clips of its user's, on which it was fitted again,",
            ": 60 verdicts, 1 of them wrong",
        ),
    ],
)
def test_it_is_told_how_often_its_verdicts_were_wrong(inconclusive, terms, reals, checked):
    validation = TERMS.decision.validation.model_copy(update={"inconclusive": inconclusive})
    decision = TERMS.decision.model_copy(update={"validation": validation, **terms})
    clips = f"{reals} and 20 fake clips that it had not learned from"
    assert sentences.checked_in_words(decision) == clips + checked


def test_clips_that_the_threshold_was_fitted_on_are_called_so():
    decision = TERMS.decision.model_copy(update={"recalibrated": "at most 5% …"})
    sentence = sentences.meaning(JUDGED, TERMS.model_copy(update={"decision": decision}))
    assert sentence.startswith(REALS.replace("checked", "fitted again"))
