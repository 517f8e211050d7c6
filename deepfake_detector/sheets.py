"""Contact sheets: many faces at a glance, with the item each is from."""

import io
from collections.abc import Sequence

import numpy as np
from PIL import Image, ImageDraw, ImageFont

TILE = 128  # pixels a side
CAPTION = 24  # pixels below each tile
COLUMNS = 8


def contact_sheet(crops: Sequence[np.ndarray], captions: Sequence[str]) -> bytes:
    """A JPEG of the crops (RGB uint8, any size) in rows of eight, each above its caption of up to two lines."""
    rows = max(1, -(-len(crops) // COLUMNS))
    sheet = Image.new("RGB", (COLUMNS * TILE, rows * (TILE + CAPTION)), "white")
    draw, font = ImageDraw.Draw(sheet), ImageFont.load_default(size=9)
    for position, (crop, caption) in enumerate(zip(crops, captions, strict=True)):
        left, top = position % COLUMNS * TILE, position // COLUMNS * (TILE + CAPTION)
        sheet.paste(Image.fromarray(crop).resize((TILE, TILE)), (left, top))
        draw.multiline_text((left + 2, top + TILE), caption, fill="black", font=font, spacing=1)
    buffer = io.BytesIO()
    sheet.save(buffer, "JPEG", quality=88)
    return buffer.getvalue()
