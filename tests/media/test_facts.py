"""Facts of files as they are, also where their headers are silent or wrong."""

from pathlib import Path

import numpy as np
import pytest
from made import audio_only, clip, picture, two_pictures
from media.cases import case
from PIL import Image

from deepfake_detector.media.probing import probe

NOISE = np.random.default_rng(1).integers(0, 256, (64, 64, 3), np.uint8)


def facts(folder: Path, data: bytes) -> dict:
    (folder / "file").write_bytes(data)
    return probe(folder / "file").facts


@pytest.mark.parametrize(
    ("container", "name"), [("mp4", "mov"), ("avi", "avi"), ("matroska", "matroska")]
)
def test_a_clip_tells_its_frames_times_and_bitrate(tmp_path, container, name):
    data = clip(24, rate=12, container=container)
    row = facts(tmp_path, data)
    assert (row["bytes"], row["container"], row["codec"]) == (len(data), name, "h264")
    assert (row["frames_found"], row["variable_rate"]) == (24, 0)
    assert row["duration"] == pytest.approx(2, rel=0.02)
    assert row["frame_rate"] == pytest.approx(12, rel=0.02)
    assert 0 < row["bitrate"] * row["duration"] / 8 < len(data)


def test_a_jpeg_with_another_picture_behind_it_is_a_jpeg(tmp_path):
    row = facts(tmp_path, two_pictures("MPO", NOISE, NOISE))
    assert (row["container"], row["codec"], row["frames_found"]) == ("jpeg", "jpeg", 1)


def test_a_codec_has_its_standards_name_whatever_decodes_it():
    assert probe(case("av1_12_frames.mp4")).facts["codec"] == "av1"  # by libdav1d


@pytest.mark.parametrize(
    ("gaps", "varies"),
    [
        ([40] * 23, 0),
        ([33, 33, 34] * 7 + [33, 33], 0),
        ([40] * 11 + [80] + [40] * 11, 1),
        ([20, 60] * 11 + [20], 1),
    ],
    ids=["steady", "rounded to milliseconds", "one frame dropped", "uneven"],
)
def test_a_variable_frame_rate_is_seen_and_rounding_is_not_taken_for_one(tmp_path, gaps, varies):
    stamps = [0, *np.cumsum(gaps).tolist()]
    row = facts(tmp_path, clip(24, stamps=stamps))
    assert row["variable_rate"] == varies
    assert row["duration"] == pytest.approx(
        stamps[-1] / 1000 + float(np.median(gaps)) / 1000, rel=0.01
    )


def test_a_header_that_counts_other_frames_than_there_are_is_contradicted(tmp_path):
    data = clip(24, container="avi")
    at = data.index(b"vids") + 32  # of the stream's header: its length in frames
    assert int.from_bytes(data[at : at + 4], "little") == 24
    row = facts(tmp_path, data[:at] + (99).to_bytes(4, "little") + data[at + 4 :])
    assert (row["frames_declared"], row["frames_found"]) == (99, 24)


@pytest.mark.parametrize("quality", [20, 30, 50, 75, 90, 95])
def test_the_quality_of_a_jpeg_is_read_from_its_tables(tmp_path, quality):
    row = facts(tmp_path, picture(NOISE, "JPEG", quality=quality))
    assert row["jpeg_quality"] == pytest.approx(quality, abs=3)
    assert (row["codec"], row["frames_found"]) == ("jpeg", 1)


def test_other_stills_have_no_jpeg_quality(tmp_path):
    row = facts(tmp_path, picture(NOISE))
    assert row == {"bytes": row["bytes"], "container": "png", "codec": "png", "frames_found": 1}


@pytest.mark.parametrize(
    ("kind", "name"), [("GIF", "gif"), ("PNG", "png"), ("WEBP", "webp"), ("AVIF", "avif")]
)
def test_an_animation_tells_its_frames_and_times(tmp_path, kind, name):
    more = [Image.fromarray(np.full((64, 64, 3), grey, np.uint8)) for grey in (0, 90, 250)]
    row = facts(
        tmp_path,
        picture(NOISE, kind, save_all=True, append_images=more, duration=[40, 40, 80, 40]),
    )
    assert (row["container"], row["codec"], row["frames_found"]) == (name, name, 4)
    assert (row["duration"], row["frame_rate"]) == (0.2, 20)
    assert row["variable_rate"] == 1


@pytest.mark.parametrize("data", [b"", b"text", audio_only()], ids=["empty", "text", "audio only"])
def test_of_what_cannot_be_read_the_size_is_told(tmp_path, data):
    assert facts(tmp_path, data) == {"bytes": len(data)}
