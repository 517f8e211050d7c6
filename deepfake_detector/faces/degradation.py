"""How much of a face is left in its crop: what blur, enlargement, compression and noise do to the
finest detail.

Measured on crops as they are stored, all of one size, since that is what the network is given: a
face that was enlarged into its crop looks blurred to it, whoever enlarged it.
"""

import cv2
import numpy as np

DETAIL = np.array([[1, -2, 1], [-2, 4, -2], [1, -2, 1]], np.float32)  # Immerkaer 1996
NEAR, FAR, COARSE = 1, 2, 4  # pixels between two that are compared
FLAT = 0.05  # of the mean coarse step: less detail than that is none


def measures(crop: np.ndarray) -> dict[str, float]:
    """The measures, named as in scoring.quality.Measure, of a square crop, RGB uint8.

    `sharpness_ratio` is the mean step of grey values from a pixel to the next over that to the one
    after: 0.5 on slopes alone, which is all that blur leaves, 1 in noise. `flatness` is the
    fraction of places without detail: where the second difference across and down is less than FLAT
    of the mean coarse step. Compression rounds detail off to nothing, even where edges stay sharp.
    Contrast changes neither, but for rounding. A crop of one colour has the sharpness 0 and the
    flatness 1.
    """
    grey = cv2.cvtColor(crop.astype(np.float32), cv2.COLOR_RGB2GRAY)
    coarse = _step(grey, COARSE)
    if not coarse:
        return {"sharpness_ratio": 0.0, "flatness": 1.0}
    detail = np.abs(cv2.filter2D(grey, -1, DETAIL)[1:-1, 1:-1])
    return {
        "sharpness_ratio": _step(grey, NEAR) / max(_step(grey, FAR), 1e-6),
        "flatness": float((detail < FLAT * coarse).mean()),
    }


def _step(grey: np.ndarray, by: int) -> float:
    across, down = np.abs(grey[:, by:] - grey[:, :-by]), np.abs(grey[by:] - grey[:-by])
    return float(across.mean() + down.mean()) / 2
