"""The evidence: a page that needs nothing else, and what of a report is shown first."""

import re
from dataclasses import replace
from importlib import metadata

import pytest
from made import picture, textured
from reports import FACELESS, JUDGED, SHA, TERMS, UNREADABLE, track

from deepfake_detector.media.frame_sampling import sample_frames
from deepfake_detector.pages import svg
from deepfake_detector.serving import report, seen_frames, sentences
from deepfake_detector.serving.report_model import as_json


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
