"""Contact sheets: many pictures at a glance, with the item each is from."""

import io
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import pandas as pd
from PIL import Image, ImageDraw, ImageFont, ImageOps

from deepfake_detector.archive import ArchiveReader
from deepfake_detector.media import read_image

TILE = 128  # pixels a side
CAPTION = 24  # pixels below each tile
COLUMNS = 8
SHOWN = 48  # pictures on one sheet at most


def contact_sheet(pictures: Sequence[np.ndarray], captions: Sequence[str]) -> bytes:
    """A JPEG of the pictures (RGB uint8, any size) in rows of eight, each above its caption of up to two lines."""
    rows = max(1, -(-len(pictures) // COLUMNS))
    sheet = Image.new("RGB", (COLUMNS * TILE, rows * (TILE + CAPTION)), "white")
    draw, font = ImageDraw.Draw(sheet), ImageFont.load_default(size=9)
    for position, (picture, caption) in enumerate(zip(pictures, captions, strict=True)):
        left, top = position % COLUMNS * TILE, position // COLUMNS * (TILE + CAPTION)
        sheet.paste(ImageOps.pad(Image.fromarray(picture), (TILE, TILE), color="white"), (left, top))
        draw.multiline_text((left + 2, top + TILE), caption, fill="black", font=font, spacing=1)
    buffer = io.BytesIO()
    sheet.save(buffer, "JPEG", quality=88)
    return buffer.getvalue()


def face_sheets(faces: pd.DataFrame, index: pd.DataFrame, reader: ArchiveReader) -> dict[str, bytes]:
    """Sheets by name: faces spread over each class and method, and the least sharp face of each person.

    `faces` and `index` are the tables of that name, `reader` reads the archives of faces.
    """
    found = faces[faces["status"] == "ok"].merge(index[["item", "method", "label"]], on="item")
    chosen = {}
    for (label, method), rows in found.groupby(["label", "method"]):
        spread = np.linspace(0, len(rows) - 1, min(len(rows), SHOWN)).round().astype(int)
        chosen["real" if label == 0 else f"fake_{method}"] = rows.iloc[spread]
    least_sharp = found.sort_values(["sharpness", "item"]).drop_duplicates(["item", "track"])
    chosen["least_sharp"] = least_sharp.head(SHOWN)
    return {name: _face_sheet(rows, reader) for name, rows in chosen.items()}


def frame_pictures(
    frames: pd.DataFrame, index: pd.DataFrame, reader: ArchiveReader
) -> Callable[[str, int], np.ndarray]:
    """A function from item and frame number to that frame, RGB uint8; ready crops come from where the index has them."""
    places = frames[frames["status"] == "ok"].set_index(["item", "frame"])[["archive", "member"]]
    path_of = dict(zip(index["item"], index["path"], strict=True))

    def picture(item: str, frame: int) -> np.ndarray:
        archive, member = places.loc[(item, frame)]
        return read_image(reader.read(archive, member) if archive else Path(path_of[item]))

    return picture


def _face_sheet(rows: pd.DataFrame, reader: ArchiveReader) -> bytes:
    crops = [reader.picture(row.archive, row.member) for row in rows.itertuples()]
    captions = [f"{row.item.partition('/')[2]}\nframe {row.frame} track {row.track}" for row in rows.itertuples()]
    return contact_sheet(crops, captions)
