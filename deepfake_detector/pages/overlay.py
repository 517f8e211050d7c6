"""Where in a face the network saw fake, drawn over the crop."""

from collections.abc import Iterable

import cv2
import numpy as np

ORANGE = (213, 94, 0)
STRONGEST = 0.65  # share of the colour where the map is at its highest


def scale_of(activations: Iterable[np.ndarray]) -> float:
    """The highest value of several maps, so that they can be drawn alike; 0 where none points to
    fake."""
    return max((float(one.max(initial=0)) for one in activations), default=0.0)


def draw(crop: np.ndarray, activation: np.ndarray, scale: float) -> np.ndarray:
    """The (S, S, 3) RGB uint8 crop with orange where the activation map (A, A) points to fake, the
    stronger the nearer to `scale`; unchanged where nothing does."""
    if scale <= 0:
        return crop.copy()
    towards_fake = np.clip(activation / scale, 0, 1).astype(np.float32)
    share = (
        cv2.resize(towards_fake, crop.shape[1::-1], interpolation=cv2.INTER_LINEAR)[..., None]
        * STRONGEST
    )
    return np.rint(crop * (1 - share) + np.array(ORANGE, np.float32) * share).astype(np.uint8)
