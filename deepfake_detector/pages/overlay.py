"""Which regions of a face raised its score, drawn over the crop on a scale that is the same for
all.

The activation map gives each region the logit that the face would have if it looked like that all
over, but for the head's bias, which is small. So a region has a probability of its own, and two
faces that look alike here were alike to the network.
"""

import cv2
import numpy as np

from deepfake_detector.pages import looks

ORANGE, DARK = looks.rgb(looks.ORANGE), (40, 20, 0)  # RGB
# share of the colour at a logit of FULL or more; a probability would be 1 nearly everywhere
STRONGEST, FULL = 0.6, 8.0
WIDTH = 1 / 80  # of the outline, in sides of the crop


def spread(activation: np.ndarray, side: int, stride: float) -> np.ndarray:
    """The activation map (A, A) at every pixel of a crop, (side, side) float32, linear between its
    places. The first place is at the upper left corner and each `stride` pixels from the next: a
    convolution with a stride looks at every so many pixels from the first on, and its padding keeps
    it in their middle."""
    last = len(activation) - 1
    places = np.clip((np.arange(side) + 0.5) / stride, 0, last)
    weights = np.clip(1 - np.abs(places[:, None] - np.arange(last + 1)), 0, None)
    return (weights @ activation @ weights.T).astype(np.float32)


def draw(
    crop: np.ndarray, activation: np.ndarray, stride: float, temperature: float, fake_from: float
) -> np.ndarray:
    """The (S, S, 3) RGB uint8 crop with what in the activation map (A, A) points to fake in orange,
    the stronger the higher its logit, and an outline around what alone reaches `fake_from`.
    Unchanged where nothing points to fake. `stride`: as in `spread`."""
    logits = spread(activation, len(crop), stride) / temperature
    share = np.clip(logits / FULL, 0, 1)[..., None] * STRONGEST
    tinted = np.rint(crop * (1 - share) + np.array(ORANGE, np.float32) * share).astype(np.uint8)
    reached = (1 / (1 + np.exp(-np.clip(logits, -50, 50))) >= max(fake_from, 0.5)).astype(np.uint8)
    outlines, _ = cv2.findContours(reached, cv2.RETR_LIST, cv2.CHAIN_APPROX_NONE)
    width = max(1, round(crop.shape[0] * WIDTH))
    for colour, wide in ((DARK, width + 2), (ORANGE, width)):
        cv2.drawContours(tinted, outlines, -1, colour, wide, cv2.LINE_AA)
    return tinted
