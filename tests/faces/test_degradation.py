"""What blur, enlargement, compression and noise take from a face is measured, whatever its
contrast."""

from typing import get_args

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from made import few

from deepfake_detector.evaluation.corruptions import CORRUPTIONS, corrupt
from deepfake_detector.faces.degradation import measures
from deepfake_detector.scoring.quality import Measure

SEEDS = st.integers(0, 2**16)


def picture(seed: int) -> np.ndarray:
    """Structure at every scale, as a face has it: sums of ever coarser noise."""
    rng, size = np.random.default_rng(seed), (96, 96)
    layers = [
        cv2.resize(rng.normal(0, side**0.9, (96 // side, 96 // side, 3)), size)
        for side in (1, 2, 4, 8, 16)
    ]
    total = sum(layers, np.zeros((96, 96, 3)))
    return np.clip(128 + 35 * total / total.std(), 0, 255).astype(np.uint8)


def of_levels(image: np.ndarray, name: str) -> list[dict[str, float]]:
    """The measures of a picture as it is, and corrupted at three levels."""
    return [measures(image), *(measures(corrupt(image, name, level, (1,))) for level in (1, 3, 5))]


def rises(values: list[float]) -> bool:
    return values[0] < values[-1] and values == sorted(values)


@given(SEEDS, st.sampled_from(["blur", "downsize", "pixelation"]))
@few
def test_what_blurs_lowers_the_sharpness_ratio(seed, name):
    found = of_levels(picture(seed), name)
    assert found[-1]["sharpness_ratio"] < found[0]["sharpness_ratio"] - 0.05


@given(SEEDS, st.sampled_from(["noise", "sharpness"]))
@few
def test_noise_and_sharpening_raise_it_and_leave_less_flat(seed, name):
    found = of_levels(picture(seed), name)
    assert rises([one["sharpness_ratio"] for one in found])
    assert found[-1]["flatness"] < found[0]["flatness"]


@given(SEEDS)
@few
def test_jpeg_flattens(seed):
    assert rises([one["flatness"] for one in of_levels(picture(seed), "jpeg")[1:]])


@given(SEEDS)
@few
def test_contrast_changes_no_measure(seed):
    """But for what is rounded off."""
    image = picture(seed)
    lower = measures(corrupt(image, "contrast", 1, (1,)))
    assert lower == pytest.approx(measures(image), abs=0.03)


def test_slopes_alone_have_half_the_sharpness_of_noise():
    slope = np.repeat(np.tile(np.arange(96, dtype=np.uint8), (96, 1))[..., None], 3, axis=2)
    assert measures(slope)["sharpness_ratio"] == pytest.approx(0.5)
    noise = np.random.default_rng(1).integers(0, 256, (96, 96, 1), np.uint8).repeat(3, axis=2)
    assert measures(noise)["sharpness_ratio"] == pytest.approx(1, abs=0.03)


def test_a_crop_of_one_colour_is_flat_and_has_no_sharpness():
    assert measures(np.full((64, 64, 3), 7, np.uint8)) == {"sharpness_ratio": 0.0, "flatness": 1.0}


def test_a_place_is_flat_below_a_twentieth_of_the_coarse_step():
    """A slope has a coarse step of 4 across and none down, and no detail but where it is put."""
    slope = np.tile(np.arange(0, 128, 2, dtype=np.float32), (64, 1))
    coarse = 8 / 2  # of 4 pixels across, and of nothing down
    for detail, flat in ((0.04 * coarse, 1.0), (0.06 * coarse, 0.0)):
        chequered = slope + detail / 16 * (np.indices((64, 64)).sum(axis=0) % 2 * 2 - 1)
        crop = chequered[..., None].repeat(3, axis=2).astype(np.float32)
        assert measures(crop)["flatness"] == pytest.approx(flat, abs=0.01)


def test_two_stripes_four_pixels_wide_are_measured_too():
    """No step of two pixels is nothing, yet of one there is."""
    stripes = np.tile(np.array([0, 255], np.uint8), (64, 32))[..., None].repeat(3, axis=2)
    assert np.isfinite(list(measures(stripes).values())).all()


def test_every_corruption_leaves_the_measures_that_limits_know(seed=3):
    for name in CORRUPTIONS:
        found = measures(corrupt(picture(seed), name, 5, (1,)))
        assert tuple(found) == get_args(Measure)
        assert np.isfinite(list(found.values())).all(), name
