"""What was found, drawn into the file: the right box in the right frame, all else as it was."""

import errno
import io
import tempfile
from dataclasses import replace
from unittest.mock import Mock

import av
import made
import numpy as np
import pytest
from PIL import Image

from deepfake_detector.media.frame_sampling import sample_frames
from deepfake_detector.media.probing import probe
from deepfake_detector.media.reading import Limits, MediaError
from deepfake_detector.pages import boxes
from deepfake_detector.serving import annotation, marking, seen_frames
from deepfake_detector.serving.inference import FaceFrame, FaceTrack, Report
from deepfake_detector.serving.report_model import as_json

SHA = "ab" * 32
CROP = np.zeros((8, 8, 3), np.uint8)
PLACE = (200.0, 100.0, 80.0, 80.0)
RED, BLUE = (200, 30, 20), (20, 30, 200)


def face(frame: int, time: float, box: tuple = PLACE, fake_probability: float = 0.9) -> FaceFrame:
    return FaceFrame(frame, time, box, fake_probability, CROP, np.eye(2))


def judged(*tracks: FaceTrack, **changes: object) -> Report:
    facts = {"duration": 2.0, "frame_rate": 12.0, "width": 640, "height": 360}
    whole = Report(
        "clip.mp4",
        SHA,
        "video",
        "FAKE",
        fake_probability=0.9,
        decided_by=tracks[0].track if tracks else None,
        frames_sampled=4,
        faces=tracks,
        facts=facts,
    )
    return replace(whole, **changes)


def person(number: int, *frames: FaceFrame, verdict: str = "FAKE", reason: str = "") -> FaceTrack:
    return FaceTrack(number - 1, verdict, reason, 0.9, frames)


ALL = tuple(face(3 + 6 * place, 0.25 + 0.5 * place) for place in range(4))


def split(width: int = 640, height: int = 360) -> np.ndarray:
    """Red on the left, blue on the right."""
    image = np.full((height, width, 3), BLUE, np.uint8)
    image[:, : width // 2] = RED
    return image


def off(pixel: np.ndarray, colour: object) -> int:
    """By how much the channel that differs most does."""
    return int(np.abs(pixel.astype(int) - colour).max())


def frames_of(data: bytes) -> list[np.ndarray]:
    return [frame.image for frame in sample_frames(data, 1000)]


@pytest.mark.parametrize(
    ("width", "height", "shown"),
    [(640, 360, (640, 360)), (2560, 1440, (1920, 1080)), (1080, 2400, (864, 1920))],
    ids=["as it is", "larger than 1080p", "upright and long"],
)
def test_a_clip_keeps_length_rate_and_colours_and_is_within_1080p(width, height, shown):
    clip = made.clip_of([split(width, height)] * 6)
    facts = probe(clip).facts
    data = annotation.annotated(clip, judged(facts=facts))
    with av.open(io.BytesIO(data)) as found:
        (stream,) = found.streams
        assert (stream.codec_context.name, stream.codec_context.pix_fmt) == ("h264", "yuv420p")
        assert (stream.width, stream.height) == shown
        assert stream.average_rate == 12
        assert float(stream.duration * stream.time_base) == pytest.approx(0.5)
    images = frames_of(data)
    assert len(images) == 6
    for image in images:
        middle = image.shape[0] // 2
        assert off(image[middle, 20], RED) <= 8
        assert off(image[middle, -20], BLUE) <= 8


def test_frames_keep_their_times_and_contents():
    stamps = [0, 80, 160, 560, 640, 1040]
    clip = made.clip(len(stamps), 25, stamps=stamps, width=192, height=128)
    data = annotation.annotated(clip, judged(facts=probe(clip).facts))
    found = list(sample_frames(data, 1000))
    assert [round(1000 * frame.time) for frame in found] == stamps
    assert [made.number_in(frame.image) for frame in found] == list(range(len(stamps)))


def test_a_turned_clip_is_drawn_upright():
    clip = made.clip(4, rotation=90, width=192, height=128)
    with av.open(io.BytesIO(annotation.annotated(clip, judged(facts=probe(clip).facts)))) as found:
        assert (found.streams.video[0].width, found.streams.video[0].height) == (128, 192)


def test_the_box_is_drawn_where_the_face_was_found():
    clip = made.clip_of([np.full((360, 640, 3), 200, np.uint8)] * 24)
    data = annotation.annotated(clip, judged(person(1, *ALL)))
    for image in frames_of(data):
        assert off(image[180, 220], boxes.FAKE) <= 40, "the lower side"
        assert off(image[140, 240], 200) <= 8, "the face is left alone"


def test_a_scaled_clip_has_its_box_scaled():
    clip = made.clip_of([np.full((1440, 2560, 3), 200, np.uint8)] * 2)
    found = judged(person(1, face(0, 0.0, (800.0, 400.0, 400.0, 400.0))), frames_sampled=1)
    image = frames_of(annotation.annotated(clip, found))[0]
    assert off(image[600, 650], boxes.FAKE) <= 40
    assert off(image[450, 750], 200) <= 8


@pytest.mark.parametrize("kind", ["PNG", "JPEG"])
def test_a_picture_stays_a_picture_of_its_kind(kind):
    still = made.picture(split(), kind)
    found = judged(person(1, face(0, 0.0)), kind="image", facts=probe(still).facts)
    with Image.open(io.BytesIO(annotation.annotated(still, found))) as image:
        assert (image.format, image.size) == (kind, (640, 360))
        drawn = np.asarray(image)
    assert annotation.suffix(found) == {"PNG": ".png", "JPEG": ".jpg"}[kind]
    assert off(drawn[180, 220], boxes.FAKE) <= 20
    assert off(drawn[50, 20], RED) <= 4


MOVED = (face(3, 0.25), face(9, 0.75, (240.0, 100.0, 80.0, 80.0), 0.2))


@pytest.mark.parametrize(
    ("time", "left"),
    [(0.0, 200), (0.25, 200), (0.5, 220), (0.75, 240), (0.99, 240), (1.1, None)],
)
def test_between_two_frames_looked_at_a_box_is_interpolated(time, left):
    found = marking.boxes_at(judged(person(1, *MOVED)), time, (1.0, 1.0))
    assert [round(one.place[0]) for one in found] == ([] if left is None else [left])


def test_a_box_jumps_where_the_face_does():
    jump = (face(3, 0.25), face(9, 0.75, (500.0, 100.0, 80.0, 80.0)))
    places = [
        marking.boxes_at(judged(person(1, *jump)), time, (1.0, 1.0))[0].place[0]
        for time in (0.4, 0.6)
    ]
    assert places == [200.0, 500.0]


def test_no_box_is_drawn_through_frames_in_which_nobody_was_found():
    gone = (face(3, 0.25), face(21, 1.75))
    assert marking.boxes_at(judged(person(1, *gone)), 1.0, (1.0, 1.0)) == []


@pytest.mark.parametrize(
    ("track", "changes", "text"),
    [
        (person(2, face(0, 0.0)), {}, "2 FAKE, 90.0% fake"),
        (person(2, face(0, 0.0), verdict="REAL"), {}, "2 REAL, 90.0% fake"),
        (person(2, face(0, 0.0), verdict="INCONCLUSIVE", reason="too few faces"), {}, "2"),
        (person(2, face(0, 0.0)), {"fake_probability": None}, "2"),
    ],
    ids=["fake", "real", "seen too seldom", "no score to stand behind"],
)
def test_a_box_tells_number_verdict_and_score_where_there_are_any(track, changes, text):
    (found,) = marking.boxes_at(judged(track, **changes), 0.0, (1.0, 1.0))
    assert found.text == text


def test_frame_and_json_call_a_person_by_the_same_number():
    found = judged(person(3, *ALL), person(1, face(3, 0.25, (10.0, 100.0, 60.0, 60.0))))
    drawn = {one.text.split()[0]: one.place for one in marking.boxes_at(found, 0.25, (1.0, 1.0))}
    told = as_json(found, made.contract_terms(), SHA)["people"]
    assert drawn == {str(one["person"]): tuple(one["frames"][0]["box"]) for one in told}


def test_a_kept_frame_is_small_and_has_its_boxes():
    (frame,) = sample_frames(made.picture(split(1920, 1080)), 1)
    seen = seen_frames.kept(frame)
    found = judged(person(1, face(0, 0.0, (800.0, 400.0, 320.0, 320.0))))
    image = marking.marked(found, seen)
    assert image.shape == (540, 960, 3)
    assert off(image[360, 480], boxes.FAKE) <= 10
    assert off(image[100, 20], RED) <= 8
    assert off(image[100, 940], BLUE) <= 8


def test_what_cannot_be_read_or_takes_too_long_is_refused_and_leaves_nothing(tmp_path, monkeypatch):
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    with pytest.raises(MediaError, match="empty file"):
        annotation.annotated(b"", judged(verdict="ERROR", error="empty file"))
    with pytest.raises(MediaError, match="took longer than 0 seconds"):
        annotation.annotated(made.clip(), judged(), Limits(work=0))
    annotation.annotated(made.clip(), judged())
    monkeypatch.setattr(annotation, "MOST_BYTES", 1000)
    with pytest.raises(MediaError):
        annotation.annotated(made.clip(), judged())
    assert list(tmp_path.iterdir()) == []


def test_a_square_clip_has_no_more_than_1080_lines():
    assert annotation._size(1500, 1500, even=True) == (1080, 1080)


def test_no_box_is_drawn_through_a_long_gap():
    far = judged(person(1, face(0, 0.0), face(250, 10.0)), facts={"duration": 40.0})
    drawn = [len(marking.boxes_at(far, at, (1.0, 1.0))) for at in (0.5, 5.0, 9.5)]
    assert drawn == [1, 0, 1]


def test_a_disk_without_room_is_a_reason_as_any_other(monkeypatch):
    full = Mock(side_effect=OSError(errno.ENOSPC, "No space left on device"))
    monkeypatch.setattr(annotation, "h264_clip", full)
    with pytest.raises(MediaError, match="^No space left on device"):
        annotation.annotated(b"", judged())
