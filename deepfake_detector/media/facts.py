"""Facts of a media file without decoding: container, codec, times, frames, bitrate, quality."""

import math
from collections.abc import Mapping, Sequence
from typing import Any

import av
from PIL import Image

from deepfake_detector.media.timeline import Packet, Timeline
from deepfake_detector.media.upright import SQUARE

STANDARD_SUM = 3688  # of the luminance table that JPEG quality 50 means (ITU-T T.81, annex K)


def video_facts(stream: av.VideoStream, packets: Sequence[Packet], clip: Timeline) -> dict:
    """Facts of a video, from all its packets and their timeline."""
    duration, shown = clip.duration, sum(not packet.discarded for packet in packets)
    return {
        "container": stream.container.format.name.partition(",")[0],
        "codec": stream.codec.canonical_name,
        "duration": duration,
        "frame_rate": shown / duration if duration else None,
        "variable_rate": int(clip.variable),
        "frames_declared": stream.frames or None,
        "frames_found": shown,
        "bitrate": 8 * sum(packet.size for packet in packets) / duration if duration else None,
        "segments": clip.segments,
        "encoder": _encoder(stream),
    }


def _encoder(stream: av.VideoStream) -> str:
    """The program that wrote the file, as its tags name it; empty where they name none."""
    for tags in (stream.metadata, stream.container.metadata):
        for name, value in tags.items():
            if name.lower() == "encoder":
                return value
    return ""


def still_facts(image: Image.Image) -> dict:
    """Facts of an opened still."""
    name = (image.format or "").lower()
    name = {"mpo": "jpeg"}.get(name, name)  # a phone's JPEG with a gain map, say, behind it
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


def bits_per_pixel(kind: str, facts: Mapping[str, Any]) -> float | None:
    """How many bits a pixel of a frame has on average: how hard a file is compressed. None where
    the facts do not say; `kind` is `video`, or that of a still."""
    bits, rate = (
        (facts.get("bitrate"), facts.get("frame_rate"))
        if kind == "video"
        else (8 * facts["bytes"], 1)
    )
    factors = [facts.get("width"), facts.get("height"), bits, rate]
    if any(factor is None or math.isnan(factor) for factor in factors):
        return None
    pixels = facts["width"] * facts["height"] * rate
    return bits / pixels if pixels > 0 else None


def alterations(facts: dict) -> list[str]:
    """What was done to a file's pictures beyond turning them, by its facts; a sentence each."""
    aspect = facts.get("pixel_aspect") or 1
    sentences = {
        "It was mirrored, as the file asks.": facts.get("mirrored"),
        f"Its pixels are {aspect:.3g} times as wide as high; it was stretched to its true shape.": (
            abs(aspect - 1) > SQUARE
        ),
        "Its colour matrix is unknown; its colours were read as if no matrix were given.": (
            facts.get("colour_matrix") == "unknown"
        ),
        "It is HDR; its light was mapped to that of an ordinary picture (BT.709).": (
            facts.get("transfer") in ("pq", "hlg")
        ),
        "Its colours were converted from its own profile to sRGB.": bool(
            facts.get("colour_profile")
        ),
        "It is transparent in part; it was laid on white.": facts.get("transparent"),
        "It is interlaced: moving parts show combing.": facts.get("interlaced"),
        "Its timestamps restart: joined recordings, analysed one after another.": (
            (facts.get("segments") or 1) > 1
        ),
        f"Its values have {facts.get('used_bits')} bits; they were scaled to 8.": (
            facts.get("used_bits") not in (None, 8)
        ),
        f"Page {facts.get('page')}, the largest, was looked at.": (facts.get("page") or 1) > 1,
    }
    return [text for text, holds in sentences.items() if holds]


def _quality(table: list[int]) -> float:
    """Quality 1..100 at which the IJG's library would write this luminance table.

    The inverse of its scaling rule.
    """
    scale = 100 * sum(table) / STANDARD_SUM
    quality = (200 - scale) / 2 if scale <= 100 else 5000 / scale
    return float(min(100, max(1, round(quality))))
