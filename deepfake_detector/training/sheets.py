"""Pictures of what the detector learns from: augmented faces, and real faces beside their
pseudo-fakes."""

from collections.abc import Sequence

import cv2
import numpy as np
import pandas as pd

from deepfake_detector.datasets.subset import spread
from deepfake_detector.faces.cutting import read_points, resize
from deepfake_detector.pages.contact_sheet import COLUMNS, contact_sheet
from deepfake_detector.storage.archive import ArchiveReader
from deepfake_detector.training.augmentation import DELIVERY, augment
from deepfake_detector.training.selfblend import self_blend
from deepfake_detector.training.settings import Augment

AUGMENTED, BLENDED = 6, 12  # faces on each sheet
MIDDLE = 0.5  # of the side; the part of a delivered face that is shown, so that its traces are seen


def sheets(
    rows: pd.DataFrame, reader: ArchiveReader, augmentation: Augment, size: int, seed: int
) -> dict[str, bytes]:
    """JPEGs by name. `rows` (columns archive, member, label, points) are the training faces, which
    `reader` reads; what is shown is spread over them, of pseudo-fakes over the real ones."""
    some, reals = spread(rows, AUGMENTED), spread(rows[rows["label"] == 0], BLENDED)
    return {
        "augmentation": augmentation_sheet(_pictures(some, reader), augmentation, size, seed),
        "self_blend": self_blend_sheet(_pictures(reals, reader), list(reals["points"]), seed),
    }


def augmentation_sheet(
    crops: Sequence[np.ndarray], augmentation: Augment, size: int, seed: int
) -> bytes:
    """A JPEG with a row for each crop (RGB uint8): as the network sees it, then as seven epochs
    might change it. Below, a row for each operation of delivery that is on: the middle of a crop,
    then as that operation alone changes it."""
    pictures, captions = [], []
    for number, crop in enumerate(crops):
        changed = [
            augment(crop, size, augmentation, (seed, epoch, number)) for epoch in range(COLUMNS - 1)
        ]
        pictures += [resize(crop, size), *changed]
        captions += ["as it is"] + ["augmented"] * len(changed)
    delivered = [name for name in DELIVERY if getattr(augmentation, name)] if crops else []
    for number, name in enumerate(delivered):
        crop, alone = resize(crops[number % len(crops)], size), _alone(name)
        changed = [
            augment(crop, size, alone, (seed, epoch, number)) for epoch in range(COLUMNS - 1)
        ]
        pictures += [_middle(picture) for picture in (crop, *changed)]
        captions += ["as it is, the middle"] + [name] * len(changed)
    return contact_sheet(pictures, captions)


def self_blend_sheet(crops: Sequence[np.ndarray], points: Sequence[str], seed: int) -> bytes:
    """A JPEG with, for each real crop, what is blended into, the mask, the pseudo-fake, and four
    times the difference of the two."""
    pictures, captions = [], []
    for number, (crop, text) in enumerate(zip(crops, points, strict=True)):
        target, fake, mask = self_blend(
            crop, read_points(text), np.random.default_rng([seed, 0, number, number])
        )
        white = cv2.cvtColor(np.rint(mask * 255).astype(np.uint8), cv2.COLOR_GRAY2RGB)
        pictures += [target, white, fake, cv2.convertScaleAbs(cv2.absdiff(target, fake), alpha=4)]
        captions += ["real", f"mask, up to {mask.max():.2f}", "pseudo-fake", "difference x 4"]
    return contact_sheet(pictures, captions)


def _alone(name: str) -> Augment:
    """That operation always, and no other."""
    return Augment(**dict.fromkeys(Augment.model_fields, 0) | {name: 1})


def _middle(picture: np.ndarray) -> np.ndarray:
    cut = round(picture.shape[0] * (1 - MIDDLE) / 2)
    return picture[cut:-cut, cut:-cut]


def _pictures(rows: pd.DataFrame, reader: ArchiveReader) -> list[np.ndarray]:
    return [reader.picture(row.archive, row.member) for row in rows.itertuples()]
