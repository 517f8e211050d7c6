"""Corruptions: each changes a picture as it says, more so at a higher level, and comes back."""

import cv2
import numpy as np
import pytest
from made import textured

from deepfake_detector.evaluation.corruptions import CORRUPTIONS, LEVELS, corrupt

BUSY = cv2.resize(
    np.random.default_rng(0).integers(0, 256, (90, 120, 3), np.uint8),
    (480, 360),
    interpolation=cv2.INTER_CUBIC,
)
every = pytest.mark.parametrize("name", CORRUPTIONS)


def rng(seed: int = 1) -> np.random.Generator:
    return np.random.default_rng(seed)


def change(before: np.ndarray, after: np.ndarray) -> float:
    return float(np.abs(before.astype(float) - after).mean())


@every
def test_a_higher_level_changes_more_and_the_picture_keeps_its_shape(name):
    before = BUSY.copy()
    found = [corrupt(BUSY, name, level, rng()) for level in LEVELS]
    assert all(
        (one.shape, one.dtype) == (BUSY.shape, np.uint8) and one.flags.c_contiguous for one in found
    )
    changes = [change(BUSY, one) for one in found]
    assert changes[-1] > max(changes[0], 0.1)
    assert changes == pytest.approx(sorted(changes), rel=0.05)
    assert (before == BUSY).all()


@every
def test_it_comes_back(name):
    assert (corrupt(BUSY, name, 3, rng()) == corrupt(BUSY, name, 3, rng())).all()


@every
@pytest.mark.parametrize("shape", [(1, 1), (3, 7), (65, 63), (9, 200)])
def test_any_size_will_do(name, shape):
    picture = np.resize(textured(), (*shape, 3))
    for level in (1, 5):
        assert corrupt(picture, name, level, rng()).shape == picture.shape


def test_without_saturation_a_picture_is_grey():
    channels = corrupt(BUSY, "saturation", 5, rng()).astype(int)
    assert np.ptp(channels, axis=2).max() <= 1


def test_contrast_shrinks_about_mid_grey():
    ends = np.array([[[0, 0, 0], [255, 255, 255]]], np.uint8)
    assert corrupt(ends, "contrast", 1, rng())[0, :, 0].tolist() == [19, 236]


@pytest.mark.parametrize(
    ("shape", "level", "blocks"), [((256, 300), 1, 16), ((600, 800), 5, 160), ((100, 100), 3, 3)]
)
def test_grey_blocks_are_as_many_as_the_protocol_says(shape, level, blocks):
    changed = corrupt(np.zeros((*shape, 3), np.uint8), "blocks", level, rng())
    assert set(np.unique(changed)) == {0, 127}
    covered = (changed[..., 0] == 127).sum() / 64
    assert blocks * 0.8 <= covered <= blocks  # some overlap


@pytest.mark.parametrize(("level", "variance"), [(1, 0.001), (5, 0.05)])
def test_noise_has_its_variance(level, variance):
    grey = np.full((200, 200, 3), 127, np.uint8)
    noise = (corrupt(grey, "noise", level, rng()).astype(float) - 127) / 255
    assert noise.var() == pytest.approx(variance, rel=0.05)
    assert noise.mean() == pytest.approx(0, abs=0.003)


@pytest.mark.parametrize("name", ["noise", "blocks"])
def test_what_is_random_depends_on_the_generator(name):
    assert (corrupt(BUSY, name, 3, rng(1)) != corrupt(BUSY, name, 3, rng(2))).any()


def test_coarse_pixels_have_their_side():
    coarse = corrupt(BUSY, "pixelation", 3, rng())
    assert (
        coarse.reshape(90, 4, 120, 4, 3) == coarse.reshape(90, 4, 120, 4, 3)[:, :1, :, :1]
    ).all()


@pytest.mark.parametrize("name", ["jpeg", "h264", "saturation"])
def test_colours_stay_in_their_places(name):
    red = np.zeros((64, 64, 3), np.uint8)
    red[..., 0] = 200
    found = corrupt(red, name, 1, rng()).mean(axis=(0, 1))
    assert found[0] > found[1] + 40
    assert found[0] > found[2] + 40


def test_a_picture_that_is_small_already_is_not_made_smaller():
    small = textured()[:60]
    assert (corrupt(small, "downsize", 5, rng()) == small).all()
