"""Open media files safely, and choose the stream of moving pictures.

Only this subpackage decodes what users bring: training and serving see the same pixels. Sources are
paths or bytes. FFmpeg reads through a Python file object and a list of container formats, so a file
cannot make it open another one.
"""

import io
import math
import os
import struct
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, cast

import av
from av.stream import Disposition
from PIL import UnidentifiedImageError

from deepfake_detector import UserError

Source = Path | bytes

CONTAINERS = "mov,mp4,m4a,3gp,3g2,mj2,matroska,webm,avi,mpeg,mpegts"
MOST_STREAMS = 64
# of FFmpeg
OPTIONS = {
    "format_whitelist": CONTAINERS,
    "protocol_whitelist": "pipe",
    "max_streams": f"{MOST_STREAMS + 1}",  # of some containers it leaves out what is more, silently
}
# of FFmpeg's decoders: what is damaged is an error, not repaired in silence
STRICT = {"err_detect": "explode"}
# Streams of pictures that are not the film: covers, thumbnails, stills, and the tiles or layers of
# another picture.
NOT_MOVING = (
    Disposition.attached_pic
    | Disposition.timed_thumbnails
    | Disposition.still_image
    | Disposition.dependent
)

JPEG_SIDE = 65_500  # pixels; libjpeg writes no picture that is longer

ZIP = b"PK\x03\x04"  # how a file of it begins
EBML, SEGMENT = b"\x1a\x45\xdf\xa3", b"\x18\x53\x80\x67"  # how Matroska begins, and its content
UNKNOWN_RIFF = 0xFFFFFFFF
CONTENT = (b"moov", b"moof", b"mdat")  # boxes of an MP4: its index, whole or by parts, and the rest

DAMAGED = (  # what Pillow's readers raise where a file is not as they expect
    *(OSError, EOFError, ValueError, TypeError, SyntaxError),
    *(LookupError, ArithmeticError, RuntimeError, struct.error),
    *(AssertionError, AttributeError),
)
TOO_MANY = f"more than {MOST_STREAMS} streams in it"
VIDEO_ALONE = "make a file of its video alone"
UNREAD_KIND = "neither an image nor a video of a kind that is read here"
CONVERT = "convert it to MP4 or JPEG"
COPY = "take another copy of it"
NOT_DECODED = "no frame could be decoded"
CUT_TOO_EARLY = f"cut off: {NOT_DECODED} of what is left"
TRY_A_PLAYER = f"if a player shows it, {CONVERT}; if none does, it is damaged"

# PyAV's log level stays unset: any level calls Python from FFmpeg's threads, and closing a file
# then deadlocks


class MediaError(UserError):
    """A file that gives no picture; the text says why."""


class NoFilmError(MediaError):
    """No stream of moving pictures, or none that can be decoded."""


@dataclass(frozen=True)
class Limits:
    """What a file may ask for: `pixels` of one frame (8K video has 33 million), `duration` of a
    video and `work` on it, in seconds."""

    pixels: int = 64_000_000
    duration: float = math.inf
    work: float = math.inf


LIMITS = Limits()


def not_decoded(cut_off: bool) -> MediaError:
    """Error of a file of which no frame could be decoded."""
    if cut_off:
        return MediaError(CUT_TOO_EARLY, COPY)
    return MediaError(NOT_DECODED, TRY_A_PLAYER)


def reason(error: Exception) -> str:
    """Why a file gave nothing, for a table or a report."""
    return (
        str(error)
        if isinstance(error, MediaError)
        else f"cannot be read: {getattr(error, 'strerror', None) or error}"
    )


@contextmanager
def opened(source: Source, seconds: float = math.inf) -> Iterator["MediaFile"]:
    """The source as a file that can be read for so many seconds."""
    with io.BytesIO(source) if isinstance(source, bytes) else open(source, "rb") as file:
        yield MediaFile(file, seconds)


@contextmanager
def container(file: "MediaFile") -> Iterator[av.container.InputContainer]:
    """What FFmpeg makes of a file."""
    try:
        opening = av.open(cast(IO[bytes], file), "r", options=OPTIONS, metadata_errors="replace")
    except av.error.MemoryError as error:  # what FFmpeg says of too many streams as well
        raise MediaError(f"{TOO_MANY}, or too little memory", VIDEO_ALONE) from error
    except av.error.ArgumentError as error:  # a format that is not in the list
        raise MediaError(UNREAD_KIND, CONVERT) from error
    with opening as media:
        if len(media.streams) > MOST_STREAMS:
            raise MediaError(TOO_MANY, VIDEO_ALONE)
        yield media


def moving(media: av.container.InputContainer) -> list[av.VideoStream]:
    """The streams that may be the film: no cover, no still, no part of another picture.

    Raises NoFilmError where there is none, or none whose codec is known.
    """
    streams = [stream for stream in media.streams.video if not stream.disposition & NOT_MOVING]
    if not streams:
        raise NoFilmError("no video in it (audio only?)")
    decodable = [stream for stream in streams if stream.codec_context is not None]
    if not decodable:
        raise NoFilmError("its codec is not known here", CONVERT)
    return decodable


@contextmanager
def video(file: "MediaFile", stream: int) -> Iterator[av.VideoStream]:
    """The stream of that index, as `probing.probe` chose it, for one thread to decode; its
    `container` is what it lies in."""
    with container(file) as media:
        chosen = cast(av.VideoStream, media.streams[stream])
        chosen.codec_context.thread_count = 1
        yield chosen


def demuxed(*streams: av.VideoStream) -> Iterator[av.Packet]:
    """What the file holds of these streams, in the order of the file."""
    file = cast(av.container.InputContainer, streams[0].container)
    while True:
        try:
            for packet in file.demux(streams):
                if packet.size:
                    yield packet
            return
        # a packet of a stream that began after the file was opened, or much that is no packet, as
        # where a recorder took more room than it filled: the next one
        except (IndexError, av.error.BlockingIOError):
            continue
        except av.error.MemoryError as error:
            raise MediaError(
                "damaged, or too large: it tells of a frame that memory has no room for", COPY
            ) from error


@contextmanager
def video_errors() -> Iterator[None]:
    """What goes wrong while a video is opened, demuxed or decoded, as MediaError."""
    try:
        yield
    except (MediaError, MemoryError):
        # FFmpeg's error of the latter kind is one of its own errors too
        raise
    except (av.error.FFmpegError, OSError, ValueError) as error:
        raise MediaError(
            f"neither an image nor a video that can be decoded: {getattr(error, 'strerror', None) or error}",
            TRY_A_PLAYER,
        ) from error


@contextmanager
def image_errors() -> Iterator[None]:
    """What goes wrong while Pillow opens or decodes a picture, as MediaError. Mistakes of this
    program raise the same kinds, so as little as possible of its own work belongs within."""
    try:
        yield
    except MediaError:
        raise
    except UnidentifiedImageError as error:
        raise MediaError("not an image that can be read") from error
    except DAMAGED as error:
        raise damaged(str(error)) from error


def damaged(why: str) -> MediaError:
    """Error of a picture that cannot be decoded, with what its reader says of it, if anything."""
    on_one_line = " ".join(why.split())
    return MediaError(": ".join(filter(None, ("damaged image", on_one_line))), COPY)


class MediaFile:
    """A file that can be read for so many seconds and has no name.

    FFmpeg asks it for every byte, so an endless file ends with it. From a name FFmpeg would take
    meaning (`frame%03d.png`: a row of pictures).
    """

    def __init__(self, file: IO[bytes], seconds: float = math.inf) -> None:
        self._file = file
        self.limit(seconds)

    def limit(self, seconds: float) -> None:
        """Let it be read for so many seconds from now on."""
        self._seconds, self._end = seconds, time.monotonic() + seconds

    def check_time(self) -> None:
        """Raises MediaError after these seconds."""
        if time.monotonic() > self._end:
            raise MediaError(f"took longer than {self._seconds:g} seconds")

    def read(self, size: int = -1) -> bytes:
        """Up to `size` bytes, all that follow where it is negative. Raises MediaError as
        `check_time`."""
        self.check_time()
        return self._file.read(size)

    def seek(self, place: int, whence: int = os.SEEK_SET) -> int:
        """Go to a place as `io.IOBase.seek` does; returns it, in bytes from the beginning."""
        return self._file.seek(place, whence)

    def tell(self) -> int:
        """The place in the file, in bytes from its beginning."""
        return self._file.tell()


def has_fragments(file: "MediaFile") -> bool:
    """Whether it is an MP4 in fragments (ISO/IEC 14496-12, `moof`), as streams are saved."""
    return any(kind == b"moof" for kind, _ in _boxes(file))


def is_cut_off(file: "MediaFile", size: int) -> bool:
    """Whether it is a video of `size` bytes that ends in the middle of what it says it holds, as
    where a download broke off."""
    file.seek(0)
    head = file.read(12)
    if head.startswith(EBML):
        return _end_of_segment(file) > size
    if head.startswith(b"RIFF") and head.endswith(b"AVI "):
        # without the 8 bytes that say it; some writers count them
        declared = int.from_bytes(head[4:8], "little")
        return declared != UNKNOWN_RIFF and declared > size
    cut = any(end > size for kind, end in _boxes(file) if kind in CONTENT)
    return cut or lacks_index(file, size)


def lacks_index(file: "MediaFile", size: int) -> bool:
    """Whether it is an MP4 of `size` bytes whose index is cut off, or all of it. Known only where
    the boxes could be followed to the end: an index may lie behind others."""
    is_content, end = False, 0
    for kind, end in _boxes(file):  # there may be millions
        if kind in CONTENT:
            is_content = True
            if kind != b"mdat" and end <= size:
                return False
    return is_content and end >= size


def _end_of_segment(file: "MediaFile") -> int:
    """Where what a Matroska or WebM file holds ends (RFC 8794 and 9559); 0 where it does not say,
    as of a stream."""
    file.seek(len(EBML))
    file.seek(_ebml_size(file) or 0, os.SEEK_CUR)
    if file.read(len(SEGMENT)) != SEGMENT:
        return 0
    length = _ebml_size(file)
    return 0 if length is None else file.tell() + length


def _ebml_size(file: "MediaFile") -> int | None:
    """The size that comes next: as many more bytes as the first has leading zeros; None where all
    its bits are 1, for one that nobody knew."""
    first = file.read(1)
    if not first or not first[0]:
        return None
    more = 8 - first[0].bit_length()
    value = int.from_bytes(first + file.read(more), "big")
    most = (1 << 7 * (more + 1)) - 1
    return None if value & most == most else value & most


def _boxes(file: "MediaFile") -> Iterator[tuple[bytes, int]]:
    """The boxes of an MP4 that follow one another in it: of each its kind and where it ends."""
    place = 0
    while True:
        file.seek(place)
        size, kind = int.from_bytes(file.read(4), "big"), file.read(4)
        if size == 1:
            size = int.from_bytes(file.read(8), "big")
        if len(kind) < 4 or not kind.isalnum() or size < 8:
            return
        place += size
        yield kind, place
        if place > sys.maxsize:  # of a size of eight bytes: nothing can be read from there
            return


def check_file(source: Source) -> None:
    """Raises MediaError for a pipe or a device, which would keep a reader waiting."""
    if isinstance(source, Path) and source.exists() and not (source.is_file() or source.is_dir()):
        raise MediaError("a pipe or a device, not a file")


def byte_count(source: Source) -> int:
    """Size of a source in bytes. Raises OSError where there is no file."""
    return len(source) if isinstance(source, bytes) else os.path.getsize(source)


def refuse_empty(source: Source) -> None:
    """Raises MediaError for a source without a byte."""
    if not byte_count(source):
        raise MediaError("empty file")


def refuse_archive(file: "MediaFile") -> None:
    """Raises MediaError for a ZIP, in which the media may be."""
    file.seek(0)
    if file.read(len(ZIP)) == ZIP:
        raise MediaError("a ZIP archive", "unpack it, and give the files in it")
    file.seek(0)


def check_size(width: int, height: int, most: int) -> None:
    """Raises MediaError for a picture of more than so many pixels."""
    if width * height > most:
        raise MediaError(
            f"too large: {width} x {height} pixels, the limit is {most / 1e6:g} million",
            "scale it down",
        )


def check_jpeg_side(width: int, height: int) -> None:
    """Raises MediaError for a picture that is too long to be stored as JPEG."""
    if max(width, height) > JPEG_SIDE:
        raise MediaError(
            f"too large for JPEG: {width} x {height} pixels, the limit of a side is {JPEG_SIDE}",
            "scale it down",
        )
