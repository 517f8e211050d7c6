"""Self-blended images: what changes, where, and that it comes back with its seed."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from deepfake_detector.faces.cutting import points_in_crop, points_of_ready_crop, read_points
from deepfake_detector.faces.detection import Face
from deepfake_detector.training import selfblend
from deepfake_detector.training.selfblend import self_blend

FRONTAL = read_points(points_of_ready_crop())
SEEDS = range(30)


def face(size: int = 128) -> np.ndarray:
    """A smooth, coloured picture: what is blended in must be told from what was there."""
    down, across = np.mgrid[:size, :size] / size
    return np.dstack([60 + 120 * down, 80 + 90 * across, 150 - 60 * down * across]).astype(np.uint8)


def blends(count: int = len(SEEDS), points: np.ndarray = FRONTAL, size: int = 128):
    return [self_blend(face(size), points, np.random.default_rng(seed)) for seed in range(count)]


def test_the_same_seed_gives_the_same_pixels_and_another_one_others():
    (first, _), (second, _) = blends(2)
    again, _ = self_blend(face(), FRONTAL, np.random.default_rng(0))
    assert np.array_equal(first, again)
    assert not np.array_equal(first, second)


@given(st.integers(0, 2**32), st.integers(48, 160))
def test_shape_and_type_stay_and_the_real_face_is_not_touched(seed, size):
    crop = face(size)
    before = crop.copy()
    fake, mask = self_blend(crop, FRONTAL, np.random.default_rng(seed))
    assert (fake.shape, fake.dtype, mask.shape) == (crop.shape, np.uint8, crop.shape[:2])
    assert np.array_equal(crop, before)
    assert 0 <= mask.min() <= mask.max() <= 1


@given(st.integers(0, 2**32), st.lists(st.floats(-1, 2), min_size=10, max_size=10))
def test_any_points_are_survived(seed, values):
    fake, mask = self_blend(face(64), np.reshape(values, (5, 2)), np.random.default_rng(seed))
    assert fake.shape == (64, 64, 3)
    assert np.isfinite(mask).all()


def test_the_mask_lies_over_the_face_fades_out_and_never_reaches_the_corners():
    for _, mask in blends():
        assert mask.max() > 0.2
        assert mask[[0, 0, -1, -1], [0, -1, 0, -1]].max() < 0.01
        down, across = (
            np.average(np.arange(128), weights=mask.sum(axis=axis)) / 128 for axis in (1, 0)
        )
        assert 0.35 < across < 0.65
        assert 0.4 < down < 0.75
        assert len(np.unique(mask.round(2))) > 5


def test_the_mask_follows_the_points():
    left = read_points(points_in_crop(Face(0, 20, 40, 40, 1.0), 1.0))  # the crop is the box itself
    small = (left - 0.5) * 0.5 + [0.25, 0.75]  # half as large, in the lower left quarter
    mask = np.mean([mask for _, mask in blends(points=small)], axis=0)
    assert mask[64:, :64].sum() > 0.8 * mask.sum()


def test_where_the_mask_is_nothing_is_seen_of_the_changed_copy_only_or_of_the_real_face_only():
    """Outside the mask the picture is the target's: the real face itself in about half of the
    cases."""
    untouched = [np.array_equal(fake[mask == 0], face()[mask == 0]) for fake, mask in blends()]
    assert 0.25 < np.mean(untouched) < 0.75


def test_most_pseudo_fakes_differ_visibly_but_little():
    differences = [np.abs(fake.astype(int) - face()).mean() for fake, _ in blends()]
    assert np.median(differences) > 0.5
    assert max(differences) < 40


@pytest.mark.parametrize("forehead", [True, False])
def test_the_outline_goes_from_the_chin_to_the_forehead_or_to_the_brows(forehead):
    box = read_points(points_in_crop(Face(0, 0, 100, 100, 1.0), 1.0))
    mask = selfblend._outline(100, box, forehead)
    rows = np.flatnonzero(mask.any(axis=1))
    assert rows[-1] == pytest.approx(100, abs=2)
    assert rows[0] == pytest.approx(0 if forehead else 25, abs=2)
    assert set(np.unique(mask)) == {0, 1}


@pytest.mark.parametrize("turn", [0, 30, 180])
def test_the_outline_is_fitted_by_turn_scale_and_shift(turn):
    angle = np.radians(turn)
    rotation = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    here = np.array([[0.3, 0.4], [0.7, 0.4], [0.5, 0.6], [0.35, 0.8], [0.65, 0.8]])
    there = here @ (2 * rotation).T + [3, -4]
    fit = selfblend._similarity(here, there)
    assert np.allclose(fit, np.column_stack([2 * rotation, [3, -4]]))
