"""Changes to training crops: each works, keeps what it must keep, and comes back with its seed."""

import io

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from made import changed, picture, textured
from PIL import Image

from deepfake_detector.faces.cutting import resize
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
KEEPS_COLOUR = [name for name in NAMES if name not in ("colour", "erase")]


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


def alone(name: str, crop: np.ndarray, count: int, **strength: float) -> list[np.ndarray]:
    """What an operation makes of the crop in so many pairs of an epoch."""
    only = changed(OFF, **{name: STRENGTH.get(name, 1)} | strength)
    return [augment(crop, crop.shape[0], only, (1, 0, pair)) for pair in range(count)]


@pytest.mark.parametrize("name", [name for name in NAMES if name not in STRENGTH])
def test_the_strength_of_what_happens_or_not_is_its_probability(name):
    crop = textured()
    found = alone(name, crop, 400, **{name: 0.3})
    assert np.mean([(one != crop).any() for one in found]) == pytest.approx(0.3, abs=0.07)


@pytest.mark.parametrize("name", KEEPS_COLOUR)
def test_a_red_face_stays_red(name):
    red = np.full((48, 48, 3), (200, 60, 40), np.uint8)
    for one in alone(name, red, 10):
        assert one.mean(axis=(0, 1)) == pytest.approx([200, 60, 40], abs=25)


GEOMETRY = [
    ("rotate", 20, lambda matrix: np.degrees(np.arctan2(matrix[0, 1], matrix[0, 0]))),
    ("scale", 0.2, lambda matrix: matrix[0, 0] - 1),
    ("shift", 0.1, lambda matrix: matrix[0, 2]),
    ("shift", 0.1, lambda matrix: matrix[1, 2]),
]


@pytest.mark.parametrize(("name", "most", "change"), GEOMETRY)
def test_faces_are_moved_both_ways_alike_and_as_far_as_asked_for(name, most, change):
    operation, rngs = augmentation.GEOMETRIC[name], map(np.random.default_rng, range(200))
    found = [change(operation(np.eye(3), most, rng)) / most for rng in rngs]
    assert (min(found), np.mean(found), max(found)) == pytest.approx((-1, 0, 1), abs=0.1)


def test_shifts_across_and_down_are_drawn_apart():
    rngs = map(np.random.default_rng, range(200))
    shifts = [augmentation._shifted(np.eye(3), 0.1, rng)[:2, 2] for rng in rngs]
    assert abs(np.corrcoef(np.transpose(shifts))[0, 1]) < 0.2


def test_brightness_contrast_and_saturation_are_drawn_apart_and_both_ways(monkeypatch):
    drawn = []
    monkeypatch.setattr(augmentation, "_coloured", lambda crop, *by: drawn.append(by) or crop)
    alone("colour", textured(), 200)
    assert np.min(drawn, axis=0) == pytest.approx([0.7] * 3, abs=0.03)
    assert np.max(drawn, axis=0) == pytest.approx([1.3] * 3, abs=0.03)
    assert np.abs(np.corrcoef(np.transpose(drawn)) - np.eye(3)).max() < 0.2


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


def test_pictures_are_shrunk_to_between_a_third_and_nine_tenths_but_to_16_pixels_at_least(
    monkeypatch,
):
    sides = []

    def note(crop, side):
        sides.append(side)
        return resize(crop, side)

    monkeypatch.setattr(augmentation, "resize", note)
    alone("downscale", textured(96), 200)
    smaller = [side for side in sides if side != 96]
    assert (min(smaller), max(smaller)) == pytest.approx((0.35 * 96, 0.9 * 96), abs=2)
    sides.clear()
    alone("downscale", textured(32), 50)
    assert min(sides) == 16


def test_an_edge_is_blurred_by_a_gaussian_of_0_3_to_1_5_pixels():
    edge = np.zeros((48, 48, 3), np.uint8)
    edge[:, 24:] = 255
    distance, found = np.arange(-23.5, 23.5) + 0.5, []
    for one in alone("blur", edge, 100):
        slope = np.diff(one[24, :, 0].astype(float)) / 255
        found.append(np.sqrt(slope @ distance**2))
    assert (min(found), max(found)) == pytest.approx((0.3, 1.5), abs=0.2)


def test_noise_has_a_deviation_of_1_to_8_grey_levels_apart_in_each_colour():
    found = [one.reshape(-1, 3) for one in alone("noise", np.full((48, 48, 3), 128, np.uint8), 100)]
    assert np.mean(found) == pytest.approx(128, abs=0.1)  # not darker
    deviations = [one.std() for one in found]
    assert (min(deviations), max(deviations)) == pytest.approx((1, 8), abs=0.4)
    assert np.abs(np.corrcoef(found[0].T) - np.eye(3)).max() < 0.1


@pytest.mark.parametrize("level", [0, 255])
def test_noise_on_black_stays_dark_and_on_white_bright(level):
    found = np.array(alone("noise", np.full((48, 48, 3), level, np.uint8), 10)).astype(int)
    assert 0 < np.abs(found - level).max() < 60


def test_jpeg_compression_is_that_of_another_library_at_qualities_from_30_to_100():
    crop = cv2.GaussianBlur(textured(), (0, 0), 1)
    others = {
        quality: np.asarray(Image.open(io.BytesIO(picture(crop, "JPEG", quality=quality)))) + 0.0
        for quality in range(20, 101)
    }
    found = []
    for one in alone("jpeg", crop, 60):
        errors = {quality: np.abs(one - other).mean() for quality, other in others.items()}
        found.append(min(errors, key=errors.get))
        assert errors[found[-1]] < 0.5
    assert (min(found), max(found)) == pytest.approx((30, 100), abs=3)


def test_blocks_are_drawn_at_every_quantiser_and_on_every_grid(monkeypatch):
    drawn = []
    monkeypatch.setattr(
        augmentation, "_blocky", lambda crop, qp, offset: drawn.append((qp, *offset)) or crop
    )
    alone("blocks", textured(), 300)
    qps, down, across = zip(*drawn, strict=True)
    assert set(qps) == set(range(26, 41))
    assert set(zip(down, across, strict=True)) == {(y, x) for y in range(4) for x in range(4)}


def test_coefficients_are_rounded_up_only_from_five_sixths_of_a_step_on():
    greys = {8: 0, 9: 10, -9: -10, 18: 10, 19: 20}  # differences from mid-grey; a step is 10
    for grey, wanted in greys.items():
        plane = np.full((4, 4), 128 + grey, np.uint8)
        assert np.array_equal(augmentation._quantised(plane, 40), np.full((4, 4), 128 + wanted))


def colours(planes: np.ndarray) -> np.ndarray:
    """RGB of one brightness and these red and blue differences, (rows, columns, 2)."""
    luma = np.full((*planes.shape[:2], 1), 128)
    return cv2.cvtColor(np.dstack([luma, planes]).astype(np.uint8), cv2.COLOR_YCrCb2RGB)


@pytest.mark.parametrize(("qp", "width"), [(0, 1), (40, 4)])
def test_blocks_have_colours_at_half_the_resolution_and_as_coarse_as_the_greys(qp, width):
    """Stripes of one pixel are averaged at the finest quantiser; weak wide ones at a coarse one."""
    stripes = np.where(np.arange(32) // width % 2, 138, 118)
    striped = colours(np.tile(stripes[None, :, None], (32, 1, 2)))
    found = augmentation._blocky(striped, qp, np.array([0, 0])).astype(int)
    assert np.ptp(striped[..., 0]) > 20
    assert np.ptp(found[..., 0]) <= 4


def test_blocks_are_flat_at_a_coarse_quantiser_and_lie_on_the_grid_asked_for():
    """With a step above all coefficients but the first, each 4 x 4 block has one grey value."""
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


def test_erased_rectangles_differ_in_place_form_and_colour():
    crop, boxes, fills = textured(96), [], []
    for one in alone("erase", crop, 200):
        down, across = np.nonzero((one != crop).any(axis=2))
        boxes.append((down.min(), down.max() + 1, across.min(), across.max() + 1))
        fills.append(one[down[0], across[0]])
    top, bottom, left, right = np.transpose(boxes)
    for first, end in ((top, bottom), (left, right)):
        assert (first.min(), end.max()) == pytest.approx((0, 96), abs=3)
    ratios = (bottom - top) / (right - left)
    assert (ratios.min(), np.median(ratios), ratios.max()) == pytest.approx((0.5, 1, 2), abs=0.2)
    assert (np.ptp(fills, axis=0) > 240).all()
    assert np.abs(np.corrcoef(np.transpose(fills)) - np.eye(3)).max() < 0.2


def test_what_is_covered_is_covered_last():
    """Neither noise nor compression is seen in it."""
    covered, open_ = (augment(textured(), 48, changed(ON, erase=erase), KEY) for erase in (1, 0))
    differs = (covered != open_).any(axis=2)
    assert differs.any()
    assert len(np.unique(covered[differs], axis=0)) == 1
