"""The evidence: words that say what a score means, and a page that needs nothing else."""

import re
from dataclasses import replace
from importlib import metadata

import numpy as np
import pytest
from made import contract_terms, picture, textured

from deepfake_detector.common.verdicts import Reason
from deepfake_detector.media.frame_sampling import sample_frames
from deepfake_detector.pages import svg
from deepfake_detector.scoring.calibration import thinned
from deepfake_detector.serving import report, seen_frames, sentences
from deepfake_detector.serving.inference import FaceFrame, FaceTrack, Report
from deepfake_detector.serving.report_model import as_json

SHA = "ab" * 32


def frame(second: float, fake_probability: float) -> FaceFrame:
    crop = np.full((32, 32, 3), round(255 * fake_probability), np.uint8)
    return FaceFrame(
        round(second * 10), second, (1.0, 2.0, 30.0, 40.04), fake_probability, crop, np.eye(2) * 3.0
    )


def track(number: int, verdict: str, *scores: float) -> FaceTrack:
    frames = tuple(frame(place / 10, score) for place, score in enumerate(scores))
    return FaceTrack(number, verdict, "", float(np.mean(scores)), frames)


JUDGED = Report(
    "folder/<b>clip</b>.mp4",
    SHA,
    "video",
    "FAKE",
    fake_probability=0.8,
    decided_by=1,
    frames_sampled=4,
    frames_with_face=3,
    faces=(track(0, "REAL", 0.1, 0.2, 0.1), track(1, "FAKE", 0.7, 0.8, 0.9)),
    facts={
        "bytes": 12345,
        "codec": "h264",
        "duration": 2.00049,
        "width": 64,
        "height": 48,
        "frame_rate": None,
    },
    seconds=0.5,
)
UNREADABLE = Report("x", None, None, "ERROR", reason="cannot be read", error="empty file")
FACELESS = Report("x", SHA, "image", "INCONCLUSIVE", reason="no face", frames_sampled=1)
TERMS = contract_terms(
    decision={
        "threshold": 0.5,
        "band_low": 0.4,
        "band_high": 0.6,
        "several": (),
        "recalibrated": "",
        "validation": {
            "real_clips": 40,
            "fake_clips": 20,
            "inconclusive": 0,
            "wrong_outside_band": 1,
            "real_scores": (0.1,) * 10 + (0.2,) * 10 + (0.3,) * 10 + (0.85,) * 10,
            "fake_scores": (0.7,) * 10 + (0.9,) * 10,
        },
    }
)


REALS = "Of 40 real clips that the model was checked on, 10 scored"
FAKES = "Of 20 fake clips that the model was checked on, 10 scored"
UNSEEN = "A kind of manipulation that it has not seen (it has seen: swap) may score as low."


@pytest.mark.parametrize(
    ("verdict", "fake_probability", "told"),
    [
        ("FAKE", 0.8, f"{REALS} as high or higher."),
        ("REAL", 0.7, f"{FAKES} as low or lower. {UNSEEN}"),
        ("INCONCLUSIVE", 0.75, f"{REALS} as high or higher. {FAKES} as low or lower."),
        ("INCONCLUSIVE", None, ""),
    ],
)
def test_a_score_is_told_by_the_clips_that_scored_like_it(verdict, fake_probability, told):
    assert (
        sentences.meaning(
            replace(JUDGED, verdict=verdict, fake_probability=fake_probability), TERMS
        )
        == told
    )


@pytest.mark.parametrize(
    ("data_sets", "told"),
    [
        ({"a": {"real": 3, "swap": 2}, "b": {"real": 1, "reenact": 2, "swap": 1}}, "reenact, swap"),
        ({"a": {"real": 3, "fake": 2}}, ""),
        ({"a": {"real": 3}}, ""),
    ],
    ids=["of two data sets", "without a name", "real faces alone"],
)
def test_real_says_which_kinds_of_manipulation_it_speaks_of(data_sets, told):
    learned = TERMS.trained_on.model_copy(update={"data_sets": data_sets})
    said = sentences.meaning(
        replace(JUDGED, verdict="REAL", fake_probability=0.7),
        TERMS.model_copy(update={"trained_on": learned}),
    )
    seen = f" (it has seen: {told})" if told else ""
    assert said.endswith(f" A kind of manipulation that it has not seen{seen} may score as low.")


def test_of_fewer_than_twenty_clips_no_number_is_told():
    found = TERMS.decision.validation.model_copy(update={"real_clips": 19})
    terms = TERMS.model_copy(
        update={"decision": TERMS.decision.model_copy(update={"validation": found})}
    )
    said = sentences.meaning(replace(JUDGED, verdict="FAKE", fake_probability=0.8), terms)
    assert said == (
        "The model was checked on 19 real clips only: too few to say how rare such a score is."
    )


@pytest.mark.parametrize(
    ("probability", "told"),
    [
        (0.9995, "fewer than 25 scored"),
        (0.9, "about 500 scored"),
        (0.0, "about 5000 scored"),
    ],
)
def test_what_is_known_of_some_clips_is_not_told_as_a_count_of_all(probability, told):
    scores = thinned(np.arange(5000) / 5000)
    found = TERMS.decision.validation.model_copy(update={"real_clips": 5000, "real_scores": scores})
    terms = TERMS.model_copy(
        update={"decision": TERMS.decision.model_copy(update={"validation": found})}
    )
    said = sentences.meaning(replace(JUDGED, verdict="FAKE", fake_probability=probability), terms)
    assert f"Of 5000 real clips that the model was checked on, {told} as high or higher." in said


@pytest.mark.parametrize(
    ("probability", "low", "high", "told"),
    [
        (0.984, 0.0, 0.8, ("98.4%", "FAKE from 80.0%, never REAL; otherwise there is no verdict.")),
        (0.9967, 0.1, 0.9968, ("99.67%", "FAKE from 99.68%, REAL up to 10.00%; otherwise")),
        (0.00004, 0.003, 0.9, ("under 0.1%", "FAKE from 90.0%, REAL up to 0.3%; otherwise")),
        (1.0, 0.1, 1.0, ("over 99.9%", "never FAKE, REAL up to 10.0%; otherwise")),
        (0.5, 0.5, 0.5, ("50.0%", "FAKE from 50.0%, REAL below.")),
    ],
)
def test_a_score_is_told_so_that_it_differs_from_the_limits_it_does_not_reach(
    probability, low, high, told
):
    update = {"band_low": low, "band_high": high, "several": ()}
    decision = TERMS.decision.model_copy(update=update)
    score, limits = sentences.score_in_words(
        replace(JUDGED, fake_probability=probability), decision
    )
    assert score == told[0]
    assert limits.startswith(told[1])


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
    told = sentences.in_words(replace(FACELESS, reason=reason))
    assert told
    assert "{" not in told
    assert (
        sentences.in_words(replace(FACELESS, reason=reason, details="2 of 8")) == f"{told} (2 of 8)"
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


@pytest.mark.slow
def test_of_a_picture_no_seconds_are_told():
    of_a_clip = report.as_html(JUDGED, TERMS, SHA).decode()
    of_a_picture = report.as_html(replace(JUDGED, kind="image"), TERMS, SHA).decode()
    for told in ("0.0 to 0.2", "person 2, 0.0 s, "):
        assert told in of_a_clip
        assert told not in of_a_picture
    assert "person 2, 90.0%" in of_a_picture


@pytest.mark.slow
def test_a_reason_is_reported_with_its_details():
    why = {"reason": "too few faces", "details": "1 of at least 2"}
    seldom = replace(track(0, "INCONCLUSIVE", 0.9), **why)
    found = as_json(replace(FACELESS, **why, faces=(seldom,)), TERMS, SHA)
    assert found["reason"] == found["people"][0]["reason"] == "too few faces: 1 of at least 2"
    page = report.as_html(replace(JUDGED, faces=(seldom,)), TERMS, SHA).decode()
    assert "INCONCLUSIVE (too few faces: 1 of at least 2)" in page


@pytest.mark.slow
def test_the_least_face_that_could_be_found_is_told():
    found = replace(JUDGED, least_face=64.04)
    assert as_json(found, TERMS, SHA)["least_face"] == 64.0
    assert as_json(FACELESS, TERMS, SHA)["least_face"] is None
    page = report.as_html(found, TERMS, SHA).decode()
    assert "smallest face that could be found" in page
    assert "64 pixels" in page


def test_an_error_says_what_it_was():
    assert sentences.in_words(UNREADABLE) == "Empty file."


def test_the_most_suspicious_face_comes_first():
    found = report.most_suspicious(JUDGED)
    assert [(person, round(one.fake_probability, 1)) for person, one in found[:4]] == [
        (2, 0.9),
        (2, 0.8),
        (2, 0.7),
        (1, 0.2),
    ]


def test_the_page_has_everything_in_it_and_asks_for_nothing():
    page = report.as_html(JUDGED, TERMS, SHA).decode()
    assert page.count("<svg") == 2  # gauge and timeline
    assert page.count("data:image/jpeg") == 6
    assert "&lt;b&gt;clip&lt;/b&gt;.mp4" in page
    assert "<b>clip" not in page
    for part in (
        "▲ FAKE",
        sentences.SAID["FAKE"],
        "12,345 bytes",
        "64 x 48",
        SHA,
        *sentences.LIMITS,
        "2 (decides)",
    ):
        assert part in page, part
    assert not re.findall(r"""(?:src|href)=["'](?!data:|#)""", page)
    assert "<script" not in page


def test_the_page_shows_whole_frames_of_the_most_suspicious_moments():
    (whole,) = sample_frames(picture(textured(96)), 1)
    kept = tuple(replace(seen_frames.kept(whole), frame=at, time=at / 10) for at in range(3))
    found = replace(JUDGED, frames=kept)
    assert [one.frame for one in report.most_suspicious_frames(found)] == [2, 1, 0]
    page = report.as_html(found, TERMS, SHA).decode()
    assert "The whole frame, 0.2 s: person 1 10.0%, person 2 90.0%" in page
    assert page.count('<figure class="wide">') == 3


@pytest.mark.parametrize(
    ("unproven", "said"),
    [
        ("", "FAKE from 60.0%, REAL up to 40.0%"),
        ("too few groups", "It gives no verdict at any score."),
    ],
)
def test_no_limits_are_told_of_a_model_that_gives_no_verdict(unproven, said):
    decision = TERMS.decision.model_copy(update={"unproven": unproven})
    page = report.as_html(FACELESS, TERMS.model_copy(update={"decision": decision}), SHA).decode()
    assert said in page
    assert ("FAKE from" in page) == (not unproven)


def test_the_page_tells_when_and_by_what_it_was_made_and_its_limits_first():
    found = replace(JUDGED, judged_at="2026-01-02T03:04:05+00:00")
    page = report.as_html(found, TERMS, SHA).decode()
    for part in (
        found.judged_at,
        "<td>deepfake-detector</td><td>0.",
        metadata.version("onnxruntime"),
    ):
        assert part in page
    assert page.index(">Limits</h2>") < page.index(">The file</h2>")


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
    said = sentences.meaning(JUDGED, TERMS.model_copy(update={"decision": decision}))
    assert said.startswith(REALS.replace("checked", "fitted again"))


@pytest.mark.parametrize(
    ("low", "high", "named"), [(0.4, 0.6, ["FAKE", "REAL"]), (0.0, 0.0, ["FAKE"])]
)
def test_the_timeline_names_its_zones(low, high, named):
    drawn = svg.timeline(report.timeline(JUDGED), low, high)
    assert sorted(re.findall(r">\s*(REAL|FAKE)\s*</text>", drawn)) == named


@pytest.mark.slow
def test_the_page_comes_back_byte_for_byte():
    assert report.as_html(JUDGED, TERMS, SHA) == report.as_html(JUDGED, TERMS, SHA)


@pytest.mark.parametrize("one", [UNREADABLE, FACELESS], ids=["unreadable", "no face"])
def test_without_a_probability_the_page_shows_no_score_and_no_face(one):
    page = report.as_html(one, TERMS, SHA).decode()
    assert f"{'✕' if one is UNREADABLE else '○'} {one.verdict}" in page
    assert sentences.in_words(one) in page
    assert "<svg" not in page
    assert "<img" not in page


def test_who_was_seen_too_seldom_comes_last_however_suspicious():
    seldom = replace(track(2, "INCONCLUSIVE", 0.99), reason="too few faces")
    found = report.most_suspicious(replace(JUDGED, faces=(*JUDGED.faces, seldom)))
    assert found[-1][0] == 3
    assert {person for person, _ in found[:-1]} == {1, 2}
