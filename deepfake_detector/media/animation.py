"""Animated pictures: GIF, PNG, WebP and AVIF, read frame by frame."""

import math
from collections.abc import Iterator

import numpy as np
from PIL import Image

from deepfake_detector.media.reading import DAMAGED, MediaFile
from deepfake_detector.media.still_colours import transfer_of
from deepfake_detector.media.stills import DecodedImage, decode
from deepfake_detector.media.timeline import Timeline, varies

ANIMATED = ("GIF", "PNG", "WEBP", "AVIF")  # other formats keep previews or pages behind the picture
LEAST, USUAL = 11, 100  # milliseconds: what is shown for less is shown for long, as browsers do


def frame_count(image: Image.Image) -> int:
    """How many frames a picture has, as far as it is whole; 1 for a still."""
    if image.format not in ANIMATED:
        return 1
    announced = _announced(image)
    return _whole_frames(image) if announced == math.inf else int(announced)


def is_animated(image: Image.Image) -> bool:
    """Whether a picture is shown as an animation, of one frame too: what such a PNG begins with is
    not shown then."""
    return frame_count(image) + _first(image) > 1


def is_cut_off(image: Image.Image, frames: int = 1) -> bool:
    """Whether a picture announces more `frames` than could be read of it."""
    return image.format in ANIMATED and frames < _announced(image)


def _announced(image: Image.Image) -> float:
    """How many frames an animated picture says it has; infinite where its end is not there."""
    try:
        return getattr(image, "n_frames", 1) - _first(image)
    except DAMAGED:
        return math.inf


def _whole_frames(image: Image.Image) -> int:
    """The frames before the first one that cannot be found."""
    place = 1
    while True:
        try:
            image.seek(place)
        except DAMAGED:
            image.seek(0)
            return place
        place += 1


def timeline(file: MediaFile, image: Image.Image) -> Timeline:
    """When each frame that can be decoded is shown; stamps are milliseconds."""
    starts, now = [], 0
    for shown in _frames(file, image):
        starts.append(now)
        duration = round(shown.info.get("duration", 0))
        now += duration if duration >= LEAST else USUAL
    return Timeline(
        order=np.arange(len(starts)),
        stamps=tuple(starts),
        seconds=np.array(starts) / 1000,
        duration=now / 1000,
        rate=1000 / USUAL,
        variable=varies(np.diff([*starts, now])),
    )


def frames(file: MediaFile, image: Image.Image, wanted: list[int]) -> Iterator[DecodedImage]:
    """The frames of these places, in order. Each holds until the next one is asked for."""
    transfer = transfer_of(image, file)
    for place, shown in enumerate(_frames(file, image)):
        if place in wanted:
            yield decode(shown, transfer)
        if place >= max(wanted):
            return


def _first(image: Image.Image) -> int:
    """The place of the first frame: 1 where a PNG begins with a picture for readers that show no
    animation, else 0."""
    return int(bool(getattr(image, "default_image", False)))


def _frames(file: MediaFile, image: Image.Image) -> Iterator[Image.Image]:
    """Each frame in turn, up to the first that is damaged."""
    first = _first(image)
    for place in range(first, first + frame_count(image)):
        file.check_time()
        try:
            image.seek(place)
            image.load()
        except DAMAGED:
            return
        yield image
