"""Contact sheets show what is there, undistorted, each picture with its item."""

import io

import numpy as np
import pytest
from PIL import Image

from deepfake_detector.pages import contact_sheet

RED, GREEN = (200, 0, 0), (0, 200, 0)


def plain(colour: tuple[int, int, int], height: int = 40, width: int = 40) -> np.ndarray:
    return np.full((height, width, 3), colour, np.uint8)


def opened(jpeg: bytes) -> np.ndarray:
    return np.asarray(Image.open(io.BytesIO(jpeg))).astype(int)


@pytest.mark.parametrize(("pictures", "rows"), [(1, 1), (8, 1), (9, 2), (48, 6)])
def test_a_sheet_has_rows_of_eight(pictures, rows):
    sheet = opened(contact_sheet.contact_sheet([plain(RED)] * pictures, ["x"] * pictures))
    assert sheet.shape == (
        rows * (contact_sheet.TILE + contact_sheet.CAPTION),
        8 * contact_sheet.TILE,
        3,
    )


def test_a_wide_picture_is_not_squeezed():
    sheet = opened(
        contact_sheet.contact_sheet([plain(RED, 20, 80), plain(GREEN)], ["wide", "square"])
    )
    tile = sheet[: contact_sheet.TILE, : contact_sheet.TILE]
    red = (tile[..., 0] > 150) & (tile[..., 1] < 80)
    assert np.ptp(np.flatnonzero(red.any(1))) + 1 == pytest.approx(contact_sheet.TILE / 4, abs=2)
    assert np.ptp(np.flatnonzero(red.any(0))) + 1 == pytest.approx(contact_sheet.TILE, abs=2)
