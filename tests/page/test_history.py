"""What is kept of a visit: so much and no more, small, and findable."""

from dataclasses import replace

import made
import numpy as np
import pytest

from app import history
from app.history import History, packed, pixels, unpacked
from deepfake_detector.serving.inference import FaceFrame, FaceTrack, Report
from deepfake_detector.serving.seen_frames import SeenFrame

TERMS = made.contract_terms()
CROP = made.textured(224)
SMOOTH = np.linspace(0, 255, 224 * 224 * 3).astype(np.uint8).reshape(224, 224, 3)


def judged(name: str, faces: int = 1, crop: np.ndarray = CROP) -> Report:
    frames = tuple(
        FaceFrame(at, at / 10, (0, 0, 9, 9), 0.5, crop, np.eye(7)) for at in range(faces)
    )
    return Report(
        name,
        "ab" * 32,
        "video",
        "FAKE",
        fake_probability=0.5,
        faces=(FaceTrack(0, "FAKE", "", 0.5, frames),),
    )


def test_a_report_comes_back_with_crops_that_look_the_same():
    report = judged("clip", faces=3)
    found = unpacked(packed(report))
    assert found == report
    for one in found.faces[0].frames:
        assert (one.crop.shape, one.crop.dtype) == (CROP.shape, CROP.dtype)
        assert np.abs(one.crop.astype(int) - CROP).mean() < 4


@pytest.mark.parametrize(("crop", "share"), [(CROP, 2), (SMOOTH, 12)], ids=["noise", "smooth"])
def test_a_packed_crop_is_a_fraction_of_its_pixels(crop, share):
    (track,) = packed(judged("clip", crop=crop)).faces
    assert track.frames[0].crop.nbytes < crop.nbytes / share


def test_a_packed_crop_is_a_picture():
    (track,) = packed(judged("clip")).faces
    assert pixels(track.frames[0].crop).shape == (224, 224, 3)


def test_the_newest_come_first_and_the_oldest_go():
    kept = History()
    for number in range(history.MOST + 3):
        assert (
            kept.add(judged(f"clip {number}"), TERMS, "cd" * 32, "detector.onnx").number
            == number + 1
        )
    assert kept.numbers() == list(range(history.MOST + 3, 3, -1))
    assert kept.get(3) is None
    assert kept.get(4).report.input == "clip 3"
    assert kept.get(None) is None


def test_only_the_newest_few_keep_frames_and_file(monkeypatch):
    monkeypatch.setattr(history, "FILE_BYTES", 25)
    kept, frame = History(), SeenFrame(0, 0.0, 1.0, b"jpeg")
    for number in range(history.WITH_FRAMES + 2):
        report = replace(judged(f"clip {number}"), frames=(frame,))
        kept.add(report, TERMS, "cd" * 32, "detector.onnx", b"0123456789")
    newest = [kept.get(number) for number in kept.numbers()]
    assert [len(one.report.frames) for one in newest] == [1] * history.WITH_FRAMES + [0, 0]
    assert [len(one.file) for one in newest] == [10, 10, 0, 0, 0, 0, 0]


@pytest.mark.parametrize(
    ("wanted", "number"),
    [
        (("b", "ab" * 32, "model 1"), 2),
        (("b", "ab" * 32, "model 2"), None),
        (("b", "00" * 32, "model 1"), None),
        (("c", "ab" * 32, "model 1"), None),
    ],
    ids=["the same", "another model", "other bytes", "another name"],
)
def test_an_input_is_found_by_name_bytes_and_model(wanted, number):
    kept = History()
    for name in "ab":
        kept.add(judged(name), TERMS, "model 1", "detector.onnx")
    found = kept.find(*wanted)
    assert (found and found.number) == number
