"""A pack of items becomes an archive of frames; what is wrong with one costs that one only."""

import zipfile
from pathlib import Path
from unittest.mock import Mock

import av
import numpy as np
import pandas as pd
import pytest
from made import audio_only, clip, number_in, picture, two_pictures
from PIL import Image

from deepfake_detector import UserError
from deepfake_detector.media import extraction
from deepfake_detector.media.extraction import frame_tasks
from deepfake_detector.media.frame_sampling import sample_frames
from deepfake_detector.media.reading import TRY_A_PLAYER
from deepfake_detector.media.settings import ExtractFrames
from deepfake_detector.media.stills import read_image
from deepfake_detector.storage.archive import ArchiveReader, Item, Pack, write_archive
from deepfake_detector.storage.files import file_hash

JPEG, PNG = (
    ExtractFrames(frames=3, format="jpeg", jpeg_quality=95),
    ExtractFrames(frames=3, format="png", jpeg_quality=95),
)
STILL = np.random.default_rng(1).integers(0, 256, (20, 30, 3), np.uint8)


def video(folder, data: bytes) -> Pack:
    """A pack of one video, its file written to `folder`."""
    (folder / "0.mp4").write_bytes(data)
    return Pack("demo/real/0.zip", (Item("demo/real/0", "video", str(folder / "0.mp4")),))


def stills(folder, **files: bytes) -> Pack:
    """A pack of stills; file names have `_` for the dot."""
    items = []
    for name, data in files.items():
        path = folder / name.replace("_", ".")
        path.write_bytes(data)
        items.append(Item(f"demo/real/{path.stem}", "image", str(path)))
    return Pack("demo/_images/00.zip", tuple(items))


def listed(pack: Pack) -> dict[str, str]:
    """The MD5 sums that the index has of the pack's files."""
    return {item.item: file_hash(item.path, "md5") for item in pack.items}


def extracted(pack: Pack, folder: Path, settings: ExtractFrames) -> tuple[list[dict], list[dict]]:
    """Rows of the tables `frames` and `media`; the archive, if any, lies below `folder`."""
    made = extraction.extract_frames(pack, listed(pack), settings)
    if made.members:
        write_archive(folder / pack.archive, made.members)
    return made.rows["frames"], made.rows["media"]


def extract_frames(pack: Pack, folder: Path, settings: ExtractFrames) -> list[dict]:
    return extracted(pack, folder, settings)[0]


def members(path) -> list[str]:
    with zipfile.ZipFile(path) as archive:
        return archive.namelist()


def test_a_video_gives_a_row_and_a_member_per_sampled_frame(tmp_path):
    rows = extract_frames(video(tmp_path, clip(24, rate=12)), tmp_path / "out", JPEG)
    assert members(tmp_path / "out/demo/real/0.zip") == ["000004.jpg", "000012.jpg", "000020.jpg"]
    assert rows == [
        {
            "item": "demo/real/0",
            "archive": "demo/real/0.zip",
            "member": f"{number:06d}.jpg",
            "status": "ok",
            "frame": number,
            "pts": 1024 * number,
            "time": number / 12,
            "width": 96,
            "height": 64,
            "hash": row["hash"],
        }
        for number, row in zip((4, 12, 20), rows, strict=True)
    ]
    assert all(len(row["hash"]) == 16 for row in rows)
    with ArchiveReader(tmp_path / "out") as reader:
        assert [number_in(reader.picture(row["archive"], row["member"])) for row in rows] == [
            4,
            12,
            20,
        ]


@pytest.mark.parametrize(
    ("settings", "suffix", "largest_error"), [(PNG, "png", 0), (JPEG, "jpg", 3)]
)
def test_png_frames_are_lossless_and_jpeg_frames_are_near(
    tmp_path, settings, suffix, largest_error
):
    rows = extract_frames(video(tmp_path, clip()), tmp_path / "out", settings)
    with ArchiveReader(tmp_path / "out") as reader:
        for row, frame in zip(rows, sample_frames(tmp_path / "0.mp4", 3), strict=True):
            assert row["member"].endswith(suffix)
            stored = reader.picture(row["archive"], row["member"])
            assert np.abs(stored.astype(int) - frame.image).max() <= largest_error


def test_a_lower_jpeg_quality_gives_smaller_frames(tmp_path):
    sizes = []
    for quality in (20, 95):
        extract_frames(
            video(tmp_path, clip()),
            tmp_path / "out",
            ExtractFrames(frames=3, format="jpeg", jpeg_quality=quality),
        )
        sizes.append((tmp_path / "out/demo/real/0.zip").stat().st_size)
    assert sizes[0] < sizes[1]


def test_a_still_keeps_its_own_bytes(tmp_path):
    files = {"a_JPG": picture(STILL, "JPEG"), "b_png": picture(STILL)}
    rows = extract_frames(stills(tmp_path, **files), tmp_path / "out", JPEG)
    assert [row["member"] for row in rows] == ["real/a/000000.jpg", "real/b/000000.png"]
    with ArchiveReader(tmp_path / "out") as reader:
        assert [reader.read(row["archive"], row["member"]) for row in rows] == list(files.values())
    assert [
        (row["frame"], row["pts"], row["time"], row["width"], row["height"]) for row in rows
    ] == [(0, None, 0.0, 30, 20)] * 2


def test_a_turned_still_is_measured_upright(tmp_path):
    exif = Image.Exif()
    exif[0x0112] = 6
    (row,) = extract_frames(
        stills(tmp_path, a_jpg=picture(STILL, "JPEG", exif=exif)), tmp_path / "out", JPEG
    )
    assert (row["width"], row["height"]) == (20, 30)


def test_a_bad_item_costs_only_itself(tmp_path):
    good = picture(STILL)
    pack = stills(
        tmp_path,
        a_png=good,
        b_png=b"",
        c_png=b"no picture",
        d_png=good[:200],
        e_png=good,
    )
    rows = extract_frames(pack, tmp_path / "out", JPEG)
    assert [row["item"] for row in rows] == [item.item for item in pack.items]
    assert [row["status"].partition(":")[0] for row in rows] == [
        "ok",
        "empty file",
        "neither an image nor a video that can be decoded",
        "damaged image",
        "ok",
    ]
    assert all(set(row) == {"item", "status"} for row in rows if row["status"] != "ok")
    assert members(tmp_path / "out/demo/_images/00.zip") == [
        "real/a/000000.png",
        "real/e/000000.png",
    ]


@pytest.mark.parametrize(("settings", "count"), [(JPEG, 0), (PNG, 2)], ids=["jpeg", "png"])
def test_frames_too_long_for_jpeg_cost_only_their_item(tmp_path, settings, count):
    long = np.zeros((1, 65_501, 3), np.uint8)
    rows = extract_frames(
        video(tmp_path, two_pictures("PNG", long, 255 - long)), tmp_path / "out", settings
    )
    assert [row["status"] == "ok" for row in rows] == ([True] * count or [False])
    assert count or rows[0]["status"].startswith("too large for JPEG: 65501 x 1 pixels")


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda path: path.unlink(), "0.mp4: not as it was listed: No such file or directory"),
        (
            lambda path: path.write_bytes(b""),
            "0.mp4: not as it was listed: its content has changed",
        ),
        (
            lambda path: path.write_bytes(picture(np.zeros((80, 80, 3), np.uint8))),
            "0.mp4: not as it was listed: its content has changed",
        ),
    ],
    ids=["gone", "cut off", "another one"],
)
def test_a_file_that_is_not_what_was_listed_is_no_bad_item(tmp_path, change, said):
    """What were written down of it would be taken from the scratch store ever after, for the good
    file too."""
    pack = video(tmp_path, clip())
    sums = listed(pack)
    change(tmp_path / "0.mp4")
    with pytest.raises(UserError, match=f"{said}.*bring it back, then run the same command again"):
        extraction.extract_frames(pack, sums, JPEG)


def test_a_drive_that_fails_is_no_bad_item(tmp_path, monkeypatch):
    pack = video(tmp_path, clip())
    monkeypatch.setattr(extraction, "probe", Mock(side_effect=OSError(5, "Input/output error")))
    with pytest.raises(UserError, match="0.mp4: not as it was listed: Input/output error; bring"):
        extraction.extract_frames(pack, listed(pack), JPEG)


@pytest.mark.parametrize(
    ("data", "status"),
    [
        (b"", "empty file"),
        (
            b"text",
            "neither an image nor a video that can be decoded: Invalid data found when processing "
            f"input; {TRY_A_PLAYER}",
        ),
        (audio_only(), "no video in it (audio only?)"),
    ],
    ids=["empty", "text", "audio only"],
)
def test_a_bad_video_gives_one_row_and_no_archive(tmp_path, data, status):
    assert extract_frames(video(tmp_path, data), tmp_path / "out", JPEG) == [
        {"item": "demo/real/0", "status": status}
    ]
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("settings", [JPEG, PNG])
def test_two_runs_give_the_same_bytes_and_rows(tmp_path, settings):
    for pack in (video(tmp_path, clip()), stills(tmp_path, a_png=picture(STILL), b_png=b"")):
        first = extract_frames(pack, tmp_path / "first", settings)
        assert extract_frames(pack, tmp_path / "second", settings) == first
        assert (tmp_path / "first" / pack.archive).read_bytes() == (
            tmp_path / "second" / pack.archive
        ).read_bytes()


def test_what_is_stored_can_be_read_as_a_still(tmp_path):
    """Cropping reads frames of videos and stills in one way."""
    (row, *_) = extract_frames(video(tmp_path, clip()), tmp_path / "out", JPEG)
    with ArchiveReader(tmp_path / "out") as reader:
        assert number_in(read_image(reader.read(row["archive"], row["member"]))) == row["frame"]


def test_facts_of_a_video_stand_beside_its_frames(tmp_path):
    data = clip(24, rate=12, rotation=90)
    _, facts = extracted(video(tmp_path, data), tmp_path / "out", JPEG)
    assert facts == [
        {
            "item": "demo/real/0",
            "bytes": len(data),
            "container": "mov",
            "codec": "h264",
            "width": 64,
            "height": 96,
            "rotation": 90,
            "duration": pytest.approx(2),
            "frame_rate": pytest.approx(12),
            "variable_rate": 0,
            "frames_declared": 24,
            "frames_found": 24,
            "bitrate": facts[0]["bitrate"],
            "segments": 1,
            "encoder": facts[0]["encoder"],
            "mirrored": 0,
            "pixel_aspect": 1,
            "pixel_format": "yuv420p",
            "colour_matrix": "",
            "colour_range": "",
            "transfer": "",
            "interlaced": 0,
            "frames_distrusted": 0,
        }
    ]
    assert 0 < facts[0]["bitrate"] < 8 * len(data) / 2
    assert facts[0]["encoder"].startswith("Lavf")


def test_facts_of_what_cannot_be_read_are_its_size(tmp_path):
    _, facts = extracted(stills(tmp_path, a_png=b"no picture"), tmp_path / "out", JPEG)
    assert facts == [{"item": "demo/real/a", "bytes": 10}]


@pytest.mark.parametrize("name", ["a.webp", "a.mp4"])
@pytest.mark.parametrize("kind", ["GIF", "PNG", "WEBP"])
def test_an_animation_gives_frames_whatever_its_name(tmp_path, name, kind):
    more = [Image.fromarray(np.full((20, 30, 3), grey, np.uint8)) for grey in (0, 90, 250)]
    path = tmp_path / name
    path.write_bytes(picture(STILL, kind, save_all=True, append_images=more, duration=40))
    item = Item("demo/real/a", "image" if name.endswith("webp") else "video", str(path))
    rows = extract_frames(Pack("demo/x.zip", (item,)), tmp_path / "out", PNG)
    assert [(row["frame"], row["time"]) for row in rows] == [(0, 0), (2, 0.08), (3, 0.12)]
    with ArchiveReader(tmp_path / "out") as reader:
        grey = [read_image(reader.read(row["archive"], row["member"])).mean() for row in rows[1:]]
    assert grey == pytest.approx([90, 250], abs=2)


def test_a_still_named_as_a_video_gives_its_one_frame(tmp_path):
    (row,) = extract_frames(video(tmp_path, picture(STILL)), tmp_path / "out", PNG)
    with ArchiveReader(tmp_path / "out") as reader:
        assert np.array_equal(reader.picture(row["archive"], row["member"]), STILL)


def test_a_ready_crop_is_looked_at_and_stays_where_it_is(tmp_path):
    (tmp_path / "a.png").write_bytes(picture(STILL))
    pack = Pack("demo/_images/00.zip", (Item("demo/real/a", "face", str(tmp_path / "a.png")),))
    (row,), (facts,) = extracted(pack, tmp_path / "out", JPEG)
    assert (row["status"], row["width"], row["height"], len(row["hash"])) == ("ok", 30, 20, 16)
    assert not {"archive", "member"} & set(row)
    assert (facts["codec"], facts["width"]) == ("png", 30)
    assert not (tmp_path / "out").exists()


def index(folder: Path, md5: str = "a" * 32) -> pd.DataFrame:
    return pd.DataFrame(
        [{"item": "demo/real/0", "kind": "video", "path": str(folder / "0.mp4"), "md5": md5}]
    )


def test_what_a_task_is_named_by_is_all_that_its_result_depends_on(tmp_path):
    pack = Pack("demo/real/0.zip", (Item("demo/real/0", "video", "x/0.mp4"),))
    moved = Pack("demo/real/0.zip", (Item("demo/real/0", "video", "y/z.mp4"),))
    key = frame_tasks(index(tmp_path), JPEG)(pack).key
    assert frame_tasks(index(tmp_path), JPEG)(moved).key == key
    assert (
        frame_tasks(index(tmp_path), ExtractFrames(frames=4, format="jpeg", jpeg_quality=95))(
            pack
        ).key
        != key
    )
    assert frame_tasks(index(tmp_path, "b" * 32), JPEG)(pack).key != key
    for other in (Item("demo/real/0", "image", "x/0.mp4"), Item("demo/real/0", "video", "x/0.mov")):
        assert frame_tasks(index(tmp_path), JPEG)(Pack(pack.archive, (other,))).key != key


def test_a_video_is_opened_to_probe_it_and_to_decode_it_and_no_more(tmp_path, monkeypatch):
    pack = video(tmp_path, clip())
    opening = Mock(wraps=av.open)
    monkeypatch.setattr(av, "open", opening)
    assert len(extract_frames(pack, tmp_path / "out", JPEG)) == 3
    assert opening.call_count == 2
