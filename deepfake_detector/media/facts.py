"""Facts of a media file that need no decoding: container, codec, times, frames, bitrate, quality."""

from collections.abc import Sequence
from typing import NamedTuple

import av
import numpy as np
from PIL import Image

VARIES = 0.2  # of the usual time between frames; rounding to a container's clock stays far below
STANDARD_SUM = 3688  # of the luminance table that JPEG quality 50 means (ITU-T T.81, annex K)


class Packet(NamedTuple):
    """A packet of a video.

    pts: presentation time in units of the stream's time base; None where it has none.
    size: in bytes.
    discarded: whether its frame is not to be shown (it lies outside an edit list).
    """

    pts: int | None
    size: int
    discarded: bool


def video_facts(stream: av.VideoStream, packets: Sequence[Packet]) -> dict:
    """Facts of a video, from all its packets; to be called once these are demuxed."""
    rate = float(stream.average_rate or 0)
    stamps = sorted(packet.pts for packet in packets if packet.pts is not None)
    seconds = np.diff(stamps) * float(stream.time_base or 0)
    duration = (
        float(seconds.sum() + np.median(seconds))
        if len(seconds)
        else len(packets) / rate
        if rate
        else None
    )
    return {
        "container": stream.container.format.name.partition(",")[0],
        "codec": stream.codec_context.name,
        "duration": duration,
        "frame_rate": len(packets) / duration if duration else None,
        "variable_rate": int(_varies(seconds)),
        "frames_declared": stream.frames or None,
        "frames_found": len(packets),
        "bitrate": 8 * sum(packet.size for packet in packets) / duration if duration else None,
    }


def still_facts(image: Image.Image) -> dict:
    """Facts of an opened still."""
    name = (image.format or "").lower()
    facts = {"container": name, "codec": name, "frames_found": 1}
    tables = getattr(image, "quantization", None)
    return facts | ({"jpeg_quality": _quality(tables[min(tables)])} if tables else {})


def animation_facts(image: Image.Image, times: Sequence[int], end: int) -> dict:
    """Facts of an opened animation, whose frames are shown at these `times`, in milliseconds."""
    name = (image.format or "").lower()
    return {
        "container": name,
        "codec": name,
        "duration": end / 1000,
        "frame_rate": len(times) * 1000 / end if end else None,
        "variable_rate": int(_varies(np.diff([*times, end]))),
        "frames_found": len(times),
    }


def _varies(seconds: np.ndarray) -> bool:
    if not len(seconds):
        return False
    usual = float(np.median(seconds))
    return bool(np.abs(seconds - usual).max() > VARIES * usual)


def _quality(table: list[int]) -> float:
    """Quality 1..100 at which the IJG's library would write this luminance table.

    The inverse of its scaling rule.
    """
    scale = 100 * sum(table) / STANDARD_SUM
    quality = (200 - scale) / 2 if scale <= 100 else 5000 / scale
    return float(min(100, max(1, round(quality))))
