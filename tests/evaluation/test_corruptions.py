"""Corruptions: each changes a picture as it says, more so at a higher level, and comes back."""

from typing import get_args

import cv2
import numpy as np
import pytest
from made import textured

from deepfake_detector.evaluation import corruptions, settings
from deepfake_detector.evaluation.corruptions import CORRUPTIONS, corrupt

BUSY = cv2.resize(
    np.random.default_rng(0).integers(0, 256, (90, 120, 3), np.uint8),
    (640, 480),
    interpolation=cv2.INTER_CUBIC,
)
LEVELS = range(1, 6)
KEY = (1, 2, 3)  # seed, item, frame
every = pytest.mark.parametrize("name", CORRUPTIONS)


def change(before: np.ndarray, after: np.ndarray) -> float:
    return float(np.abs(before.astype(float) - after).mean())


def test_the_settings_name_every_corruption_in_the_order_of_the_table():
    assert get_args(settings.Corruption) == tuple(CORRUPTIONS)


@every
def test_a_corruption_has_a_value_for_each_level(name):
    assert len(CORRUPTIONS[name].values) == len(LEVELS)


@every
def test_a_higher_level_changes_more_and_the_picture_keeps_its_shape(name):
    before = BUSY.copy()
    found = [corrupt(BUSY, name, level, KEY) for level in LEVELS]
    assert all(
        (one.shape, one.dtype) == (BUSY.shape, np.uint8) and one.flags.c_contiguous for one in found
    )
    changes = [change(BUSY, one) for one in found]
    assert changes[0] > 0.1
    assert (np.diff(changes) > 0).all()
    assert (before == BUSY).all()


@every
def test_it_comes_back(name):
    assert (corrupt(BUSY, name, 3, KEY) == corrupt(BUSY, name, 3, KEY)).all()


@every
@pytest.mark.parametrize("shape", [(1, 1), (3, 7), (65, 63), (9, 200)])
def test_any_size_will_do(name, shape):
    picture = np.resize(textured(), (*shape, 3))
    for level in (1, 5):
        assert corrupt(picture, name, level, KEY).shape == picture.shape


def test_without_saturation_a_picture_is_grey():
    channels = corrupt(BUSY, "saturation", 5, KEY).astype(int)
    assert np.ptp(channels, axis=2).max() <= 1


def test_contrast_shrinks_about_mid_grey():
    ends = np.array([[[0, 0, 0], [255, 255, 255]]], np.uint8)
    assert corrupt(ends, "contrast", 1, KEY)[0, :, 0].tolist() == [19, 236]


@pytest.mark.parametrize(
    ("shape", "level", "blocks"), [((256, 300), 1, 16), ((600, 800), 5, 160), ((100, 100), 3, 3)]
)
def test_grey_blocks_are_as_many_as_the_protocol_says(shape, level, blocks):
    changed = corrupt(np.zeros((*shape, 3), np.uint8), "blocks", level, KEY)
    assert set(np.unique(changed)) == {0, 127}
    covered = (changed[..., 0] == 127).sum() / 64
    assert blocks * 0.8 <= covered <= blocks  # some overlap


@pytest.mark.parametrize(("level", "variance"), [(1, 0.001), (5, 0.05)])
def test_noise_has_its_variance(level, variance):
    grey = np.full((200, 200, 3), 127, np.uint8)
    noise = (corrupt(grey, "noise", level, KEY).astype(float) - 127) / 255
    assert noise.var() == pytest.approx(variance, rel=0.05)
    assert noise.mean() == pytest.approx(0, abs=0.003)


random = pytest.mark.parametrize("name", ["noise", "blocks"])


@random
@pytest.mark.parametrize("key", [(2, 2, 3), (1, 3, 3), (1, 2, 4)], ids=["seed", "item", "frame"])
def test_what_is_random_depends_on_each_part_of_the_key(name, key):
    assert (corrupt(BUSY, name, 3, KEY) != corrupt(BUSY, name, 3, key)).any()


@random
def test_one_more_corruption_leaves_what_is_random_in_the_others_unchanged(name, monkeypatch):
    before = corrupt(BUSY, name, 3, KEY)
    more = {"more": CORRUPTIONS["noise"], **CORRUPTIONS}
    monkeypatch.setattr(corruptions, "CORRUPTIONS", more)
    assert (corrupt(BUSY, name, 3, KEY) == before).all()


def test_coarse_pixels_have_their_side():
    coarse = corrupt(BUSY, "pixelation", 3, KEY).reshape(120, 4, 160, 4, 3)
    assert (coarse == coarse[:, :1, :, :1]).all()


def test_sharpening_gives_an_edge_a_halo_and_leaves_areas_alone():
    edge = np.full((40, 40, 3), 100, np.uint8)
    edge[:, 20:] = 150
    found = corrupt(edge, "sharpness", 3, KEY)[20, :, 0].astype(int)
    assert found[19] < 100
    assert found[20] > 150
    assert found[[5, 35]].tolist() == [100, 150]


@pytest.mark.parametrize("name", ["jpeg", "h264", "saturation", "sharpness"])
def test_colours_stay_in_their_places(name):
    red = np.zeros((64, 64, 3), np.uint8)
    red[..., 0] = 200
    found = corrupt(red, name, 1, KEY).mean(axis=(0, 1))
    assert found[0] > found[1] + 40
    assert found[0] > found[2] + 40


def test_a_picture_that_is_small_already_is_not_made_smaller():
    small = textured()[:60]
    assert (corrupt(small, "downsize", 5, KEY) == small).all()
