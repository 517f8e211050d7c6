"""Changes to training crops: each works, keeps what it must keep, and comes back with its seed."""

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from made import changed, textured

from deepfake_detector.training import augmentation
from deepfake_detector.training.augmentation import augment
from deepfake_detector.training.sampling import BLENDING
from deepfake_detector.training.settings import Augment

TABLES = ("GEOMETRIC", "INTENSITY")
NAMES = (*augmentation.GEOMETRIC, *augmentation.INTENSITY)
KEY = (1, 0, 5)  # seed, epoch, pair
OFF = Augment(**dict.fromkeys(NAMES, 0))
# of the others 1: they are probabilities
STRENGTH = {"shift": 0.1, "scale": 0.2, "rotate": 20, "colour": 0.3}
ON = changed(OFF, **{name: STRENGTH.get(name, 1) for name in NAMES})


@pytest.fixture
def drawn(monkeypatch) -> dict[str, float]:
    """What each operation draws first, filled in by `augment`; nothing is changed."""
    numbers = {}

    def record(name):
        def operation(value, _strength, rng):
            numbers[name] = rng.random()
            return value

        return operation

    for table in TABLES:
        names = getattr(augmentation, table)
        monkeypatch.setattr(augmentation, table, {name: record(name) for name in names})
    return numbers


def test_every_operation_has_a_strength_and_every_strength_an_operation():
    assert sorted(NAMES) == sorted(Augment.model_fields)


def test_every_operation_draws_its_own_numbers_and_self_blending_others(drawn):
    augment(textured(), 48, ON, KEY)
    blending = np.random.default_rng([*KEY, BLENDING]).random()
    assert len({*drawn.values(), blending}) == len(NAMES) + 1


@pytest.mark.parametrize("table", TABLES)
def test_one_more_operation_leaves_what_the_others_draw_unchanged(table, monkeypatch):
    def draws(value, _strength, rng):
        rng.random(7)
        return value

    class More(Augment):
        more: float = 1.0

    before = augment(textured(), 48, ON, KEY)
    monkeypatch.setattr(augmentation, table, {"more": draws, **getattr(augmentation, table)})
    assert np.array_equal(augment(textured(), 48, More(**ON.model_dump()), KEY), before)


@pytest.mark.parametrize("name", NAMES)
def test_an_operation_of_strength_0_is_not_run_and_the_others_draw_the_same(drawn, name):
    augment(textured(), 48, ON, KEY)
    all_on = drawn.copy()
    drawn.clear()
    augment(textured(), 48, changed(ON, **{name: 0}), KEY)
    del all_on[name]
    assert drawn == all_on


def test_augmentation_off_changes_no_pixel():
    crop = textured()
    assert np.array_equal(augment(crop, 48, OFF, KEY), crop)


@pytest.mark.parametrize("name", NAMES)
def test_each_augmentation_works_alone(name):
    crop = textured()
    alone = changed(OFF, **{name: STRENGTH.get(name, 1)})
    assert not np.array_equal(augment(crop, 48, alone, KEY), crop)


def test_flip_mirrors_exactly():
    crop = textured()
    assert np.array_equal(augment(crop, 48, changed(OFF, flip=1), KEY), crop[:, ::-1])


def test_a_shift_moves_by_its_fraction_of_the_side():
    crop = textured(64)
    moved = augmentation._warped(crop, np.array([[1, 0, 1 / 8], [0, 1, -1 / 4], [0, 0, 1]]))
    assert np.array_equal(moved[:48, 8:], crop[16:, :56])


class Most:
    """A generator that draws the largest number."""

    def uniform(self, _low, high):
        return high


def test_rotation_and_scale_are_about_the_centre():
    crop = textured(64)
    matrix = augmentation._scaled(augmentation._rotated(np.eye(3), 20, Most()), 0.2, Most())
    wanted = cv2.warpAffine(
        crop,
        cv2.getRotationMatrix2D((31.5, 31.5), 20, 1.2),
        (64, 64),
        borderMode=cv2.BORDER_REPLICATE,
    )
    assert cv2.norm(augmentation._warped(crop, matrix), wanted, cv2.NORM_INF) <= 1


SHARE = st.floats(0, 1)


@given(
    st.builds(
        Augment,
        **dict.fromkeys(NAMES, SHARE)
        | {"shift": st.floats(0, 0.3), "scale": st.floats(0, 0.5), "rotate": st.floats(0, 45)},
    ),
    st.integers(0, 2**32),
    st.integers(16, 64),
    st.integers(16, 64),
)
def test_augmentation_keeps_the_type_and_the_original_and_gives_the_size_asked_for(
    strengths, seed, size, wanted
):
    crop = textured(64)[:size, :size]
    before = crop.copy()
    found = augment(crop, wanted, strengths, (seed,))
    assert (found.shape, found.dtype) == ((wanted, wanted, 3), np.uint8)
    assert np.array_equal(crop, before)
    assert np.array_equal(found, augment(crop, wanted, strengths, (seed,)))


@pytest.mark.parametrize(
    ("factors", "wanted"),
    [  # two pixels with grey values 50.75 and 170.75 (BT.601), mean 110.75
        ((1, 1, 1), [[10, 60, 110], [130, 180, 230]]),
        ((1.1, 1, 1), [[21, 71, 121], [141, 191, 241]]),  # a tenth of the mean grey more
        ((1, 0.5, 1), [[60, 85, 110], [120, 145, 170]]),  # half as far from the mean grey
        ((1, 1, 0), [[51, 51, 51], [171, 171, 171]]),  # grey
    ],
)
def test_brightness_contrast_and_saturation_change_as_named(factors, wanted):
    crop = np.array([[[10, 60, 110], [130, 180, 230]]], np.uint8)
    assert np.abs(augmentation._coloured(crop, *factors)[0].astype(int) - wanted).max() <= 1


def test_blocks_are_flat_at_a_coarse_quantiser_and_lie_on_the_grid_asked_for():
    """With a step larger than any coefficient but the first, each 4 x 4 block has one grey value."""
    ramp = np.tile(np.linspace(90, 160, 64).astype(np.uint8), (64, 1))
    coarse = augmentation._blocky(np.dstack([ramp] * 3), 40, np.array([0, 1]))[..., 1].astype(int)
    steps = np.flatnonzero(np.abs(np.diff(coarse[8])) > 0) + 1
    assert len(steps)
    assert set((steps + 1) % 4) == {0}


def test_a_finer_quantiser_loses_less():
    crop = textured(64)
    smooth = cv2.GaussianBlur(crop, (0, 0), 2)
    errors = [
        np.abs(augmentation._blocky(smooth, q, np.array([1, 2])).astype(int) - smooth).mean()
        for q in (10, 26, 40)
    ]
    assert errors == sorted(errors)
    assert errors[0] < 3


def test_the_block_transform_is_orthonormal_and_the_cosine_one():
    matrix = augmentation._transform()
    assert np.allclose(matrix @ matrix.T, np.eye(16), atol=1e-6)
    block = np.arange(16, dtype=np.float32).reshape(4, 4)
    assert np.allclose(matrix @ block.ravel(), cv2.dct(block).ravel(), atol=1e-4)


@given(st.integers(0, 2**32))
def test_an_erased_rectangle_covers_2_to_15_percent_in_one_colour(seed):
    crop = np.zeros((100, 100, 3), np.uint8)
    rng = np.random.default_rng(seed)
    changed = augmentation._erased(crop, rng)
    covered = (changed != crop).any(axis=2)
    if covered.any():  # black on black is not seen
        assert 0.018 <= covered.mean() <= 0.16
        assert len(np.unique(changed[covered], axis=0)) == 1
