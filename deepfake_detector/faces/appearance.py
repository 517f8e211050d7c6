"""What a face looks like, as far as it takes to tell the people of one clip apart.

Gradients (after Dalal and Triggs 2005) and colours of a small cut of the face; nothing was learned
for it, and it is no identity: two people who look alike under the same light may pass for one.
"""

import cv2
import numpy as np

from deepfake_detector.faces.cutting import cut
from deepfake_detector.faces.face import Face

SIDE = 32  # pixels of the cut
MARGIN = 1.3  # its side, as a multiple of the face box: hair and outline tell people apart too
CELLS = 8  # a side, in each of which gradients are counted by direction
DIRECTIONS = 8  # of 180 degrees
# pixels (sigma) by which gradients count for cells beside them: a box never sits still
SPREAD = 2.0
PATCHES = 4  # a side, in each of which colour is averaged
COLOUR_SCALE = 33.0  # CIELAB units of a and b that weigh as much as wholly other gradients


def look(image: np.ndarray, face: Face) -> np.ndarray:
    """What the face looks like in an RGB uint8 picture: a vector.

    The Euclidean distance of two such is 0 for the same picture. Of two frames of one person it is
    about 0.25, of two people 0.6 (tracking.ALIKE).
    """
    small = cut(image, face, MARGIN, SIDE)
    return np.concatenate([_gradients(small), _colours(small)])


def distances(looks: np.ndarray, others: np.ndarray) -> np.ndarray:
    """Distance of each of N looks to each of M others: (N, M)."""
    squares = (looks**2).sum(1)[:, None] + (others**2).sum(1) - 2 * looks @ others.T
    return np.sqrt(np.maximum(squares, 0))


def _gradients(small: np.ndarray) -> np.ndarray:
    """Strength of the gradients by cell and direction, as a vector of length 1."""
    grey = cv2.cvtColor(small, cv2.COLOR_RGB2GRAY).astype(np.float32)
    across, down = (cv2.Sobel(grey, cv2.CV_32F, *order, ksize=1) for order in ((1, 0), (0, 1)))
    direction = np.arctan2(down, across) % np.pi / np.pi * DIRECTIONS
    nearness = 1 - np.abs((direction[..., None] - np.arange(DIRECTIONS) + 4) % DIRECTIONS - 4)
    strength = np.hypot(across, down)[..., None] * np.maximum(nearness, 0)
    spread = cv2.GaussianBlur(strength, (0, 0), SPREAD)
    cell = SIDE // CELLS
    cells = spread.reshape(CELLS, cell, CELLS, cell, DIRECTIONS).mean((1, 3))
    roots = np.sqrt(cells.ravel())  # or the outline would drown all within
    return roots / max(float(np.linalg.norm(roots)), 1e-6)


def _colours(small: np.ndarray) -> np.ndarray:
    """Colour by patch, without lightness, which a shadow or a flash changes."""
    lab = cv2.cvtColor(small.astype(np.float32) / 255, cv2.COLOR_RGB2LAB)
    patches = cv2.resize(lab[..., 1:], (PATCHES, PATCHES), interpolation=cv2.INTER_AREA).ravel()
    return patches / (COLOUR_SCALE * np.sqrt(len(patches)))
