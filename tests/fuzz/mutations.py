"""Damage a media file as an attacker or a bad disk would: anywhere, and where its format keeps
sizes, counts and times."""

import zlib
from collections.abc import Callable, Iterator
from typing import NamedTuple

import numpy as np

MOST_AT_ONCE = 4
LARGEST = 4_000_000  # bytes; what is repeated must not outgrow it
BOXES_OF_BOXES = {
    b"moov",
    b"trak",
    b"mdia",
    b"minf",
    b"stbl",
    b"edts",
    b"udta",
    b"mvex",
    b"moof",
    b"traf",
    b"dinf",
}
LISTS = {b"RIFF", b"LIST"}
EBML_MASTERS = {
    0x18538067,
    0x1549A966,
    0x1654AE6B,
    0xAE,
    0xE0,
    0x1F43B675,
    0xA0,
    0x1C53BB6B,
    0x114D9B74,
    0xBB,
    0x1A45DFA3,
}
# bytes of a part's content whose numbers are changed; what follows is mostly coded pictures
HEAD = 128
LYING = (30_000, 65_535, 36_000, 36_000_000, 1_000, 100_000)  # sides, hours, counts


class Number(NamedTuple):
    """A whole number in the file: where, in how many bytes, in which order."""

    at: int
    length: int
    order: str


class Part(NamedTuple):
    """A box, chunk, segment or element, with its header: bytes `start` to `end`, and the numbers in
    it that mean something."""

    start: int
    end: int
    numbers: tuple[Number, ...]


def mutated(data: bytes, suffix: str, rng: np.random.Generator) -> bytes:
    """The file, changed in one to four ways."""
    for _ in range(rng.integers(1, MOST_AT_ONCE + 1)):
        found = parts(data, suffix)
        ways = [_numbers, _parts] if found and rng.random() < 0.6 else BLIND
        data = ways[rng.integers(len(ways))](data, found, rng)
    return with_checksums(data) if suffix in ("png", "apng") and rng.random() < 0.8 else data


def parts(data: bytes, suffix: str) -> list[Part]:
    """What a file consists of, as far as it can be followed; empty where nothing is known of its
    format. Of a suffix such as `av1.mp4` the last part names the format."""
    walk = WALKS.get(suffix.rpartition(".")[2])
    return list(walk(data, 0, len(data))) if walk else []


def _numbers(data: bytes, found: list[Part], rng: np.random.Generator) -> bytes:
    part = found[rng.integers(len(found))]
    if not part.numbers:
        return _flipped(data, found, rng)
    at, length, order = part.numbers[rng.integers(len(part.numbers))]
    old = int.from_bytes(data[at : at + length], order)  # type: ignore[arg-type]
    top = 256**length - 1
    choices = (
        0,
        1,
        top,
        top // 2,
        top // 2 + 1,
        old + 1,
        old - 1,
        old * 2,
        old // 2,
        LYING[rng.integers(len(LYING))],
    )
    new = choices[rng.integers(len(choices))] & top
    return data[:at] + new.to_bytes(length, order) + data[at + length :]  # type: ignore[arg-type]


def _parts(data: bytes, found: list[Part], rng: np.random.Generator) -> bytes:
    one, other = (found[rng.integers(len(found))] for _ in range(2))
    own = data[one.start : one.end]
    way = rng.integers(4)
    if way == 0:
        return data[: one.start] + data[one.end :]
    if way == 1:
        times = min(int(rng.integers(1, 50)), (LARGEST - len(data)) // max(1, len(own)))
        return data[: one.end] + own * times + data[one.end :]
    if way == 2 and len(data) < LARGEST:
        return data[: other.start] + own + data[other.start :]
    return data[: one.start] + data[other.start : other.end] + data[one.end :]


def _flipped(data: bytes, _: list[Part], rng: np.random.Generator) -> bytes:
    changed = bytearray(data)
    for at in rng.integers(0, max(1, len(data)), rng.integers(1, 65)) if data else ():
        changed[at] ^= 1 << int(rng.integers(8))
    return bytes(changed)


def _overwritten(data: bytes, _: list[Part], rng: np.random.Generator) -> bytes:
    start, end = _span(data, rng)
    fill = (bytes(end - start), b"\xff" * (end - start), rng.bytes(end - start))[rng.integers(3)]
    return data[:start] + fill + data[end:]


def _cut_off(data: bytes, _: list[Part], rng: np.random.Generator) -> bytes:
    return data[: int(rng.integers(0, len(data) + 1))]


def _cut_out(data: bytes, _: list[Part], rng: np.random.Generator) -> bytes:
    start, end = _span(data, rng)
    return data[:start] + data[end:]


def _inserted(data: bytes, _: list[Part], rng: np.random.Generator) -> bytes:
    start, end = _span(data, rng)
    own = (data[start:end], rng.bytes(end - start))[rng.integers(2)]
    return data[:end] + own + data[end:]


BLIND: list[Callable[[bytes, list[Part], np.random.Generator], bytes]] = [
    _flipped,
    _overwritten,
    _cut_off,
    _cut_out,
    _inserted,
]


def _span(data: bytes, rng: np.random.Generator) -> tuple[int, int]:
    start = int(rng.integers(0, len(data) + 1))
    return start, min(len(data), start + int(2 ** rng.uniform(0, 13)))


def _words(start: int, end: int, length: int, order: str) -> Iterator[Number]:
    for at in range(start, min(end, start + HEAD) - length + 1, length):
        yield Number(at, length, order)


def _boxes(data: bytes, start: int, end: int) -> Iterator[Part]:
    """ISO base media (MP4, MOV): size and type, then the content."""
    while start + 8 <= end:
        size, kind = int.from_bytes(data[start : start + 4], "big"), data[start + 4 : start + 8]
        last = min(end, start + size) if size >= 8 else end
        numbers = [Number(start, 4, "big"), Number(start + 4, 4, "big")]
        if kind not in BOXES_OF_BOXES | {b"mdat"}:
            numbers += [
                *_words(start + 8, last, 4, "big"),
                *(_words(start + 8, last, 2, "big") if kind == b"stsd" else ()),
            ]
        yield Part(start, last, tuple(numbers))
        if kind in BOXES_OF_BOXES:
            yield from _boxes(data, start + 8, last)
        start = last


def _chunks(data: bytes, start: int, end: int) -> Iterator[Part]:
    """RIFF (AVI, WebP): type and size, then the content, padded to an even length."""
    while start + 8 <= end:
        kind, size = data[start : start + 4], int.from_bytes(data[start + 4 : start + 8], "little")
        last = min(end, start + 8 + size + size % 2)
        words = (
            ()
            if kind in LISTS
            else (*_words(start + 8, last, 4, "little"), *_words(start + 8, last, 2, "little"))
        )
        yield Part(
            start, last, (Number(start + 4, 4, "little"), Number(start, 4, "little"), *words)
        )
        if kind in LISTS:
            yield from _chunks(data, start + 12, last)
        start = last


def _elements(data: bytes, start: int, end: int) -> Iterator[Part]:
    """EBML (Matroska, WebM): an id and a size, as long as the leading zeros of each say."""
    while start < end:
        id_length = 9 - data[start].bit_length()
        at = start + id_length
        if id_length > 4 or at >= end or not data[at]:
            return
        size_length = 9 - data[at].bit_length()
        size = int.from_bytes(data[at : at + size_length], "big") & (1 << 7 * size_length) - 1
        first = at + size_length
        last = min(end, first + size)
        content = (
            (Number(first, last - first, "big"),)
            if 0 < last - first <= 8
            else tuple(_words(first, last, 1, "big"))
        )
        yield Part(
            start, last, (Number(at, size_length, "big"), Number(start, id_length, "big"), *content)
        )
        if int.from_bytes(data[start:at], "big") in EBML_MASTERS:
            yield from _elements(data, first, last)
        start = last


def _segments(data: bytes, start: int, end: int) -> Iterator[Part]:
    """JPEG: a marker, and for most of them a length and the content; after the last header come the
    coded pictures."""
    start += 2
    while start + 4 <= end and data[start] == 0xFF:
        size = int.from_bytes(data[start + 2 : start + 4], "big")
        last = min(end, start + 2 + max(2, size))
        words = (*_words(start + 4, last, 1, "big"), *_words(start + 5, last, 2, "big"))
        yield Part(start, last, (Number(start + 2, 2, "big"), Number(start + 1, 1, "big"), *words))
        start = last


def _png_chunks(data: bytes, start: int, end: int) -> Iterator[Part]:
    """PNG: size, type, content and a checksum."""
    start += 8
    while start + 12 <= end:
        last = min(end, start + 12 + int.from_bytes(data[start : start + 4], "big"))
        words = (*_words(start + 8, last - 4, 4, "big"), *_words(start + 8, last - 4, 1, "big"))
        yield Part(start, last, (Number(start, 4, "big"), Number(start + 4, 4, "big"), *words))
        start = last


def _blocks(data: bytes, start: int, end: int) -> Iterator[Part]:
    """GIF: the screen, then extensions and pictures, each with a chain of short blocks."""
    yield Part(
        6, 13, (Number(6, 2, "little"), Number(8, 2, "little"), *_words(10, 13, 1, "little"))
    )
    start += 13 + _colours(data, 10)
    while start + 10 <= end and data[start] in b"\x21\x2c":
        at = start + 2 if data[start] == 0x21 else start + 11 + _colours(data, start + 9)
        while at < end and data[at]:
            at += 1 + data[at]
        last = min(end, at + 1)
        yield Part(
            start, last, (*_words(start + 1, last, 2, "little"), *_words(start, last, 1, "little"))
        )
        start = last


def _colours(data: bytes, flags: int) -> int:
    """Bytes of the table of colours that these flags announce."""
    return 3 << (data[flags] & 7) + 1 if flags < len(data) and data[flags] & 0x80 else 0


WALKS: dict[str, Callable[[bytes, int, int], Iterator[Part]]] = {
    "mp4": _boxes,
    "mov": _boxes,
    "avi": _chunks,
    "webp": _chunks,
    "webm": _elements,
    "mkv": _elements,
    "jpg": _segments,
    "png": _png_chunks,
    "apng": _png_chunks,
    "avif": _boxes,
    "gif": _blocks,
}


def with_checksums(data: bytes) -> bytes:
    """A PNG whose checksums fit its content, or readers stop at the first that is damaged."""
    changed = bytearray(data)
    for part in _png_chunks(data, 0, len(data)):
        changed[part.end - 4 : part.end] = zlib.crc32(data[part.start + 4 : part.end - 4]).to_bytes(
            4, "big"
        )
    return bytes(changed)
