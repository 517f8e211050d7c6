"""Stills as upright RGB arrays."""

import importlib.util
import struct
from collections.abc import Iterator
from contextlib import contextmanager
from typing import IO, cast

import numpy as np
from PIL import Image, UnidentifiedImageError

from deepfake_detector.media.reading import (
    LIMITS,
    Limits,
    MediaError,
    MediaFile,
    Source,
    check_size,
    opened,
    refuse_empty,
)

FORMATS = ["JPEG", "PNG", "WEBP", "BMP", "TIFF", "GIF", "AVIF"]
if importlib.util.find_spec("pillow_heif"):  # an extra package: its library is large
    import pillow_heif

    pillow_heif.register_heif_opener()
    FORMATS.append("HEIF")
HEIF_BRANDS = frozenset(  # ISO/IEC 23008-12: what a HEIC file says it is, in its first box
    {b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"hevm", b"hevs", b"mif1", b"msf1"}
)
NO_HEIF = "a HEIC picture, which cannot be read here"
HEIF_REMEDY = "install pillow-heif (`pip install pillow-heif`), or save the picture as JPEG"
ORIENTATION = 0x0112  # EXIF tag
UPRIGHT = {  # what makes a picture upright, by the value of that tag
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}
DAMAGED = (  # what Pillow's readers raise where a file is not as they expect
    *(OSError, EOFError, ValueError, TypeError, SyntaxError),
    *(LookupError, ArithmeticError, RuntimeError, struct.error),
)
Image.MAX_IMAGE_PIXELS = None  # the limit above is checked before anything is decoded


def read_image(source: Source, limits: Limits = LIMITS) -> np.ndarray:
    """A still as RGB uint8, upright by its EXIF orientation, 16-bit greys scaled to 8.

    Raises MediaError where it is empty, damaged, too large or no image.
    """
    refuse_empty(source)
    with opened(source) as file, image_errors(), still(file) as image:
        check_size(*image.size, limits.pixels)
        return rgb(image)


@contextmanager
def still(file: MediaFile) -> Iterator[Image.Image]:
    """The picture in a file, opened and not yet decoded. Raises MediaError for a HEIC picture where
    the package that reads it is missing, and UnidentifiedImageError for all that is no picture."""
    if "HEIF" not in FORMATS and is_heif(file):
        raise MediaError(NO_HEIF, HEIF_REMEDY)
    with Image.open(cast(IO[bytes], file), formats=FORMATS) as image:
        yield image


def is_heif(file: MediaFile) -> bool:
    """Whether the file says that it is a HEIC picture."""
    file.seek(0)
    head = file.read(64)
    file.seek(0)
    if head[4:8] != b"ftyp":
        return False
    box = head[8 : int.from_bytes(head[:4], "big")]
    return box[:4] in HEIF_BRANDS


@contextmanager
def image_errors() -> Iterator[None]:
    """What goes wrong while a still is opened or decoded, as MediaError."""
    try:
        yield
    except MediaError:
        raise
    except UnidentifiedImageError as error:
        raise MediaError("not an image that can be read") from error
    except DAMAGED as error:
        raise MediaError(f"damaged image: {error}") from error


def rgb(image: Image.Image) -> np.ndarray:
    """An opened picture, (height, width, 3) RGB uint8, upright."""
    image.load()  # a TIFF turns itself upright here
    turn = UPRIGHT.get(image.getexif().get(ORIENTATION, 1))
    upright = image.transpose(turn) if turn is not None else image
    if upright.mode.startswith("I") or upright.mode == "F":
        return _eight_bit(np.asarray(upright))
    return np.array(upright.convert("RGB"))


def _eight_bit(values: np.ndarray) -> np.ndarray:
    top = 255 if values.max(initial=0) <= 255 else 65535
    grey = np.clip(values.astype(np.float32) * (255 / top), 0, 255).astype(np.uint8)
    return np.repeat(grey[..., None], 3, axis=2)
