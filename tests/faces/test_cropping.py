"""An archive of frames becomes an archive of face crops, and the table says what became of every
frame and face."""

import zipfile

import cv2
import numpy as np
import pandas as pd
import pytest
from made import changed, clip, person_clip, person_still, picture

from deepfake_detector import UserError
from deepfake_detector.faces import cropping
from deepfake_detector.faces.cropping import crop_tasks, lenders, lent
from deepfake_detector.faces.cutting import cut, given_crop, points_of_ready_crop, read_points
from deepfake_detector.faces.face import Face
from deepfake_detector.faces.settings import CropFaces
from deepfake_detector.media.extraction import extract_frames
from deepfake_detector.media.settings import ExtractFrames
from deepfake_detector.storage import tables
from deepfake_detector.storage.archive import ArchiveReader, Item, Pack, archive_of, write_archive
from deepfake_detector.storage.files import file_hash
from deepfake_detector.storage.packs import Task

SETTINGS = CropFaces(
    detector="haar", detect_size=240, min_score=0.0, min_face=32, margin=1.1, crop_size=64
)
NOISE = np.random.default_rng(1).integers(0, 256, (20, 30, 3), np.uint8)


def framed(folder, kind: str, *files: bytes) -> tuple[Pack, list[dict]]:
    """A pack of the files given, and the rows of its frames, which lie in `folder`/frames."""
    items = []
    for number, data in enumerate(files):
        path = folder / f"{number}.{'mp4' if kind == 'video' else 'jpg'}"
        path.write_bytes(data)
        items.append(Item(f"demo/real/{number}", kind, str(path)))
    pack = Pack(archive_of("demo/real/0", kind), tuple(items))
    sums = dict(index_of(pack)[["item", "md5"]].itertuples(index=False, name=None))
    made = extract_frames(pack, sums, ExtractFrames(frames=3, format="png"))
    if made.members:
        write_archive(folder / "frames" / pack.archive, made.members)
    return pack, made.rows["frames"]


def index_of(pack: Pack) -> pd.DataFrame:
    return pd.DataFrame(
        [
            {"item": item.item, "kind": item.kind, "md5": file_hash(item.path, "md5")}
            for item in pack.items
        ]
    )


def task(
    folder, pack: Pack, rows: list[dict], settings: CropFaces = SETTINGS, known: dict | None = None
) -> Task:
    frames = tables.make(rows, tables.FRAMES)
    return crop_tasks(index_of(pack), frames, known or {}, folder / "frames", settings)(pack)


def cropped(
    folder,
    pack: Pack,
    rows: list[dict],
    settings: CropFaces = SETTINGS,
    name: str = "crops",
    known: dict | None = None,
) -> list[dict]:
    """Rows of the faces table; the archive, if there is one, lies in `folder`/`name`."""
    one = task(folder, pack, rows, settings, known)
    made = cropping.crop_faces(one.pack, *one.arguments)
    if made.members:
        write_archive(folder / name / pack.archive, made.members)
    return made.rows["faces"]


def two_faces() -> np.ndarray:
    """A still in which one person is shown in full and, to the right, at half the size."""
    image = cv2.cvtColor(
        cv2.imdecode(np.frombuffer(person_still(), np.uint8), cv2.IMREAD_COLOR), cv2.COLOR_BGR2RGB
    )
    half = cv2.resize(image, None, fx=0.5, fy=0.5, interpolation=cv2.INTER_AREA)
    beside = np.full((image.shape[0], half.shape[1], 3), 127, np.uint8)
    beside[: half.shape[0]] = half
    return np.hstack([image, beside])


@pytest.mark.slow
def test_every_frame_of_a_person_gives_its_crop(tmp_path):
    pack, frames = framed(tmp_path, "video", person_clip())
    rows = cropped(tmp_path, pack, frames)
    assert [(row["frame"], row["time"]) for row in rows] == [
        (row["frame"], row["time"]) for row in frames
    ]
    assert [(row["item"], row["archive"], row["track"], row["status"]) for row in rows] == [
        ("demo/real/0", "demo/real/0.zip", 0, "ok")
    ] * 3
    with ArchiveReader(tmp_path / "crops") as crops, ArchiveReader(tmp_path / "frames") as source:
        for row, frame in zip(rows, frames, strict=True):
            assert row["member"] == f"{row['frame']:06d}_0.png"
            box = Face(row["x"], row["y"], row["width"], row["height"], row["score"])
            expected = cut(source.picture(frame["archive"], frame["member"]), box, 1.1, 64)
            np.testing.assert_array_equal(crops.picture(row["archive"], row["member"]), expected)


def test_every_face_of_a_frame_gets_a_row_the_dominant_one_track_0(tmp_path):
    pack, frames = framed(tmp_path, "image", picture(two_faces(), "JPEG", quality=95))
    rows = cropped(tmp_path, pack, frames, changed(SETTINGS, detect_size=480))
    assert [(row["track"], row["member"], row["status"]) for row in rows] == [
        (0, "real/0/000000_0.png", "ok"),
        (1, "real/0/000000_1.png", "ok"),
    ]
    assert rows[0]["width"] > 1.5 * rows[1]["width"]


def test_a_face_below_the_least_size_is_reported_without_a_crop(tmp_path):
    pack, frames = framed(tmp_path, "image", picture(two_faces(), "JPEG", quality=95))
    between = changed(SETTINGS, detect_size=480, min_face=80)
    large, small = cropped(tmp_path, pack, frames, between)
    assert small["width"] < 80 < large["width"]
    assert (large["status"], small["status"]) == ("ok", "face too small")
    assert not {"archive", "member", "sharpness"} & set(small)
    with zipfile.ZipFile(tmp_path / "crops" / pack.archive) as archive:
        assert archive.namelist() == ["real/0/000000_0.png"]


@pytest.mark.parametrize(("side", "is_cut"), [(80.0, True), (79.9, False)])
def test_a_face_of_just_the_least_size_is_judged(side, is_cut):
    face = Face(10, 10, side, side - 5, 1.0)
    found = cropping._crop(NOISE, face, changed(SETTINGS, min_face=80))
    assert (found is not None) == is_cut


def test_crops_are_kept_under_what_their_media_hold(tmp_path):
    """Two ready crops of one name and place are two pictures."""
    pack, frames = framed(tmp_path, "image", picture(NOISE))
    frames, given = tables.make(frames, tables.FRAMES), index_of(pack)
    keys = {
        crop_tasks(index, frames, {}, tmp_path / "frames", SETTINGS)(pack).key
        for index in (given, given.assign(md5="b" * 32))
    }
    assert len(keys) == 2


def test_a_frame_without_a_face_gets_a_row_that_says_so(tmp_path):
    pack, frames = framed(tmp_path, "video", clip())
    assert cropped(tmp_path, pack, frames) == [
        {"item": "demo/real/0", "frame": row["frame"], "time": row["time"], "status": "no face"}
        for row in frames
    ]
    assert not (tmp_path / "crops").exists()


@pytest.mark.slow
def test_a_bad_item_keeps_its_reason_and_costs_only_itself(tmp_path):
    pack, frames = framed(tmp_path, "image", person_still(0), b"", picture(NOISE), person_still(2))
    rows = cropped(tmp_path, pack, frames)
    assert [(row["item"], row["status"]) for row in rows] == [
        ("demo/real/0", "ok"),
        ("demo/real/1", "empty file"),
        ("demo/real/2", "no face"),
        ("demo/real/3", "ok"),
    ]


GIVEN = changed(SETTINGS, realign=False)


@pytest.mark.slow
@pytest.mark.parametrize("now", [b"cut off", person_still(1)], ids=["cut off", "another one"])
def test_a_ready_crop_that_is_not_what_was_listed_is_no_bad_item(tmp_path, now):
    pack, frames = framed(tmp_path, "face", person_still())
    one = task(tmp_path, pack, frames)
    (tmp_path / "0.jpg").write_bytes(now)
    with pytest.raises(UserError, match=r"0\.jpg: not as it was listed: its content has changed"):
        cropping.crop_faces(one.pack, *one.arguments)
    (tmp_path / "0.jpg").unlink()
    with pytest.raises(UserError, match=r"0\.jpg: not as it was listed: No such file"):
        cropping.crop_faces(one.pack, *one.arguments)


def test_a_ready_crop_is_cut_anew_round_the_face_in_it(tmp_path):
    pack, frames = framed(tmp_path, "face", person_still(), picture(NOISE))
    row, none = cropped(tmp_path, pack, frames)
    pack, frames = framed(tmp_path, "image", person_still())
    (still,) = cropped(tmp_path, pack, frames, name="of a still")
    assert {key: row[key] for key in ("x", "y", "width", "height", "sharpness")} == {
        key: still[key] for key in ("x", "y", "width", "height", "sharpness")
    }
    assert none == {"item": "demo/real/1", "frame": 0, "time": 0.0, "status": "no face"}


def test_a_ready_crop_is_its_central_square_where_it_is_taken_as_it_is(tmp_path):
    pack, frames = framed(tmp_path, "face", picture(NOISE), b"no picture")
    good, bad = cropped(tmp_path, pack, frames, GIVEN)
    assert bad == {"item": "demo/real/1", "status": "not an image that can be read"}
    assert {
        key: good[key] for key in ("frame", "track", "x", "y", "width", "height", "status")
    } == {
        "frame": 0,
        "track": 0,
        "x": 0,
        "y": 0,
        "width": 30,
        "height": 20,
        "status": "ok",
    }
    assert good["points"] == points_of_ready_crop()
    with ArchiveReader(tmp_path / "crops") as crops:
        np.testing.assert_array_equal(
            crops.picture(good["archive"], good["member"]), given_crop(NOISE, 64)
        )


def test_a_crop_comes_with_its_quality(tmp_path):
    flat = np.full((40, 40, 3), 90, np.uint8)
    pack, frames = framed(tmp_path, "face", picture(flat))
    (row,) = cropped(tmp_path, pack, frames, GIVEN)
    assert (row["sharpness"], row["brightness"], row["contrast"]) == (0.0, 90.0, 0.0)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("kind", "data"),
    [("video", person_clip()), ("image", person_still()), ("face", person_still(1))],
)
def test_two_runs_give_the_same_bytes_and_rows(tmp_path, kind, data):
    pack, frames = framed(tmp_path, kind, data)
    assert cropped(tmp_path, pack, frames, name="first") == cropped(
        tmp_path, pack, frames, name="second"
    )
    assert (tmp_path / "first" / pack.archive).read_bytes() == (
        tmp_path / "second" / pack.archive
    ).read_bytes()


def test_a_damaged_archive_of_frames_stops_the_run_and_is_named(tmp_path):
    pack, frames = framed(tmp_path, "video", person_clip())
    (tmp_path / "frames" / pack.archive).write_bytes(b"damaged")
    with pytest.raises(UserError, match=r"frames/demo/real/0\.zip: cannot be read .*dvc checkout"):
        cropped(tmp_path, pack, frames)


@pytest.mark.slow
@pytest.mark.parametrize("size", [32, 96])
def test_crops_have_the_size_that_is_set(tmp_path, size):
    pack, frames = framed(tmp_path, "image", person_still())
    (row,) = cropped(tmp_path, pack, frames, changed(SETTINGS, crop_size=size))
    with ArchiveReader(tmp_path / "crops") as crops:
        assert crops.picture(row["archive"], row["member"]).shape == (size, size, 3)


@pytest.mark.slow
def test_yunet_finds_the_person_too(tmp_path, yunet):
    pack, frames = framed(tmp_path, "video", person_clip())
    settings = changed(SETTINGS, detector="yunet", detect_size=320, min_score=0.6)
    rows = cropped(tmp_path, pack, frames, settings)
    assert [row["status"] for row in rows] == ["ok"] * 3
    for row in rows:
        (left_eye, right_eye, nose, left_mouth, right_mouth) = read_points(row["points"])
        assert left_eye[0] < nose[0] < right_eye[0]
        assert left_mouth[0] < right_mouth[0]
        assert max(left_eye[1], right_eye[1]) < nose[1] < min(left_mouth[1], right_mouth[1])
        assert np.abs(read_points(row["points"]) - read_points(points_of_ready_crop())).max() < 0.2


def test_known_boxes_are_cut_and_nothing_is_looked_for(tmp_path):
    pack, frames = framed(tmp_path, "video", clip())
    first, second, _ = (row["frame"] for row in frames)
    box = {
        "track": 0,
        "x": 10.5,
        "y": 5.0,
        "width": 40.0,
        "height": 48.0,
        "score": 0.9,
        "status": "ok",
    }
    box["points"] = "0.3173 0.4231 0.6731 0.4038 0.5000 0.5962 0.3654 0.7500 0.6346 0.7308"
    known = [
        {"item": "o", "frame": first} | box,
        {"item": "o", "frame": second, "status": "no face"},
    ]
    rows = cropped(tmp_path, pack, frames, known={"demo/real/0": tables.make(known, tables.FACES)})
    assert [row["status"] for row in rows] == ["ok", "no face", "no face"]
    assert {key: rows[0][key] for key in ("x", "y", "width", "height", "score", "points")} == {
        key: box[key] for key in ("x", "y", "width", "height", "score", "points")
    }


def rows_of(item: str, *shapes: tuple[int, int, int], status: str = "ok") -> list[dict]:
    return [
        {"item": item, "frame": frame, "width": width, "height": height, "status": status}
        for frame, width, height in shapes
    ]


def test_an_original_lends_its_boxes_to_the_fakes_whose_frames_align():
    shapes = ((2, 64, 48), (5, 64, 48))
    frames = [
        *rows_of("real", *shapes),
        *rows_of("aligned", *shapes),
        *rows_of("smaller", (2, 32, 24), (5, 32, 24)),
        *rows_of("shorter", (2, 64, 48)),
        *rows_of("still", *shapes),
        *rows_of("orphan", *shapes),
        {"item": "broken", "status": "empty file"},
    ]
    fakes = ("aligned", "smaller", "shorter", "broken", "still", "orphan")
    index = pd.DataFrame(
        [{"item": "real", "label": 0, "kind": "video", "original": ""}]
        + [{"item": fake, "label": 1, "kind": "video", "original": "real"} for fake in fakes]
    )
    index.loc[index["item"] == "still", "kind"] = "image"
    index.loc[index["item"] == "orphan", "original"] = "not here"
    assert lenders(index, tables.make(frames, tables.FRAMES)) == {"aligned": "real"}


def test_an_original_that_failed_lends_no_boxes():
    """Nobody knows whether it has a face, so its fakes are searched for theirs."""
    lender = {"swap": "real", "of_failed": "failed", "of_none": "none"}
    faces = pd.DataFrame({"item": ["real", "real", "failed"], "status": ["ok", "ok", "too long"]})
    assert {item: len(rows) for item, rows in lent(lender, faces, {"failed"}).items()} == {
        "swap": 2
    }


@pytest.mark.slow
def test_what_a_task_is_named_by_is_all_that_its_result_depends_on(tmp_path):
    pack, frames = framed(tmp_path, "video", person_clip())
    key = task(tmp_path, pack, frames).key
    assert task(tmp_path, pack, frames).key == key
    known = {"demo/real/0": tables.make([], tables.FACES)}
    others = [
        task(tmp_path, pack, frames, changed(SETTINGS, margin=1.2)).key,
        task(tmp_path, pack, frames[:2]).key,
        task(tmp_path, pack, frames, known=known).key,
    ]
    write_archive(tmp_path / "frames" / pack.archive, {"x": b"other pictures"})
    others.append(task(tmp_path, pack, frames).key)
    assert len({key, *others}) == 5
