"""One reading of a media file before decoding: its kind, its facts, the times of its frames."""

from dataclasses import dataclass, replace
from fractions import Fraction

from deepfake_detector.media.facts import Packet, still_facts, video_facts
from deepfake_detector.media.reading import (
    LIMITS,
    Limits,
    MediaError,
    MediaFile,
    Source,
    byte_count,
    demuxed,
    opened,
    refuse_empty,
    still,
    video,
    video_errors,
)

# of several pictures in one file the first counts (MPO: a phone's photo with its preview)
STILLS = ("TIFF", "MPO")
UNTIMED = ("avi",)  # containers whose presentation times do not hold


@dataclass(frozen=True)
class Probe:
    """What one reading of a file tells.

    kind: `image` or `video`.
    facts: a row of the media table but for `item`, `width`, `height` and `rotation`, which only a
        decoded frame tells; of a file that cannot be read its size in bytes alone.
    timestamps: presentation times of all frames of a video, in units of `time_base`, sorted, each
        once. Empty where the container gives none that hold: its frames have to be counted.
    time_base: seconds in one unit of the timestamps.
    failure: why no frame of a video can be decoded, where its packets tell; else empty. What is
        wrong with a still is told where it is decoded.
    """

    kind: str
    facts: dict
    timestamps: tuple[int, ...] = ()
    time_base: Fraction = Fraction(0)
    failure: str = ""


def probe(source: Source, limits: Limits = LIMITS, kind: str | None = None) -> Probe:
    """Read a file once and tell what it is.

    Its content decides on the kind: a still that Pillow knows is an image, all else is tried as a
    video. A `kind` of the index overrules it: `video`, or any other for a still. Limits that a
    video's header or its packets pass are a failure too, but not `limits.duration`, which is
    checked where frames are sampled. Raises OSError where there is no file.
    """
    found = Probe("video" if kind in (None, "video") else "image", {"bytes": byte_count(source)})
    try:
        refuse_empty(source)
        with video_errors(), opened(source) as file:
            still = None if kind == "video" else _still_facts(file, animated=kind is not None)
            if still:
                return replace(found, kind="image", facts=found.facts | still)
            if found.kind == "image":
                return found
            file.seek(0)
            file.limit(limits.work)
            return _video(file, found, limits)
    except MediaError as error:
        return replace(found, failure=str(error))


def _still_facts(file: MediaFile, animated: bool) -> dict | None:
    """None where the file is no still; an animation is one only if `animated` ones are taken."""
    try:
        with still(file) as image:
            is_still = animated or image.format in STILLS or getattr(image, "n_frames", 1) == 1
            return still_facts(image) if is_still else None
    except (OSError, ValueError, SyntaxError):
        return None


def _video(file: MediaFile, found: Probe, limits: Limits) -> Probe:
    with video(file, limits=limits) as stream:
        packets = [
            Packet(packet.pts, packet.size, packet.is_discard)
            for packet in demuxed(stream)
            if packet.size
        ]
        shown = [packet.pts for packet in packets if not packet.discarded]
        untimed = None in shown or stream.container.format.name in UNTIMED
        return replace(
            found,
            facts=found.facts | video_facts(stream, packets),
            timestamps=() if untimed else tuple(sorted({pts for pts in shown if pts is not None})),
            time_base=stream.time_base or Fraction(0),
            failure="" if shown else "no frame in it",
        )
