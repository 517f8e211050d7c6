"""Sheets of what is learned from: every face in its row, the real one first."""

import io

import numpy as np
from made import changed, textured
from PIL import Image

from deepfake_detector.faces.cutting import points_of_ready_crop
from deepfake_detector.pages.contact_sheet import CAPTION, TILE
from deepfake_detector.storage.archive import ArchiveReader
from deepfake_detector.training.settings import Augment
from deepfake_detector.training.sheets import augmentation_sheet, self_blend_sheet, sheets

OFF = Augment(**dict.fromkeys(Augment.model_fields, 0))


def tiles(jpeg: bytes) -> np.ndarray:
    """(rows, columns, TILE, TILE, 3) of a sheet."""
    sheet = np.asarray(Image.open(io.BytesIO(jpeg))).astype(int)
    rows, columns = sheet.shape[0] // (TILE + CAPTION), sheet.shape[1] // TILE
    return sheet.reshape(rows, TILE + CAPTION, columns, TILE, 3)[:, :TILE].transpose(0, 2, 1, 3, 4)


def test_each_face_has_a_row_of_its_changes():
    flipped = changed(OFF, flip=1)
    crops = [textured(64), textured(64)[::-1].copy()]
    found = tiles(augmentation_sheet(crops, flipped, 64, 1))
    assert found.shape[:2] == (2, 8)
    for row in found:
        assert np.abs(row[1] - row[0][:, ::-1]).mean() < 6
        assert np.abs(row[2] - row[1]).mean() < 1


def test_below_are_the_operations_of_delivery_that_are_on_each_in_a_row_of_its_own():
    some = changed(OFF, flip=1, thumbnail=0.1, webp=0.2)
    crops = [np.full((64, 64, 3), 250, np.uint8), textured(64)]
    found = tiles(augmentation_sheet(crops, some, 64, 1))
    assert found.shape[:2] == (4, 8)
    thumbnails, webps = found[2:]
    assert np.abs(thumbnails - 250).max() <= 2  # of the first crop, and not mirrored
    wanted = np.asarray(Image.fromarray(textured(64)[16:48, 16:48]).resize((TILE, TILE)))
    assert np.abs(webps[0] - wanted).mean() < 6
    assert all(2 < np.abs(one - webps[0]).mean() < 40 for one in webps[1:])


def test_a_real_face_stands_beside_its_mask_pseudo_fake_and_difference():
    crop = np.full((128, 128, 3), 120, np.uint8)
    (row,) = tiles(self_blend_sheet([crop, crop], [points_of_ready_crop()] * 2, 1))
    for first in (0, 4):
        real, mask, fake, difference = row[first : first + 4]
        assert np.abs(real - 120).max() <= 2
        assert mask[60:80, 50:78].mean() > 40 > 5 > mask[:5, :5].mean()
        assert fake.shape == real.shape
        assert np.abs(difference - np.clip(4 * np.abs(fake - real), 0, 255)).mean() < 12


def test_a_run_shows_faces_spread_over_all_and_pseudo_fakes_of_real_ones(stored_crops):
    with ArchiveReader("data/faces") as reader:
        found = sheets(stored_crops, reader, OFF, 48, 1)
    shown = tiles(found["augmentation"])[:, 0, TILE // 2, TILE // 2]
    assert np.abs(shown[:3] - [(250, 10, 20), (10, 250, 20), (10, 20, 250)]).max() < 25
    assert len(shown) == 4
    reals = tiles(found["self_blend"])[0, [0, 4], TILE // 2, TILE // 2]
    assert np.abs(reals - [(250, 10, 20), (10, 20, 250)]).max() < 25
