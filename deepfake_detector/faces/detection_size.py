"""At which sizes a picture is shown to a face detector, so that the smallest face that is judged is
found."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

from deepfake_detector.faces.face import Face

TILE = 1600  # pixels a side that a detector is shown at once, which bounds its memory
SAME = 0.5  # of the smaller box: what two passes found is one face where they share more


@dataclass(frozen=True)
class Reach:
    """The faces that a detector finds reliably: pixels a side in the picture that it is shown."""

    least: int
    most: float = math.inf


def scales(
    height: int, width: int, detect_size: int, min_face: int, reach: Reach
) -> tuple[float, ...]:
    """What a picture is scaled by in each pass over it, the finest first.

    One pass, with its longer side at `detect_size`, is enough where a face of `min_face` pixels is
    then of the least size that the detector finds. If not, the picture is shown as large as that
    takes, at its own size at most, and once more at `detect_size` where a face that fills it would
    be too large then.
    """
    overview = detect_size / max(height, width)
    factors = [max(overview, min(1.0, reach.least / min_face))]
    while factors[-1] > overview and min(height, width) * factors[-1] > reach.most:
        factors.append(max(overview, factors[-1] * 2 * reach.least / reach.most))
    return tuple(factors)


def tiles(height: int, width: int, reach: Reach) -> list[tuple[slice, slice]]:
    """Rows and columns of the parts that a picture is shown in: one, unless it is larger than TILE.

    Neighbours share as much as the largest face that the detector finds, so each face is whole in
    one of them.
    """
    if math.isinf(reach.most):
        return [(slice(0, height), slice(0, width))]
    rows, columns = (_spans(side, int(reach.most)) for side in (height, width))
    return [(row, column) for row in rows for column in columns]


def merged(passes: Sequence[list[Face]]) -> list[Face]:
    """The faces of several passes, each once, as it was found with the highest score."""
    kept: list[Face] = []
    for face in sorted((face for faces in passes for face in faces), key=_best_first):
        if all(_shared(face, other) <= SAME for other in kept):
            kept.append(face)
    return kept


def _best_first(face: Face) -> tuple[float, float, float, float]:
    return -face.score, -face.side, face.x, face.y


def _spans(side: int, overlap: int) -> list[slice]:
    """The fewest spans of TILE pixels that cover the side, evenly over it."""
    if side <= TILE:
        return [slice(0, side)]
    count = math.ceil((side - overlap) / (TILE - overlap))
    starts = [round(place * (side - TILE) / (count - 1)) for place in range(count)]
    return [slice(start, start + TILE) for start in starts]


def _shared(one: Face, other: Face) -> float:
    """What two boxes share, as a fraction of the smaller one."""
    across = min(one.x + one.width, other.x + other.width) - max(one.x, other.x)
    down = min(one.y + one.height, other.y + other.height) - max(one.y, other.y)
    smaller = min(one.width * one.height, other.width * other.height)
    return max(0.0, across) * max(0.0, down) / smaller
