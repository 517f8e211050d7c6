"""ICC profiles of known colours, by the format's specification (ICC.1:2001-04)."""

import struct
from itertools import product

import numpy as np

# of the light of red, green and blue on a display, as columns X Y Z under D50
SRGB = np.array(((0.4361, 0.3851, 0.1431), (0.2225, 0.7169, 0.0606), (0.0139, 0.0971, 0.7139)))
DISPLAY_P3 = np.array(
    ((0.5151, 0.2920, 0.1571), (0.2412, 0.6922, 0.0666), (-0.0011, 0.0419, 0.7841))
)
D50 = (0.9642, 1.0, 0.8249)


def xyz(values: tuple[float, ...]) -> bytes:
    return b"XYZ " + bytes(4) + struct.pack(">3i", *(round(one * 65536) for one in values))


def gamma(exponent: float) -> bytes:
    return b"curv" + bytes(4) + struct.pack(">IH", 1, round(exponent * 256))


def text(kind: bytes, content: str) -> bytes:
    data = content.encode() + b"\0"
    if kind == b"text":
        return b"text" + bytes(4) + data
    return b"desc" + bytes(4) + struct.pack(">I", len(data)) + data + bytes(78)


def profile(
    kind: bytes, colours: bytes, space: bytes, name: str, tags: dict[bytes, bytes]
) -> bytes:
    """A profile of that device class, for these colours, that says what they are in this space."""
    entries = {
        b"desc": text(b"desc", name),
        b"cprt": text(b"text", "free"),
        b"wtpt": xyz(D50),
    } | tags
    place, table, body = 132 + 12 * len(entries), b"", b""
    for tag, data in entries.items():
        data += bytes(-len(data) % 4)
        table += tag + struct.pack(">II", place + len(body), len(data))
        body += data
    head = struct.pack(
        ">I4sI4s4s4s12x4s", place + len(body), b"none", 0x02400000, kind, colours, space, b"acsp"
    )
    head += bytes(28) + struct.pack(">3i", *(round(one * 65536) for one in D50)) + bytes(48)
    return head + struct.pack(">I", len(entries)) + table + body


def of_rgb(lights: np.ndarray, exponent: float, name: str) -> bytes:
    tags = {f"{one}XYZ".encode(): xyz(tuple(lights[:, at])) for at, one in enumerate("rgb")}
    return profile(
        b"mntr",
        b"RGB ",
        b"XYZ ",
        name,
        tags | {f"{one}TRC".encode(): gamma(exponent) for one in "rgb"},
    )


def of_grey(exponent: float) -> bytes:
    return profile(b"mntr", b"GRAY", b"XYZ ", "grey", {b"kTRC": gamma(exponent)})


def of_inks() -> bytes:
    """Of four inks the first alone looks red; others are grey, and all together black."""
    lab = {
        (0, 0, 0, 0): (255, 128, 128),
        (1, 0, 0, 0): (128, 220, 200),
        (1, 1, 1, 1): (0, 128, 128),
    }
    corners = [lab.get(inks, (128, 128, 128)) for inks in product((0, 1), repeat=4)]
    line = bytes(range(256))
    table = b"mft1" + bytes(4) + bytes((4, 3, 2, 0))
    table += struct.pack(">9i", *(65536 * one for one in (1, 0, 0, 0, 1, 0, 0, 0, 1)))
    table += line * 4 + b"".join(map(bytes, corners)) + line * 3
    return profile(b"prtr", b"CMYK", b"Lab ", "inks", {b"A2B0": table})


def srgb_of(lights: np.ndarray, exponent: float, colour: tuple[int, ...]) -> np.ndarray:
    """What IEC 61966-2-1 calls a colour of a display with these lights; 0 to 255."""
    linear = np.linalg.solve(SRGB, lights @ (np.array(colour) / 255) ** exponent).clip(0, 1)
    return 255 * np.where(linear <= 0.0031308, 12.92 * linear, 1.055 * linear ** (1 / 2.4) - 0.055)
