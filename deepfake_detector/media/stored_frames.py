"""The frames that `extract_frames` stored, as pictures."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd

from deepfake_detector.common import statuses
from deepfake_detector.media.stills import read_image
from deepfake_detector.storage.archive import ArchiveReader, Item


def picture(item: Item, frame: dict, reader: ArchiveReader) -> np.ndarray:
    """A frame of an item, (height, width, 3) RGB uint8: of a video and a still from the archives, a
    ready crop from its file.

    `frame` has the archive and member; raises MediaError or OSError where a ready crop cannot be
    read.
    """
    if item.kind == "video":  # this project wrote it itself: upright RGB
        return reader.picture(frame["archive"], frame["member"])
    return read_image(
        Path(item.path) if item.kind == "face" else reader.read(frame["archive"], frame["member"])
    )


def frame_pictures(
    frames: pd.DataFrame, index: pd.DataFrame, reader: ArchiveReader
) -> Callable[[str, int], np.ndarray]:
    """A function from item and frame number to that frame, as `picture` gives it."""
    places = statuses.ok(frames).set_index(["item", "frame"])[["archive", "member"]]
    items = {row.item: Item(row.item, row.kind, row.path) for row in index.itertuples()}

    def picture_of(item: str, frame: int) -> np.ndarray:
        return picture(items[item], places.loc[(item, frame)], reader)

    return picture_of


def frame_rows(rows: pd.DataFrame) -> list[dict]:
    """What cropping needs of rows of the frames table, as plain values."""
    return [
        {"status": row.status}
        | ({"frame": int(row.frame), "time": float(row.time)} if row.status == statuses.OK else {})
        | ({"archive": row.archive, "member": row.member} if row.archive else {})
        for row in rows.itertuples()
    ]
