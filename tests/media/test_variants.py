"""A changed copy has other bytes, and the frames and times of the file it was made of."""

import dataclasses

import made
import numpy as np
import pytest

from deepfake_detector.media import variants
from deepfake_detector.media.frame_sampling import sample_frames
from deepfake_detector.media.probing import probe
from deepfake_detector.media.reading import LIMITS, Limits, MediaError
from deepfake_detector.media.stills import read_image
from deepfake_detector.media.variants import VARIANTS, copy
from deepfake_detector.media.writing import h264_clip

CLIP = made.clip(24, rate=12)
LONG = made.picture(np.zeros((1, 65_501, 3), np.uint8))  # longer than a JPEG can be
SHORT = made.clip(5, rate=12)
STEPPED = made.clip_of([np.full((64, 96, 3), np.arange(96)[None, :, None] * 2, np.uint8)] * 2)
UNEVEN = made.clip(8, stamps=[0, 40, 80, 120, 900, 940, 980, 1500])
ODD = np.kron(np.arange(35, dtype=np.uint8).reshape(5, 7, 1) * 7, np.ones((9, 9, 3), np.uint8))
BY_NAME = {one.name: one for one in VARIANTS}
names = pytest.mark.parametrize("name", BY_NAME)


def shown(data: bytes) -> list[np.ndarray]:
    return [frame.image for frame in sample_frames(data, 1000)]


@names
@pytest.mark.parametrize("clip", [SHORT, UNEVEN], ids=["even", "uneven"])
def test_a_copy_of_a_clip_has_its_frames_and_times(name, clip):
    original, copied = probe(clip), probe(made_copy := copy(BY_NAME[name], clip, "video", LIMITS))
    assert made_copy != clip
    assert copied.kind == "video"
    assert copied.facts["frames_found"] == original.facts["frames_found"] == len(shown(made_copy))
    assert copied.timeline.seconds == pytest.approx(original.timeline.seconds, abs=0.001)
    assert copied.facts["duration"] == pytest.approx(original.facts["duration"], rel=0.1)


@pytest.mark.parametrize("name", [name for name, one in BY_NAME.items() if not one.shifted])
@pytest.mark.parametrize("kind", ["PNG", "JPEG"])
def test_a_copy_of_a_still_is_another_still(name, kind):
    still = made.picture(ODD, kind)
    made_copy = copy(BY_NAME[name], still, "image", LIMITS)
    assert made_copy != still
    assert probe(made_copy).kind == "image"
    assert min(read_image(made_copy).shape[:2]) >= 45


def test_each_copy_is_another_one():
    assert len({copy(one, SHORT, "video", LIMITS) for one in VARIANTS}) == len(VARIANTS)


def test_a_copy_comes_back_byte_for_byte():
    once, again = (copy(BY_NAME["messenger"], CLIP, "video", LIMITS) for _ in range(2))
    assert once == again


def test_copies_from_the_mildest_to_a_lower_quality_lose_more_and_more():
    before = read_image(still := made.picture(made.textured(96)))

    def lost(name: str) -> float:
        after = read_image(copy(BY_NAME[name], still, "image", LIMITS))
        return float(np.abs(after.astype(int) - before).mean())

    assert 0 < lost("re-encoded") < lost("messenger") < lost("low quality")
    assert lost("re-encoded") < lost("thumbnail")


def test_a_shifted_copy_shows_every_frame_at_the_time_of_the_one_before():
    numbers = [
        made.number_in(one) for one in shown(copy(BY_NAME["shifted"], CLIP, "video", LIMITS))
    ]
    assert numbers == [*range(1, 24), 23]


@pytest.mark.parametrize("data", [STEPPED, made.picture(ODD)], ids=["clip", "still"])
def test_a_mirrored_copy_is_mirrored(data):
    kind = probe(data).kind
    made_copy = copy(BY_NAME["mirrored"], data, kind, LIMITS)
    first = shown(data)[0].astype(int)
    after = shown(made_copy)[0][: first.shape[0], : first.shape[1]].astype(int)
    assert np.abs(after - first[:, ::-1]).mean() < 6 < np.abs(after - first).mean()


def test_pictures_are_made_smaller_but_only_large_ones():
    large = made.clip(3, width=1000, height=600)
    assert shown(copy(BY_NAME["messenger"], large, "video", LIMITS))[0].shape == (510, 848, 3)
    assert shown(copy(BY_NAME["messenger"], CLIP, "video", LIMITS))[0].shape == (64, 96, 3)
    assert shown(copy(BY_NAME["thumbnail"], large, "video", LIMITS))[0].shape == (600, 1000, 3)


@pytest.mark.parametrize(("width", "height"), [(2, 2), (1, 1), (3, 40)])
def test_the_smallest_pictures_have_copies(width, height):
    still = made.picture(np.full((height, width, 3), 90, np.uint8))
    for one in variants.variants("image"):
        assert probe(copy(one, still, "image", LIMITS)).kind == "image"


@pytest.mark.parametrize(
    ("data", "kind", "limits", "said"),
    [
        (b"no video", "video", LIMITS, "neither an image nor a video"),
        (b"no image", "image", LIMITS, "not an image"),
        (CLIP, "video", Limits(work=0), "took longer than 0 seconds"),
        (CLIP, "video", Limits(pixels=10), "too large"),
        (LONG, "image", LIMITS, "too large for JPEG: 65501 x 1 pixels"),
    ],
)
def test_what_cannot_be_copied_says_why(data, kind, limits, said):
    with pytest.raises(MediaError, match=said):
        copy(VARIANTS[0], data, kind, limits)


def test_an_error_of_this_program_is_not_called_a_damaged_video():
    def wrong(_: np.ndarray) -> np.ndarray:
        raise ValueError("a mistake")

    with pytest.raises(ValueError, match="a mistake"):
        copy(dataclasses.replace(VARIANTS[0], change=wrong), CLIP, "video", LIMITS)


def test_what_the_encoder_refuses_says_why():
    too_wide = np.zeros((2, 20_000, 3), np.uint8)
    with pytest.raises(MediaError):
        h264_clip([(0.0, too_wide)], 20, "superfast")


def test_a_copy_has_a_largest_size(monkeypatch):
    monkeypatch.setattr(variants, "MOST_BYTES", 100)
    with pytest.raises(MediaError, match="larger than"):
        copy(VARIANTS[0], CLIP, "video", LIMITS)
