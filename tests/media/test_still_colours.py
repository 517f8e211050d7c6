"""A still is judged in the colours that a screen shows."""

import io
import struct
import zlib
from collections.abc import Callable

import cv2
import numpy as np
import pytest
from made import picture, png_chunk
from media import icc
from PIL import Image, ImageCms

from deepfake_detector.media.facts import alterations
from deepfake_detector.media.frame_sampling import facts_of, sample_frames
from deepfake_detector.media.probing import probe
from deepfake_detector.media.reading import MediaError
from deepfake_detector.media.still_colours import PNG_MARK
from deepfake_detector.media.stills import read_still

SKIN, WHITE = (190, 130, 100), (255, 255, 255)
CONVERTED = ["Its colours were converted from its own profile to sRGB."]
LAID_ON_WHITE = ["It is transparent in part; it was laid on white."]
P3 = icc.of_rgb(icc.DISPLAY_P3, 2.2, "Display P3")


def plain(colour: tuple[int, ...], mode: str) -> Image.Image:
    return Image.new(mode, (32, 24), colour if len(colour) > 1 else colour[0])


def saved(image: Image.Image, kind: str, **options: object) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, kind, **options)
    return buffer.getvalue()


@pytest.mark.parametrize("colour", [SKIN, (40, 60, 50), (120, 120, 120)])
@pytest.mark.parametrize("kind", ["PNG", "JPEG", "TIFF", "WEBP"])
@pytest.mark.parametrize("lights", [icc.DISPLAY_P3, icc.SRGB], ids=["P3", "sRGB's"])
@pytest.mark.parametrize("exponent", [1.8, 2.2])
def test_the_colours_of_a_profile_become_those_of_srgb(colour, kind, lights, exponent):
    options = {"lossless": True} if kind == "WEBP" else {"quality": 98} if kind == "JPEG" else {}
    profile = icc.of_rgb(lights, exponent, "a display")
    image, _ = read_still(saved(plain(colour, "RGB"), kind, icc_profile=profile, **options))
    np.testing.assert_allclose(image[9, 9], icc.srgb_of(lights, exponent, colour), atol=3)


def test_what_was_converted_is_told_with_the_name_of_the_profile():
    _, facts = read_still(saved(plain(SKIN, "RGB"), "PNG", icc_profile=P3))
    assert facts["colour_profile"] == "Display P3"
    assert alterations(facts) == CONVERTED


SAME = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()


@pytest.mark.parametrize(
    ("mode", "profile"),
    [
        ("RGB", b""),
        ("RGB", SAME),
        ("RGB", b"no profile at all"),
        ("RGB", P3[:200]),
        ("RGB", P3.replace(b"RGB XYZ ", b"RGB Luv ")),
        ("RGB", P3.replace(b"rXYZ", b"rxyz")),
        ("RGB", icc.of_grey(1.0)),
        ("RGB", icc.of_inks()),
    ],
    ids=["none", "sRGB", "text", "cut", "unknown space", "no red", "of greys", "of inks"],
)
def test_a_profile_that_says_nothing_of_these_colours_changes_none(mode, profile):
    image, facts = read_still(saved(plain(SKIN, mode), "PNG", icc_profile=profile))
    assert (image == SKIN).all()
    assert alterations(facts) == []


@pytest.mark.parametrize(("colour", "mode"), [((55,), "L"), ((55, 255), "LA"), ((55, 254), "LA")])
def test_greys_of_linear_light_get_lighter(colour, mode):
    image, facts = read_still(saved(plain(colour, mode), "PNG", icc_profile=icc.of_grey(1.0)))
    np.testing.assert_allclose(image[9, 9], (128,) * 3, atol=2)
    assert facts["colour_profile"] == "grey"


def test_inks_look_as_their_profile_says():
    cyan = plain((255, 0, 0, 0), "CMYK")
    red, green, blue = read_still(saved(cyan, "TIFF", icc_profile=icc.of_inks()))[0][9, 9].tolist()
    assert red > 150 > 80 > max(green, blue)
    assert (read_still(saved(cyan, "TIFF"))[0] == (0, 255, 255)).all()


def see_through(alpha: int) -> Image.Image:
    """Skin on the left, on the right red of that opacity."""
    image = plain((*SKIN, 255), "RGBA")
    image.paste((255, 0, 0, alpha), (16, 0, 32, 24))
    return image


@pytest.mark.parametrize(
    ("alpha", "right", "sentences"),
    [(255, (255, 0, 0), []), (0, WHITE, LAID_ON_WHITE), (51, (255, 204, 204), LAID_ON_WHITE)],
)
@pytest.mark.parametrize("kind", ["PNG", "WEBP", "TIFF", "AVIF"])
def test_what_cannot_be_seen_is_not_judged(kind, alpha, right, sentences):
    options = {"WEBP": {"lossless": True, "exact": True}, "AVIF": {"quality": 100}}.get(kind, {})
    image, facts = read_still(saved(see_through(alpha), kind, **options))
    np.testing.assert_allclose(image[9, 28], right, atol=4)
    np.testing.assert_allclose(image[9, 4], SKIN, atol=4)
    assert alterations(facts) == sentences


@pytest.mark.parametrize(
    ("alpha", "right", "sentences"), [(0, (255, 0, 0), []), (9, None, LAID_ON_WHITE)]
)
def test_a_bitmap_of_which_nothing_could_be_seen_is_opaque(alpha, right, sentences):
    """As from the clipboard of Windows, where the fourth bytes are not used."""
    pixels = plain((255, 0, 0, alpha), "RGBA").tobytes("raw", "BGRA")
    masks = struct.pack("<4I", 0xFF0000, 0xFF00, 0xFF, 0xFF000000)
    head = struct.pack("<IiiHHIIiiII", 108, 32, 24, 1, 32, 3, len(pixels), 0, 0, 0, 0) + masks
    head = head.ljust(108, b"\0")
    data = b"BM" + struct.pack("<IHHI", 14 + 108 + len(pixels), 0, 0, 14 + 108) + head + pixels
    image, facts = read_still(data)
    assert right is None or (image == right).all()
    assert alterations(facts) == sentences


@pytest.mark.parametrize(
    "data",
    [
        lambda: saved(see_through(0).quantize(8), "PNG"),
        lambda: saved(see_through(0).convert("LA"), "PNG"),
        lambda: saved(plain((255, 0, 0), "RGB"), "PNG", transparency=(255, 0, 0)),
        lambda: saved(see_through(0), "GIF"),
        lambda: saved(
            see_through(0), "WEBP", save_all=True, append_images=[see_through(9)], lossless=True
        ),
        lambda: saved(see_through(0), "PNG", save_all=True, append_images=[see_through(9)]),
    ],
    ids=["palette", "grey", "a colour", "GIF", "animated WebP", "animated PNG"],
)
def test_transparency_of_all_kinds_is_white_and_told(data: Callable[[], bytes]):
    frame = next(iter(sample_frames(data(), 2)))
    assert (frame.image[9, 28] >= 250).all()
    assert alterations(frame.facts) == LAID_ON_WHITE


def test_an_animation_has_the_colours_of_its_profile():
    frames = [plain(SKIN, "RGB"), plain((90, 120, 150), "RGB")]
    data = saved(
        frames[0], "WEBP", save_all=True, append_images=frames[1:], lossless=True, icc_profile=P3
    )
    for frame, colour in zip(sample_frames(data, 2), (SKIN, (90, 120, 150)), strict=True):
        expected = icc.srgb_of(icc.DISPLAY_P3, 2.2, colour)
        np.testing.assert_allclose(frame.image[9, 9], expected, atol=3)
        assert alterations(frame.facts) == CONVERTED


@pytest.mark.parametrize("frames", [(255, 0, 255), (0, 255, 0)])
def test_an_animation_that_is_transparent_in_one_of_its_frames_says_so(frames):
    first, *others = (see_through(alpha) for alpha in frames)
    data = saved(first, "WEBP", save_all=True, append_images=others, lossless=True)
    sampled = list(sample_frames(data, 3))
    assert len(sampled) == 3
    assert alterations(facts_of(sampled)) == LAID_ON_WHITE


def test_a_picture_turned_by_its_exif_data_keeps_profile_and_transparency():
    exif = Image.Exif()
    exif[0x0112] = 6
    image, facts = read_still(saved(see_through(0), "PNG", icc_profile=P3, exif=exif))
    assert image.shape == (32, 24, 3)
    np.testing.assert_allclose(image[4, 9], icc.srgb_of(icc.DISPLAY_P3, 2.2, SKIN), atol=3)
    assert (image[28, 9] == 255).all()
    assert (facts["colour_profile"], facts["transparent"]) == ("Display P3", 1)


def test_a_jpeg_without_a_profile_is_as_it_was():
    blocks = np.kron(
        np.random.default_rng(1).integers(0, 256, (2, 3, 3), np.uint8),
        np.ones((16, 16, 1), np.uint8),
    )
    data = picture(blocks, "JPEG")
    assert (read_still(data)[0] == np.asarray(Image.open(io.BytesIO(data)))).all()


def ramp(bits: int) -> np.ndarray:
    """(24, 32, 3) uint16 of as many bits: red and green rise along it, blue falls down it."""
    across, down = np.linspace(0, 1, 32)[None], np.linspace(1, 0.5, 24)[:, None]
    shares = np.stack(np.broadcast_arrays(across, across / 2, down), axis=2)
    return np.rint(shares * (2**bits - 1)).astype(np.uint16)


def png(values: np.ndarray) -> bytes:
    return cv2.imencode(".png", values)[1].tobytes()


def tiff(pages: list[np.ndarray], orientation: int = 1) -> bytes:
    """Pages of (height, width, 3) uint16 RGB, not compressed."""
    data, link = b"II*\0" + bytes(4), 4
    for page in pages:
        height, width, _ = page.shape
        place, bits = len(data), len(data) + page.nbytes
        data += page.astype("<u2").tobytes() + struct.pack("<3H", 16, 16, 16)
        tags = (
            *((256, 4, 1, width), (257, 4, 1, height), (258, 3, 3, bits), (259, 3, 1, 1)),
            *((262, 3, 1, 2), (273, 4, 1, place), (274, 3, 1, orientation), (277, 3, 1, 3)),
            *((278, 4, 1, height), (279, 4, 1, page.nbytes)),
        )
        data = data[:link] + struct.pack("<I", len(data)) + data[link + 4 :]
        data += struct.pack("<H", len(tags)) + b"".join(struct.pack("<2H2I", *tag) for tag in tags)
        link = len(data)
        data += bytes(4)
    return data


@pytest.mark.parametrize("bits", [8, 10, 12, 16])
@pytest.mark.parametrize("kind", ["PNG", "TIFF", "the second page of a TIFF"])
def test_deep_colours_fill_the_range(bits, kind):
    values = ramp(bits)
    data = {"PNG": png(values[..., ::-1]), "TIFF": tiff([values])}.get(kind)
    image, facts = read_still(data or tiff([values[::2, ::2], values]))
    np.testing.assert_allclose(image, values * (255 / (2**bits - 1)), atol=1)
    assert facts["used_bits"] == bits
    scaled = f"Its values have {bits} bits; they were scaled to 8."
    assert (scaled in alterations(facts)) == (bits != 8)


@pytest.mark.parametrize("kind", [png, lambda values: tiff([values])], ids=["PNG", "TIFF"])
def test_a_dark_photo_of_16_bits_stays_dark(kind):
    values = ramp(14)
    image, facts = read_still(kind(np.ascontiguousarray(values)))
    assert image.max() == 63
    assert facts["used_bits"] == 16


def test_deep_greys_with_transparency_fill_the_range():
    grey = ramp(12)[..., 0]
    opacity = np.full((24, 32), 65535, np.uint16)
    opacity[:, 16:] = 0
    rows = np.dstack([grey, opacity]).astype(">u2").reshape(24, -1).view(np.uint8)
    unfiltered = np.hstack([np.zeros((24, 1), np.uint8), rows]).tobytes()
    data = b"".join(
        [
            PNG_MARK,
            png_chunk(b"IHDR", struct.pack(">2I5B", 32, 24, 16, 4, 0, 0, 0)),
            png_chunk(b"IDAT", zlib.compress(unfiltered)),
            png_chunk(b"IEND", b""),
        ]
    )
    image, facts = read_still(data)
    np.testing.assert_allclose(image[:, :16, 0], grey[:, :16] * (255 / 4095), atol=1)
    assert (image[:, 16:] == 255).all()
    assert (facts["used_bits"], facts["transparent"]) == (12, 1)


@pytest.mark.parametrize(
    ("kind", "values", "expected"),
    [
        ("<u4", [0, 2**30, 2**31, 2**32 - 1], [0, 63, 127, 255]),
        ("<i4", [-5, 0, 2**30, 2**31 - 1], [0, 0, 127, 255]),
    ],
)
def test_greys_of_32_bits_are_signed_where_the_file_says_so(kind, values, expected):
    signed = 1 + (kind == "<i4")
    tags = (
        *((256, 4, 1, 4), (257, 4, 1, 1), (258, 3, 1, 32), (259, 3, 1, 1), (262, 3, 1, 1)),
        *((273, 4, 1, 8), (277, 3, 1, 1), (278, 4, 1, 1), (279, 4, 1, 16), (339, 3, 1, signed)),
    )
    data = b"II*\0" + struct.pack("<I", 24) + np.array(values, kind).tobytes()
    data += struct.pack("<H", len(tags)) + b"".join(struct.pack("<2H2I", *tag) for tag in tags)
    image, facts = read_still(data + bytes(4))
    assert image[0, :, 0].tolist() == expected
    assert facts["used_bits"] == 32


def in_planes(values: np.ndarray) -> bytes:
    """A TIFF of (height, width, 3) values, each colour by itself, not compressed."""
    height, width, _ = values.shape
    bits, planes = (
        8 * values.itemsize,
        [np.ascontiguousarray(one) for one in np.moveaxis(values, 2, 0)],
    )
    data = b"II*\0" + bytes(4) + b"".join(one.tobytes() for one in planes)
    size, end = planes[0].nbytes, len(data)
    data += struct.pack("<3H3I3I", *[bits] * 3, *(8 + size * at for at in range(3)), *[size] * 3)
    tags = (
        *((256, 4, 1, width), (257, 4, 1, height), (258, 3, 3, end), (259, 3, 1, 1)),
        *((262, 3, 1, 2), (273, 4, 3, end + 6), (277, 3, 1, 3), (278, 4, 1, height)),
        *((279, 4, 3, end + 18), (284, 3, 1, 2)),
    )
    link = struct.pack("<I", len(data))
    data += struct.pack("<H", len(tags)) + b"".join(struct.pack("<2H2I", *tag) for tag in tags)
    return data[:4] + link + data[8:] + bytes(4)


def test_deep_planes_are_refused_as_nothing_here_reads_them():
    values = ramp(8)
    np.testing.assert_array_equal(read_still(in_planes(values.astype(np.uint8)))[0], values)
    with pytest.raises(MediaError, match="16 bits a colour, each colour by itself.*save it as PNG"):
        read_still(in_planes(ramp(16)))


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("kind", ["PNG", "TIFF"])
def test_deep_colours_are_turned_as_others_are(orientation, kind):
    deep, flat = ramp(12), ramp(8).astype(np.uint8)
    exif = Image.Exif()
    exif[0x0112] = orientation
    right = read_still(saved(Image.fromarray(flat), kind, exif=exif))[0]
    if kind == "PNG":
        upright = png(deep[..., ::-1])
        data = upright[:33] + png_chunk(b"eXIf", exif.tobytes()[6:]) + upright[33:]
    else:
        data = tiff([deep], orientation)
    image = read_still(data)[0]
    assert image.shape == right.shape
    np.testing.assert_allclose(image.astype(int), right, atol=1)


@pytest.mark.parametrize("damage", ["checksum", "length"])
def test_a_damaged_note_on_its_transfer_does_not_change_a_picture(damage):
    data = saved(plain(SKIN, "RGB"), "PNG")
    chunk = png_chunk(b"cICP", bytes((9, 16, 0, 1)) if damage == "checksum" else b"\x09\x10")
    if damage == "checksum":
        chunk = chunk[:-1] + bytes([chunk[-1] ^ 1])
    image, facts = read_still(data[:33] + chunk + data[33:])
    assert (image == SKIN).all()
    assert "transfer" not in facts


@pytest.mark.parametrize("kind", ["PNG", "GIF"])
@pytest.mark.parametrize("error", [TypeError, AttributeError, ValueError, IndexError])
def test_an_error_of_this_program_is_not_called_a_damaged_picture(monkeypatch, kind, error):
    def wrong(*_: object) -> None:
        raise error("a mistake")

    monkeypatch.setattr("deepfake_detector.media.stills.as_shown", wrong)
    more = [plain((90, 120, 150), "RGB")] if kind == "GIF" else []
    data = saved(plain(SKIN, "RGB"), kind, save_all=True, append_images=more)
    with pytest.raises(error, match="a mistake"):
        list(sample_frames(data, 2))


@pytest.mark.parametrize("function", ["still_facts", "animation_facts"])
def test_nor_is_one_in_the_facts(monkeypatch, function):
    def wrong(*_: object) -> None:
        raise TypeError("a mistake")

    monkeypatch.setattr(f"deepfake_detector.media.probing.{function}", wrong)
    more = [plain((90, 120, 150), "RGB")] if function == "animation_facts" else []
    with pytest.raises(TypeError, match="a mistake"):
        probe(saved(plain(SKIN, "RGB"), "PNG", save_all=True, append_images=more))


def test_nor_is_one_that_comes_with_16_bits(monkeypatch):
    def wrong(*_: object) -> None:
        raise ValueError("a mistake")

    monkeypatch.setattr("deepfake_detector.media.still_colours._eight_bit", wrong)
    with pytest.raises(ValueError, match="a mistake"):
        read_still(png(ramp(12)[..., ::-1]))
