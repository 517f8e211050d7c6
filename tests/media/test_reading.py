"""Stills come out upright and whole, or with one reason why not."""

import io
import struct
from fractions import Fraction

import av
import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from made import clip, picture, textured, two_pictures
from PIL import Image
from PIL.PngImagePlugin import PngInfo

from deepfake_detector.media.probing import probe
from deepfake_detector.media.reading import Limits, MediaError
from deepfake_detector.media.stills import damaged, read_image

COLOURS = np.random.default_rng(1).integers(0, 256, (6, 9, 3), np.uint8)
BLOCKS = np.kron(COLOURS[:2, :3], np.ones((16, 16, 1), np.uint8))  # survives JPEG


def saved(image: Image.Image, kind: str, **options: object) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, kind, **options)
    return buffer.getvalue()


@pytest.mark.parametrize("kind", ["PNG", "TIFF"])
@pytest.mark.parametrize(
    ("orientation", "upright"),
    [
        (1, COLOURS),
        (2, COLOURS[:, ::-1]),
        (3, COLOURS[::-1, ::-1]),
        (4, COLOURS[::-1]),
        (5, COLOURS.transpose(1, 0, 2)),
        (6, np.rot90(COLOURS, -1)),
        (7, COLOURS[::-1, ::-1].transpose(1, 0, 2)),
        (8, np.rot90(COLOURS)),
        (99, COLOURS),
    ],
)
def test_a_still_is_turned_as_its_exif_says(kind, orientation, upright):
    exif = Image.Exif()
    exif[0x0112] = orientation
    np.testing.assert_array_equal(read_image(picture(COLOURS, kind, exif=exif)), upright)


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP"])
def test_nonsense_elsewhere_in_the_exif_data_does_not_cost_the_picture(kind):
    width_as_text = struct.pack(">HHI4s", 0x0100, 2, 4, b"abc\0")
    turned = struct.pack(">HHIHH", 0x0112, 3, 1, 6, 0)
    exif = b"Exif\0\0MM\0*\0\0\0\x08\0\x02" + width_as_text + turned + bytes(4)
    assert read_image(picture(BLOCKS, kind, exif=exif)).shape == (48, 32, 3)


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP"])
def test_exif_data_that_are_none_do_not_cost_the_picture(kind):
    data = picture(BLOCKS, kind, exif=b"Exif\0\0no such data")
    assert read_image(data).shape == BLOCKS.shape


@pytest.mark.parametrize("kind", ["JPEG", "WEBP"])
def test_a_picture_is_turned_by_its_exif_data_alone(kind):
    """As in browsers; programs that turn a picture may leave what XMP says of it."""
    xmp = b'<x:xmpmeta xmlns:x="adobe:ns:meta/" tiff:Orientation="6"/>'
    assert read_image(picture(BLOCKS, kind, xmp=xmp)).shape == BLOCKS.shape


def test_a_long_text_does_not_cost_the_picture():
    """Programs that generate pictures write there what they were made of."""
    text = PngInfo()
    text.add_text("workflow", "step " * 1_000_000, zip=True)
    np.testing.assert_array_equal(read_image(picture(COLOURS, "PNG", pnginfo=text)), COLOURS)


def test_a_kind_of_tiff_that_is_not_read_is_not_only_called_damaged():
    """Another copy would not help: it is whole."""
    encoder = av.CodecContext.create("tiff", "w")
    encoder.width = encoder.height = 32
    encoder.pix_fmt, encoder.time_base = "ya16le", Fraction(1, 25)
    frame = av.VideoFrame(32, 32, "ya16le")
    frame.pts = 0
    packets = [*encoder.encode(frame), *encoder.encode(None)]
    failure = probe(b"".join(map(bytes, packets))).failure
    assert "a kind of TIFF that is not read here; save it as PNG" in failure


def png_with_damaged(kind: bytes) -> bytes:
    """A PNG whose first chunk of that kind has a wrong checksum."""
    text = PngInfo()
    text.add_text("Software", "a camera")
    data = bytearray(picture(textured(), "PNG", pnginfo=text))
    place = data.index(kind)
    data[place + 4 + int.from_bytes(data[place - 4 : place])] ^= 1
    return bytes(data)


def test_a_damaged_text_does_not_cost_a_png():
    assert np.array_equal(read_image(png_with_damaged(b"tEXt")), textured())
    assert probe(png_with_damaged(b"tEXt")).kind == "image"


def test_what_the_picture_needs_does():
    with pytest.raises(MediaError):
        read_image(png_with_damaged(b"IHDR"))


def test_a_preview_of_what_cannot_be_read_is_refused():
    """As of raw photos, which are TIFF files whose pictures lie elsewhere."""
    reduced = picture(BLOCKS, "TIFF", tiffinfo={0x00FE: 1})
    with pytest.raises(MediaError, match="a raw photo, .*; save it as JPEG"):
        read_image(reduced)


@pytest.mark.filterwarnings("ignore:Corrupt EXIF data")
@pytest.mark.parametrize("kind", ["WEBP", "PNG", "JPEG", "GIF", "TIFF"])
def test_what_begins_as_a_picture_and_is_none_is_called_damaged(kind):
    probed = probe(picture(BLOCKS, kind)[:16])
    assert probed.kind == "image"
    assert "damaged" in probed.failure


@pytest.mark.parametrize(
    ("image", "expected"),
    [
        (Image.fromarray(np.array([[0, 257, 40000, 65535]], np.uint16)), [0, 1, 155, 255]),
        (Image.fromarray(np.array([[0, 200, 255]], np.uint8)), [0, 200, 255]),
        (Image.fromarray(np.array([[False, True]])), [0, 255]),
        (Image.fromarray(np.array([[[9, 0], [90, 255]]], np.uint8), "LA"), [255, 90]),
    ],
    ids=["16 bits", "8 bits", "1 bit", "grey with alpha"],
)
def test_greys_become_rgb_on_the_scale_of_8_bits(image, expected):
    np.testing.assert_array_equal(
        read_image(saved(image, "PNG")), np.repeat(np.array(expected)[None, :, None], 3, 2)
    )


@pytest.mark.parametrize("mode", ["P", "RGBA", "RGB"])
def test_colours_are_kept_whatever_the_mode_of_the_file(mode):
    few = np.kron(
        np.array([[[255, 0, 0], [0, 255, 0]], [[0, 0, 255], [9, 9, 9]]], np.uint8),
        np.ones((3, 3, 1), np.uint8),
    )
    image = Image.fromarray(few).convert(
        mode, **({"palette": Image.Palette.ADAPTIVE} if mode == "P" else {})
    )
    assert image.mode == mode
    np.testing.assert_array_equal(read_image(saved(image, "PNG")), few)


@pytest.mark.parametrize("mode", ["CMYK", "RGB"])
def test_a_jpeg_for_print_looks_like_one_for_the_screen(mode):
    read = read_image(
        saved(Image.fromarray(BLOCKS).convert(mode), "JPEG", quality=98, subsampling=0)
    )
    assert np.abs(read.astype(int) - BLOCKS).mean() < 4


def test_bytes_and_a_file_give_equal_pictures(tmp_path):
    (tmp_path / "still").write_bytes(picture(COLOURS))
    np.testing.assert_array_equal(read_image(tmp_path / "still"), COLOURS)


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"", "empty file"),
        (b"no picture", "not an image that can be read"),
        (clip(), "not an image that can be read"),
        (picture(BLOCKS, "JPEG")[:-200], "damaged image: (?i:.*truncated).*; take another copy"),
        (picture(BLOCKS, "PNG")[:60], "damaged image"),
    ],
    ids=["empty", "text", "video", "cut JPEG", "cut PNG"],
)
def test_a_file_without_a_picture_says_why(tmp_path, data, reason):
    (tmp_path / "still.jpg").write_bytes(data)
    for source in (data, tmp_path / "still.jpg"):
        with pytest.raises(MediaError, match=reason):
            read_image(source)


@pytest.mark.parametrize("missing", [1, 2])
def test_a_jpeg_that_lacks_its_last_mark_alone_is_read(missing):
    data = picture(BLOCKS, "JPEG")
    assert np.array_equal(read_image(data[:-missing]), read_image(data))


RESTARTED = {"restart_marker_rows": 1}


@pytest.mark.parametrize(
    "options", [{}, {"progressive": True}, RESTARTED], ids=["plain", "progressive", "restarts"]
)
def test_a_jpeg_that_lacks_more_is_refused(options):
    data = picture(np.tile(BLOCKS, (3, 3, 1)), "JPEG", **options)
    first = data.index(b"\xff\xda")
    ends = {*range(first + 40, len(data) - 2, 97), data.find(b"\xff\xd0")} - {-1}
    for end in sorted(ends):
        with pytest.raises(MediaError, match="truncated"):
            read_image(data[:end])


@pytest.mark.parametrize("options", [{}, {"progressive": True}, RESTARTED])
@pytest.mark.parametrize("mode", ["RGB", "L", "CMYK"])
def test_a_jpeg_of_which_a_part_is_lost_is_refused(mode, options):
    """Pillow makes a picture of it whose rest is garbled, and says nothing."""
    whole = saved(Image.fromarray(textured(192)).convert(mode), "JPEG", **options)
    scan = whole.rindex(b"\xff\xda")
    middle = (scan + len(whole)) // 2
    assert read_image(whole).shape == (192, 192, 3)
    lost = whole[:middle] + whole[middle + (len(whole) - middle) // 2 :]
    with pytest.raises(MediaError, match="damaged image: (a part of it is lost|broken)"):
        read_image(lost)


@pytest.mark.parametrize(
    "kind",
    [
        {"quality": 3},
        {"quality": 100, "subsampling": 0},
        {"subsampling": 1},
        {"optimize": True},
        {"comment": b"\xff" * 300},
        {"exif": b"Exif\0\0 no such thing"},
        {"icc_profile": b"no profile" * 30},
    ],
    ids=str,
)
@pytest.mark.parametrize("after", [b"", bytes(500), b"\xff\xd8\xff", picture(BLOCKS, "JPEG")])
def test_a_jpeg_that_is_whole_is_read_whatever_is_beside_its_picture(kind, after):
    for size in ((1, 1), (7, 33), (90, 60)):
        data = saved(Image.fromarray(textured(96)).resize(size), "JPEG", **kind)
        assert read_image(data + after).shape == (size[1], size[0], 3)


@pytest.mark.filterwarnings("ignore:Corrupt EXIF data")
@pytest.mark.slow
@settings(derandomize=True, deadline=None, max_examples=150)
@given(
    kind=st.sampled_from(["JPEG", "PNG", "WEBP", "BMP", "TIFF"]),
    cut=st.floats(0.1, 1),
    changes=st.lists(st.tuples(st.floats(0, 1, exclude_max=True), st.integers(0, 255)), max_size=4),
)
@example(kind="JPEG", cut=1, changes=[])
def test_a_picture_with_wrong_or_missing_bytes_is_read_or_refused(kind, cut, changes):
    exif = Image.Exif()
    exif[0x0112], exif[0x010E] = 6, "a description"
    data = bytearray(picture(BLOCKS, kind, **({} if kind == "BMP" else {"exif": exif})))
    data = data[: int(cut * len(data))]
    for share, value in changes:
        data[int(share * len(data))] = value
    assert probe(bytes(data)).kind in ("image", "video")
    try:
        image = read_image(bytes(data))
    except MediaError as error:
        assert str(error)
    else:
        assert image.dtype == np.uint8
        assert image.ndim == 3
        assert image.shape[2] == 3


@pytest.mark.parametrize("kind", ["JPEG", "MPO", "TIFF"])
def test_the_first_picture_of_a_still_with_several_is_read(kind):
    data = (
        picture(BLOCKS, "JPEG", quality=95)
        if kind == "JPEG"
        else two_pictures(kind, BLOCKS, 255 - BLOCKS)
    )
    assert np.abs(read_image(data).astype(int) - BLOCKS).mean() < 12


def test_a_picture_with_too_many_pixels_is_refused():
    data = picture(np.zeros((48, 64, 3), np.uint8))
    read_image(data, Limits(pixels=64 * 48))
    with pytest.raises(MediaError, match="too large: 64 x 48 pixels"):
        read_image(data, Limits(pixels=64 * 48 - 1))


def test_what_a_reader_says_in_several_lines_is_told_in_one():
    assert str(damaged(" bad header\n(of 9 bytes)\n")).startswith(
        "damaged image: bad header (of 9 bytes); take"
    )
