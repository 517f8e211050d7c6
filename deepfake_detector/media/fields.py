"""Which packets of an H.264 stream hold the second field of a picture, and what else the units say
of which its packets, and those of HEVC, are made.

Camcorders (AVCHD) and broadcasters often code the two fields of an interlaced picture one after the
other. In a transport stream FFmpeg makes a packet of each, and whoever copies one to MP4 or
Matroska keeps them apart. They are one frame: counted as two, a clip is twice as long as it is.
PyAV does not expose what FFmpeg's parser knows of it, so the headers are read here (ITU-T H.264,
7.3).
"""

from collections.abc import Iterator
from typing import NamedTuple

SLICES, SEQUENCE = (1, 2, 5), 7  # types of units: what begins with a slice's header, and an SPS
REFERRED = 0x60  # bits of a unit's first byte: others refer to it
# by codec the bits of a unit's first byte that hold its type, and those of SEI
MESSAGES = {"h264": (0x1F, (6,)), "hevc": (0x7E, (39 << 1, 40 << 1))}
LENGTH_SIZE = {"h264": 4, "hevc": 21}  # place in a stream's head of the size of lengths
START = b"\0\0\1"
HEADER = 512  # bytes of a unit that hold what is asked for
WITH_CHROMA = (100, 110, 122, 244, 44, 83, 86, 118, 128, 138, 139, 134, 135)  # profiles


class _Sequence(NamedTuple):
    """What a sequence parameter set says of the slices that follow it."""

    interlaced: bool
    planes: bool  # whether each slice is of one colour plane
    number_bits: int  # of `frame_num`


class _Field(NamedTuple):
    """A field: the number of its frame, which starts at 0 again and again, whether it is referred
    to, which is the same of both fields of a picture, and its parity."""

    frame: int
    referred: bool
    bottom: int


class Fields:
    """Follows the packets of one stream; `head` is what the container has of it (extradata)."""

    def __init__(self, head: bytes) -> None:
        self._length = length_size("h264", head)
        self._sequence: _Sequence | None = None
        self._first: _Field | None = None
        for unit in [head[8:]] if self._length else _after_start_codes(head):
            self._read(unit)

    def is_second(self, packet: bytes) -> bool:
        """Whether this packet, the next in the order of the file, holds the second field of a
        picture whose first is the packet before. What cannot be read is none."""
        units = map(self._read, _units(packet, self._length))
        fields = {field for field in units if field}
        field = fields.pop() if len(fields) == 1 else None  # two in one packet are a whole picture
        first, self._first = self._first, field
        if first is None or field is None or field != first._replace(bottom=1 - first.bottom):
            return False
        self._first = None
        return True

    def may_have_fields(self) -> bool:
        """Whether the stream is interlaced, as far as it has been read."""
        return self._sequence is None or self._sequence.interlaced

    def _read(self, unit: bytes) -> _Field | None:
        """The field that a slice is of; None of a whole frame, and of a unit that is no slice."""
        kind = unit[0] & 31 if unit else 0
        try:
            if kind == SEQUENCE:
                self._sequence = _sequence(_Bits(unit[1:HEADER]))
            if kind in SLICES and self._sequence and self._sequence.interlaced:
                return _field(bool(unit[0] & REFERRED), _Bits(unit[1:HEADER]), self._sequence)
        except EOFError:  # damaged: the decoder will find out
            pass
        return None


class _Bits:
    """The bits of a unit, one after another. Raises EOFError at its end."""

    def __init__(self, data: bytes) -> None:
        plain = data.replace(b"\0\0\3", b"\0\0")  # without what keeps start codes out of it
        self._bits, self._left = int.from_bytes(plain), 8 * len(plain)

    def take(self, count: int) -> int:
        self._left -= count
        if self._left < 0:
            raise EOFError
        return self._bits >> self._left & (1 << count) - 1

    def golomb(self) -> int:
        """An unsigned number as 9.1 of the standard has it; a signed one takes as many bits."""
        zeros = 0
        while not self.take(1):
            zeros += 1
        return (1 << zeros) - 1 + self.take(zeros)

    def signed(self) -> int:
        value = self.golomb()
        return (value + 1) // 2 if value % 2 else -value // 2


def _sequence(bits: _Bits) -> _Sequence:
    """7.3.2.1.1, up to what is asked for."""
    profile, planes = bits.take(8), 0
    bits.take(16)
    bits.golomb()
    if profile in WITH_CHROMA:
        chroma = bits.golomb()
        planes = bits.take(1) if chroma == 3 else 0
        bits.golomb()
        bits.golomb()
        bits.take(1)
        if bits.take(1):
            for place in range(12 if chroma == 3 else 8):
                _pass_scaling_list(bits, 16 if place < 6 else 64)
    number_bits = bits.golomb() + 4
    _pass_order_count(bits)
    bits.golomb()
    bits.take(1)
    bits.golomb()
    bits.golomb()
    return _Sequence(not bits.take(1), bool(planes), number_bits)


def _pass_scaling_list(bits: _Bits, size: int) -> None:
    """7.3.2.1.1.1"""
    if not bits.take(1):
        return
    last = following = 8
    for _ in range(size):
        if following:
            following = (last + bits.signed()) % 256
        last = following or last


def _pass_order_count(bits: _Bits) -> None:
    kind = bits.golomb()
    if kind == 0:
        bits.golomb()
    elif kind == 1:
        bits.take(1)
        bits.golomb()
        bits.golomb()
        for _ in range(bits.golomb()):
            bits.golomb()


def _field(referred: bool, bits: _Bits, sequence: _Sequence) -> _Field | None:
    """7.3.3, up to what is asked for."""
    for _ in range(3):
        bits.golomb()
    bits.take(2 * sequence.planes)
    frame = bits.take(sequence.number_bits)
    return _Field(frame, referred, bits.take(1)) if bits.take(1) else None


def length_size(codec: str, head: bytes) -> int:
    """Bytes of the length before each unit in the packets of a stream of H.264 or HEVC with this
    head; 0 where start codes are in its place (ISO/IEC 14496-15, 5.3.3 and 8.3.3)."""
    place = LENGTH_SIZE[codec]
    return (head[place] & 3) + 1 if head[:1] == b"\1" and len(head) > place + 2 else 0


def without_messages(codec: str, packet: bytes, length: int) -> bytes:
    """The packet without what describes its picture and is no part of it (SEI). One that has none,
    or nothing else, is as it was."""
    mask, kinds = MESSAGES[codec]
    units = list(_units(packet, length))
    if length and _joined(units, length) != packet:
        return packet  # damaged: the decoder is to see it
    kept = [unit for unit in units if unit and unit[0] & mask not in kinds]
    return packet if not kept or len(kept) == len(units) else _joined(kept, length)


def _joined(units: list[bytes], length: int) -> bytes:
    return b"".join((len(unit).to_bytes(length) if length else START) + unit for unit in units)


def _units(packet: bytes, length: int) -> Iterator[bytes]:
    return _of_lengths(packet, length) if length else _after_start_codes(packet)


def _after_start_codes(data: bytes) -> Iterator[bytes]:
    """The units of a byte stream (annex B), each as far as the packet goes."""
    at = data.find(START)
    while at >= 0:
        following = data.find(START, at + len(START))
        yield data[at + len(START) : following if following >= 0 else None]
        at = following


def _of_lengths(data: bytes, size: int) -> Iterator[bytes]:
    """The units of a packet in which each has its length before it."""
    at = 0
    while at + size < len(data):
        length = int.from_bytes(data[at : at + size])
        yield data[at + size : at + size + length]
        at += size + length
