"""Contact sheets of the faces that were found: by class and method, and the least sharp."""

from collections.abc import Mapping
from pathlib import Path

import pandas as pd

from deepfake_detector.common import statuses
from deepfake_detector.datasets.subset import spread
from deepfake_detector.pages.contact_sheet import SHOWN, contact_sheet
from deepfake_detector.storage.archive import ArchiveReader
from deepfake_detector.storage.files import write_whole


def face_sheets(
    faces: pd.DataFrame, index: pd.DataFrame, reader: ArchiveReader
) -> dict[str, bytes]:
    """Sheets by name: faces spread over each class and method, and the least sharp face of each
    person.

    `faces` and `index` are the tables of that name, `reader` reads the archives of faces.
    """
    cropped = statuses.ok(faces).merge(index[["item", "method", "label"]], on="item")
    chosen = {}
    for (label, method), rows in cropped.groupby(["label", "method"]):
        chosen["real" if label == 0 else f"fake_{method}"] = spread(rows, SHOWN)
    least_sharp = cropped.sort_values(["sharpness", "item"]).drop_duplicates(["item", "track"])
    chosen["least_sharp"] = least_sharp.head(SHOWN)
    return {name: _face_sheet(rows, reader) for name, rows in chosen.items()}


def write_sheets(jpegs: Mapping[str, bytes], folder: Path) -> None:
    """Write each sheet to `folder` as `NAME.jpg`, with %2F for a `/` in a method's name."""
    for name, jpeg in jpegs.items():
        write_whole(folder / f"{name.replace('/', '%2F')}.jpg", jpeg)


def _face_sheet(rows: pd.DataFrame, reader: ArchiveReader) -> bytes:
    crops = [reader.picture(row.archive, row.member) for row in rows.itertuples()]
    captions = [
        f"{row.item.partition('/')[2]}\nframe {row.frame} track {row.track}"
        for row in rows.itertuples()
    ]
    return contact_sheet(crops, captions)
