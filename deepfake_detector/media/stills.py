"""Stills as upright RGB arrays."""

import importlib.util
import io
import struct
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from typing import IO, cast

import numpy as np
from PIL import Image, PngImagePlugin, UnidentifiedImageError

from deepfake_detector.media.jpeg_damage import is_garbled, is_jpeg, with_its_end
from deepfake_detector.media.reading import (
    COPY,
    LIMITS,
    Limits,
    MediaError,
    MediaFile,
    Source,
    check_size,
    opened,
    refuse_empty,
)
from deepfake_detector.media.still_colours import (
    as_shown,
    has_deep_colours,
    png_chunks,
    refuse_deep_planes,
    transfer_of,
    white_is_zero,
    with_lower_bits,
)
from deepfake_detector.media.upright import HLG, PQ, sensible, squared

FORMATS = ["JPEG", "PNG", "WEBP", "BMP", "TIFF", "GIF", "AVIF"]
if importlib.util.find_spec("pillow_heif"):  # an extra package: its library is large
    import pillow_heif

    pillow_heif.register_heif_opener()
    FORMATS.append("HEIF")
HEIF_BRANDS = frozenset(  # ISO/IEC 23008-12: what a HEIC file says it is, in its first box
    {b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"hevm", b"hevs", b"mif1", b"msf1"}
)
RAW = "a raw photo, of which no more than a preview can be read here"
NO_HEIF = "a HEIC picture, which cannot be read here"
HEIF_REMEDY = "install pillow-heif (`pip install pillow-heif`), or save the picture as JPEG"
GARBLED = "a part of it is lost, and what comes after is garbled"
OPTIONAL = 0x20  # bit of the first letter of a PNG's chunk (PNG specification, 5.4)
OF_ANIMATION = (b"acTL", b"fcTL", b"fdAT")
ORIENTATION = 0x0112  # tag of EXIF
XMP = "xmp", "XML:com.adobe.xmp"  # names of Pillow's
KIND_OF_PAGE, IS_REDUCED = 0x00FE, 1  # a tag of TIFF, and its bit: of another picture, smaller
UPRIGHT = {  # what makes a picture upright, by the value of that tag
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}
ON_ITS_SIDE = 5, 6, 7, 8  # values of that tag
DAMAGED = (  # what Pillow's readers raise where a file is not as they expect
    *(OSError, EOFError, ValueError, TypeError, SyntaxError),
    *(LookupError, ArithmeticError, RuntimeError, struct.error),
    *(AssertionError, AttributeError),
)
Image.MAX_IMAGE_PIXELS = None  # `check_size` refuses by its own limit before all is decoded
# of one text, as of all; else a long one, such as what a picture was made of, makes it unreadable
PngImagePlugin.MAX_TEXT_CHUNK = PngImagePlugin.MAX_TEXT_MEMORY


def read_image(source: Source, limits: Limits = LIMITS) -> np.ndarray:
    """A still as `read_still` has it, without its facts."""
    return read_still(source, limits)[0]


def read_still(source: Source, limits: Limits = LIMITS) -> tuple[np.ndarray, dict]:
    """A still as (height, width, 3) RGB uint8, upright by its EXIF orientation, and what is known
    of it: columns of the media table.

    Its colours are those that a screen shows (`still_colours.as_shown`), its pixels square. Of a
    TIFF's pages the largest is read, since small ones are previews. Raises MediaError where it is
    empty, damaged, too large or no image.
    """
    refuse_empty(source)
    with opened(source) as file, image_errors():
        try:
            picture = _read(file, limits)
        except OSError:
            ended = with_its_end(file) if is_jpeg(file) else None
            if ended is None:
                raise
            return _read(ended, limits)
        if is_jpeg(file) and is_garbled(file):
            raise damaged(GARBLED)
        return picture


def _read(file: MediaFile, limits: Limits) -> tuple[np.ndarray, dict]:
    with still(file) as image:
        page = _largest_page(image)
        check_size(*image.size, limits.pixels)
        facts = {"page": page, "pixel_format": image.mode, "mirrored": 0, "rotation": 0}
        transfer, is_deep = transfer_of(image, file), has_deep_colours(image, file)
        if is_deep:
            refuse_deep_planes(image)
        if is_deep and transfer not in (PQ, HLG):  # of those, dark is dark
            facts |= with_lower_bits(image, file, page)
        shown, of_colours = rgb(image, limits.pixels, transfer)
        return shown, size_of(shown) | facts | of_colours


def size_of(image: np.ndarray) -> dict:
    """Width and height of a picture, as columns of the tables."""
    return {"width": image.shape[1], "height": image.shape[0]}


@contextmanager
def still(file: MediaFile) -> Iterator[Image.Image]:
    """The picture in a file, opened and not yet decoded. Raises MediaError for a HEIC picture where
    the package that reads it is missing, and UnidentifiedImageError for all that is no picture."""
    if "HEIF" not in FORMATS and is_heif(file):
        raise MediaError(NO_HEIF, HEIF_REMEDY)
    readable = _without_damaged_extras(file)
    with Image.open(cast(IO[bytes], readable), formats=FORMATS) as image:
        yield image


def _without_damaged_extras(file: MediaFile) -> MediaFile:
    """A PNG without what is damaged in it and no part of its picture, a text, say: as browsers do,
    where Pillow refuses the file. Its picture, and those of an animation, must be whole."""
    damaged = [
        (place, size)
        for kind, place, size in png_chunks(file)
        if kind[0] & OPTIONAL and kind not in OF_ANIMATION and not _is_whole(file, place, size)
    ]
    file.seek(0)
    if not damaged:
        return file
    data, kept, end = file.read(), [], 0
    for start, size in damaged:
        kept.append(data[end:start])
        end = start + size
    return MediaFile(io.BytesIO(b"".join([*kept, data[end:]])))


def _is_whole(file: MediaFile, place: int, size: int) -> bool:
    """Whether the checksum of a PNG's chunk holds."""
    file.seek(place + 4)
    checked, checksum = file.read(size - 8), file.read(4)
    return zlib.crc32(checked) == int.from_bytes(checksum, "big")


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
        raise damaged(str(error)) from error


def damaged(why: str) -> MediaError:
    """Error of a picture that cannot be decoded, with what its reader says of it, if anything."""
    on_one_line = " ".join(why.split())
    return MediaError(": ".join(filter(None, ("damaged image", on_one_line))), COPY)


def rgb(image: Image.Image, pixels: int, transfer: int) -> tuple[np.ndarray, dict]:
    """An opened picture, (height, width, 3) RGB uint8, upright and with square pixels, at most so
    many `pixels`, and what is known of its colours (`still_colours.as_shown`) and its pixels'
    shape."""
    image.load()  # a TIFF turns itself upright here
    orientation, aspect = _orientation(image), _pixel_aspect(image)
    turn = UPRIGHT.get(orientation)
    shown, facts = as_shown(image.transpose(turn) if turn is not None else image, transfer)
    shown = 255 - shown if white_is_zero(image) else shown
    aspect_shown = 1 / aspect if orientation in ON_ITS_SIDE else aspect
    return squared(shown, aspect_shown, pixels), facts | {"pixel_aspect": aspect}


def _orientation(image: Image.Image) -> int:
    """By EXIF alone, as browsers have it: Pillow would go by XMP where that is missing. What is
    damaged there says nothing, and does not touch the picture."""
    for name in XMP:
        image.info.pop(name, None)
    try:
        return int(image.getexif().get(ORIENTATION, 1))
    except DAMAGED:
        return 1


def _pixel_aspect(image: Image.Image) -> float:
    """Width of a stored pixel over its height, as FFmpeg notes it in the frames that it extracts: a
    bare ratio. Dots per inch are about print, and no viewer goes by them."""
    ratio = image.info.get("aspect", (1, 1))
    if image.info.get("jfif_unit") == 0:
        ratio = image.info["jfif_density"]
    across, down = ratio
    return sensible(across / down) if down else 1.0


def _largest_page(image: Image.Image) -> int:
    """Turns a TIFF to its largest page; returns that page's number, from 1. What is behind a page
    that is broken is not looked at. Raises MediaError where it is but a preview of what lies
    elsewhere, as in raw photos."""
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
    if getattr(image, "tag_v2", {}).get(KIND_OF_PAGE, 0) & IS_REDUCED:
        raise MediaError(RAW, "save it as JPEG")
    return largest + 1
