"""What a file is by its own bytes and its place, and the words for why it cannot be read."""

import io
import math
import os

import made
import pytest

from deepfake_detector.media import reading
from deepfake_detector.media.reading import MediaError, MediaFile


def box(kind: bytes, content: bytes = b"") -> bytes:
    return (8 + len(content)).to_bytes(4, "big") + kind + content


def large_box(kind: bytes, content: bytes) -> bytes:
    """With its size in eight bytes, as of four gigabytes and more."""
    return (1).to_bytes(4, "big") + kind + (16 + len(content)).to_bytes(8, "big") + content


BEGINNING = box(b"ftyp", b"isom\0\0\0\0") + box(b"moov")
ENDLESS = (1).to_bytes(4, "big") + b"mdat" + b"\xff" * 8  # so large that no file can be


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        (BEGINNING + box(b"moof") + box(b"mdat", b"abc"), True),
        (BEGINNING + large_box(b"mdat", bytes(300)) + box(b"moof"), True),
        (BEGINNING + box(b"mdat", b"abc"), False),
        (BEGINNING + box(b"mdat", box(b"moof")), False),  # within another
        (BEGINNING + box(b"\0\0\0\0", b"abc") + box(b"moof"), False),
        (BEGINNING + (0).to_bytes(4, "big") + b"mdat" + box(b"moof"), False),  # to the end
        (BEGINNING + (7).to_bytes(4, "big") + b"free" + box(b"moof"), False),
        (BEGINNING + box(b"moof")[:7], False),
        (BEGINNING + ENDLESS + box(b"moof"), False),
        (box(b"moof"), True),
        (b"", False),
    ],
)
def test_fragments_are_known_by_the_boxes_of_the_file(data, expected):
    assert reading.has_fragments(MediaFile(io.BytesIO(data), math.inf)) == expected


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        (BEGINNING + box(b"mdat", b"abc"), False),
        (BEGINNING + box(b"mdat", b"abc")[:-1], True),
        (BEGINNING + box(b"moof") + large_box(b"mdat", bytes(300))[:-9], True),
        (BEGINNING + box(b"mdat", b"abc") + box(b"free", b"abc")[:-1], False),  # nothing of a film
        (BEGINNING + box(b"mdat", b"abc") + b"some text behind it", False),
        (BEGINNING + (0).to_bytes(4, "big") + b"mdat", False),  # to the end
        (BEGINNING + ENDLESS + b"abc", True),
        (box(b"ftyp") + box(b"mdat", b"abc"), True),  # its index would come last
        (box(b"ftyp") + box(b"mdat", b"abc") + box(b"moov"), False),
        (box(b"ftyp") + box(b"mdat", b"abc") + box(b"_htc") + box(b"moov"), False),  # no known box
        (b"", False),
    ],
)
def test_a_file_that_is_cut_off_is_known_by_its_last_box(data, expected):
    assert is_cut_off(data) == expected


def is_cut_off(data: bytes) -> bool:
    return reading.is_cut_off(MediaFile(io.BytesIO(data), math.inf), len(data))


@pytest.mark.parametrize("container", ["mp4", "matroska", "avi"])
def test_a_file_that_is_cut_off_is_known_by_what_it_says_it_holds(container):
    data = made.clip(8, container=container)
    assert not is_cut_off(data)
    assert is_cut_off(data[: len(data) // 2])
    assert is_cut_off(data[:-100])


EBML_HEAD = b"\x1a\x45\xdf\xa3\x83abc\x18\x53\x80\x67"


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        (EBML_HEAD + b"\x83abc", False),
        (EBML_HEAD + b"\x83ab", True),
        (EBML_HEAD + b"\x40\x03abc", False),  # its size in two bytes
        (EBML_HEAD + b"\x40\x03ab", True),
        (EBML_HEAD + b"\x01\0\0\0\0\0\0\x03ab", True),  # and in eight
        (EBML_HEAD + b"\xffab", False),  # of a stream: nobody knew
        (EBML_HEAD + b"\x01\xff\xff\xff\xff\xff\xff\xffab", False),
        (EBML_HEAD + b"\0ab", False),
        (EBML_HEAD, False),
        (EBML_HEAD[:5], False),
        (EBML_HEAD[:4], False),
        (b"RIFF\x08\0\0\0AVI abcd", False),
        (b"RIFF\x10\0\0\0AVI abcd", False),  # the 8 bytes are counted too
        (b"RIFF\x11\0\0\0AVI abcd", True),
        (b"RIFF\xff\xff\xff\xffAVI abcd", False),
        (b"RIFF\x11\0\0\0WAVEabcd", False),
    ],
)
def test_what_a_container_holds_is_what_its_head_says(data, expected):
    assert is_cut_off(data) == expected


@pytest.mark.parametrize(
    ("make", "error"),
    [(os.mkfifo, "a pipe or a device, not a file"), (os.mkdir, ""), (lambda path: None, "")],
)
def test_a_pipe_is_refused_before_it_is_opened(tmp_path, make, error):
    path = tmp_path / "clip.mp4"
    make(path)
    if not error:
        reading.check_file(path)
        return
    with pytest.raises(MediaError, match=f"^{error}$"):
        reading.check_file(path)


def test_bytes_and_files_are_no_pipes(tmp_path):
    reading.check_file(b"abc")
    (tmp_path / "clip.mp4").write_bytes(b"abc")
    reading.check_file(tmp_path / "clip.mp4")


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (MediaError("empty file"), "empty file"),
        (PermissionError(13, "Permission denied", "clip.mp4"), "cannot be read: Permission denied"),
        (OSError("gone"), "cannot be read: gone"),
        (ValueError("no number"), "cannot be read: no number"),
    ],
)
def test_the_reason_is_the_cause_without_the_path(error, said):
    assert reading.reason(error) == said
