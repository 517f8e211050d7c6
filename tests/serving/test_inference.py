"""One input, one report: each route to a verdict, agreement with evaluate; no input raises."""

import hashlib
import os
import re
import subprocess
import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from unittest.mock import Mock

import av
import made
import numpy as np
import onnx
import pandas as pd
import pytest
from matplotlib.cbook import get_sample_data

from deepfake_detector import UserError, contract
from deepfake_detector.common.verdicts import Reason
from deepfake_detector.contract import golden, model_file
from deepfake_detector.faces.detection import load_detector
from deepfake_detector.faces.settings import YUNET
from deepfake_detector.media.frame_sampling import Frame
from deepfake_detector.media.reading import Limits
from deepfake_detector.media.stills import read_image
from deepfake_detector.scoring.decision import decide
from deepfake_detector.scoring.firmness import NOT_MEASURED
from deepfake_detector.scoring.quality import MEASURES, WITHOUT_LIMIT
from deepfake_detector.serving.inference import (
    CUT_OFF,
    DAMAGED,
    DEMONSTRATION,
    GIVEN,
    JOINED,
    LATER,
    LOST,
    Detector,
    Report,
)
from deepfake_detector.serving.sentences import in_words
from deepfake_detector.storage.files import file_hash

MODEL, INT8 = "models/detector.onnx", "models/detector.int8.onnx"
GREY = np.full((90, 120, 3), 128, np.uint8)
STRIPS, FLOATS = (
    b"\x11\x01\x04\x00",
    b"\x11\x01\x0b\x00",
)  # a TIFF tag that says where its pixels lie: whole, fraction
ALWAYS = {
    "trained_on": {"demonstration": False, "inputs": {}},
    "decision": {"min_faces": 1},
    "quality": dict.fromkeys(MEASURES, WITHOUT_LIMIT),
}  # a model that judges whatever it sees


@pytest.fixture(scope="module")
def detector(toy_project) -> Detector:
    return Detector.load(toy_project / MODEL)


@pytest.fixture(scope="module")
def with_contract(toy_project, tmp_path_factory) -> Callable[..., Path]:
    """Writes a toy model with another contract: `with_contract(decision={"min_faces": 1})`."""

    def write(model: str = MODEL, **changes: object) -> Path:
        graph = onnx.load(toy_project / model)
        (text,) = [entry.value for entry in graph.metadata_props if entry.key == contract.KEY]
        terms = made.contract_terms(contract.parse(text, model).model_dump(), **changes)
        path = tmp_path_factory.mktemp("model") / "changed.onnx"
        path.write_bytes(model_file.sealed(graph, terms))
        return path

    return write


@pytest.fixture(scope="module")
def small_detector(tmp_path_factory) -> Detector:
    """One that samples six frames of a clip and needs no toy run."""
    return Detector.load(made.write_model(tmp_path_factory.mktemp("small") / "small.onnx"))


@pytest.fixture(scope="module")
def judge(with_contract) -> Detector:
    return Detector.load(with_contract(**ALWAYS))


def findings(report: Report) -> Report:
    """The report without what differs between two calls; pictures are not compared."""
    return replace(report, input="", seconds=0.0)


def logit(probability: float) -> float:
    return float(np.log(probability / (1 - probability)))


def evaluated() -> pd.DataFrame:
    """The test split's rows of evaluate, with each item's file and kind."""
    clips = pd.read_csv("data/clip_predictions.csv").merge(
        pd.read_csv("data/index.csv")[["item", "path", "kind"]]
    )
    return clips[clips["split"] == "test"]


def test_the_demos_own_files_get_what_evaluate_gave_them(in_toy_project, detector):
    decision = detector.contract.decision
    assert len(evaluated()) >= 8
    for row in evaluated().itertuples():
        report = detector.predict(Path(row.path))
        if row.kind == "image":
            assert decision.temperature * logit(report.fake_probability) == pytest.approx(
                row.logit, abs=1e-3
            ), row.item
            assert report.fake_probability == pytest.approx(row.fake_probability, abs=1e-4), (
                row.item
            )
        else:  # its frames were stored as JPEG
            assert decision.temperature * logit(report.fake_probability) == pytest.approx(
                row.logit, abs=0.4
            ), row.item
        assert (report.frames_sampled, report.frames_with_face) == (
            row.frames_sampled,
            row.frames_with_face,
        )
        for judged in (report, row):
            assert judged.verdict == decide(
                judged.fake_probability, decision.band_low, decision.band_high
            )


def test_the_examples_are_judged_and_say_that_the_model_is_a_demonstration(
    in_toy_project, detector
):
    examples = sorted(Path("models/examples").iterdir())
    assert {example.suffix for example in examples} == {".mp4", ".jpg"}
    for example in examples:
        report = detector.predict(example)
        assert report.verdict in ("REAL", "FAKE", "INCONCLUSIVE")
        assert 0 <= report.fake_probability <= 1
        assert report.warnings == (DEMONSTRATION,)
        assert report.faces


@pytest.mark.parametrize(
    ("data", "faces"),
    [
        (made.person_clip(), True),
        (made.person_still(), True),
        (made.picture(GREY), False),
    ],
    ids=["clip", "still", "no face"],
)
def test_a_demonstration_model_gives_no_verdict_on_other_files_but_lists_faces(
    detector, data, faces
):
    report = detector.predict(data)
    assert (report.verdict, report.reason) == ("INCONCLUSIVE", "demonstration model")
    assert report.fake_probability is None
    assert bool(report.faces) == faces
    assert report.warnings == (DEMONSTRATION,)


def test_an_unproven_model_gives_no_verdict_on_any_file_or_person_and_says_why(
    with_contract, in_toy_project
):
    example = Path("models/examples/real_video.mp4")
    assert Detector.load(with_contract()).predict(example).fake_probability is not None
    unproven = Detector.load(with_contract(decision={"unproven": "too few groups"}))
    report = unproven.predict(example)
    assert (report.verdict, report.reason) == ("INCONCLUSIVE", "unproven model")
    assert report.fake_probability is None
    assert {(one.verdict, one.reason) for one in report.faces} == {
        ("INCONCLUSIVE", "unproven model")
    }
    (warning,) = report.warnings
    assert "Unproven model: too few groups. It gives no verdicts." in warning


@pytest.mark.parametrize(("low", "high"), [(0.0, 0.0), (1.0, 1.0)])
def test_a_demonstration_model_gives_no_verdict_on_any_person_either(with_contract, low, high):
    path = with_contract(decision={"min_faces": 1, "band_low": low, "band_high": high})
    report = Detector.load(path).predict(made.person_clip())
    assert report.decided_by is None
    assert [(track.verdict, track.reason) for track in report.faces] == [
        ("INCONCLUSIVE", "demonstration model")
    ]


@pytest.mark.parametrize("pattern", ["dfdc/**/*.mp4", "dfdc_faces/**/*.jpg"])
def test_a_demonstration_model_gives_no_verdict_on_real_people(detector, shared_data, pattern):
    report = detector.predict(min(shared_data.glob(pattern)))
    assert (report.verdict, report.reason) == ("INCONCLUSIVE", "demonstration model")
    assert report.fake_probability is None
    assert report.error is None


def test_a_demonstration_model_gives_no_verdict_on_a_photo_of_a_person(detector):
    report = detector.predict(Path(get_sample_data("grace_hopper.jpg", asfileobj=False)))
    assert report.faces
    assert (report.verdict, report.reason, report.fake_probability) == (
        "INCONCLUSIVE",
        "demonstration model",
        None,
    )


@pytest.mark.parametrize(
    ("low", "high", "verdict", "reason"),
    [
        (0.0, 0.0, "FAKE", ""),
        (1.0, 1.0, "REAL", ""),
        (0.0, 1.0, "INCONCLUSIVE", "score in the inconclusive band"),
    ],
)
def test_the_band_decides(with_contract, low, high, verdict, reason):
    path = with_contract(**ALWAYS | {"decision": {"band_low": low, "band_high": high}})
    report = Detector.load(path).predict(made.person_clip())
    assert (report.verdict, report.reason, report.decided_by) == (verdict, reason, 0)
    assert [(track.verdict, track.reason) for track in report.faces] == [(verdict, reason)]
    assert 0 < report.fake_probability < 1
    assert report.warnings == ()


@pytest.mark.parametrize(("codec", "warns"), [("av1", True), ("h264", False)])
def test_a_file_unlike_all_that_were_learned_from_gets_a_warning(with_contract, codec, warns):
    video = {"codecs": (codec,), "short_side": None, "bits_per_pixel": None}
    learned = ALWAYS["trained_on"] | {"inputs": {"video": video}}
    report = Detector.load(with_contract(**ALWAYS | {"trained_on": learned})).predict(
        made.person_clip()
    )
    assert [one.startswith("Unlike all videos") for one in report.warnings] == [True] * warns


def test_without_a_face_there_is_no_verdict(judge):
    report = judge.predict(made.clip())
    assert (report.verdict, report.reason, report.fake_probability) == (
        "INCONCLUSIVE",
        "no face",
        None,
    )
    assert (report.frames_sampled, report.frames_with_face, report.faces) == (
        judge.contract.frames,
        0,
        (),
    )


def test_faces_below_the_least_size_are_not_judged(with_contract):
    report = Detector.load(with_contract(**ALWAYS, crop={"min_face": 500})).predict(
        made.person_clip()
    )
    assert (report.verdict, report.reason, report.fake_probability) == (
        "INCONCLUSIVE",
        "faces too small",
        None,
    )
    assert report.faces == ()


@pytest.fixture(scope="module")
def two_people() -> np.ndarray:
    """A picture of two drawn people side by side."""
    people = [read_image(made.person_still(person)) for person in (0, 2)]
    height = max(one.shape[0] for one in people)
    return np.hstack(
        [np.pad(one, ((0, height - one.shape[0]), (0, 0), (0, 0)), mode="edge") for one in people]
    )


BETWEEN, ABOVE, BELOW = "between the two", "above both", "below both"


@pytest.mark.parametrize(
    ("low", "high", "verdict", "reason", "more_suspicious", "other"),
    [
        (BETWEEN, BETWEEN, "FAKE", "", "FAKE", "REAL"),
        (BELOW, BETWEEN, "FAKE", "", "FAKE", "INCONCLUSIVE"),
        (BELOW, BELOW, "FAKE", "", "FAKE", "FAKE"),
        (ABOVE, ABOVE, "REAL", "", "REAL", "REAL"),
        (BELOW, ABOVE, "INCONCLUSIVE", Reason.IN_BAND, "INCONCLUSIVE", "INCONCLUSIVE"),
        (
            BETWEEN,
            ABOVE,
            "INCONCLUSIVE",
            "people disagree: one looks real, the score of another lies in the inconclusive band",
            "INCONCLUSIVE",
            "REAL",
        ),
    ],
)
def test_of_two_people_each_has_a_verdict_and_the_more_suspicious_decides(
    judge, with_contract, two_people, low, high, verdict, reason, more_suspicious, other
):
    picture = made.picture(two_people)
    lower, higher = sorted(track.fake_probability for track in judge.predict(picture).faces)
    assert lower < higher
    ends = {BELOW: lower / 2, BETWEEN: (lower + higher) / 2, ABOVE: (higher + 1) / 2}
    decision = {"min_faces": 1, "band_low": ends[low], "band_high": ends[high], "several": ()}
    report = Detector.load(with_contract(**ALWAYS | {"decision": decision})).predict(picture)

    assert [track.track for track in report.faces] == [0, 1]
    second, first = sorted(report.faces, key=lambda track: track.fake_probability)
    assert (first.verdict, second.verdict) == (more_suspicious, other)
    assert [track.reason for track in report.faces] == [
        Reason.IN_BAND if track.verdict == "INCONCLUSIVE" else "" for track in report.faces
    ]
    assert (report.verdict, report.reason, report.decided_by) == (verdict, reason, first.track)
    assert report.fake_probability == first.fake_probability
    assert report.frames_with_face == 1


@pytest.mark.parametrize(
    ("several", "verdict", "reason"),
    [((1.0,), "INCONCLUSIVE", Reason.OF_SEVERAL), ((0.0,), "FAKE", ""), ((), "FAKE", "")],
)
def test_two_people_are_judged_by_the_threshold_for_two(
    with_contract, two_people, several, verdict, reason
):
    decision = {"min_faces": 1, "band_low": 0.0, "band_high": 0.0, "several": several}
    judge = Detector.load(with_contract(**ALWAYS | {"decision": decision}))
    report = judge.predict(made.picture(two_people))
    assert (report.verdict, report.reason, report.people) == (verdict, reason, 2)
    assert {(track.verdict, track.reason) for track in report.faces} == {(verdict, reason)}
    assert judge.predict(made.person_still()).people == 1


TWO_OF_THREE = {"frames": 3, "decision": {"min_faces": 2, "band_low": 0.0, "band_high": 0.0}}


@pytest.fixture(scope="module")
def seldom_two(judge, two_people) -> bytes:
    """A clip of three frames in only one of which one of two people is seen, the one who is more
    suspicious there than the other is on average."""
    for person in judge.predict(made.picture(two_people)).faces:
        left, _, width, _ = (round(value) for value in person.frames[0].box)
        alone = two_people.copy()
        alone[:, max(0, left - width // 2) : left + 3 * width // 2] = 128
        clip = made.clip_of([two_people, alone, alone])
        other, seldom = judge.predict(clip).faces
        if seldom.fake_probability > other.fake_probability:
            return clip
    raise AssertionError("whoever is seen once is the less suspicious")


def test_a_person_seen_too_seldom_has_no_verdict_and_does_not_decide(with_contract, seldom_two):
    report = Detector.load(with_contract(**ALWAYS | TWO_OF_THREE)).predict(seldom_two)
    assert [
        (track.verdict, track.reason, track.details, len(track.frames)) for track in report.faces
    ] == [
        ("FAKE", "", "", 3),
        ("INCONCLUSIVE", "too few faces", "1 of at least 2", 1),
    ]
    assert report.faces[1].fake_probability > report.faces[0].fake_probability
    assert (report.verdict, report.decided_by) == ("FAKE", 0)
    assert report.fake_probability == report.faces[0].fake_probability


def test_a_demonstration_model_says_nothing_of_who_was_seen_too_seldom(with_contract, seldom_two):
    report = Detector.load(with_contract(**TWO_OF_THREE)).predict(seldom_two)
    assert [(track.reason, track.details) for track in report.faces] == [
        ("demonstration model", "")
    ] * 2


def test_a_picture_given_as_a_face_is_judged_whole(with_contract):
    still = made.person_still()
    height, width = read_image(still).shape[:2]
    given = Detector.load(with_contract(**ALWAYS, crop={"kind": "given"}))
    whole, found = given.predict(still, kind="face"), given.predict(still)
    assert [frame.box for frame in whole.faces[0].frames] == [(0, 0, width, height)]
    assert whole.warnings == ()
    assert found.faces[0].frames[0].box[2] < width
    assert found.warnings == (GIVEN,)


BROKEN = {
    "empty": (b"", "empty file"),
    "text": (b"this is no video at all\n" * 50, "neither an image nor a video that can be decoded"),
    "sound": (made.audio_only(), r"no video in it \(audio only\?\)"),
    "half a clip": (made.clip()[:900], "cut off: without its end nobody can tell"),
    "half a picture": (made.person_still()[:2000], "damaged image"),
    "damaged TIFF": (made.picture(GREY, "TIFF").replace(STRIPS, FLOATS), "damaged image"),
}


@pytest.mark.parametrize(("data", "error"), BROKEN.values(), ids=BROKEN)
def test_what_cannot_be_read_is_an_error_in_the_report(detector, tmp_path, data, error):
    (tmp_path / "input.mp4").write_bytes(data)
    for report in (detector.predict(data), detector.predict(tmp_path / "input.mp4")):
        assert (report.verdict, report.reason) == ("ERROR", "cannot be read")
        assert report.sha256 == file_hash(tmp_path / "input.mp4")
        assert report.fake_probability is None
        assert re.search(error, report.error)
        assert report.kind == ("image" if error == "damaged image" else None)


@pytest.mark.parametrize(
    ("data", "limits", "error"),
    [
        (
            made.picture(GREY),
            Limits(pixels=120 * 90 - 1),
            "too large: 120 x 90 pixels, the limit is 0.010799 million; scale it down",
        ),
        (
            made.clip(),
            Limits(pixels=96 * 64 - 1),
            "too large: 96 x 64 pixels, the limit is 0.006143 million; scale it down",
        ),
        (
            made.clip(36, rate=12),
            Limits(duration=2.5),
            "too long: 3 seconds, the limit is 2.5; judge a part of it",
        ),
        (made.clip(), Limits(work=0), "took longer than 0 seconds"),
    ],
    ids=["picture", "frame", "duration", "work"],
)
def test_what_passes_a_limit_is_an_error_in_the_report(judge, data, limits, error):
    assert (
        judge.predict(data, limits=Limits(pixels=120 * 90, duration=3.5, work=60)).verdict
        == "INCONCLUSIVE"
    )
    report = judge.predict(data, limits=limits)
    assert (report.verdict, report.reason, report.error) == ("ERROR", "cannot be read", error)
    assert (report.fake_probability, report.decided_by, report.faces) == (None, None, ())
    assert report.facts["bytes"] == len(data)


def damaged_clip(at: int) -> bytes:
    """24 frames, whose packet of that number is damaged; no keyframe follows."""
    data = bytearray(made.clip())
    start, size = made.packets(bytes(data))[at]
    data[start + 5 : start + size] = np.random.default_rng(1).bytes(size - 5)
    return bytes(data)


def without_its_first_half() -> bytes:
    """24 frames in two groups of pictures, of which the first is all zero."""
    data = bytearray(made.in_fragments())
    for start, size in made.packets(bytes(data))[:12]:
        data[start : start + size] = bytes(size)
    return bytes(data)


@pytest.mark.parametrize(
    ("data", "told"),
    [
        (made.in_fragments(), ()),
        (made.in_fragments()[:-120], (CUT_OFF,)),
        (damaged_clip(1), (DAMAGED.format(5, 6),)),
        (damaged_clip(8), (LOST.format(3, 6),)),
        (without_its_first_half(), (LOST.format(4, 6),)),
        (made.clip(container="mpegts") + made.on_another_stream(), (JOINED,)),
    ],
    ids=["whole", "cut off", "damaged early", "damaged late", "lost early", "joined"],
)
def test_what_is_missing_or_damaged_in_a_clip_is_told(small_detector, data, told):
    assert small_detector.predict(data).warnings == told


@pytest.mark.parametrize(
    ("band", "cut", "verdict", "reason"),
    [
        ({"band_low": 0.999999, "band_high": 1.0}, False, "REAL", ""),
        ({"band_low": 0.999999, "band_high": 1.0}, True, "INCONCLUSIVE", Reason.IN_PART),
        ({"band_low": 0.0, "band_high": 0.0}, True, "FAKE", ""),
        ({"band_low": 0.0, "band_high": 1.0}, True, "INCONCLUSIVE", Reason.IN_BAND),
    ],
)
def test_what_looks_real_in_part_is_not_called_real(tmp_path, band, cut, verdict, reason):
    path = made.write_model(
        tmp_path / "m.onnx",
        trained_on={"demonstration": False},
        decision=band | {"min_faces": 1, "unproven": ""},
    )
    data = made.in_container(made.person_clip(), "matroska")
    found = Detector.load(path).predict(data[: -len(data) // 3] if cut else data)
    assert (found.verdict, found.reason) == (verdict, reason)
    assert (CUT_OFF in found.warnings) == cut
    assert found.fake_probability is not None
    assert bool(in_words(found)) == bool(reason)


@pytest.mark.parametrize(("later", "told"), [(0, []), (3, [LATER.format(3)])])
def test_it_is_told_where_a_player_shows_all_later(small_detector, later, told):
    found = small_detector.predict(made.late_clip(later))
    assert [note for note in found.notes if note.startswith("In a player")] == told
    assert found.facts["duration"] == pytest.approx(0.5)


@pytest.mark.parametrize(
    ("name", "error"), [("missing.mp4", "No such file"), ("", "Is a directory")]
)
def test_a_path_without_a_file_is_an_error_in_the_report(detector, tmp_path, name, error):
    report = detector.predict(tmp_path / name)
    assert (report.verdict, report.sha256) == ("ERROR", None)
    assert error in report.error


def test_a_path_and_its_bytes_get_the_same_report(in_toy_project, detector):
    for example in sorted(Path("models/examples").iterdir()):
        by_path, by_bytes = detector.predict(example), detector.predict(example.read_bytes())
        assert findings(by_path) == findings(by_bytes)
        assert (by_path.input, by_bytes.input) == (str(example), "upload")


def test_a_clip_and_a_still_come_with_their_facts(judge):
    clip, still = made.clip(24, rate=12, width=160, height=96), made.person_still()
    of_clip, of_still = judge.predict(clip).facts, judge.predict(still).facts
    height, width = read_image(still).shape[:2]
    assert (of_clip["bytes"], of_clip["container"], of_clip["codec"]) == (len(clip), "mov", "h264")
    assert (of_clip["width"], of_clip["height"], of_clip["frames_found"]) == (160, 96, 24)
    assert of_clip["duration"] == pytest.approx(2, rel=0.02)
    assert (of_still["bytes"], of_still["codec"]) == (len(still), "jpeg")
    assert (of_still["width"], of_still["height"]) == (width, height)


def test_a_turned_clip_has_the_width_and_height_of_its_upright_pictures(judge):
    facts = judge.predict(made.clip(rotation=90)).facts
    assert (facts["width"], facts["height"]) == (64, 96)


def test_every_face_comes_with_its_time_its_crop_and_its_map(judge):
    report = judge.predict(made.person_clip())
    (track,) = report.faces
    crop = judge.contract.crop
    places = -(-crop.input_size // 32)
    assert len(track.frames) == report.frames_with_face == report.frames_sampled
    assert [frame.time for frame in track.frames] == sorted({frame.time for frame in track.frames})
    for frame in track.frames:
        assert (frame.crop.shape, frame.crop.dtype) == ((crop.size, crop.size, 3), np.uint8)
        assert frame.activation.shape == (places, places)


def test_an_int8_model_finds_the_same_faces_and_nearly_the_same_logits(judge, with_contract):
    int8 = Detector.load(with_contract(INT8, **ALWAYS, withheld=""))
    assert (judge.contract.variant, int8.contract.variant) == ("fp32", "int8")
    for data in (made.person_clip(), made.person_still()):
        reports = [one.predict(data) for one in (judge, int8)]
        boxes = [
            [frame.box for track in report.faces for frame in track.frames] for report in reports
        ]
        assert boxes[0] == boxes[1] != []
        assert reports[1].verdict in ("REAL", "FAKE", "INCONCLUSIVE")
        fp32, small = (
            [
                one.contract.decision.temperature * logit(frame.fake_probability)
                for frame in report.faces[0].frames
            ]
            for one, report in zip((judge, int8), reports, strict=True)
        )
        assert small == pytest.approx(fp32, abs=0.3)


def test_an_inexact_model_does_not_tell_of_verdicts_that_are_not_its_own(judge, with_contract):
    int8 = Detector.load(with_contract(INT8, **ALWAYS, withheld=""))
    assert judge.contract.firmness != NOT_MEASURED
    assert int8.contract.firmness == NOT_MEASURED


def test_two_threads_get_what_one_gets(judge):
    inputs = [made.person_clip(0), made.person_still(2), made.clip(), made.person_clip(2), b""] * 2
    alone = [findings(judge.predict(data)) for data in inputs[:5]] * 2
    with ThreadPoolExecutor(2) as pool:
        assert [findings(report) for report in pool.map(judge.predict, inputs)] == alone


@pytest.mark.slow
@pytest.mark.parametrize(
    ("data", "expected"),
    [
        (made.person_clip(), [(done, 6) for done in range(1, 7)]),
        (made.person_still(), [(1, 1)]),
    ],
    ids=["clip", "still"],
)
def test_progress_counts_the_frames(small_detector, data, expected):
    told = []
    small_detector.predict(data, watch=lambda *counts: told.append(counts))
    assert told == expected


@pytest.mark.slow
def test_a_clip_is_opened_to_probe_it_and_to_decode_it_and_no_more(small_detector, monkeypatch):
    data = made.person_clip()
    opening = Mock(wraps=av.open)
    monkeypatch.setattr(av, "open", opening)
    assert small_detector.predict(data).frames_sampled == 6
    assert opening.call_count == 2


def test_a_hash_that_is_known_already_is_not_computed_again(small_detector, monkeypatch):
    data = made.person_still()
    expected = small_detector.predict(data)
    monkeypatch.setattr(hashlib, "sha256", None)
    assert findings(small_detector.predict(data, sha256=expected.sha256)) == findings(expected)


def test_a_file_that_is_written_to_meanwhile_is_an_error(small_detector, tmp_path):
    """Its hash, its facts and its faces might be of three different files."""
    (tmp_path / "clip.mp4").write_bytes(made.clip())

    def appended(done: int, total: int) -> None:
        if done == 1:
            with open(tmp_path / "clip.mp4", "ab") as file:
                file.write(b"more")

    found = small_detector.predict(tmp_path / "clip.mp4", watch=appended)
    assert (found.verdict, found.faces) == ("ERROR", ())
    assert found.error.startswith("its content changed while it was judged")
    assert small_detector.predict(tmp_path / "clip.mp4").verdict != "ERROR"


@pytest.mark.slow
def test_serving_imports_neither_torch_nor_onnx():
    names = ("torch", "onnx", "onnxruntime")
    loaded = f"import sys, deepfake_detector.serving.inference; print(*(name in sys.modules for name in {names}))"
    done = subprocess.run(
        [sys.executable, "-c", loaded], capture_output=True, text=True, check=True
    )
    assert done.stdout.split() == ["False", "False", "True"]


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        (
            {"golden": {"logit": 99.0}},
            r"changed\.onnx: the network computes something else here than where it was",
        ),
        (
            {"golden": {"boxes": ()}},
            r"changed\.onnx: the face detector finds other faces here than where the model was",
        ),
        (
            {"detection": {"sha256": "0" * 64}},
            "the haar face detector here is another file than the model was trained",
        ),
        (
            {"detection": {"name": "yunet", "sha256": YUNET.sha256}},
            f"{YUNET.file}: not there.*fetch-assets yunet",
        ),
        (
            {"detection": {"name": "scrfd"}},
            "unknown face detector 'scrfd' .*install a newer version",
        ),
    ],
    ids=[
        "another logit",
        "other faces",
        "another face detector",
        "face detector not there",
        "unknown face detector",
    ],
)
def test_a_model_whose_terms_cannot_be_kept_is_refused(
    with_contract, tmp_path, monkeypatch, changes, message
):
    monkeypatch.setenv("DEEPFAKE_ASSETS", str(tmp_path))
    with pytest.raises(UserError, match=message):
        Detector.load(with_contract(**changes))


def test_a_model_that_is_not_the_pinned_one_is_refused(toy_project):
    digest = file_hash(toy_project / MODEL)
    assert Detector.load(toy_project / MODEL, sha256=digest).sha256 == digest
    with pytest.raises(UserError, match=r"detector\.onnx: not the file that was asked for"):
        Detector.load(toy_project / MODEL, sha256="0" * 64)


def test_a_model_trained_with_yunet_finds_real_faces_with_it(
    toy_project, with_contract, yunet, shared_data
):
    model = model_file.load(toy_project / MODEL)
    detection = {"name": "yunet", "sha256": YUNET.sha256, "min_score": 0.7}
    terms = model.contract
    faces = load_detector(
        "yunet", terms.detection.detect_size, terms.crop.min_face, 0.7, YUNET.sha256
    )
    sample = golden.sample(faces, model.contract.crop, model.judge, tolerance=1e-3)
    clip = min(shared_data.glob("dfdc/**/*.mp4"))
    report = Detector.load(with_contract(**ALWAYS, detection=detection, golden=sample)).predict(
        clip
    )
    assert report.verdict in ("REAL", "FAKE", "INCONCLUSIVE")
    assert report.frames_with_face > 0


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="needs named pipes")
def test_a_pipe_keeps_nobody_waiting(tmp_path):
    os.mkfifo(tmp_path / "pipe.mp4")
    model = made.write_model(tmp_path / "model.onnx")
    found = Detector.load(model).predict(tmp_path / "pipe.mp4")
    assert (found.verdict, found.error) == ("ERROR", "a pipe or a device, not a file")


def test_the_smallest_face_is_that_of_the_frame_where_it_is_largest(small_detector):
    frames = [
        Frame(number, None, number / 10, np.zeros((*size, 3), np.uint8))
        for number, size in enumerate([(720, 1280), (90, 160)])
    ]
    seen, _ = small_detector._looked_at(frames, False)
    each = [small_detector._looked_at([one], False)[0].least_face for one in frames]
    assert seen.least_face == each[0] > each[1]
