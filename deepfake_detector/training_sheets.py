"""Pictures of what the detector learns from: augmented faces, and real faces beside their pseudo-fakes."""

from collections.abc import Sequence

import cv2
import numpy as np

from deepfake_detector.augmentation import Augmentation
from deepfake_detector.faces import read_points, resize
from deepfake_detector.selfblend import self_blend
from deepfake_detector.sheets import COLUMNS, contact_sheet


def augmentation_sheet(crops: Sequence[np.ndarray], augmentation: Augmentation, size: int, seed: int) -> bytes:
    """A JPEG with a row for each crop (RGB uint8): as the network sees it, then as seven epochs might change it."""
    pictures, captions = [], []
    for number, crop in enumerate(crops):
        changed = [
            augmentation.apply(crop, size, np.random.default_rng([seed, epoch, number])) for epoch in range(COLUMNS - 1)
        ]
        pictures += [resize(crop, size), *changed]
        captions += ["as it is"] + ["augmented"] * len(changed)
    return contact_sheet(pictures, captions)


def self_blend_sheet(crops: Sequence[np.ndarray], points: Sequence[str], seed: int) -> bytes:
    """A JPEG with, for each real crop, the crop, the mask, the pseudo-fake, and four times their difference."""
    pictures, captions = [], []
    for number, (crop, where) in enumerate(zip(crops, points, strict=True)):
        fake, mask = self_blend(crop, read_points(where), np.random.default_rng([seed, 0, number, number]))
        white = cv2.cvtColor(np.rint(mask * 255).astype(np.uint8), cv2.COLOR_GRAY2RGB)
        pictures += [crop, white, fake, cv2.convertScaleAbs(cv2.absdiff(crop, fake), alpha=4)]
        captions += ["real", f"mask, up to {mask.max():.2f}", "pseudo-fake", "difference x 4"]
    return contact_sheet(pictures, captions)
