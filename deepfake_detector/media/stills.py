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
from deepfake_detector.media.upright import HLG, PQ, TRANSFERS, UNSPECIFIED, tone_mapped

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
GREY_BITS = (8, 10, 12, 14, 16)
ORIENTATION, PHOTOMETRIC = 0x0112, 0x0106  # tags of EXIF and TIFF
PNG_MARK = b"\x89PNG\r\n\x1a\n"  # its first bytes; chunks follow
DEEPER = 257  # takes 8 bits of full range to 16
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
    """A still as `read_still` has it, without its facts."""
    return read_still(source, limits)[0]


def read_still(source: Source, limits: Limits = LIMITS) -> tuple[np.ndarray, dict]:
    """A still as (height, width, 3) RGB uint8, upright by its EXIF orientation, and what was told of
    it: columns of the media table.

    Greys of more than 8 bits are scaled to 8, and HDR is mapped as that of a video. Of a TIFF's
    pages the largest is read, since small ones are previews. Raises MediaError where it is empty,
    damaged, too large or no image.
    """
    refuse_empty(source)
    with opened(source) as file, image_errors(), still(file) as image:
        page = _largest_page(image)
        check_size(*image.size, limits.pixels)
        facts = {"page": page, "pixel_format": image.mode, "mirrored": 0, "rotation": 0}
        if bits := _grey_bits(image):
            facts["grey_bits"] = bits
        shown = rgb(image)
        if (transfer := _transfer(image, file)) in (PQ, HLG):
            facts["transfer"] = TRANSFERS[transfer]
            shown = tone_mapped(shown.astype(np.uint16) * DEEPER, transfer)
        return shown, size_of(shown) | facts


def size_of(image: np.ndarray) -> dict:
    """Width and height of a picture, as columns of the tables."""
    return {"width": image.shape[1], "height": image.shape[0]}


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
        raise MediaError(f"damaged image: {error}", "take another copy of it") from error


def rgb(image: Image.Image) -> np.ndarray:
    """An opened picture, (height, width, 3) RGB uint8, upright."""
    image.load()  # a TIFF turns itself upright here
    turn = UPRIGHT.get(image.getexif().get(ORIENTATION, 1))
    upright = image.transpose(turn) if turn is not None else image
    if _is_deep(upright):
        grey = _eight_bit(np.asarray(upright))
        return 255 - grey if _white_is_zero(image) else grey
    return np.array(upright.convert("RGB"))


def _transfer(image: Image.Image, file: MediaFile) -> int:
    """How light became numbers, in the words of ITU-T H.273: of a HEIC picture by its colour box, of
    a PNG by its chunk `cICP`; else not told."""
    if profile := image.info.get("nclx_profile"):
        return int(profile["transfer_characteristics"])
    if image.format != "PNG":
        return UNSPECIFIED
    place, kind = len(PNG_MARK), b"IHDR"
    while kind not in (b"IDAT", b"cICP", b""):
        file.seek(place)
        size, kind = int.from_bytes(file.read(4), "big"), file.read(4)
        place += 12 + size
    return file.read(2)[1] if kind == b"cICP" else UNSPECIFIED


def _white_is_zero(image: Image.Image) -> bool:
    """Whether a TIFF counts greys from white; Pillow turns those of 8 bits alone."""
    return getattr(image, "tag_v2", {}).get(PHOTOMETRIC) == 0


def _largest_page(image: Image.Image) -> int:
    """Turns a TIFF to its largest page; returns that page's number, from 1. What is behind a page
    that is broken is not looked at."""
    if image.format != "TIFF":
        return 1
    sizes = []
    try:
        for page in range(getattr(image, "n_frames", 1)):
            image.seek(page)
            sizes.append(image.width * image.height)
    except DAMAGED:
        pass
    largest = int(np.argmax(sizes)) if sizes else 0
    image.seek(largest)
    return largest + 1


def _is_deep(image: Image.Image) -> bool:
    """Whether a picture is grey with more than 8 bits."""
    return image.mode.startswith("I") or image.mode == "F"


def _grey_bits(image: Image.Image) -> int | None:
    """Of how many bits a deep grey picture makes use: cameras store 10, 12 or 14 in 16."""
    if not _is_deep(image):
        return None
    most = np.asarray(image).max(initial=0)
    return next((bits for bits in GREY_BITS if most < 1 << bits), 32)


def _eight_bit(values: np.ndarray) -> np.ndarray:
    if values.dtype.kind == "f":
        values = np.nan_to_num(values, posinf=0, neginf=0)
    most = float(values.max(initial=0))
    if values.dtype.kind == "f" and most <= 1:
        top = 1.0
    else:
        top = next((2.0**bits - 1 for bits in GREY_BITS if most < 1 << bits), most)
    grey = np.clip(values.astype(np.float32) * (255 / top), 0, 255).astype(np.uint8)
    return np.repeat(grey[..., None], 3, axis=2)
