"""What a JPEG lacks where its reader makes a picture of it all the same, and says nothing."""

import io
from collections.abc import Iterator
from typing import NamedTuple

import av
from PIL import Image

from deepfake_detector.media.reading import STRICT, MediaFile

START, END = b"\xff\xd8\xff", b"\xff\xd9"
SCAN, RESTARTS = 0xDA, 0xDD  # kinds of segments (ITU-T T.81, B.1)
HUFFMAN = (0xC0, 0xC1, 0xC2)  # frames that FFmpeg decodes: baseline, extended and progressive
NO_PART = {*range(0xE0, 0xF0), 0xFE}  # what applications and people add


class _Segment(NamedTuple):
    kind: int
    start: int
    end: int


def is_jpeg(file: MediaFile) -> bool:
    """Whether a file begins as a JPEG does. Leaves it behind its first bytes."""
    file.seek(0)
    return file.read(len(START)) == START


def is_garbled(file: MediaFile) -> bool:
    """Whether a part of a JPEG cannot be decoded: what comes after it is out of place, and of wrong
    colours. Pillow goes on without a word. FFmpeg alone reports it, of the kinds that it knows.
    It gets the tables and the scans: what else is in the file is no part of the picture."""
    file.seek(0)
    data = file.read()
    head = list(_head(data))
    if not any(segment.kind in HUFFMAN for segment in head):
        return False
    kept = [segment for segment in head if segment.kind not in NO_PART]
    plain = b"".join(data[segment.start : segment.end] for segment in kept)
    decoder = av.CodecContext.create("mjpeg", "r")
    decoder.options = STRICT
    decoder.thread_count = 1
    try:
        decoder.decode(av.Packet(START[:2] + plain + data[head[-1].end :]))
    except av.error.InvalidDataError:
        return True
    except av.error.FFmpegError:  # a kind that it does not know
        return False
    return False


def with_its_end(file: MediaFile) -> MediaFile | None:
    """A JPEG that lacks its last mark alone, with it, as some cameras leave it out; None where more
    is missing: its pixels then depend on what would follow. That cannot be known of one in several
    scans, or with restart markers."""
    file.seek(0)
    data = file.read().rstrip(END[:1])
    head = list(_head(data))
    has_restarts = any(segment.kind == RESTARTS for segment in head)
    if not head or head[-1].kind != SCAN or has_restarts:
        return None
    ended, other = (io.BytesIO(data + more + END) for more in (b"", b"\xaa" * 64))
    with Image.open(ended) as image, Image.open(other) as longer:
        in_first_scan = data[head[-1].start + 4]
        is_one_scan = in_first_scan == len(image.getbands()) and "progressive" not in image.info
        if not is_one_scan or image.tobytes() != longer.tobytes():
            return None
    return MediaFile(io.BytesIO(data + END))


def _head(data: bytes) -> Iterator[_Segment]:
    """The segments of a JPEG up to the header of its first scan, as far as they can be followed."""
    place = 2
    while data[place : place + 1] == b"\xff" and place + 4 <= len(data):
        end = place + 2 + int.from_bytes(data[place + 2 : place + 4], "big")
        yield _Segment(data[place + 1], place, end)
        if data[place + 1] == SCAN:
            return
        place = end
