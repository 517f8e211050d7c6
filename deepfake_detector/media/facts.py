"""Facts of a media file that need no decoding: container, codec, times, frames, bitrate, quality."""

from collections.abc import Sequence

import av
from PIL import Image

from deepfake_detector.media.timeline import Packet, Timeline

STANDARD_SUM = 3688  # of the luminance table that JPEG quality 50 means (ITU-T T.81, annex K)


def video_facts(stream: av.VideoStream, packets: Sequence[Packet], clip: Timeline) -> dict:
    """Facts of a video, from all its packets and their timeline."""
    duration = clip.duration
    return {
        "container": stream.container.format.name.partition(",")[0],
        "codec": stream.codec_context.name,
        "duration": duration,
        "frame_rate": len(packets) / duration if duration else None,
        "variable_rate": int(clip.variable),
        "frames_declared": stream.frames or None,
        "frames_found": len(packets),
        "bitrate": 8 * sum(packet.size for packet in packets) / duration if duration else None,
        "segments": clip.segments,
    }


def still_facts(image: Image.Image) -> dict:
    """Facts of an opened still."""
    name = (image.format or "").lower()
    facts = {"container": name, "codec": name, "frames_found": 1}
    tables = getattr(image, "quantization", None)
    return facts | ({"jpeg_quality": _quality(tables[min(tables)])} if tables else {})


def animation_facts(image: Image.Image, clip: Timeline) -> dict:
    """Facts of an opened animation."""
    name, count = (image.format or "").lower(), len(clip.order)
    return {
        "container": name,
        "codec": name,
        "duration": clip.duration,
        "frame_rate": count / clip.duration if clip.duration else None,
        "variable_rate": int(clip.variable),
        "frames_found": count,
    }


def _quality(table: list[int]) -> float:
    """Quality 1..100 at which the IJG's library would write this luminance table.

    The inverse of its scaling rule.
    """
    scale = 100 * sum(table) / STANDARD_SUM
    quality = (200 - scale) / 2 if scale <= 100 else 5000 / scale
    return float(min(100, max(1, round(quality))))
