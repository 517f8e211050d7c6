"""What can be told of a media file without looking at its pictures: container, codec, times, frames, bitrate, quality."""

import os

import av
import numpy as np
from PIL import Image

from deepfake_detector.media.reading import (
    IMAGE_FORMATS,
    LIMITS,
    Limits,
    MediaError,
    Source,
    opened,
    video,
)

VARIES = 0.2  # of the usual time between frames; rounding to a container's clock stays far below
STANDARD_SUM = 3688  # of the luminance table that JPEG quality 50 means (ITU-T T.81, annex K)


def media_facts(source: Source, kind: str, limits: Limits = LIMITS) -> dict:
    """A row of the media table but for `item`, `width`, `height` and `rotation`, which only a decoded frame tells.

    `kind` is `video`, or anything else for a still. A file that cannot be read gives its size alone.
    """
    facts = {"bytes": len(source) if isinstance(source, bytes) else os.path.getsize(source)}
    try:
        return facts | (_video(source, limits) if kind == "video" else _still(source))
    except (MediaError, av.error.FFmpegError, OSError, ValueError, SyntaxError):
        return facts  # why it cannot be read is told where it is decoded


def _video(source: Source, limits: Limits) -> dict:
    with opened(source, limits.work) as file, video(file, limits=limits) as container:
        stream = container.streams.video[0]
        packets = [(packet.pts, packet.size) for packet in container.demux(stream) if packet.size]
        rate = float(stream.average_rate or 0)
        stamps = sorted(pts for pts, _ in packets if pts is not None)
        seconds = np.diff(stamps) * float(stream.time_base or 0)
        duration = (
            float(seconds.sum() + np.median(seconds))
            if len(seconds)
            else len(packets) / rate
            if rate
            else None
        )
        return {
            "container": container.format.name.partition(",")[0],
            "codec": stream.codec_context.name,
            "duration": duration,
            "frame_rate": len(packets) / duration if duration else None,
            "variable_rate": int(_varies(seconds)),
            "frames_declared": stream.frames or None,
            "frames_found": len(packets),
            "bitrate": 8 * sum(size for _, size in packets) / duration if duration else None,
        }


def _varies(seconds: np.ndarray) -> bool:
    if not len(seconds):
        return False
    usual = float(np.median(seconds))
    return bool(np.abs(seconds - usual).max() > VARIES * usual)


def _still(source: Source) -> dict:
    with opened(source) as file, Image.open(file, formats=IMAGE_FORMATS) as image:
        facts = {
            "container": image.format.lower(),
            "codec": image.format.lower(),
            "frames_found": 1,
        }
        tables = getattr(image, "quantization", None)
        return facts | ({"jpeg_quality": _quality(tables[min(tables)])} if tables else {})


def _quality(table: list[int]) -> float:
    """Quality 1..100 at which the IJG's library would write this luminance table: the inverse of its scaling rule."""
    scale = 100 * sum(table) / STANDARD_SUM
    quality = (200 - scale) / 2 if scale <= 100 else 5000 / scale
    return float(min(100, max(1, round(quality))))
