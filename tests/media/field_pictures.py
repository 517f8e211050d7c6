"""H.264 whose pictures are coded as two fields, as camcorders and broadcasters have it.

No encoder at hand writes such streams, so this one does, without compression (I_PCM; ITU-T H.264,
7.3), in grey.
"""

import io
from collections.abc import Iterable, Iterator, Sequence
from fractions import Fraction

import av
import numpy as np
from made import numbered_frame

BELOW = 100  # what the bottom field of a numbered frame shows more than the top field
GROUP = 12  # frames from one keyframe to the next; others may refer to every second one
WIDTH, HEIGHT = 96, 64
SLICE, KEY_SLICE, SEQUENCE, PICTURE = 1, 5, 7, 8  # types of units


class Bits:
    def __init__(self) -> None:
        self.text = ""

    def put(self, count: int, value: int) -> None:
        self.text += f"{value:0{count}b}" if count else ""

    def golomb(self, *values: int) -> None:
        for value in values:
            size = (value + 1).bit_length()
            self.put(2 * size - 1, value + 1)

    def align(self) -> None:
        self.text += "0" * (-len(self.text) % 8)

    def unit(self, referred: bool, kind: int) -> bytes:
        """A unit of a byte stream, with its end marked and start codes kept out of it; `referred`:
        others may refer to it."""
        self.text += "1"
        self.align()
        out, zeros = bytearray([3 * referred << 5 | kind]), 0
        for one in int(self.text, 2).to_bytes(len(self.text) // 8):
            if zeros >= 2 and one <= 3:
                out.append(3)
                zeros = 0
            out.append(one)
            zeros = zeros + 1 if one == 0 else 0
        return b"\0\0\0\1" + bytes(out)


def sequence(
    by_fields: bool = True, far: bool = False, width: int = WIDTH, height: int = HEIGHT
) -> bytes:
    """A sequence parameter set; `far`: one whose order counts are told another way, by numbers so
    large that zeros follow one another which would pass for a start code."""
    bits = Bits()
    bits.put(24, 0x4D001E)  # main profile, level 3
    bits.golomb(0, 4)
    if far:
        bits.golomb(1)
        bits.put(1, 0)
        bits.golomb(1 << 29, 1 << 29, 2, 1 << 29, 1 << 29)
    else:
        bits.golomb(0, 4)
    bits.golomb(2)
    bits.put(1, 0)
    bits.golomb(width // 16 - 1, height // 32 - 1)
    bits.put(1, not by_fields)
    bits.put(5, 0b01000)  # nothing cut off, no VUI
    return bits.unit(True, SEQUENCE)


def heads(width: int = WIDTH, height: int = HEIGHT) -> bytes:
    """Sequence and picture parameter sets."""
    bits = Bits()
    bits.golomb(0, 0)
    bits.put(2, 0)
    bits.golomb(0, 0, 0)
    bits.put(3, 0)
    bits.golomb(0, 0, 0)
    bits.put(3, 0)
    return sequence(width=width, height=height) + bits.unit(True, PICTURE)


def field(number: int, bottom: bool, shown: np.ndarray) -> bytes:
    """A field of the frame of that number: every second line of a grey picture, uint8."""
    place = number % GROUP
    key, referred = place == 0 and not bottom, place % 2 == 0
    bits = Bits()
    bits.golomb(0, 7, 0)
    bits.put(8, (place + 1) // 2)
    bits.put(2, 2 + bottom)
    if key:
        bits.golomb(number // GROUP % 2)
    bits.put(8, 2 * place + bottom)
    bits.put(2 if key else int(referred), 0)
    bits.golomb(0)
    height, width = shown.shape
    for top in range(0, height, 16):
        for left in range(0, width, 16):
            bits.golomb(25)  # I_PCM
            bits.align()
            grey = shown[top : top + 16, left : left + 16].tobytes() + bytes([128] * 128)
            bits.put(8 * len(grey), int.from_bytes(grey))
    return bits.unit(referred, KEY_SLICE if key else SLICE)


def fields(pictures: Sequence[np.ndarray]) -> Iterator[tuple[bytes, bytes]]:
    """The two fields of each of these grey pictures, uint8; widths are multiples of 16, heights of
    32."""
    for number, picture in enumerate(pictures):
        height, width = picture.shape
        head = heads(width, height) if number % GROUP == 0 else b""
        top, bottom = (field(number, half == 1, picture[half::2]) for half in (0, 1))
        yield head + top, bottom


def numbered(count: int) -> Iterator[tuple[bytes, bytes]]:
    """The two fields of so many frames, each of which shows its number."""
    pictures = np.empty((count, HEIGHT, WIDTH), np.uint8)
    for number, picture in enumerate(pictures):
        picture[0::2] = numbered_frame(number, WIDTH, HEIGHT // 2)[..., 0]
        picture[1::2] = numbered_frame(number + BELOW, WIDTH, HEIGHT // 2)[..., 0]
    return fields(list(pictures))


def interlaced(
    container: str,
    apart: bool,
    pairs: Iterable[tuple[bytes, bytes]],
    width: int = WIDTH,
    height: int = HEIGHT,
) -> bytes:
    """These frames, 25 a second; the fields of each are two packets, with times of their own, or
    one. The same bytes each time."""
    buffer = io.BytesIO()
    exact = {"fflags": "bitexact"}
    with av.open(buffer, "w", format=container, container_options=exact) as output:
        stream = output.add_stream("libx264", rate=25)
        stream.width, stream.height, stream.pix_fmt = width, height, "yuv420p"
        stream.codec_context.extradata = heads(width, height)
        for number, pair in enumerate(pairs):
            for half, data in enumerate(pair if apart else [b"".join(pair)]):
                packet = av.Packet(data)
                packet.stream, packet.time_base = stream, Fraction(1, 50)
                packet.pts = packet.dts = 2 * number + half
                packet.is_keyframe = number % GROUP == 0
                output.mux(packet)
    return buffer.getvalue()
