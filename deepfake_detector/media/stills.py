"""Stills as upright RGB arrays."""

import importlib.util
import io
from typing import IO, NamedTuple, cast

import numpy as np
from PIL import Image, PngImagePlugin

from deepfake_detector.media.jpeg_damage import is_garbled, is_jpeg, with_its_end
from deepfake_detector.media.reading import (
    DAMAGED,
    LIMITS,
    Limits,
    MediaError,
    MediaFile,
    Source,
    check_size,
    damaged,
    image_errors,
    opened,
    refuse_empty,
)
from deepfake_detector.media.still_colours import (
    as_shown,
    fill_range,
    has_deep_colours,
    is_whole,
    lower_bits,
    png_chunks,
    refuse_deep_planes,
    transfer_of,
    white_is_zero,
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
AVIF_BRANDS = frozenset({b"avif", b"avis"})  # the same of AVIF
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
Image.MAX_IMAGE_PIXELS = None  # `check_size` refuses by its own limit before all is decoded
# of one text, as of all; else a long one, such as what a picture was made of, makes it unreadable
PngImagePlugin.MAX_TEXT_CHUNK = PngImagePlugin.MAX_TEXT_MEMORY


class DecodedImage(NamedTuple):
    """A decoded picture as it is stored, and what its file says of how it is shown.

    transfer: as `still_colours.transfer_of` has it.
    orientation: by EXIF, 1 to 8; 1 is upright.
    aspect: width of a stored pixel over its height.
    """

    image: Image.Image
    transfer: int
    orientation: int
    aspect: float


class _Still(NamedTuple):
    """A decoded still, facts of it, and what `still_colours.lower_bits` has of it."""

    decoded: DecodedImage
    facts: dict
    lower_bits: np.ndarray | None


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
    with opened(source) as file, image_errors():  # an error after it is one of this program
        read = _read(file, limits)
    facts = read.facts
    if read.lower_bits is not None:
        facts |= fill_range(read.decoded.image, read.lower_bits)
    shown, of_colours = rgb(read.decoded, limits.pixels)
    return shown, size_of(shown) | facts | of_colours


def _read(file: MediaFile, limits: Limits) -> _Still:
    """The decoded still; a JPEG as far as `jpeg_damage` lets it pass."""
    try:
        read = _decoded_still(file, limits)
    except OSError:
        ended = with_its_end(file) if is_jpeg(file) else None
        if ended is None:
            raise
        return _decoded_still(ended, limits)
    if is_jpeg(file) and is_garbled(file):
        raise damaged(GARBLED)
    return read


def _decoded_still(file: MediaFile, limits: Limits) -> _Still:
    with still(file) as image:
        page = _largest_page(image)
        check_size(*image.size, limits.pixels)
        facts = {"page": page, "pixel_format": image.mode, "mirrored": 0, "rotation": 0}
        transfer, bits = transfer_of(image, file), None
        if has_deep_colours(image, file):
            refuse_deep_planes(image)
            if transfer not in (PQ, HLG):  # of those, dark is dark
                facts |= {"used_bits": 16}
                bits = lower_bits(image, file, page)
        return _Still(decode(image, transfer), facts, bits)


def size_of(image: np.ndarray) -> dict:
    """Width and height of a picture, as columns of the tables."""
    return {"width": image.shape[1], "height": image.shape[0]}


def still(file: MediaFile) -> Image.Image:
    """The picture in a file, opened and not yet decoded. Raises MediaError for a HEIC picture where
    the package that reads it is missing, UnidentifiedImageError for all that is no picture, and
    others of `reading.DAMAGED`."""
    if "HEIF" not in FORMATS and is_heif(file):
        raise MediaError(NO_HEIF, HEIF_REMEDY)
    readable = _without_damaged_extras(file)
    return Image.open(cast(IO[bytes], readable), formats=FORMATS)


def _without_damaged_extras(file: MediaFile) -> MediaFile:
    """A PNG without what is damaged in it and no part of its picture, a text, say: as browsers do,
    where Pillow refuses the file. Its picture, and those of an animation, must be whole."""
    damaged = [
        (place, size)
        for kind, place, size in png_chunks(file)
        if kind[0] & OPTIONAL and kind not in OF_ANIMATION and not is_whole(file, place, size)
    ]
    file.seek(0)
    if not damaged:
        return file
    data, kept, end = file.read(), [], 0
    for start, size in damaged:
        kept.append(data[end:start])
        end = start + size
    return MediaFile(io.BytesIO(b"".join([*kept, data[end:]])))


def is_heif(file: MediaFile) -> bool:
    """Whether the file says that it is a HEIC picture. The brand that comes first may be one that
    AVIF pictures have, too; those name their own behind it."""
    file.seek(0)
    head = file.read(64)
    file.seek(0)
    if head[4:8] != b"ftyp":
        return False
    box = head[8 : int.from_bytes(head[:4], "big")]
    brands = {box[place : place + 4] for place in range(0, len(box), 4)}
    return box[:4] in HEIF_BRANDS and not brands & AVIF_BRANDS


def decode(image: Image.Image, transfer: int) -> DecodedImage:
    """An opened picture, decoded. Raises what `reading.DAMAGED` lists."""
    image.load()  # a TIFF turns itself upright here
    return DecodedImage(image, transfer, _orientation(image), _pixel_aspect(image))


def rgb(picture: DecodedImage, pixels: int) -> tuple[np.ndarray, dict]:
    """A decoded picture, (height, width, 3) RGB uint8, upright and with square pixels, and what is
    known of its colours (`still_colours.as_shown`) and its pixels' shape. Raises MediaError where
    it has more than so many `pixels`."""
    image, transfer, orientation, aspect = picture
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
