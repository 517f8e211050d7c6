"""Shots: which of a clip's sampled frames show one scene from one place, by cheap measures.

Two frames are alike where their colours or their coarse shapes are: camera motion keeps the
colours, a flash keeps the shapes, a cut keeps neither.
"""

import math
from collections.abc import Sequence

import cv2
import numpy as np
from scipy.ndimage import gaussian_filter

WIDTH, HEIGHT = 32, 18  # of the small picture that shapes are compared in
MOVED = 5, 3  # of its columns and rows: so far shapes may have moved
DETAIL = 5  # times these are the sides of the picture whose colours are counted
LIGHT, TINT, TINTS = 32, 8, 10  # of 8-bit CIELAB: bin widths of L, of a and b, and their number
SPREAD = 0.7  # bins (sigma) by which a colour counts for those beside it
FLAT = 2.0  # standard deviation of grey values: below it there are no shapes to compare
# of 39 clips of FaceForensics++ and DFDC, 1,209 pairs of neighbouring frames share 0.81 of their
# colours or more, 1,300 pairs of other clips 0.73 at most; of shapes these have 0.71 at most, a
# flash 0.74 or more
SAME_COLOURS, SAME_SHAPES = 0.75, 0.72
BACK = 3  # frames of a shot that the next must be like: a dissolve is like those just before it


class Scene:
    """A frame (RGB uint8), as far as it takes to tell whether another is of the same shot."""

    def __init__(self, image: np.ndarray) -> None:
        size = (WIDTH * DETAIL, HEIGHT * DETAIL)
        small = cv2.resize(image, size, interpolation=cv2.INTER_AREA)
        self._colours = _colours(small)
        coarse = cv2.resize(small, (WIDTH, HEIGHT), interpolation=cv2.INTER_AREA)
        self._grey = cv2.cvtColor(coarse, cv2.COLOR_RGB2GRAY)

    def is_like(self, earlier: "Scene") -> bool:
        """Whether the two frames share their colours, or this one's coarse shapes are in the
        `earlier` one, perhaps a little moved."""
        shared = np.minimum(self._colours, earlier._colours).sum()
        return bool(shared >= SAME_COLOURS) or self._has_shapes_of(earlier)

    def _has_shapes_of(self, earlier: "Scene") -> bool:
        columns, rows = MOVED
        middle = self._grey[rows:-rows, columns:-columns]
        if middle.std() < FLAT or earlier._grey.std() < FLAT:
            return False
        match = cv2.matchTemplate(earlier._grey, middle, cv2.TM_CCOEFF_NORMED)
        return bool(np.nan_to_num(match).max() >= SAME_SHAPES)


def shots(scenes: Sequence[Scene]) -> list[int]:
    """The number of each frame's shot, in order of time.

    Where a frame is unlike the last ones of the newest shot, it may go on with an earlier shot:
    after a flash, or where the film cuts back.
    """
    members: list[list[Scene]] = []
    numbers: list[int] = []
    for scene in scenes:
        latest_first = dict.fromkeys(reversed(numbers))
        like = (
            shot
            for shot in latest_first
            if all(scene.is_like(member) for member in members[shot][-BACK:])
        )
        number = next(like, len(members))
        if number == len(members):
            members.append([])
        members[number].append(scene)
        numbers.append(number)
    return numbers


def _colours(small: np.ndarray) -> np.ndarray:
    """How often each colour occurs: a smoothed histogram of CIELAB whose sum is 1."""
    lab = cv2.cvtColor(small, cv2.COLOR_RGB2LAB).reshape(-1, 3).astype(int)
    light, tints = lab[:, 0] // LIGHT, ((lab[:, 1:] - 128) // TINT + TINTS // 2).clip(0, TINTS - 1)
    shape = (256 // LIGHT, TINTS, TINTS)
    places = np.ravel_multi_index((light, tints[:, 0], tints[:, 1]), shape)
    counts = np.bincount(places, minlength=math.prod(shape)).reshape(shape)
    return gaussian_filter(counts / len(lab), SPREAD, mode="nearest")
