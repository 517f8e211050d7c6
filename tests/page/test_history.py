"""What is kept of a visit: so much and no more, small, and findable."""

import gc
from dataclasses import replace

import made
import numpy as np
import pytest

from app.history import WITH_FILE, History, Room, packed, pixels, unpacked
from deepfake_detector import UserError
from deepfake_detector.scoring.firmness import Firmness, Outcome
from deepfake_detector.serving.inference import FaceFrame, FaceTrack, Report, banner
from deepfake_detector.serving.report_model import as_json
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


def with_frame(name: str) -> Report:
    return replace(judged(name), frames=(SeenFrame(0, 0.0, 1.0, b"jpeg"),))


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


def test_a_row_says_what_its_report_warns_of_but_not_of_the_model():
    unproven = TERMS.model_copy(
        update={"decision": TERMS.decision.model_copy(update={"unproven": "too few"})}
    )
    warned = replace(judged("clip"), warnings=(banner(unproven), "The file is cut off."))
    row = History(Room()).add(warned, unproven, "ab" * 32, "m.onnx")
    assert row.said == "Signs of face manipulation found. The file is cut off."


def test_a_row_says_what_a_test_of_its_verdict_came_to():
    outcomes = tuple(
        Outcome(one, one, "FAKE", fake_probability=0.5) for one in ("shifted", "screen")
    )
    tested = replace(judged("clip"), firmness=Firmness("FAKE", outcomes))
    row = History(Room()).add(tested, TERMS, "ab" * 32, "m.onnx")
    assert row.said.startswith("Signs of face manipulation found. Firm")


def test_every_file_keeps_its_row_and_the_newest_their_evidence():
    one = packed(judged("clip")).faces[0].frames[0].crop.nbytes
    room = Room(most_bytes=4 * (one + 3000))
    first, second = History(room), History(room)
    for number in range(4):
        first.add(judged(f"clip {number}"), TERMS, "cd" * 32, "detector.onnx")
    second.add(judged("other"), TERMS, "cd" * 32, "detector.onnx")
    assert [row.name for row in first.rows()] == [f"clip {number}" for number in range(4)]
    assert [first.evidence(number) is None for number in range(1, 5)] == [True, False, False, False]
    assert second.evidence(1).report.input == "other"
    del first
    gc.collect()
    for number in range(3):
        second.add(judged(f"more {number}"), TERMS, "cd" * 32, "detector.onnx")
    assert second.evidence(1), "a visit that is over takes no room"


def test_only_the_newest_few_keep_frames_and_file():
    kept = History(Room())
    for number in range(WITH_FILE + 2):
        kept.add(with_frame(f"clip {number}"), TERMS, "cd" * 32, "detector.onnx", b"0123456789")
    found = [kept.evidence(row.number) for row in kept.rows()]
    assert [one.whole for one in found] == [False, False, *[True] * WITH_FILE]
    assert [len(one.report.frames) for one in found] == [0, 0, *[1] * WITH_FILE]
    assert all(one.report.faces for one in found)
    assert found[0].slim() is found[0]  # its size is not counted anew with every file that comes


def test_the_file_that_is_shown_keeps_frames_and_file_too_as_long_as_it_is():
    kept = History(Room())
    kept.shown = 1
    for number in range(WITH_FILE + 2):
        kept.add(with_frame(f"clip {number}"), TERMS, "cd" * 32, "detector.onnx", b"0123456789")
    assert [kept.evidence(row.number).whole for row in kept.rows()] == [
        True,
        False,
        *[True] * WITH_FILE,
    ]
    kept.shown = 2
    kept.add(with_frame("last"), TERMS, "cd" * 32, "detector.onnx", b"0123456789")
    assert not kept.evidence(1).whole


def test_where_room_is_short_the_oldest_files_of_all_visits_go_before_any_evidence():
    one = packed(judged("clip")).faces[0].frames[0].crop.nbytes
    room = Room(most_bytes=3 * (one + 3000) + 150_000)
    first, second = History(room), History(room)
    for visit, name in ((first, "a"), (second, "b"), (first, "c")):
        visit.add(with_frame(name), TERMS, "cd" * 32, "detector.onnx", bytes(100_000))
    assert [visit.evidence(1).whole for visit in (first, second)] == [False, False]
    assert first.evidence(2).whole
    first.add(replace(judged("d"), verdict="ERROR"), TERMS, "cd" * 32, "m", bytes(100_000))
    assert first.evidence(3).file == b"", "nothing is shown of what cannot be judged"


def test_a_row_has_what_the_table_shows_and_the_whole_report():
    row = History(Room()).add(judged("clip", faces=2), TERMS, "cd" * 32, "detector.onnx")
    assert (row.verdict, row.fake_probability, row.people) == ("FAKE", 0.5, 1)
    assert row.said == "Signs of face manipulation found."
    assert row.report == as_json(judged("clip", faces=2), TERMS, "cd" * 32)
    assert len(row.compressed) < 5000


@pytest.mark.parametrize(
    ("wanted", "number"),
    [
        (("b", "ab" * 32, "ab" * 32), 2),
        (("b", "ab" * 32, "cd" * 32), None),
        (("b", "00" * 32, "ab" * 32), None),
        (("c", "ab" * 32, "ab" * 32), None),
    ],
    ids=["the same", "another model", "other bytes", "another name"],
)
def test_an_input_is_found_by_name_bytes_and_model(wanted, number):
    kept = History(Room())
    for name in "abb":
        kept.add(judged(name), TERMS, "ab" * 32, "detector.onnx")
    found = kept.find(*wanted)
    assert (found and found.number) == number
    assert len(kept.rows()) == 2, "the same input takes the place of that before"


def test_of_files_that_never_arrived_each_keeps_its_row_under_one_name_too():
    kept = History(Room())
    for size in (300, 400):
        lost = Report.unreadable("clip.mp4", f"too large: {size} MiB")
        kept.add(lost, TERMS, "ab" * 32, "detector.onnx")
    assert [row.said for row in kept.rows()] == ["Too large: 300 MiB.", "Too large: 400 MiB."]


def test_no_name_of_what_was_forgotten_stays():
    kept = History(Room())
    for _ in range(2):
        kept.add(judged("a"), TERMS, "ab" * 32, "detector.onnx")
    assert kept.repeated == ["a"]
    kept.forget()
    assert (kept.repeated, kept.rows(), kept.kept) == ([], [], {})


def test_nothing_is_kept_of_a_file_that_was_in_hand_when_all_was_forgotten():
    kept = History(Room())
    kept.forget()
    kept.add(judged("a"), TERMS, "ab" * 32, "detector.onnx", b"bytes")
    assert (kept.repeated, kept.rows(), kept.kept) == ([], [], {})


def test_nothing_is_made_to_take_away_of_what_was_forgotten_in_another_tab():
    kept = History(Room())
    make = kept.unless_forgotten(lambda: b"report")
    assert make() == b"report"
    kept.forget()
    with pytest.raises(UserError, match="forgotten in another tab"):
        make()
