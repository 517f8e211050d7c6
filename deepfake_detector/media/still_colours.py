"""The colours of an opened still as a screen shows them: 8 bits of sRGB, opaque."""

import io
import zlib
from collections.abc import Iterator
from itertools import product
from typing import cast

import cv2
import numpy as np
from PIL import Image, ImageCms

from deepfake_detector.media.reading import (
    MediaError,
    MediaFile,
    container,
    image_errors,
    video_errors,
)
from deepfake_detector.media.upright import HLG, PQ, TRANSFERS, UNSPECIFIED, tone_mapped

BITS = (8, 10, 12, 14, 16)  # of what cameras store in 16
PHOTOMETRIC, BITS_PER_SAMPLE = 0x0106, 0x0102  # tags of TIFF
DEEP_PLANES = "a TIFF of 16 bits a colour, each colour by itself, which is not read right here"
COMPRESSION, PLANES = 0x0103, 0x011C  # more of them: 1 is none; 2: each colour by itself
SAMPLE_FORMAT, SIGNED = 0x0153, 2  # and another, with a value of it
PNG_DEPTH = 24  # place of the bits per sample in the file
UPPER_OF_12 = 15  # the most that 12 bits leave in the upper 8 of 16; a photo of 16 is not so dark
PNG_MARK = b"\x89PNG\r\n\x1a\n"  # its first bytes; chunks follow
CICP_BYTES = 16  # of that chunk, with its length, kind and checksum
NOT_16_BITS = "the lower bits of its colours cannot be read"
DEEPER = 257  # takes 8 bits of full range to 16
MODES = {"RGB": "RGB", "GRAY": "L", "CMYK": "CMYK"}  # by the colours of an ICC profile
CUBE = np.array(list(product(range(0, 256, 17), repeat=3)), np.uint8)[None]  # colours of all kinds
NEAR = 4  # levels; a profile that moves no colour by more is another's sRGB


def as_shown(image: Image.Image, transfer: int) -> tuple[np.ndarray, dict]:
    """A decoded still as (height, width, 3) RGB uint8, and what is known of its colours: columns of
    the media table.

    Greys of more than 8 bits are scaled to 8 (for colours: `fill_range`). What is transparent
    lies on white. HDR, by its `transfer` characteristic (ITU-T H.273), is mapped as that of a
    video; else the colours of a profile (ICC) are converted to sRGB, and one that cannot be used is
    passed over, as browsers do. Raises MediaError where its palette or its transparent colour is
    damaged.
    """
    if _is_deep(image):
        values = _deep_greys(image)
        return _eight_bit(values), {"used_bits": _used_bits(values)}
    opaque, facts = _on_white(image)
    if transfer in (PQ, HLG):
        signal = np.asarray(_converted(opaque, "RGB")).astype(np.uint16) * DEEPER
        return tone_mapped(signal, transfer), facts | {"transfer": TRANSFERS[transfer]}
    converted, profile = _in_srgb(opaque, image.info.get("icc_profile", b""))
    return np.array(_converted(converted, "RGB")), facts | profile


def transfer_of(image: Image.Image, file: MediaFile) -> int:
    """How light became numbers, in the words of ITU-T H.273: of a HEIC or AVIF picture by its
    colour box, of a PNG by its chunk `cICP`; else unspecified. The file is left at its place."""
    if profile := image.info.get("nclx_profile"):
        return int(profile["transfer_characteristics"])
    place, transfer = file.tell(), UNSPECIFIED
    if image.format == "PNG":
        transfer = _transfer_of_png(file)
    elif image.format == "AVIF":
        transfer = _transfer_of_avif(file)
    file.seek(place)
    return transfer


def _transfer_of_png(file: MediaFile) -> int:
    for kind, place, size in png_chunks(file):
        if kind == b"IDAT":
            break
        if kind == b"cICP" and size == CICP_BYTES and is_whole(file, place, size):
            file.seek(place + 8)
            return file.read(2)[1]
    return UNSPECIFIED


def png_chunks(file: MediaFile) -> Iterator[tuple[bytes, int, int]]:
    """Kind, place and size of each chunk of a PNG, with the 12 bytes that its length, kind and
    checksum take; none of another file."""
    file.seek(0)
    place, kind = len(PNG_MARK), b""
    if file.read(place) != PNG_MARK:
        return
    while kind != b"IEND":
        file.seek(place)
        size, kind = 12 + int.from_bytes(file.read(4), "big"), file.read(4)
        if len(kind) < 4:
            return
        yield kind, place, size
        place += size


def is_whole(file: MediaFile, place: int, size: int) -> bool:
    """Whether the checksum of a PNG's chunk holds, one of `png_chunks`."""
    file.seek(place + 4)
    checked, checksum = file.read(size - 8), file.read(4)
    return zlib.crc32(checked) == int.from_bytes(checksum, "big")


def _transfer_of_avif(file: MediaFile) -> int:
    file.seek(0)
    try:
        with video_errors(), container(file) as media:
            pictures = media.streams.video  # tiles of one, or one alone
            return int(pictures[0].codec_context.color_trc) if pictures else UNSPECIFIED
    except MediaError:  # what Pillow reads and FFmpeg does not
        return UNSPECIFIED


def has_deep_colours(image: Image.Image, file: MediaFile) -> bool:
    """Whether an opened picture stores 16 bits a colour, of which Pillow keeps the upper 8."""
    if image.mode not in ("RGB", "RGBA", "LA"):
        return False
    if image.format == "TIFF":
        return bool(getattr(image, "tag_v2", {}).get(BITS_PER_SAMPLE, (8,))[0] == 16)
    if image.format != "PNG":
        return False
    file.seek(PNG_DEPTH)
    return file.read(1) == b"\x10"


def refuse_deep_planes(image: Image.Image) -> None:
    """Raises MediaError for a picture of deep colours in planes that are not compressed: neither
    Pillow nor OpenCV reads them right, nor says so."""
    tags = getattr(image, "tag_v2", {})
    if tags.get(PLANES) == 2 and tags.get(COMPRESSION, 1) == 1:
        raise MediaError(DEEP_PLANES, "save it as PNG, or compressed")


def lower_bits(image: Image.Image, file: MediaFile, page: int) -> np.ndarray | None:
    """The colours of a picture of 16 bits, (height, width, 3) uint16 RGB, where all that it shows
    is in the lower bits; else None. `page`, from 1, is the one that is open.

    OpenCV reads all 16, and turns a TIFF upright as Pillow does. Raises ValueError where it cannot.
    """
    colours = [band for band in image.getbands() if band != "A"]
    brightest = max(cast(int, image.getchannel(band).getextrema()[1]) for band in colours)
    return None if brightest > UPPER_OF_12 else _all_bits(file, page, image.size)


def fill_range(image: Image.Image, values: np.ndarray) -> dict:
    """Replaces the colours of a picture by its `lower_bits`, scaled to the full range of 8 bits;
    returns how many bits they use, as a column of the media table."""
    filled = Image.fromarray(_eight_bit(values))
    if "A" in image.getbands():
        filled.putalpha(image.getchannel("A"))
    image.paste(filled.convert(image.mode))
    return {"used_bits": _used_bits(values)}


def _all_bits(file: MediaFile, page: int, size: tuple[int, int]) -> np.ndarray:
    """The colours of that page, of that width and height: (height, width, 3) uint16 RGB."""
    # or it writes what is wrong to the terminal too
    cv2.utils.logging.setLogLevel(cv2.utils.logging.LOG_LEVEL_SILENT)
    file.seek(0)
    data = np.frombuffer(file.read(), np.uint8)
    try:
        _, pages = cv2.imdecodemulti(data, cv2.IMREAD_UNCHANGED, range=(page - 1, page))
    except cv2.error as error:
        raise ValueError(NOT_16_BITS) from error
    if not pages or pages[0].dtype != np.uint16 or pages[0].shape[:2] != size[::-1]:
        raise ValueError(NOT_16_BITS)
    return pages[0][..., 2::-1]


def white_is_zero(image: Image.Image) -> bool:
    """Whether a TIFF counts deep greys from white; Pillow turns those of 8 bits itself."""
    return _is_deep(image) and getattr(image, "tag_v2", {}).get(PHOTOMETRIC) == 0


def _on_white(image: Image.Image) -> tuple[Image.Image, dict]:
    """Whatever stands behind transparent pixels is not seen, and must not be judged. A bitmap in
    which nothing could be seen then is opaque: its fourth bytes are not used."""
    with image_errors():
        if not image.has_transparency_data:
            return image, {}
    layer, opaque = _converted(image, "RGBA"), "L" if image.mode == "LA" else "RGB"
    least, most = cast(tuple[int, int], layer.getchannel("A").getextrema())
    if least == 255 or (image.format == "BMP" and most == 0):
        return layer.convert(opaque), {}
    white = Image.new("RGBA", layer.size, "white")
    return Image.alpha_composite(white, layer).convert(opaque), {"transparent": 1}


def _converted(image: Image.Image, mode: str) -> Image.Image:
    with image_errors():
        return image.convert(mode)


def _in_srgb(image: Image.Image, icc: bytes) -> tuple[Image.Image, dict]:
    """The picture, and the name of the profile where its colours were converted from that."""
    try:
        profile = ImageCms.ImageCmsProfile(io.BytesIO(icc))
        mode = MODES[profile.profile.xcolor_space.strip()]
        to_srgb = ImageCms.buildTransform(profile, ImageCms.createProfile("sRGB"), mode, "RGB")
        name = ImageCms.getProfileDescription(profile).strip()
    except (LookupError, TypeError, ValueError, OSError, ImageCms.PyCMSError):  # none of use
        return image, {}
    plain = image if image.mode == mode else _converted(image, "RGB")
    if plain.mode != mode or not _moves(to_srgb, mode):
        return image, {}
    converted = cast(Image.Image, ImageCms.applyTransform(plain, to_srgb))
    return converted, {"colour_profile": name or "unnamed"}


def _moves(transform: ImageCms.ImageCmsTransform, mode: str) -> bool:
    """Whether it changes what Pillow itself would make of a colour."""
    colours = Image.fromarray(CUBE).convert(mode)
    moved = np.asarray(ImageCms.applyTransform(colours, transform)).astype(int)
    return bool(np.abs(moved - np.asarray(colours.convert("RGB"))).max() > NEAR)


def _is_deep(image: Image.Image) -> bool:
    """Whether a picture is grey with more than 8 bits."""
    return image.mode.startswith("I") or image.mode == "F"


def _deep_greys(image: Image.Image) -> np.ndarray:
    """The values of a deep grey picture; Pillow takes those of 32 bits in a TIFF for signed."""
    values = np.asarray(image)
    formats = getattr(image, "tag_v2", {}).get(SAMPLE_FORMAT, (0,))
    return values.view(np.uint32) if image.mode == "I" and SIGNED not in formats else values


def _used_bits(values: np.ndarray) -> int:
    """Number of bits that a deep picture makes use of: cameras store 10, 12 or 14 in 16."""
    most = values.max(initial=0)
    return next((bits for bits in BITS if most < 1 << bits), 32)


def _eight_bit(values: np.ndarray) -> np.ndarray:
    """Values of full range, of 8 bits; greys, (height, width), become (height, width, 3)."""
    if values.dtype.kind == "f":
        values = np.nan_to_num(values, posinf=0, neginf=0)
    most = float(values.max(initial=0))
    are_shares = values.dtype.kind == "f" and most <= 1
    deepest = next((2.0**bits - 1 for bits in BITS if most < 1 << bits), most)
    top = 1.0 if are_shares else deepest
    scaled = np.clip(values.astype(np.float32) * (255 / top), 0, 255).astype(np.uint8)
    return scaled if scaled.ndim == 3 else np.repeat(scaled[..., None], 3, axis=2)
