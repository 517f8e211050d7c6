"""Sheets of the faces found: by class and method, and the least sharp of each person."""

import numpy as np
import pandas as pd
from made import picture

from deepfake_detector.datasets import face_sheets
from deepfake_detector.storage import tables
from deepfake_detector.storage.archive import ArchiveReader, write_archive


def plain(colour: tuple[int, int, int]) -> np.ndarray:
    return np.full((40, 40, 3), colour, np.uint8)


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


def test_a_method_named_as_a_path_leaves_its_sheet_in_the_folder(tmp_path):
    folder = tmp_path / "plots/sheets"
    face_sheets.write_sheets({"real": b"r", "fake_gan/../../../2024": b"f"}, folder)
    assert {path.name for path in folder.iterdir()} == {
        "real.jpg",
        "fake_gan%2F..%2F..%2F..%2F2024.jpg",
    }
