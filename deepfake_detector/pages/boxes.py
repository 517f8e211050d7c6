"""Numbered boxes on a picture. Line and sign show the verdict as well as colour does: FAKE
has a whole line and a triangle, REAL has corners alone and a dot, anything else dashes and a
ring."""

from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache

import cv2
import numpy as np
from PIL import Image, ImageDraw, ImageFont

from deepfake_detector.common.verdicts import FileVerdict
from deepfake_detector.pages.looks import LOOKS, rgb

# RGB; white letters can be read on them
FAKE, REAL, OTHER = (rgb(LOOKS[verdict].text) for verdict in ("FAKE", "REAL", "INCONCLUSIVE"))
WHITE = (255, 255, 255)
CORNER, DASH = 0.25, 0.12  # of the box's shorter side
THIN, SMALL, LARGE = 300, 42, 28  # of a line and a letter one is the picture's longer side
LEAST_LINE, LEAST_LETTER = 2, 13  # pixels

Line = tuple[tuple[int, int], tuple[int, int]]


@dataclass(frozen=True)
class Box:
    """A box with its `place` (left, top, width and height in pixels of the picture), the verdict
    that its look follows, and the text above it."""

    place: tuple[float, float, float, float]
    verdict: FileVerdict
    text: str


def draw(
    image: np.ndarray,
    boxes: Iterable[Box],
    note: str = "",
    verdict: FileVerdict = "INCONCLUSIVE",
    letters: int = SMALL,
) -> np.ndarray:
    """The (height, width, 3) RGB uint8 picture with the boxes, and in its lower left corner a note
    that has the look of `verdict`; `letters` of them are as high as its longer side (`LARGE` ones
    for a picture that is shown smaller). The picture that was given stays as it was."""
    drawn = image.copy()
    longest = max(image.shape[:2])
    thick, letter = max(LEAST_LINE, longest // THIN), max(LEAST_LETTER, longest // letters)
    boxes = list(boxes)
    for box in boxes:
        lines = _lines(_corners(box.place), box.verdict)
        for colour, width in ((WHITE, thick + 2), (_colour(box.verdict), thick)):
            for start, end in lines:
                cv2.line(drawn, start, end, colour, width, cv2.LINE_AA)
    taken: list[Line] = []
    for box in boxes:
        label = _label(box.text, box.verdict, letter)
        (left, top), _ = _corners(box.place)
        above = top - label.shape[0] - thick
        left, top = _free_place(drawn, label, left, above if above >= 0 else top + thick, taken)
        taken.append(((left, top), (left + label.shape[1], top + label.shape[0])))
        _paste(drawn, label, left, top)
    if note:
        label = _label(note, verdict, letter)
        _paste(drawn, label, 0, image.shape[0])
    return drawn


def _corners(place: tuple[float, float, float, float]) -> Line:
    left, top, width, height = place
    return (round(left), round(top)), (round(left + width), round(top + height))


def _lines(corners: Line, verdict: FileVerdict) -> list[Line]:
    """The lines of a box, each with its two ends."""
    (left, top), (right, bottom) = corners
    sides = [
        ((left, top), (right, top)),
        ((right, top), (right, bottom)),
        ((right, bottom), (left, bottom)),
        ((left, bottom), (left, top)),
    ]
    if verdict == "FAKE":
        return sides
    side = min(right - left, bottom - top)
    if verdict == "REAL":
        parts = [(0.0, CORNER * side), (-CORNER * side, 0.0)]
        return [_part(line, *part) for line in sides for part in parts]
    step = max(4.0, DASH * side)
    return [
        _part(line, at, at + step)
        for line in sides
        for at in np.arange(0, max(1, _length(line)), 2 * step)
    ]


def _length(line: Line) -> float:
    (x, y), (to_x, to_y) = line
    return float(np.hypot(to_x - x, to_y - y))


def _part(line: Line, start: float, end: float) -> Line:
    """From so many pixels to so many pixels along a line; where `start` is negative, both are
    counted from its end."""
    length = max(1.0, _length(line))
    start, end = (start + length, end + length) if start < 0 else (start, end)
    (x, y), (to_x, to_y) = line
    shares = np.clip((start / length, end / length), 0, 1)
    ends = [(round(x + (to_x - x) * share), round(y + (to_y - y) * share)) for share in shares]
    return ends[0], ends[1]


def _colour(verdict: FileVerdict) -> tuple[int, int, int]:
    return {"FAKE": FAKE, "REAL": REAL}.get(verdict, OTHER)


@lru_cache(maxsize=256)
def _label(text: str, verdict: FileVerdict, letter: int) -> np.ndarray:
    """The verdict's sign and the text, white on its colour, (height, width, 3) RGB uint8."""
    font = ImageFont.load_default(letter)
    room = letter // 3
    width, height = round(font.getlength(text)) + letter + 3 * room, letter + 2 * room
    image = Image.new("RGB", (width, height), _colour(verdict))
    pen = ImageDraw.Draw(image)
    left, top, right, bottom = room, room, room + letter, room + letter
    if verdict == "FAKE":
        pen.polygon([(left, bottom), ((left + right) / 2, top), (right, bottom)], fill=WHITE)
    else:
        inside = WHITE if verdict == "REAL" else None
        pen.ellipse((left, top, right, bottom), fill=inside, outline=WHITE, width=2)
    pen.text((right + room, height / 2), text, WHITE, font, anchor="lm")
    return np.asarray(image)


def _free_place(
    drawn: np.ndarray, label: np.ndarray, left: int, top: int, taken: list[Line]
) -> tuple[int, int]:
    """Where a label lies within the picture and over no other: there, or as few of its heights
    higher or lower as will do."""
    height, width = label.shape[:2]
    left, last = max(min(left, drawn.shape[1] - width), 0), drawn.shape[0] - height
    for rows in range(2 * len(taken) + 1):  # one that is taken may cut into two of them
        for place in (top - rows * height, top + rows * height):
            if 0 <= place <= last and not any(
                left < right and other < left + width and place < bottom and upper < place + height
                for (other, upper), (right, bottom) in taken
            ):
                return left, place
    return left, top


def _paste(drawn: np.ndarray, label: np.ndarray, left: int, top: int) -> None:
    """Put a label there, moved into the picture, and cut where the picture is smaller."""
    height, width = drawn.shape[:2]
    label = label[:height, :width]
    left = min(max(left, 0), width - label.shape[1])
    top = min(max(top, 0), height - label.shape[0])
    drawn[top : top + label.shape[0], left : left + label.shape[1]] = label
