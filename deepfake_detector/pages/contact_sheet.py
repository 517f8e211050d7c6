"""Contact sheets: many pictures at a glance, with the item each is from."""

import io
from collections.abc import Sequence

import numpy as np
from PIL import Image, ImageDraw, ImageFont, ImageOps

TILE = 128  # pixels a side
CAPTION = 24  # pixels below each tile
COLUMNS = 8
SHOWN = 48  # pictures on one sheet at most


def contact_sheet(pictures: Sequence[np.ndarray], captions: Sequence[str]) -> bytes:
    """A JPEG of the pictures (RGB uint8, any size) in rows of eight, each above its caption of up
    to two lines."""
    rows = max(1, -(-len(pictures) // COLUMNS))
    sheet = Image.new("RGB", (COLUMNS * TILE, rows * (TILE + CAPTION)), "white")
    draw, font = ImageDraw.Draw(sheet), ImageFont.load_default(size=9)
    for position, (picture, caption) in enumerate(zip(pictures, captions, strict=True)):
        left, top = position % COLUMNS * TILE, position // COLUMNS * (TILE + CAPTION)
        sheet.paste(
            ImageOps.pad(Image.fromarray(picture), (TILE, TILE), color="white"), (left, top)
        )
        draw.multiline_text((left + 2, top + TILE), caption, fill="black", font=font, spacing=1)
    buffer = io.BytesIO()
    sheet.save(buffer, "JPEG", quality=88)
    return buffer.getvalue()
