"""Frames of a file as RGB arrays, spread evenly over it: of a video, an animation or a still."""

from collections import ChainMap
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace

import numpy as np

from deepfake_detector.media import animation, decoding, probing
from deepfake_detector.media.probing import Probe
from deepfake_detector.media.reading import (
    LIMITS,
    Limits,
    MediaError,
    Source,
    image_errors,
    not_decoded,
    opened,
)
from deepfake_detector.media.stills import (
    DecodedImage,
    read_still,
    rgb,
    size_of,
    still,
)
from deepfake_detector.media.timeline import Timeline
from deepfake_detector.media.upright import Upright

NO_PICTURE = np.zeros((0, 0, 3), np.uint8)  # in place of one that was looked at


@dataclass(frozen=True)
class Frame:
    """One decoded frame.

    index: its place among the frames of the clip in order of presentation, from 0.
    pts: presentation time in the container's units; None where the container has none.
    time: seconds from the clip's first frame.
    image: (height, width, 3) RGB uint8, upright.
    facts: what decoding it showed of the file, as columns of the media table.
    trusted: whether nothing that it was decoded from is damaged.
    """

    index: int
    pts: int | None
    time: float
    image: np.ndarray
    facts: dict = field(default_factory=dict)
    trusted: bool = True


def without_image(frame: Frame) -> Frame:
    """The frame with an empty image: what is kept of one that was looked at."""
    return replace(frame, image=NO_PICTURE)


def facts_of(frames: Sequence[Frame]) -> dict:
    """What the sampled frames of a file add to its facts: of each the first that has it, as the
    first picture of an animation may be opaque and a later one transparent."""
    facts = dict(ChainMap(*(frame.facts for frame in frames)))
    return facts | {"frames_distrusted": sum(not frame.trusted for frame in frames)}


def sample_frames(
    source: Source,
    count: int,
    limits: Limits = LIMITS,
    probe: Probe | None = None,
) -> Iterator[Frame]:
    """Yield up to `count` frames spread evenly over the whole clip, in order of presentation.

    The clip is cut into `count` equal parts of time and the frame at the middle of each is taken; a
    clip of fewer frames gives all of them, a still its one. Frames after a damaged packet are
    distrusted until the next keyframe, and clean ones taken in their stead where there are enough.
    Positions come from the packets that are there, not from what the header claims. `probe` is what
    `probing.probe` made of this source; without it the source is probed here. Raises MediaError
    where no frame can be decoded or a limit is passed.
    """
    probe = probe or probing.probe(source, limits)
    if probe.failure:
        raise MediaError(probe.failure)
    clip = probe.timeline
    if clip is None:
        yield still_frame(source, limits)
        return
    if clip.duration and clip.duration > limits.duration:
        raise MediaError(
            f"too long: {clip.duration:.0f} seconds, the limit is {limits.duration:g}",
            "judge a part of it",
        )
    if probe.stream is None:
        yield from _animated(source, count, limits, clip)
        return
    reader = decoding.Reader(source, probe.stream, clip, limits.work)
    yield from _of_video(reader, count, limits, probe)


def still_frame(source: Source, limits: Limits = LIMITS) -> Frame:
    """A still as a clip of one frame; raises MediaError as `read_still` does."""
    image, facts = read_still(source, limits)
    return Frame(0, None, 0.0, image, facts)


def _of_video(reader: decoding.Reader, count: int, limits: Limits, probe: Probe) -> Iterator[Frame]:
    upright = Upright(limits.pixels, probe.colours, probe.facts["codec"])
    is_decoded, stamps = False, reader.clip.stamps
    for place, time, decoded, trusted in decoding.sampled(reader, count):
        is_decoded = True
        pts = stamps[place] if stamps else None
        aspect = probe.pixel_aspect or decoded.aspect
        image, facts = upright(decoded.frame, aspect / 2 if decoded.is_field else aspect)
        yield Frame(place, pts, time, image, facts, trusted)
    if not is_decoded:
        raise not_decoded(probe.cut_off)


def _animated(source: Source, count: int, limits: Limits, clip: Timeline) -> Iterator[Frame]:
    for place, decoded in _decoded_frames(source, clip.spread(count), limits):
        picture, facts = rgb(decoded, limits.pixels)
        seconds = float(clip.seconds[place])
        yield Frame(place, clip.stamps[place], seconds, picture, size_of(picture) | facts)


def _decoded_frames(
    source: Source, wanted: list[int], limits: Limits
) -> Iterator[tuple[int, DecodedImage]]:
    """The frames of an animation at these places, each with its place."""
    with opened(source, limits.work) as file, image_errors(), still(file) as image:
        yield from zip(wanted, animation.frames(file, image, wanted), strict=True)
