"""A face that was found in a picture."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Face:
    """A detected face: box in pixels of the upright frame (left, top, width, height) and the
    detector's score.

    `points` are the eyes, the nose and the corners of the mouth, from left to right, each as x and
    y in pixels; a detector that finds boxes alone leaves them out.
    """

    x: float
    y: float
    width: float
    height: float
    score: float
    points: tuple[float, ...] = ()

    @property
    def side(self) -> float:
        """The longer side of the box, in pixels."""
        return max(self.width, self.height)
