"""Stored frames come back as pictures, wherever they lie."""

import numpy as np
import pandas as pd
from made import picture

from deepfake_detector.media.stored_frames import frame_pictures
from deepfake_detector.storage import tables
from deepfake_detector.storage.archive import ArchiveReader, write_archive

RED, GREEN = (200, 0, 0), (0, 200, 0)


def plain(colour: tuple[int, int, int]) -> np.ndarray:
    return np.full((40, 40, 3), colour, np.uint8)


def test_frames_come_from_their_archive_and_ready_crops_from_their_place(tmp_path):
    write_archive(tmp_path / "a.zip", {"3.png": picture(plain(RED))})
    (tmp_path / "crop.png").write_bytes(picture(plain(GREEN)))
    frames = [
        {"item": "v", "frame": 3, "archive": "a.zip", "member": "3.png", "status": "ok"},
        {"item": "c", "frame": 0, "status": "ok"},
        {"item": "b", "status": "broken"},
    ]
    index = pd.DataFrame(
        {
            "item": ["v", "c", "b"],
            "kind": ["video", "face", "video"],
            "path": ["nowhere", str(tmp_path / "crop.png"), "nowhere"],
        }
    )
    with ArchiveReader(tmp_path) as reader:
        show = frame_pictures(tables.make(frames, tables.FRAMES), index, reader)
        assert tuple(show("v", 3)[0, 0]) == RED
        assert tuple(show("c", 0)[0, 0]) == GREEN
