"""What happens to a picture on its way: each operation does what it is named for, and keeps the
size, the colours and the seed."""

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from made import textured

from deepfake_detector.media.jpeg import through_jpeg
from deepfake_detector.training import delivery

OPERATIONS = [
    delivery.denoised,
    delivery.sharpened,
    delivery.h264_coded,
    delivery.thumbnailed,
    delivery.webp_coded,
    delivery.jpeg_coded_twice,
]
RED, BLUE = (200, 60, 40), (40, 60, 200)

every_operation = pytest.mark.parametrize(
    "operation", OPERATIONS, ids=lambda operation: operation.__name__
)


def face(size: int = 96) -> np.ndarray:
    """Smooth and coloured, with the noise of a camera."""
    down, across = np.mgrid[:size, :size] / size
    smooth = np.dstack([200 - 40 * down, 110 + 60 * across, 60 + 50 * np.sin(9 * down * across)])
    return np.clip(smooth + np.random.default_rng(1).normal(0, 4, smooth.shape), 0, 255).astype(
        np.uint8
    )


def rngs(count: int) -> list[np.random.Generator]:
    return [np.random.default_rng(seed) for seed in range(count)]


def plain(colour: tuple[int, int, int]) -> np.ndarray:
    return np.full((48, 48, 3), colour, np.uint8)


@every_operation
@given(st.integers(0, 2**32), st.integers(16, 70))
def test_size_type_and_original_stay_and_the_same_seed_gives_the_same_pixels(operation, seed, size):
    crop = face(size)
    before = crop.copy()
    first, again = (operation(crop, np.random.default_rng(seed)) for _ in range(2))
    assert (first.shape, first.dtype) == (crop.shape, np.uint8)
    assert np.array_equal(first, again)
    assert np.array_equal(crop, before)


@every_operation
def test_every_seed_changes_the_picture_in_its_own_way_and_leaves_it_the_picture(operation):
    crop = face()
    made = [operation(crop, rng) for rng in rngs(12)]
    assert len({one.tobytes() for one in made}) > 8
    for one in made:
        change = np.abs(one.astype(int) - crop).mean()
        assert 0.2 < change < 12
        assert one.mean(axis=(0, 1)) == pytest.approx(crop.mean(axis=(0, 1)), abs=5)


@every_operation
@pytest.mark.parametrize("colour", [RED, BLUE], ids=["red", "blue"])
def test_red_stays_red_and_blue_stays_blue(operation, colour):
    for rng in rngs(6):
        assert operation(plain(colour), rng).mean(axis=(0, 1)) == pytest.approx(colour, abs=8)


@pytest.mark.parametrize("codec", [through_jpeg, delivery.through_webp])
def test_a_finer_quality_loses_less(codec):
    crop = face()
    errors = [np.abs(codec(crop, quality).astype(int) - crop).mean() for quality in (95, 60, 20)]
    assert errors == sorted(errors)
    assert errors[0] < 4


def test_sharpening_adds_to_edges_of_grey_and_denoising_takes_noise_away():
    crop = face()
    grey = cv2.cvtColor(crop, cv2.COLOR_RGB2GRAY)
    for rng in rngs(8):
        sharper, calmer = (
            cv2.Laplacian(cv2.cvtColor(operation(crop, rng), cv2.COLOR_RGB2GRAY), cv2.CV_64F).var()
            for operation in (delivery.sharpened, delivery.denoised)
        )
        assert calmer < 0.9 * cv2.Laplacian(grey, cv2.CV_64F).var() < 0.9 * sharper


def test_sharpening_leaves_colours_and_denoising_leaves_edges():
    halves = np.concatenate([plain((90, 90, 90))[:, :24], plain((170, 170, 170))[:, :24]], axis=1)
    for rng in rngs(5):
        sharp = delivery.sharpened(halves, rng)
        assert np.ptp(sharp.astype(int), axis=2).max() <= 2  # still grey
        assert sharp[:, 24].mean() > 172 > 88 > sharp[:, 23].mean()
        calm = delivery.denoised(halves, rng)
        assert np.abs(calm.astype(int) - halves).max() <= 3


def test_a_thumbnail_is_made_and_enlarged_by_every_kernel_at_all_sizes(monkeypatch):
    seen, resize = [], cv2.resize

    def note(picture, size, interpolation):
        seen.append((size[0], interpolation))
        return resize(picture, size, interpolation=interpolation)

    monkeypatch.setattr(cv2, "resize", note)
    for rng in rngs(300):
        delivery.thumbnailed(face(), rng)
    (smaller, down), (larger, up) = (np.transpose(seen[first::2]) for first in (0, 1))
    assert set(larger) == {96}
    assert (smaller.min(), smaller.max()) == pytest.approx((24, 77), abs=2)
    assert set(zip(down, up, strict=True)) == {
        (one, other) for one in delivery.KERNELS for other in delivery.KERNELS
    }
    seen.clear()
    for rng in rngs(20):
        delivery.thumbnailed(face(32), rng)
    assert min(side for side, _ in seen) == 16


def test_the_second_jpeg_never_lies_on_the_grid_of_the_first(monkeypatch):
    padded = []
    monkeypatch.setattr(
        delivery, "through_jpeg", lambda crop, *_: padded.append(crop.shape[:2]) or crop.copy()
    )
    for rng in rngs(400):
        delivery.jpeg_coded_twice(textured(), rng)
    first, second = padded[0::2], padded[1::2]
    assert set(first) == {(48, 48)}
    grids = {(down - 48, across - 48) for down, across in second}
    assert grids == {(down, across) for down in range(8) for across in range(8)} - {(0, 0)}


def test_blocks_lie_where_the_offset_says():
    """At a quality that keeps one grey value of each 8 x 8 block, edges are those of the grid."""
    ramp = np.repeat(np.tile(np.linspace(60, 200, 64), (64, 1))[..., None], 3, axis=2)
    found = delivery._on_grid(ramp.astype(np.uint8), (0, 3), lambda padded: through_jpeg(padded, 1))
    edges = np.flatnonzero(np.abs(np.diff(found[20, :, 1].astype(int))) > 6) + 1
    assert len(edges)
    assert set((edges + 3) % 8) == {0}


@pytest.mark.parametrize(
    ("operation", "codec", "limits"),
    [
        (delivery.h264_coded, "through_h264", delivery.CRF),
        (delivery.webp_coded, "through_webp", delivery.WEBP_QUALITY),
        (delivery.jpeg_coded_twice, "through_jpeg", delivery.JPEG_QUALITY),
    ],
)
def test_all_qualities_are_drawn(monkeypatch, operation, codec, limits):
    drawn = []
    monkeypatch.setattr(
        delivery, codec, lambda crop, *settings: drawn.append(settings[-1]) or crop.copy()
    )
    for rng in rngs(1500):
        operation(plain(RED), rng)
    assert set(drawn) == set(range(limits[0], limits[1] + 1))
