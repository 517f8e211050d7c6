"""Contact sheets show what is there, undistorted, each picture with its item."""

import io

import numpy as np
import pandas as pd
import pytest
from made import picture
from PIL import Image

from deepfake_detector.datasets import face_sheets
from deepfake_detector.media.stored_frames import frame_pictures
from deepfake_detector.pages import contact_sheet
from deepfake_detector.storage import tables
from deepfake_detector.storage.archive import ArchiveReader, write_archive

RED, GREEN = (200, 0, 0), (0, 200, 0)


def plain(colour: tuple[int, int, int], height: int = 40, width: int = 40) -> np.ndarray:
    return np.full((height, width, 3), colour, np.uint8)


def opened(jpeg: bytes) -> np.ndarray:
    return np.asarray(Image.open(io.BytesIO(jpeg))).astype(int)


@pytest.mark.parametrize(("pictures", "rows"), [(1, 1), (8, 1), (9, 2), (48, 6)])
def test_a_sheet_has_rows_of_eight(pictures, rows):
    sheet = opened(contact_sheet.contact_sheet([plain(RED)] * pictures, ["x"] * pictures))
    assert sheet.shape == (
        rows * (contact_sheet.TILE + contact_sheet.CAPTION),
        8 * contact_sheet.TILE,
        3,
    )


def test_a_wide_picture_is_not_squeezed():
    sheet = opened(
        contact_sheet.contact_sheet([plain(RED, 20, 80), plain(GREEN)], ["wide", "square"])
    )
    tile = sheet[: contact_sheet.TILE, : contact_sheet.TILE]
    red = (tile[..., 0] > 150) & (tile[..., 1] < 80)
    assert np.ptp(np.flatnonzero(red.any(1))) + 1 == pytest.approx(contact_sheet.TILE / 4, abs=2)
    assert np.ptp(np.flatnonzero(red.any(0))) + 1 == pytest.approx(contact_sheet.TILE, abs=2)


def face(item: str, sharpness: float, frame: int = 0, track: int = 0) -> dict:
    member = {"archive": "a.zip", "member": f"{item}{frame}{track}.png", "status": "ok"}
    return {"item": item, "frame": frame, "track": track, "sharpness": sharpness} | member


def test_faces_are_shown_by_class_and_method_and_the_least_sharp_of_each_person_once(
    tmp_path, monkeypatch
):
    rows = [
        face("r", 9.0),
        face("r", 1.0, 1),
        face("r", 5.0, 1, 1),
        face("s", 2.0),
        {"item": "t", "status": "broken"},
    ]
    colours = {
        row["member"]: picture(plain((40 * position, 0, 0)))
        for position, row in enumerate(rows[:4])
    }
    write_archive(tmp_path / "a.zip", colours)
    index = pd.DataFrame(
        {"item": ["r", "s", "t"], "method": ["real", "swap", "swap"], "label": [0, 1, 1]}
    )
    captions = {}
    monkeypatch.setattr(
        face_sheets,
        "contact_sheet",
        lambda pictures, said: captions.setdefault(tuple(said), b"jpeg"),
    )
    with ArchiveReader(tmp_path) as reader:
        made = face_sheets.face_sheets(tables.make(rows, tables.FACES), index, reader)
    assert list(made) == ["real", "fake_swap", "least_sharp"]
    real, swap, least_sharp = captions
    assert (len(real), len(swap)) == (3, 1)
    assert [caption.partition("\n")[2] for caption in least_sharp] == [
        "frame 1 track 0",
        "frame 0 track 0",
        "frame 1 track 1",
    ]


def test_frames_come_from_their_archive_and_ready_crops_from_their_place(tmp_path):
    write_archive(tmp_path / "a.zip", {"3.png": picture(plain(RED))})
    (tmp_path / "crop.png").write_bytes(picture(plain(GREEN)))
    frames = [
        {"item": "v", "frame": 3, "archive": "a.zip", "member": "3.png", "status": "ok"},
        {"item": "c", "frame": 0, "status": "ok"},
        {"item": "b", "status": "broken"},
    ]
    index = pd.DataFrame(
        {"item": ["v", "c", "b"], "path": ["nowhere", str(tmp_path / "crop.png"), "nowhere"]}
    )
    with ArchiveReader(tmp_path) as reader:
        show = frame_pictures(tables.make(frames, tables.FRAMES), index, reader)
        assert tuple(show("v", 3)[0, 0]) == RED
        assert tuple(show("c", 0)[0, 0]) == GREEN
