"""One reading of a file tells its kind, its facts and the times of its frames, also of a broken
one."""

import io
import struct
import zipfile
from fractions import Fraction
from unittest.mock import Mock

import av
import numpy as np
import pytest
from made import (
    audio_only,
    clip,
    encrypted,
    late_clip,
    picture,
    too_large_a_frame,
    two_pictures,
    with_b_frames,
    without_first_time,
)

from deepfake_detector.media.frame_sampling import sample_frames
from deepfake_detector.media.probing import NO_INDEX, probe
from deepfake_detector.media.reading import TRY_A_PLAYER, Limits, MediaError

ANIMATED = ("GIF", "PNG", "WEBP", "AVIF")
CONTAINERS = ("mp4", "matroska", "avi", "mpegts")
TINY = {container: clip(8, width=64, height=48, container=container) for container in CONTAINERS}
BLOCKS = np.kron(
    np.random.default_rng(1).integers(0, 256, (2, 3, 3), np.uint8), np.ones((16, 16, 1), np.uint8)
)


def without_frames() -> bytes:
    """An AVI file with the header of a video and no packet."""
    buffer = io.BytesIO()
    with av.open(buffer, "w", format="avi") as output:
        stream = output.add_stream("libx264", rate=25)
        stream.width, stream.height, stream.pix_fmt = 64, 48, "yuv420p"
        output.start_encoding()
    return buffer.getvalue()


def tiff_with_a_broken_second_page() -> bytes:
    data = bytearray(picture(BLOCKS, "TIFF"))
    (directory,) = struct.unpack_from("<I", data, 4)
    (entries,) = struct.unpack_from("<H", data, directory)
    next_page = directory + 2 + 12 * entries
    struct.pack_into("<I", data, next_page, len(data))
    return bytes(data) + bytes(6)


@pytest.mark.parametrize(
    ("data", "kind"),
    [
        (picture(BLOCKS, "JPEG"), "image"),
        (picture(BLOCKS, "PNG"), "image"),
        (picture(BLOCKS, "WEBP"), "image"),
        (picture(BLOCKS, "BMP"), "image"),
        (picture(BLOCKS, "TIFF"), "image"),
        (two_pictures("TIFF", BLOCKS, 255 - BLOCKS), "image"),
        (tiff_with_a_broken_second_page(), "image"),
        (
            two_pictures("MPO", BLOCKS, 255 - BLOCKS),
            "image",
        ),  # a phone's JPEG with a preview or a gain map behind the photo
        (picture(BLOCKS, "GIF"), "image"),
        (picture(BLOCKS, "AVIF"), "image"),
        *((two_pictures(kind, BLOCKS, 255 - BLOCKS), "video") for kind in ANIMATED),
        *((data, "video") for data in TINY.values()),
        (b"neither", "video"),
        (b"", "video"),
    ],
    ids=[
        "JPEG",
        "PNG",
        "WebP",
        "BMP",
        "TIFF",
        "TIFF of 2",
        "broken TIFF",
        "JPEG of 2",
        "GIF",
        "AVIF",
        *(f"{kind} of 2" for kind in ANIMATED),
        *CONTAINERS,
        "text",
        "empty",
    ],
)
@pytest.mark.parametrize("name", ["file.jpg", "file.mp4"])
def test_the_kind_of_a_file_is_told_by_its_content_not_its_name(tmp_path, data, kind, name):
    (tmp_path / name).write_bytes(data)
    assert probe(tmp_path / name).kind == kind
    assert probe(data).kind == kind


@pytest.mark.parametrize(
    ("data", "seconds"),
    [
        (clip(4, rate=10), ["0", "1/10", "2/10", "3/10"]),
        (clip(4, rate=10, container="matroska"), ["0", "1/10", "2/10", "3/10"]),
        (clip(3, stamps=[0, 40, 500]), ["0", "40/1000", "500/1000"]),
        (with_b_frames("mp4", 5), ["0", "1/25", "2/25", "3/25", "4/25"]),
    ],
    ids=["mp4", "matroska", "variable rate", "stored out of order"],
)
def test_all_frames_have_their_time(data, seconds):
    probed = probe(data).timeline
    assert probed.seconds == pytest.approx([float(Fraction(second)) for second in seconds])
    assert list(probed.stamps) == [frame.pts for frame in sample_frames(data, 99)]


@pytest.mark.parametrize(
    "data",
    [TINY["avi"], without_first_time(), picture(BLOCKS)],
    ids=["AVI", "a time is missing", "still"],
)
def test_where_times_do_not_hold_there_are_none(data):
    probed = probe(data)
    assert probed.timeline is None or set(probed.timeline.stamps) == {None}
    assert (probed.failure, probed.facts["frames_found"] in (1, 8)) == ("", True)


def zipped() -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr("clip.mp4", TINY["mp4"])
    return buffer.getvalue()


@pytest.mark.parametrize(
    ("data", "limits", "failure"),
    [
        (b"", Limits(), "empty file"),
        (b"text", Limits(), "neither an image nor a video that can be decoded: Invalid data found"),
        (zipped(), Limits(), "a ZIP archive; unpack it, and give the files in it"),
        (audio_only(), Limits(), "no video in it (audio only?)"),
        (encrypted(), Limits(), "its pictures are encrypted (copy protection)"),
        (TINY["mp4"][:400], Limits(), NO_INDEX),
        (TINY["mp4"][:-500], Limits(), NO_INDEX),  # within the index
        (too_large_a_frame(), Limits(), "damaged, or too large: it tells of a frame that memory"),
        (TINY["mp4"].replace(b"avc1", b"nope"), Limits(), "its codec is not known here"),
        (TINY["mp4"], Limits(pixels=64 * 48 - 1), "too large: 64 x 48 pixels"),
        (TINY["mp4"], Limits(work=0), "took longer than 0 seconds"),
    ],
    ids=[
        "empty",
        "text",
        "a zip",
        "audio only",
        "encrypted",
        "cut short",
        "cut in its index",
        "a frame of gigabytes",
        "unknown codec",
        "pixels",
        "work",
    ],
)
def test_a_broken_video_tells_its_size_and_the_reason_that_sampling_gives(data, limits, failure):
    probed = probe(data, limits)
    assert (probed.kind, probed.facts, probed.timeline) == ("video", {"bytes": len(data)}, None)
    assert probed.failure.startswith(failure)
    for handed_on in (probed, None):
        with pytest.raises(MediaError) as raised:
            next(sample_frames(data, 3, limits=limits, probe=handed_on))
        assert str(raised.value) == probed.failure


def test_a_video_without_a_frame_tells_its_facts_and_the_reason():
    probed = probe(without_frames())
    assert probed.failure == f"no frame in it; {TRY_A_PLAYER}"
    assert probed.facts["frames_found"] == 0
    assert (probed.facts["container"], probed.facts["codec"]) == ("avi", "h264")


def test_a_video_whose_index_ends_before_its_frames_is_called_cut_off():
    probed = probe(TINY["mp4"][:-100])
    assert probed.facts["frames_found"] == 0
    assert probed.failure.startswith(NO_INDEX)


def test_the_limit_of_work_does_not_change_the_kind_of_a_still():
    assert probe(picture(BLOCKS), Limits(work=0)).kind == "image"


def test_a_missing_file_is_an_error_for_whoever_asked(tmp_path):
    with pytest.raises(FileNotFoundError):
        probe(tmp_path / "gone.mp4")


@pytest.mark.parametrize(
    ("data", "times_opened"),
    [
        *((TINY[container], 1) for container in ("mp4", "matroska", "mpegts", "avi")),
        (with_b_frames("avi"), 2),  # the order of its frames is looked for first
    ],
    ids=["mp4", "matroska", "mpegts", "avi", "avi with B-frames"],
)
def test_a_probe_handed_on_spares_a_reading_and_changes_no_frame(monkeypatch, data, times_opened):
    opening = Mock(wraps=av.open)
    monkeypatch.setattr(av, "open", opening)
    probed = probe(data)
    assert opening.call_count == 1
    handed_on = list(sample_frames(data, 3, probe=probed))
    assert opening.call_count == 1 + times_opened
    alone = list(sample_frames(data, 3))
    assert opening.call_count == 2 * (1 + times_opened)
    for one, other in zip(handed_on, alone, strict=True):
        assert (one.index, one.pts, one.time) == (other.index, other.pts, other.time)
        np.testing.assert_array_equal(one.image, other.image)


@pytest.mark.parametrize(
    ("container", "later", "starts_at"),
    [("mp4", 0, 0), ("mp4", 2, 2), ("matroska", 2, 2), ("mpegts", 2, 0)],
)
def test_it_is_told_how_long_a_player_waits_for_the_first_frame(container, later, starts_at):
    probed = probe(late_clip(later, container))
    assert probed.starts_at == pytest.approx(starts_at, abs=0.1)  # sound begins a little before 0
    assert probed.timeline.seconds[0] == 0


@pytest.mark.parametrize("tag", [b"hev1", b"dvhe", b"dvh1"])
@pytest.mark.parametrize("transfer", [2, 16], ids=["not told", "PQ"])
def test_a_video_in_colours_of_dolby_vision_alone_is_refused(tag, transfer):
    buffer = io.BytesIO()
    with av.open(buffer, "w", format="mp4") as output:
        options = {"x265-params": "log-level=none"}
        stream = output.add_stream("libx265", rate=12, options=options)
        stream.width, stream.height, stream.pix_fmt = 64, 48, "yuv420p10le"
        stream.codec_context.color_trc = transfer
        for _ in range(3):
            output.mux(stream.encode(av.VideoFrame(64, 48, "yuv420p10le")))
        output.mux(stream.encode())
    probed = probe(buffer.getvalue().replace(b"hev1", tag))
    refused = tag != b"hev1" and transfer == 2
    assert ("Dolby Vision alone" in probed.failure) == refused
