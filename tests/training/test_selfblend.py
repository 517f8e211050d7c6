"""Self-blended images: what changes, where, and that it comes back with its seed."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from made import textured

from deepfake_detector.faces.cutting import (
    points_in_crop,
    points_of_ready_crop,
    read_points,
    resize,
)
from deepfake_detector.faces.face import Face
from deepfake_detector.training import selfblend
from deepfake_detector.training.selfblend import self_blend

FRONTAL = read_points(points_of_ready_crop())
SEEDS = range(30)


def face(size: int = 128) -> np.ndarray:
    """A smooth, coloured picture: what is blended in must be told from what was there."""
    down, across = np.mgrid[:size, :size] / size
    return np.dstack([60 + 120 * down, 80 + 90 * across, 150 - 60 * down * across]).astype(np.uint8)


def rngs(count: int = 200) -> list[np.random.Generator]:
    return [np.random.default_rng(seed) for seed in range(count)]


def blends(count: int = len(SEEDS), points: np.ndarray = FRONTAL, size: int = 128):
    return [self_blend(face(size), points, np.random.default_rng(seed)) for seed in range(count)]


def test_the_same_seed_gives_the_same_pixels_and_another_one_others():
    first, second = blends(2)
    again = self_blend(face(), FRONTAL, np.random.default_rng(0))
    for one, other, same in zip(first, second, again, strict=True):
        assert np.array_equal(one, same)
        assert not np.array_equal(one, other)


@given(st.integers(0, 2**32), st.integers(48, 160))
def test_shape_and_type_stay_and_the_real_face_is_not_touched(seed, size):
    crop = face(size)
    before = crop.copy()
    target, fake, mask = self_blend(crop, FRONTAL, np.random.default_rng(seed))
    for one in (target, fake):
        assert (one.shape, one.dtype) == (crop.shape, np.uint8)
    assert (mask.shape, mask.dtype) == (crop.shape[:2], np.float32)
    assert np.array_equal(crop, before)
    assert 0 <= mask.min() <= mask.max() <= 1
    assert np.array_equal(target[mask == 0], fake[mask == 0])


@given(st.integers(0, 2**32), st.lists(st.floats(-1, 2), min_size=10, max_size=10))
def test_any_points_are_survived(seed, values):
    _, fake, mask = self_blend(face(64), np.reshape(values, (5, 2)), np.random.default_rng(seed))
    assert fake.shape == (64, 64, 3)
    assert np.isfinite(mask).all()


def test_the_mask_lies_over_the_face_fades_out_and_never_reaches_the_corners():
    for _, _, mask in blends():
        assert mask.max() > 0.2
        assert mask[[0, 0, -1, -1], [0, -1, 0, -1]].max() < 0.01
        down, across = (
            np.average(np.arange(128), weights=mask.sum(axis=axis)) / 128 for axis in (1, 0)
        )
        assert 0.35 < across < 0.65
        assert 0.4 < down < 0.75
        assert len(np.unique(mask.round(2))) > 5


def test_no_edge_of_a_mask_is_sharp():
    for _, _, mask in blends(10, size=256):
        assert np.abs(np.diff(mask)).max() < 0.5 * mask.max()


def test_no_mask_is_the_outline_itself(monkeypatch):
    monkeypatch.setattr(selfblend, "_softened", lambda mask, _rng: mask)
    monkeypatch.setattr(selfblend, "_move", lambda _size, _rng: np.eye(2, 3))
    monkeypatch.setattr(selfblend, "CUT", 0)
    outlines = [selfblend._outline(128, FRONTAL, forehead) for forehead in (True, False)]
    for _, _, mask in blends(10):
        assert 0 < min(np.abs(mask - outline).mean() for outline in outlines) < 0.02


def test_the_mask_follows_the_points():
    left = read_points(points_in_crop(Face(0, 20, 40, 40, 1.0), 1.0))  # the crop is the box itself
    small = (left - 0.5) * 0.5 + [0.25, 0.75]  # half as large, in the lower left quarter
    mask = np.mean([mask for _, _, mask in blends(points=small)], axis=0)
    assert mask[64:, :64].sum() > 0.8 * mask.sum()


def test_the_target_is_the_real_face_or_a_changed_copy_of_it_half_and_half(monkeypatch):
    monkeypatch.setattr(selfblend, "CUT", 0)
    untouched = [np.array_equal(target, face()) for target, _, _ in blends(100)]
    assert np.mean(untouched) == pytest.approx(0.5, abs=0.12)


def test_a_margin_of_its_own_is_cut_off_at_each_edge_of_both_pictures_and_the_mask():
    """Read off a ramp, which says where each of its points came from."""
    cuts = []
    for rng in rngs():
        kept = selfblend._kept(200, rng)
        assert all(part.step is None for part in kept)
        cuts.append([end for part in kept for end in (part.start, 200 - part.stop)])
    assert np.min(cuts, axis=0).tolist() == [0] * 4
    assert np.max(cuts, axis=0).tolist() == [16] * 4
    assert np.abs(np.corrcoef(np.transpose(cuts)) - np.eye(4)).max() < 0.2


@pytest.mark.parametrize("kept", [np.s_[8:, :], np.s_[:, :-8]], ids=["top", "right"])
def test_pictures_and_mask_are_cut_alike(monkeypatch, kept):
    whole = self_blend(textured(128), FRONTAL, np.random.default_rng(3))
    monkeypatch.setattr(selfblend, "_kept", lambda _size, _rng: np.s_[:, :])
    uncut = self_blend(textured(128), FRONTAL, np.random.default_rng(3))
    monkeypatch.setattr(selfblend, "_kept", lambda _size, _rng: kept)
    cut = self_blend(textured(128), FRONTAL, np.random.default_rng(3))
    for one, plain, other in zip(cut, uncut, whole, strict=True):
        wanted = resize(np.ascontiguousarray(plain[kept]), 128)
        assert np.array_equal(one, wanted)
        assert not np.array_equal(one, other)


def test_the_mask_is_moved_with_what_is_blended_in(monkeypatch):
    """Of a copy that is not changed but 8 pixels to the right."""
    crop = textured(128)
    monkeypatch.setattr(selfblend, "_changed", lambda crop, _rng: crop)
    monkeypatch.setattr(selfblend, "CUT", 0)
    masks = {}
    for right in (0, 8):
        move = np.array([[1.0, 0, right], [0, 1, 0]])
        monkeypatch.setattr(selfblend, "_move", lambda _size, _rng, move=move: move)
        _, fake, masks[right] = self_blend(crop, FRONTAL, np.random.default_rng(0))
    assert np.allclose(masks[8][:, 8:], masks[0][:, :-8], atol=1e-5)
    share = masks[8][..., None]
    assert share.max() > 0.2
    wanted = np.roll(crop, 8, axis=1) * share + crop * (1 - share)
    assert np.abs(fake - wanted)[:, 8:].max() <= 0.51


def test_most_pseudo_fakes_differ_visibly_but_little():
    differences = [np.abs(fake.astype(int) - target).mean() for target, fake, _ in blends()]
    assert np.median(differences) > 0.3
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
    source = np.array([[0.3, 0.4], [0.7, 0.4], [0.5, 0.6], [0.35, 0.8], [0.65, 0.8]])
    target = source @ (2 * rotation).T + [3, -4]
    fit = selfblend._similarity(source, target)
    assert np.allclose(fit, np.column_stack([2 * rotation, [3, -4]]))


def test_the_forehead_is_left_out_of_three_masks_in_ten(monkeypatch):
    whole = []
    monkeypatch.setattr(
        selfblend,
        "_outline",
        lambda size, _points, forehead: whole.append(forehead) or np.ones((size, size), np.float32),
    )
    blends(200, size=48)
    assert np.mean(whole) == pytest.approx(0.7, abs=0.08)


def test_a_mask_is_bent_smoothly_across_and_down_by_different_fields():
    """Read off two ramps, which say where each of their points came from."""
    down, across = np.mgrid[:256, :256].astype(np.float32)
    for seed in range(5):
        moved = [
            (selfblend._deformed(ramp, np.random.default_rng(seed)) - ramp)[8:-8, 8:-8]
            for ramp in (across, down)
        ]
        assert np.sqrt(np.mean(np.square(moved))) == pytest.approx(1.2, abs=0.15)
        assert max(np.abs(np.diff(field)).max() for field in moved) < 1
        assert abs(np.corrcoef(moved[0].ravel(), moved[1].ravel())[0, 1]) < 0.2


@pytest.mark.parametrize("size", [128, 256])
def test_a_masks_edge_is_drawn_back_and_fades_by_shares_of_the_side(size):
    half = np.zeros((size, size), np.float32)
    half[:, : size // 2] = 1
    back, width, strength = [], [], []
    for rng in rngs():
        row = selfblend._softened(half, rng)[size // 2]
        strength.append(round(float(row.max()), 3))
        back.append(size // 2 - np.count_nonzero(row > row.max() / 2))
        width.append(np.count_nonzero((row > 1e-4) & (row < row.max() - 1e-4)))
    one = size / 256  # what is a pixel at 256 pixels a side
    assert (min(back), max(back)) == pytest.approx((2 * one, 12 * one), abs=1)
    assert (min(width), max(width)) == pytest.approx((4 * one, 24 * one), abs=2)
    assert set(strength) == {0.25, 0.5, 0.75, 1.0}
    assert np.mean(np.array(strength) == 1) == pytest.approx(0.5, abs=0.08)


def test_a_copy_is_moved_by_little_and_resized_about_its_middle():
    matrices = np.array([selfblend._move(101, rng) for rng in rngs()])
    zoom, shifts = matrices[:, 0, 0] - 1, (matrices @ [50, 50, 1] - 50) / 101
    assert np.array_equal(matrices[:, 0, 0], matrices[:, 1, 1])
    assert not matrices[:, [0, 1], [1, 0]].any()
    for found, most in ((zoom, 0.05), (shifts[:, 0], 0.03), (shifts[:, 1], 0.015)):
        assert (found.min(), found.max()) == pytest.approx((-most, most), rel=0.05)
    assert abs(np.corrcoef(shifts.T)[0, 1]) < 0.2


def test_a_copy_is_softer_or_sharper_half_and_half(monkeypatch):
    monkeypatch.setattr(selfblend, "_recoloured", lambda crop, _rng: crop)
    crop = textured(64)
    found = np.array([selfblend._changed(crop, rng).std() for rng in rngs()]) / crop.std()
    softer, sharper = found[found < 1], found[found > 1]
    assert len(softer) / 200 == pytest.approx(0.5, abs=0.1)
    assert len(softer) + len(sharper) == 200
    assert len(set(softer)) == 2  # by half and by a quarter of the resolution
    assert len(set(sharper)) > 20


STRENGTHS = ("RGB_SHIFT", "BRIGHTNESS", "CONTRAST")


def recoloured(monkeypatch, crop: np.ndarray, *kept: str) -> np.ndarray:
    """(200, height, width, 3): what 200 generators make of it with these strengths alone."""
    for name in STRENGTHS:
        if name not in kept:
            monkeypatch.setattr(selfblend, name, 0)
    return np.array([selfblend._recoloured(crop, rng) for rng in rngs()]).astype(float)


RED = (200, 60, 60)
COLOUR_CHANGES = {
    "BRIGHTNESS": lambda crop: crop.mean() - np.mean(RED),
    "CONTRAST": lambda crop: crop.std() / np.std(RED) - 1,
}


@pytest.mark.parametrize(
    ("name", "least", "most"),
    [
        ("BRIGHTNESS", -25.5, 25.5),
        ("CONTRAST", -0.1, 0.1),
    ],
)
def test_colours_are_changed_both_ways_as_named(monkeypatch, name, least, most):
    crops = recoloured(monkeypatch, np.full((2, 2, 3), RED, np.uint8), name)
    found = [COLOUR_CHANGES[name](crop) for crop in crops]
    assert (min(found), max(found)) == pytest.approx((least, most), rel=0.15)
    assert np.mean(found) == pytest.approx(0, abs=0.1 * most)


def test_small_changes_of_brightness_make_nothing_darker(monkeypatch):
    monkeypatch.setattr(selfblend, "BRIGHTNESS", 0.9 / 255)
    grey = np.full((2, 2, 3), 128, np.uint8)
    assert recoloured(monkeypatch, grey, "BRIGHTNESS").mean() == pytest.approx(128, abs=0.1)


def test_three_copies_in_ten_have_their_colours_shifted_apart(monkeypatch):
    grey = np.full((2, 2, 3), 128, np.uint8)
    shifts = recoloured(monkeypatch, grey, "RGB_SHIFT")[:, 0, 0] - 128
    shifted = shifts[shifts.any(axis=1)]
    assert len(shifted) / 200 == pytest.approx(0.3, abs=0.08)
    assert np.min(shifted, axis=0) == pytest.approx([-20] * 3, abs=3)
    assert np.max(shifted, axis=0) == pytest.approx([20] * 3, abs=3)
    assert np.abs(np.corrcoef(shifted.T) - np.eye(3)).max() < 0.4


@pytest.mark.parametrize("colour", [(0, 0, 0), (255, 255, 255), (255, 0, 0)])
def test_extreme_colours_are_cut_off_and_never_wrap(monkeypatch, colour):
    crops = recoloured(monkeypatch, np.full((2, 2, 3), colour, np.uint8), *STRENGTHS)
    assert np.abs(crops - colour).max() < 150
