"""One reading of a media file before decoding: its kind, its facts, the times of its frames."""

from dataclasses import dataclass, replace
from fractions import Fraction

import av
from PIL import Image, UnidentifiedImageError

from deepfake_detector.media import animation
from deepfake_detector.media.facts import Packet, animation_facts, still_facts, video_facts
from deepfake_detector.media.reading import (
    LIMITS,
    Limits,
    MediaError,
    MediaFile,
    Source,
    byte_count,
    check_size,
    container,
    moving,
    opened,
    refuse_empty,
    video_errors,
)
from deepfake_detector.media.stills import DAMAGED, still

COVERS = ("mjpeg", "png", "gif", "bmp", "webp")  # codecs of the covers of sound files
UNTIMED = ("avi",)  # containers whose presentation times do not hold


@dataclass(frozen=True)
class Probe:
    """What one reading of a file tells.

    kind: `image` or `video`; an animated picture is a video.
    facts: a row of the media table but for `item` and for what only a decoded frame tells; of a
        file that cannot be read its size in bytes alone.
    timestamps: presentation times of all frames of a video, in units of `time_base`, sorted, each
        once. Empty where the container gives none that hold: its frames have to be counted.
    time_base: seconds in one unit of the timestamps.
    stream: index of the stream of moving pictures; None in a picture, animated or not.
    failure: why no frame can be decoded, where that is known before; else empty. What is wrong with
        a still is told where it is decoded.
    """

    kind: str
    facts: dict
    timestamps: tuple[int, ...] = ()
    time_base: Fraction = Fraction(0)
    stream: int | None = None
    failure: str = ""


def probe(source: Source, limits: Limits = LIMITS) -> Probe:
    """Read a file once and tell what it is.

    Its content decides on the kind, never its name: a picture that Pillow knows is an image, or a
    video where it is animated; all else is tried as a video. Limits that a video's header or its
    packets pass are a failure too, but not `limits.duration`, which is checked where frames are
    sampled. Raises OSError where there is no file.
    """
    found = Probe("video", {"bytes": byte_count(source)})
    try:
        refuse_empty(source)
        with video_errors(), opened(source) as file:
            if picture := _picture(file, found, limits):
                return picture
            file.seek(0)
            file.limit(limits.work)
            return _video(file, found, limits)
    except MediaError as error:
        return replace(found, failure=str(error))


def _picture(file: MediaFile, found: Probe, limits: Limits) -> Probe | None:
    """None where the file is no picture."""
    try:
        with still(file) as image:
            if animation.frame_count(image) > 1:
                check_size(*image.size, limits.pixels)
                file.limit(limits.work)
                return _animation(file, image, found)
            return replace(found, kind="image", facts=found.facts | still_facts(image))
    except UnidentifiedImageError:
        return None
    except MediaError as error:
        return replace(found, kind="image", failure=str(error))
    except DAMAGED:
        return None


def _animation(file: MediaFile, image: Image.Image, found: Probe) -> Probe:
    times, end = animation.times(file, image)
    return replace(
        found,
        facts=found.facts | animation_facts(image, times, end),
        timestamps=tuple(times),
        time_base=animation.TIME_BASE,
    )


def _video(file: MediaFile, found: Probe, limits: Limits) -> Probe:
    with container(file) as opening:
        stream, packets = _film(opening)
        check_size(stream.codec_context.width, stream.codec_context.height, limits.pixels)
        shown = [packet.pts for packet in packets if not packet.discarded]
        untimed = None in shown or opening.format.name in UNTIMED
        return replace(
            found,
            facts=found.facts | video_facts(stream, packets),
            timestamps=() if untimed else tuple(sorted({pts for pts in shown if pts is not None})),
            time_base=stream.time_base or Fraction(0),
            stream=stream.index,
            failure="" if shown else "no frame in it",
        )


def _film(opening: av.container.InputContainer) -> tuple[av.VideoStream, list[Packet]]:
    """The stream of moving pictures, with its packets: of those that may be it the one with most.

    Raises MediaError where that is a single picture beside sound.
    """
    streams = moving(opening)
    packets: dict[int, list[Packet]] = {stream.index: [] for stream in streams}
    for packet in opening.demux(streams):
        if packet.size:
            packets[packet.stream.index].append(Packet(packet.pts, packet.size, packet.is_discard))
    chosen = max(streams, key=lambda stream: len(packets[stream.index]))
    own = packets[chosen.index]
    if len(own) == 1 and opening.streams.audio and chosen.codec_context.name in COVERS:
        raise MediaError("no video in it (a sound file with a cover)")
    return chosen, own
