"""Self-blended images: a pseudo-fake from one real face, blended with a changed copy of itself.

After Shiohara and Yamasaki, Detecting Deepfakes with Self-Blended Images (2022). A detector that
learns from these looks for the traces that any blending leaves, and not for one method's. No
picture but the real face is needed, and of that only five points.

Colours are changed as in the paper's own code, whose limits for hue and saturation come to less
than a step of 8 bits: there are none here.
"""

from typing import NamedTuple

import cv2
import numpy as np

from deepfake_detector.faces.cutting import CANONICAL
from deepfake_detector.faces.cutting import resize as to_size

# In shares of the face box, where CANONICAL has the five points: right half of the outline from the
# chin up to the temple, then the top of the forehead, or the brows where the forehead is left out.
# The left half mirrors it.
JAW = ((0.50, 1.00), (0.66, 0.96), (0.79, 0.84), (0.88, 0.68), (0.93, 0.50), (0.93, 0.36))
FOREHEAD = ((0.89, 0.20), (0.76, 0.07), (0.60, 0.01), (0.50, 0.00))
BROWS = ((0.86, 0.28), (0.70, 0.25), (0.50, 0.28))
NO_FOREHEAD = 0.3  # probability that the forehead is left out
RGB_SHIFT, RGB_PROBABILITY = 20, 0.3  # of 255
BRIGHTNESS, CONTRAST = 0.1, 0.1  # shares
MOVE_X, MOVE_Y, ZOOM = 0.03, 0.015, 0.05  # shares of the crop's side
# how far (root mean square) and how smoothly the mask is bent, shares of the side
BEND, SMOOTH = (1.2 / 256, 7 / 256)
KERNELS = (5, 25)  # pixels at 256 a side, smallest and largest blur of the mask
RATIOS = (0.25, 0.5, 0.75, 1.0, 1.0, 1.0)  # of the changed face in the blend
CUT = 0.08  # the largest share of the side that is cut off at each edge


class Blend(NamedTuple):
    """A pseudo-fake, the real face that it is blended into, and the mask that made it.

    Both pictures are (size, size, 3) RGB uint8 and equal where the mask, (size, size) float32 in
    0..1, is 0: nothing but the blending tells them apart.
    """

    target: np.ndarray
    fake: np.ndarray
    mask: np.ndarray


def self_blend(crop: np.ndarray, points: np.ndarray, rng: np.random.Generator) -> Blend:
    """`crop` blended with a changed copy of itself; which of the two is blended into the other is
    drawn.

    `crop` is (size, size, 3) RGB uint8, `points` (5, 2): eyes, nose and corners of the mouth as
    shares of the side, x and y. The same generator state gives the same pixels.
    """
    size = crop.shape[0]
    mask = _deformed(_outline(size, points, rng.random() >= NO_FOREHEAD), rng)
    if rng.random() < 0.5:
        source, target = _changed(crop, rng), crop
    else:
        source, target = crop, _changed(crop, rng)
    move = _move(size, rng)
    source = cv2.warpAffine(source, move, (size, size), borderMode=cv2.BORDER_REPLICATE)
    mask = _softened(cv2.warpAffine(mask, move, (size, size)), rng)
    share = mask[..., None]
    fake = np.rint(source * share + target * (1 - share)).astype(np.uint8)
    kept = _kept(size, rng)
    return Blend(
        *(to_size(np.ascontiguousarray(picture[kept]), size) for picture in (target, fake, mask))
    )


def _outline(size: int, points: np.ndarray, forehead: bool) -> np.ndarray:
    """The canonical face fitted to the five points, filled: (size, size) float32 of 0 and 1."""
    right = np.array(JAW + (FOREHEAD if forehead else BROWS))
    left = right[::-1] * [-1, 1] + [1, 0]
    fit = _similarity(np.array(CANONICAL), points * size)
    around = np.vstack([right, left]) @ fit[:, :2].T + fit[:, 2]
    mask = np.zeros((size, size), np.float32)
    cv2.fillConvexPoly(mask, cv2.convexHull(np.rint(around).astype(np.int32)), 1.0)
    return mask


def _similarity(source: np.ndarray, target: np.ndarray) -> np.ndarray:
    """The (2, 3) turn, scale and shift that best takes `source` to `target` (least squares)."""
    x, y = source.T
    ones, zeros = np.ones_like(x), np.zeros_like(x)
    equations = np.vstack(
        [np.column_stack([x, -y, ones, zeros]), np.column_stack([y, x, zeros, ones])]
    )
    (a, b, across, down), *_ = np.linalg.lstsq(equations, target.T.ravel(), rcond=None)
    return np.array([[a, -b, across], [b, a, down]])


def _deformed(mask: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """The mask bent by a smooth random field, made at a quarter of the size (elastic deformation,
    Simard et al. 2003)."""
    size = mask.shape[0]
    small = max(8, size // 4)
    field: np.ndarray = rng.uniform(-1, 1, (small, small, 2)).astype(np.float32)
    field = cv2.GaussianBlur(field, (0, 0), SMOOTH * small)
    field = field * np.float32(BEND * size / np.sqrt(np.mean(field**2)))
    field = cv2.resize(field, (size, size), interpolation=cv2.INTER_LINEAR)
    across, down = np.meshgrid(np.arange(size, dtype=np.float32), np.arange(size, dtype=np.float32))
    return cv2.remap(mask, across + field[..., 0], down + field[..., 1], cv2.INTER_LINEAR)


def _softened(mask: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Blurred, cut back to where it was full, blurred again, and weakened."""
    scale = mask.shape[0] / 256
    first, second = (
        2 * round(int(kernel) * scale / 2) + 1
        for kernel in rng.integers(*KERNELS, 2, endpoint=True)
    )
    mask = cv2.GaussianBlur(mask, (first, first), 0)
    mask = np.where(mask < 1 - 1e-3, np.float32(0), mask)
    mask = cv2.GaussianBlur(mask, (second, second), 0)
    return np.clip(mask, 0, 1) * np.float32(rng.choice(RATIOS))


def _changed(crop: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Other colours, and either softer or sharper."""
    crop = _recoloured(crop, rng)
    size = crop.shape[0]
    if rng.random() < 0.5:
        return to_size(to_size(crop, size // int(rng.choice([2, 4]))), size)
    strength = rng.uniform(0.2, 0.5)
    return cv2.addWeighted(crop, 1 + strength, cv2.GaussianBlur(crop, (0, 0), 1.5), -strength, 0)


def _recoloured(crop: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    if rng.random() < RGB_PROBABILITY:
        shift = rng.uniform(-RGB_SHIFT, RGB_SHIFT, 3)
        crop = cv2.transform(crop, np.column_stack([np.eye(3), shift]))
    values = np.arange(256)
    brightness, contrast = (
        rng.uniform(-BRIGHTNESS, BRIGHTNESS) * 255,
        1 + rng.uniform(-CONTRAST, CONTRAST),
    )
    mean = float(np.mean(cv2.mean(crop)[:3]))
    changed = np.rint((values - mean) * contrast + mean + brightness)
    return cv2.LUT(crop, np.clip(changed, 0, 255).astype(np.uint8))


def _move(size: int, rng: np.random.Generator) -> np.ndarray:
    """A small shift and change of size about the middle, as a (2, 3) matrix."""
    matrix = cv2.getRotationMatrix2D(
        ((size - 1) / 2, (size - 1) / 2), 0, 1 + rng.uniform(-ZOOM, ZOOM)
    )
    moved = rng.uniform(-MOVE_X, MOVE_X), rng.uniform(-MOVE_Y, MOVE_Y)
    matrix[:, 2] += np.multiply(moved, size)
    return matrix


def _kept(size: int, rng: np.random.Generator) -> tuple[slice, slice]:
    """Rows and columns that are left once a margin is cut off at each edge."""
    top, bottom, left, right = np.rint(rng.uniform(0, CUT, 4) * size).astype(int)
    return slice(top, size - bottom), slice(left, size - right)
