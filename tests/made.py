"""Media made for tests: small clips and pictures with known content, and params files with other values."""

import io
from collections.abc import Mapping
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
from PIL import Image
from ruamel.yaml import YAML

from deepfake_detector.synthesis.clips import Clip, produce


def numbered_frame(number: int, width: int = 96, height: int = 64) -> np.ndarray:
    """A frame that says its own number, in grey levels that survive compression: `number_in` reads it back."""
    frame = np.full((height, width, 3), 40, np.uint8)
    for bit in range(8):
        left = bit * width // 8
        frame[: height // 2, left : left + width // 8] = 220 if number >> bit & 1 else 20
    return frame


def number_in(frame: np.ndarray) -> int:
    height, width = frame.shape[:2]
    means = [frame[: height // 2, bit * width // 8 : (bit + 1) * width // 8].mean() for bit in range(8)]
    return sum(1 << bit for bit, mean in enumerate(means) if mean > 120)


def clip(
    frames: int = 24,
    rate: int = 12,
    stamps: list[int] | None = None,
    rotation: int = 0,
    width: int = 96,
    height: int = 64,
    container: str = "mp4",
) -> bytes:
    """An H.264 clip of `numbered_frame`s; `stamps` are presentation times in milliseconds (variable frame rate)."""
    buffer = io.BytesIO()
    with av.open(buffer, "w", format=container) as output:
        stream = output.add_stream("libx264", rate=rate, options={"crf": "12", "preset": "ultrafast"})
        stream.width, stream.height, stream.pix_fmt = width, height, "yuv420p"
        if stamps:
            stream.codec_context.time_base = stream.time_base = Fraction(1, 1000)
        for number in range(frames):
            frame = av.VideoFrame.from_ndarray(numbered_frame(number, width, height), format="rgb24")
            if stamps:
                frame.pts, frame.time_base = stamps[number], Fraction(1, 1000)
            output.mux(stream.encode(frame))
        output.mux(stream.encode())
    data = buffer.getvalue()
    return rotated(data, rotation) if rotation else data


def rotated(data: bytes, degrees: int) -> bytes:
    """The MP4 with a display matrix in its track header that asks players to turn it clockwise by `degrees`."""
    at = data.index(b"tkhd") + 4 + 40  # version, flags, times, id, duration, layer, volume: then nine 32-bit numbers
    one, none, minus = 0x10000, 0, 0x100000000 - 0x10000
    turn = {90: (none, one, minus, none), 180: (minus, none, none, minus), 270: (none, minus, one, none)}[degrees]
    a, b, c, d = (value.to_bytes(4, "big") for value in turn)
    zero = bytes(4)
    return data[:at] + a + b + zero + c + d + zero + zero + zero + (0x40000000).to_bytes(4, "big") + data[at + 36 :]


def audio_only() -> bytes:
    """An MP4 with a second of silence and no video."""
    buffer = io.BytesIO()
    with av.open(buffer, "w", format="mp4") as output:
        stream = output.add_stream("aac", rate=16000, layout="mono")
        frame = av.AudioFrame.from_ndarray(np.zeros((1, 16000), np.float32), format="fltp", layout="mono")
        frame.sample_rate = 16000
        output.mux(stream.encode(frame))
        output.mux(stream.encode())
    return buffer.getvalue()


def picture(image: np.ndarray, kind: str = "PNG", **options: object) -> bytes:
    buffer = io.BytesIO()
    Image.fromarray(image).save(buffer, kind, **options)
    return buffer.getvalue()


def textured(size: int = 48) -> np.ndarray:
    """A crop with something to see at every scale."""
    rng = np.random.default_rng(2)
    coarse = np.kron(rng.integers(0, 200, (size // 8, size // 8, 3)), np.ones((8, 8, 1)))
    return (coarse + rng.integers(0, 55, (size, size, 3))).astype(np.uint8)


def person_clip(person: int = 0, seconds: float = 0.5) -> bytes:
    """A clip of one drawn person, as the demo has them."""
    return produce(Clip(person, 0), 5, seconds, (0.2, 0.3))


def person_still(person: int = 0) -> bytes:
    return produce(Clip(person, 2), 5, 1, (0.2, 0.3))


def change_params(path: Path, changes: Mapping[str, object]) -> None:
    """Set keys like `train.epochs` in a params file, its captions kept."""
    yaml = YAML()
    yaml.width = 200
    content = yaml.load(path)
    for key, value in changes.items():
        *parents, last = key.split(".")
        place = content
        for parent in parents:
            place = place[parent]
        place[last] = value
    yaml.dump(content, path)
