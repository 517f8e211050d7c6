"""The JSON report: what stands in it, and that it holds to its published schema whatever was
judged."""

import json
import subprocess
import sys
from dataclasses import replace
from functools import reduce
from pathlib import Path

import jsonschema
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from made import clip, contract_terms, few, picture
from pydantic import ValidationError

from deepfake_detector.common.verdicts import Reason
from deepfake_detector.contract import Contract
from deepfake_detector.media.probing import probe
from deepfake_detector.serving.inference import FaceFrame, FaceTrack, Report
from deepfake_detector.serving.report_model import FileFacts, JsonReport, as_json

PUBLISHED = Path("docs/report.schema.json")
SCHEMA = jsonschema.Draft202012Validator(json.loads(PUBLISHED.read_text()))
SHA = "ab" * 32
NOTHING = np.zeros((1, 1, 3), np.uint8)
TERMS = contract_terms(
    decision={
        "validation": {
            "real_clips": 3,
            "fake_clips": 2,
            "inconclusive": 0,
            "wrong_outside_band": 1,
            "real_scores": (0.1, 0.2, 0.85),
            "fake_scores": (0.7, 0.9),
        }
    }
)


def face(number: int, fake_probability: float) -> FaceFrame:
    box = (1.0, 2.0, 30.06, 40.04)
    return FaceFrame(number, number / 30, box, fake_probability, NOTHING, NOTHING)


JUDGED = Report(
    "clip.mp4",
    SHA,
    "video",
    "FAKE",
    fake_probability=0.7654321,
    decided_by=1,
    frames_sampled=2,
    frames_with_face=2,
    faces=(
        FaceTrack(0, "REAL", "", 0.1, (face(0, 0.1),)),
        FaceTrack(1, "FAKE", "", 0.7654321, (face(0, 0.7), face(1, 0.87654321))),
    ),
    facts={"bytes": 12345, "codec": "h264", "duration": 2.00049, "variable_rate": 1, "width": None},
    seconds=0.12345,
    warnings=("mind this",),
)

odd_names = st.sampled_from(["con\udcff.mp4", "a\nb.mp4", ""])  # not Unicode, two lines, none
texts = odd_names | st.text()
counts = st.integers(0, 2**40)
fractions = st.floats(0, 1)
reasons = st.sampled_from(["", *Reason])
finite = st.floats(allow_nan=False, allow_infinity=False)
optional_sha = st.none() | st.just(SHA)
facts = st.fixed_dictionaries(
    {},
    optional={
        "bytes": counts,
        "container": texts,
        "codec": texts,
        "width": counts,
        "height": counts,
        "duration": st.none() | finite,
        "frame_rate": st.none() | finite,
        "variable_rate": st.integers(0, 1),
        "frames_declared": st.none() | st.integers(-(2**63), 2**63),
        "frames_found": counts,
        "bitrate": st.none() | finite,
        "jpeg_quality": st.floats(1, 100),
    },
)
faces = st.builds(
    FaceFrame, counts, finite, st.tuples(*[finite] * 4), fractions, st.none(), st.none()
)
tracks = st.builds(
    FaceTrack,
    counts,
    st.sampled_from(["REAL", "FAKE", "INCONCLUSIVE"]),
    reasons,
    fractions,
    st.lists(faces, min_size=1, max_size=3).map(tuple),
)
reports = st.builds(
    Report,
    texts,
    optional_sha,
    st.sampled_from(["image", "video", None]),
    st.sampled_from(["REAL", "FAKE", "INCONCLUSIVE", "ERROR"]),
    reasons,
    texts,  # the reason's details
    st.none() | fractions,
    st.none() | counts,
    counts,
    counts,
    st.lists(tracks, max_size=3).map(tuple),
    facts,
    st.floats(0, 1e6),
    st.lists(texts, max_size=2).map(tuple),
    st.none() | texts,
)
scores = st.lists(fractions, max_size=3).map(sorted).map(tuple)


@st.composite
def terms(draw: st.DrawFn) -> Contract:
    validation = {"real_scores": draw(scores), "fake_scores": draw(scores)}
    return contract_terms(
        variant=draw(st.sampled_from(["fp32", "int8"])),
        decision={"validation": TERMS.decision.validation.model_dump() | validation},
    )


def replaced(plain: dict, place: str, value: object) -> dict:
    """The report with another value at a place such as `people.0.verdict`."""
    copy = json.loads(json.dumps(plain))
    *way, last = [int(part) if part.isdigit() else part for part in place.split(".")]
    reduce(lambda inside, part: inside[part], way, copy)[last] = value
    return copy


@pytest.mark.slow
def test_the_published_schema_is_what_its_command_prints():
    command = [sys.executable, "-m", "deepfake_detector.serving.report_model"]
    done = subprocess.run(command, capture_output=True, check=True)
    assert done.stdout == PUBLISHED.read_bytes()


@pytest.mark.slow
@given(reports, terms())
@few
def test_whatever_was_judged_its_report_holds_to_the_schema(report, contract):
    plain = as_json(report, contract, SHA)
    read = json.loads(json.dumps(plain, allow_nan=False))
    SCHEMA.validate(read)
    assert JsonReport.model_validate(read).model_dump(mode="json", by_alias=True) == read == plain


@pytest.mark.parametrize(
    ("place", "value"),
    [
        ("schema", "deepfake-detector-report/1"),
        ("verdict", "UNSURE"),
        ("fake_probability", 1.5),
        ("at_this_score.fraction_of_reals_as_high", -0.1),
        ("decided_by", 0),
        ("frames_sampled", -1),
        ("seconds", -0.1),
        ("people.0.verdict", "ERROR"),
        ("people.0.frames", []),
        ("people.0.frames.0.box", [1.0, 2.0, 3.0]),
        ("people.0.frames.0.fake_probability", None),
        ("input.facts.bytes", -1),
        ("input.sha256", "ab"),
        ("model.temperature", 0),
        ("model.band_low", 2),
        ("model.variant", 8),
        ("model.trained_on", {"drawn": 3}),
        ("model.more", 1),
    ],
)
def test_the_schema_and_the_model_refuse_the_same(place, value):
    wrong = replaced(as_json(JUDGED, TERMS, SHA), place, value)
    assert not SCHEMA.is_valid(wrong)
    with pytest.raises(ValidationError):
        JsonReport.model_validate(wrong)


def test_every_field_says_what_it_means_and_is_always_there():
    objects = [SCHEMA.schema, *SCHEMA.schema["$defs"].values()]
    for one in objects:
        assert one["required"] == list(one["properties"])
        assert [name for name, of in one["properties"].items() if not of.get("description")] == []


@pytest.mark.parametrize(
    "data",
    [clip(4), picture(NOTHING, "JPEG"), b"no media"],
    ids=["video", "image", "unreadable"],
)
def test_every_fact_of_a_file_has_its_field(data):
    facts = probe(data).facts
    plain = FileFacts.of(facts).model_dump()
    known = {name for name, value in facts.items() if value is not None}
    assert {name for name, value in plain.items() if value is not None} == known


def test_json_counts_people_from_one_and_rounds():
    plain = as_json(JUDGED, TERMS, SHA)
    assert (plain["fake_probability"], plain["decided_by"], plain["seconds"]) == (
        0.765432,
        2,
        0.123,
    )
    assert plain["at_this_score"] == {
        "real_clips": 3,
        "fraction_of_reals_as_high": 0.333333,
        "fake_clips": 2,
        "fraction_of_fakes_as_low": 0.5,
    }
    assert [one["person"] for one in plain["people"]] == [1, 2]
    assert plain["people"][1]["frames"][1] == {
        "frame": 1,
        "time": 0.033,
        "box": [1.0, 2.0, 30.1, 40.0],
        "fake_probability": 0.876543,
    }


def test_json_tells_people_frames_and_limits_apart():
    terms = contract_terms(
        decision={"band_high": 0.6, "several": (0.7, 0.8)},
        quality={"sharpness_ratio": {"least": 0.2, "most": 0.9}},
    )
    seen = replace(
        JUDGED, people=2, frames_sampled=5, frames_with_face=3, notes=("turned upright",)
    )
    plain = as_json(replace(seen, faces=(*seen.faces, seen.faces[0])), terms, SHA)
    assert (plain["people_judged"], plain["fake_from"]) == (2, 0.7)
    assert (plain["frames_sampled"], plain["frames_with_face"]) == (5, 3)
    assert plain["notes"] == ["turned upright"]
    measured = replace(seen.faces[0], quality={"sharpness_ratio": 0.5})
    (person,) = as_json(replace(seen, faces=(measured,)), terms, SHA)["people"]
    assert person["quality"] == [
        {"measure": "sharpness_ratio", "value": 0.5, "least": 0.2, "most": 0.9}
    ]


def test_json_tells_what_is_known_of_the_file_and_null_for_the_rest():
    facts = as_json(JUDGED, TERMS, SHA)["input"]["facts"]
    known = {"bytes": 12345, "codec": "h264", "duration": 2.0, "variable_rate": True}
    assert facts == dict.fromkeys(facts) | known


def test_json_tells_by_which_model_and_puts_the_verdict_into_words():
    plain = as_json(JUDGED, TERMS, "cd" * 32)
    assert plain["model"] == {
        "sha256": "cd" * 32,
        "network": "resnet18",
        "variant": "fp32",
        "demonstration": False,
        "unproven": "",
        "trained_on": {"möwe": {"real": 3, "swap": 2}},
        "split": "grouped by source, seed 1",
        "face_detector": "haar",
        "temperature": 1.25,
        "threshold": 0.4,
        "band_low": 0.3,
        "band_high": 0.6,
    }
    assert plain["in_words"] == "Signs of face manipulation found."
    assert plain["warnings"] == ["mind this"]
    lost = Report("x", None, None, "ERROR", reason="cannot be read", error="empty file")
    plain = as_json(lost, TERMS, SHA)
    assert plain["in_words"] == "This file cannot be judged. Empty file."
    assert (plain["fake_probability"], plain["at_this_score"]) == (None, None)
