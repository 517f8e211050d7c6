"""A picture as a phone or an editor sharpens it."""

import cv2
import numpy as np


def sharpened(image: np.ndarray, amount: float, deviation: float) -> np.ndarray:
    """`image` (RGB uint8) after an unsharp mask on its greys: edges get a halo, colours stay.

    `amount` of the detail is added once more; detail is what a blur of this standard deviation (in
    pixels) takes away.
    """
    luma, *chroma = cv2.split(cv2.cvtColor(image, cv2.COLOR_RGB2YCrCb))
    soft = cv2.GaussianBlur(luma, (0, 0), deviation)
    luma = cv2.addWeighted(luma, 1 + amount, soft, -amount, 0)
    return cv2.cvtColor(cv2.merge([luma, *chroma]), cv2.COLOR_YCrCb2RGB)
