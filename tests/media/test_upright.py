"""Pictures come out in their true shape and colour, and what was done to them is told."""

import io
import struct
from fractions import Fraction

import av
import numpy as np
import pytest
from made import clip, number_in, numbered_frame, picture, png_chunk, two_pictures
from media.cases import case
from PIL import Image

from deepfake_detector.media import stills
from deepfake_detector.media.facts import alterations
from deepfake_detector.media.frame_sampling import Frame, sample_frames
from deepfake_detector.media.reading import Source
from deepfake_detector.media.stills import read_image
from deepfake_detector.media.upright import (
    HLG,
    PQ,
    TO_709,
    TRANSFERS,
    Colours,
    Upright,
    colours_of,
    orientation,
    sensible,
    tone_mapped,
)

BARS = [(200, 60, 60), (60, 200, 60), (60, 60, 200), (200, 200, 60), (30, 30, 30), (180, 140, 120)]


def first(source: Source) -> Frame:
    return next(sample_frames(source, 1))


def with_matrix(a: int, b: int, c: int, d: int) -> bytes:
    """A clip whose track header has this matrix, in units of 1/65536."""
    data = bytearray(clip(1))
    at = data.index(b"tkhd") + 44
    for place, value in zip((0, 4, 12, 16), (a, b, c, d), strict=True):
        data[at + place : at + place + 4] = value.to_bytes(4, "big", signed=True)
    return bytes(data)


ONE = 0x10000


@pytest.mark.parametrize(
    ("matrix", "shown"),
    [
        ((ONE, 0, 0, ONE), lambda image: image),
        ((0, ONE, -ONE, 0), lambda image: np.rot90(image, -1)),
        ((-ONE, 0, 0, -ONE), lambda image: image[::-1, ::-1]),
        ((0, -ONE, ONE, 0), np.rot90),
        ((-ONE, 0, 0, ONE), lambda image: image[:, ::-1]),
        ((ONE, 0, 0, -ONE), lambda image: image[::-1]),
        ((0, ONE, ONE, 0), lambda image: image.transpose(1, 0, 2)),
        ((0, -ONE, -ONE, 0), lambda image: image[::-1, ::-1].transpose(1, 0, 2)),
        ((0, 0, 0, 0), lambda image: image),
        ((2 * ONE, 0, 0, 2 * ONE), lambda image: image),
        ((ONE, 3000, -3000, ONE), lambda image: image),
    ],
    ids=[
        "upright",
        "90",
        "180",
        "270",
        "mirror",
        "flip",
        "transpose",
        "transverse",
        "zero",
        "scaled",
        "tilted",
    ],
)
def test_the_whole_display_matrix_counts(matrix, shown):
    frame, plain = first(with_matrix(*matrix)), first(clip(1))
    np.testing.assert_array_equal(frame.image, shown(plain.image))
    assert ("It was mirrored, as the file asks." in alterations(frame.facts)) == (
        np.linalg.det(np.reshape(matrix, (2, 2)).astype(float)) < 0
    )


def of_a_camera(container: str, orientation: int) -> bytes:
    """Frames that are JPEGs with Exif, turned as that says."""
    buffer, exif = io.BytesIO(), Image.Exif()
    exif[0x0112] = orientation
    with av.open(buffer, "w", format=container) as output:
        stream = output.add_stream("mjpeg", rate=12)
        stream.width, stream.height, stream.pix_fmt = 96, 64, "yuvj420p"
        for number in range(12):
            packet = av.Packet(picture(numbered_frame(number), "JPEG", quality=95, exif=exif))
            packet.stream, packet.pts, packet.dts = stream, number, number
            packet.time_base, packet.is_keyframe = Fraction(1, 12), True
            output.mux(packet)
    return buffer.getvalue()


@pytest.mark.parametrize("container", ["avi", "mov"])
@pytest.mark.parametrize(
    ("orientation", "stored"),
    [
        (1, lambda image: image),
        (6, np.rot90),
        (2, lambda image: image[:, ::-1]),
        (5, lambda image: image.transpose(1, 0, 2)),
    ],
)
def test_frames_of_a_camera_are_turned_as_their_exif_says(container, orientation, stored):
    frames = list(sample_frames(of_a_camera(container, orientation), 3))
    assert [number_in(stored(frame.image)) for frame in frames] == [2, 6, 10]


def with_aspect(width: int, height: int, aspect: Fraction) -> bytes:
    buffer = io.BytesIO()
    with av.open(buffer, "w", format="mpegts") as output:
        stream = output.add_stream("libx264", rate=25, options={"crf": "12"})
        stream.width, stream.height, stream.pix_fmt = width, height, "yuv420p"
        stream.codec_context.sample_aspect_ratio = aspect
        for number in range(24):
            shown = numbered_frame(number, width, height)
            output.mux(stream.encode(av.VideoFrame.from_ndarray(shown, format="rgb24")))
        output.mux(stream.encode())
    return buffer.getvalue()


@pytest.mark.parametrize(
    ("parts", "shapes"),
    [
        ([(96, 64, Fraction(16, 11)), (192, 128, Fraction(1))], [(64, 140), (128, 192)]),
        ([(96, 64, Fraction(1)), (96, 64, Fraction(4, 3))], [(64, 96), (64, 128)]),
    ],
)
def test_an_aspect_that_changes_within_a_recording_is_followed(parts, shapes):
    data = b"".join(with_aspect(*part) for part in parts)
    sizes = [frame.image.shape[:2] for frame in sample_frames(data, 4)]
    assert sizes == [shape for shape in shapes for _ in range(2)]


def test_a_matrix_of_no_numbers_asks_for_nothing():
    assert orientation(np.full((2, 2), np.nan)) == (0, False)


@pytest.mark.parametrize(
    ("name", "mirrored"), [("matrix_hflip.mp4", True), ("matrix_zero.mp4", False)]
)
def test_mirrored_and_empty_matrices_of_real_files(name, mirrored):
    stored = np.asarray(Image.open(case("matrix_upright.png")).convert("RGB")).astype(int)
    frame = first(case(name))
    assert np.abs(frame.image - (stored[:, ::-1] if mirrored else stored)).mean() < 2
    assert (frame.facts["rotation"], frame.facts["mirrored"]) == (0, int(mirrored))


@pytest.mark.parametrize(
    ("aspect", "shape"),
    [
        ("64/45", (64, 137)),
        ("2", (64, 192)),
        ("1/2", (128, 96)),
        ("1", (64, 96)),
        ("999/1000", (64, 96)),
    ],
)
def test_pixels_become_square_and_no_side_gets_shorter(aspect, shape):
    buffer = io.BytesIO()
    with av.open(buffer, "w", format="mp4") as output:
        stream = output.add_stream("libx264", rate=12)
        stream.width, stream.height, stream.pix_fmt = 96, 64, "yuv420p"
        stream.codec_context.sample_aspect_ratio = Fraction(aspect)
        frame = av.VideoFrame.from_ndarray(numbered_frame(5), format="rgb24")
        output.mux(stream.encode(frame))
        output.mux(stream.encode())
    frame = first(buffer.getvalue())
    assert frame.image.shape == (*shape, 3)
    assert (frame.facts["width"], frame.facts["height"]) == shape[::-1]
    assert any("stretched" in text for text in alterations(frame.facts)) == (shape != (64, 96))


def test_a_squeezed_person_is_stretched():
    frame = first(case("sar_64_45_real.mp4"))
    assert frame.image.shape[:2] == (240, 319)
    assert frame.facts["pixel_aspect"] == pytest.approx(64 / 45)


def extracted(codec: str, aspect: str) -> bytes:
    """A picture of 96 x 64, as FFmpeg writes a frame of a clip of this pixel aspect."""
    buffer = io.BytesIO()
    with av.open(buffer, "w", format="apng" if codec == "apng" else "image2pipe") as output:
        stream = output.add_stream(codec, rate=1)
        stream.width, stream.height = 96, 64
        stream.pix_fmt = "yuvj420p" if codec == "mjpeg" else "rgb24"
        stream.codec_context.sample_aspect_ratio = Fraction(aspect)
        for number in range(3 if codec == "apng" else 1):
            frame = av.VideoFrame.from_ndarray(numbered_frame(number), format="rgb24")
            output.mux(stream.encode(frame))
        output.mux(stream.encode())
    return buffer.getvalue()


@pytest.mark.parametrize("codec", ["png", "mjpeg", "apng"])
@pytest.mark.parametrize(
    ("aspect", "shape"),
    [("64/45", (64, 137)), ("8/9", (72, 96)), ("1", (64, 96)), ("200/201", (64, 96))],
)
def test_a_frame_extracted_from_a_squeezed_clip_is_stretched(codec, aspect, shape):
    frame = first(extracted(codec, aspect))
    assert frame.image.shape == (*shape, 3)
    assert frame.facts["pixel_aspect"] == pytest.approx(float(Fraction(aspect)))
    assert any("stretched" in text for text in alterations(frame.facts)) == (shape != (64, 96))


@pytest.mark.parametrize("orientation", range(1, 9))
def test_a_squeezed_picture_is_stretched_the_way_it_was_stored(orientation):
    exif = Image.Exif()
    exif[0x0112] = orientation
    stored = Image.open(io.BytesIO(extracted("mjpeg", "2")))
    stored.save(buffer := io.BytesIO(), "JPEG", exif=exif)
    data = bytearray(buffer.getvalue())
    data[13:18] = b"\0" + struct.pack(">2H", 2, 1)  # unit and densities of the JFIF segment
    assert read_image(bytes(data)).shape[:2] == ((64, 192) if orientation < 5 else (192, 64))


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "TIFF"])
def test_dots_per_inch_are_about_print(kind):
    Image.new("RGB", (96, 64)).save(buffer := io.BytesIO(), kind, dpi=(204, 98))
    frame = first(buffer.getvalue())
    assert (frame.image.shape, frame.facts["pixel_aspect"]) == ((64, 96, 3), 1)


@pytest.mark.parametrize("density", [(0, 0), (1, 0), (0, 1), (72, 1)])
def test_a_ratio_that_cannot_be_changes_no_picture(density):
    Image.new("RGB", (96, 64)).save(buffer := io.BytesIO(), "JPEG")
    data = bytearray(buffer.getvalue())
    data[13:18] = b"\0" + struct.pack(">2H", *density)
    assert read_image(bytes(data)).shape == (64, 96, 3)


@pytest.mark.parametrize(("declared", "taken"), [(0.0, 1), (1e6, 1), (1e-6, 1), (1.5, 1.5)])
def test_an_aspect_that_cannot_be_is_none(declared, taken):
    assert sensible(declared) == taken


def colours(matrix: int, full: bool) -> Frame:
    """The first frame of a clip of one colour, (200, 60, 60), of this matrix and range."""
    buffer = io.BytesIO()
    red = np.full((64, 96, 3), (200, 60, 60), np.uint8)
    with av.open(buffer, "w", format="mp4") as output:
        stream = output.add_stream("libx264", rate=12, options={"crf": "1"})
        stream.width, stream.height, stream.pix_fmt = 96, 64, "yuv444p"
        context = stream.codec_context
        context.colorspace, context.color_range = matrix, 2 if full else 1
        plain = av.VideoFrame.from_ndarray(red, format="rgb24")
        known = {1: "itu709", 6: "itu601"}.get(matrix, "itu601")
        frame = plain.reformat(
            format="yuv444p", dst_colorspace=known, dst_color_range=2 if full else 1
        )
        output.mux(stream.encode(frame))
        output.mux(stream.encode())
    return first(buffer.getvalue())


@pytest.mark.parametrize("full", [True, False])
@pytest.mark.parametrize("matrix", [1, 2, 6])
def test_matrix_and_range_are_those_that_the_file_tells(matrix, full):
    frame = colours(matrix, full)
    assert np.abs(frame.image.astype(int) - (200, 60, 60)).max() <= 4
    assert (frame.facts["colour_range"] == "full") == full
    assert alterations(frame.facts) == []


def prores(told_by_frames: bool) -> bytes:
    """A MOV of one colour, (200, 60, 60), of BT.709; its frames (SMPTE RDD 36) tell so or not."""
    buffer = io.BytesIO()
    red = np.full((64, 96, 3), (200, 60, 60), np.uint8)
    with av.open(buffer, "w", format="mov") as output:
        stream = output.add_stream("prores_ks", rate=12)
        stream.width, stream.height, stream.pix_fmt = 96, 64, "yuv422p10le"
        context = stream.codec_context
        context.color_primaries = context.color_trc = context.colorspace = 1
        plain = av.VideoFrame.from_ndarray(red, format="rgb24")
        output.mux(stream.encode(plain.reformat(format="yuv422p10le", dst_colorspace="itu709")))
        output.mux(stream.encode())
    data = bytearray(buffer.getvalue())
    if not told_by_frames:
        header = data.index(b"icpf") + 4
        data[header + 14 : header + 17] = 2, 2, 2
    return bytes(data)


@pytest.mark.parametrize("told_by_frames", [True, False])
def test_where_frames_tell_no_colours_those_of_the_container_hold(told_by_frames):
    frame = first(prores(told_by_frames))
    assert (frame.facts["colour_matrix"], frame.facts["transfer"]) == ("bt709", "bt709")
    assert np.abs(frame.image.astype(int) - (200, 60, 60)).max() <= 4


@pytest.mark.parametrize(
    ("declared", "taken"),
    [(Colours(1, 1, 2), ("bt709", "full")), (Colours(2, 2, 0), ("bt470bg", "limited"))],
)
def test_of_vp8_the_container_has_the_last_word(declared, taken):
    """Its pictures cannot tell a matrix; FFmpeg presumes one."""
    frame = av.VideoFrame(32, 24, "yuv420p")
    frame.colorspace, frame.color_range = 5, 1
    _, facts = Upright(10_000, declared, "vp8")(frame, 1.0)
    assert (facts["colour_matrix"], facts["colour_range"]) == taken


@pytest.mark.parametrize(
    ("declared", "taken"),
    [((2, 2, 0), (9, 16, 1)), ((1, 18, 2), (1, 18, 2))],
    ids=["nothing", "all"],
)
def test_a_frame_that_tells_its_colours_has_the_last_word(declared, taken):
    frame = av.VideoFrame(96, 64, "yuv420p10le")
    frame.colorspace, frame.color_trc, frame.color_range = declared
    Upright(10_000, Colours(9, 16, 1))(frame, 1.0)
    assert colours_of(frame) == taken


def hdr_without_a_matrix(transfer: int) -> np.ndarray:
    """A frame of HDR in colours of BT.2020, whose matrix the file does or does not tell."""
    signal = np.full((64, 96, 3), (20_000, 40_000, 15_000), np.uint16)
    frame = av.VideoFrame.from_ndarray(signal, format="rgb48le")
    frame = frame.reformat(format="yuv420p10le", dst_colorspace="bt2020")
    frame.color_trc = transfer
    return frame


@pytest.mark.parametrize("transfer", [PQ, HLG])
def test_hdr_whose_matrix_is_not_told_has_that_of_hdr(transfer):
    frame = hdr_without_a_matrix(transfer)
    shown = []
    for matrix in (9, 2, 12):
        frame.colorspace = matrix
        shown.append(Upright(10_000)(frame, 1.0)[0])
    assert np.array_equal(shown[0], shown[1])
    assert np.array_equal(shown[0], shown[2])


def test_greys_have_no_matrix_that_could_be_unknown():
    buffer = io.BytesIO()
    with av.open(buffer, "w", format="mov") as output:
        stream = output.add_stream("png", rate=12)
        stream.width, stream.height, stream.pix_fmt = 96, 64, "gray"
        grey = np.full((64, 96), 90, np.uint8)
        output.mux(stream.encode(av.VideoFrame.from_ndarray(grey, format="gray")))
        output.mux(stream.encode())
    frame = first(buffer.getvalue())
    assert frame.facts["colour_matrix"] == ""
    assert alterations(frame.facts) == []


@pytest.mark.parametrize("pixels", ["gray", "gray10le"])
@pytest.mark.parametrize(
    ("colour_range", "expected"),
    [(0, (8, 90, 240)), (1, (0, 86, 255)), (2, (8, 90, 240))],
    ids=["not told", "limited", "full"],
)
def test_greys_have_the_range_that_the_file_tells(colour_range, expected, pixels):
    buffer = io.BytesIO()
    grey = np.repeat(np.repeat(np.array([[8, 90, 240]], np.uint16), 64, 0), 32, 1)
    grey = (grey << 2) if pixels == "gray10le" else grey.astype(np.uint8)
    with av.open(buffer, "w", format="matroska") as output:
        stream = output.add_stream("ffv1", rate=12)
        stream.width, stream.height, stream.pix_fmt = 96, 64, pixels
        stream.codec_context.color_range = colour_range
        output.mux(stream.encode(av.VideoFrame.from_ndarray(grey, format=pixels)))
        output.mux(stream.encode())
    image = first(buffer.getvalue()).image
    assert image[32, 16::32, 0].tolist() == pytest.approx(expected, abs=1)
    assert (image == image[..., :1]).all()


@pytest.mark.parametrize("tff", [False, True])
def test_it_is_told_whether_a_frame_is_two_fields(tff):
    buffer = io.BytesIO()
    with av.open(buffer, "w", format="mp4") as output:
        options = {"x264-params": "tff=1"} if tff else {}
        stream = output.add_stream("libx264", rate=25, options=options)
        stream.width, stream.height, stream.pix_fmt = 96, 64, "yuv420p"
        output.mux(stream.encode(av.VideoFrame.from_ndarray(numbered_frame(1), format="rgb24")))
        output.mux(stream.encode())
    assert first(buffer.getvalue()).facts["interlaced"] == tff


@pytest.mark.parametrize("matrix", [8, 10, 11, 12, 13, 14])
def test_a_matrix_that_cannot_be_used_is_as_good_as_none(matrix):
    frame = colours(matrix, False)
    assert np.abs(frame.image.astype(int) - (200, 60, 60)).max() <= 4
    assert frame.facts["colour_matrix"] == "unknown"
    assert alterations(frame.facts) == [
        "Its colour matrix is unknown; its colours were read as if no matrix were given."
    ]


def test_a_real_file_with_an_unknown_matrix_is_read():
    assert first(case("matrix_ycgco.mp4")).facts["colour_matrix"] == "unknown"


def hdr_signal(colour: tuple[int, int, int], transfer: int) -> np.ndarray:
    """The signal of one pixel that shows this BT.1886 colour with white at 203 cd/m2: the inverse
    of the standards' formulas."""
    nits = 203 * np.linalg.inv(TO_709.astype(float)) @ (np.array(colour) / 255) ** 2.4
    if transfer == PQ:
        power = (nits.clip(0) / 10_000) ** 0.1593017578125
        signal = ((0.8359375 + 18.8515625 * power) / (1 + 18.6875 * power)) ** 78.84375
    else:
        display = nits.clip(0) / 1000
        luminance = max(display @ (0.2627, 0.6780, 0.0593), 1e-9)
        scene = display * luminance ** (1 / 1.2 - 1)
        high = 0.17883277 * np.log((12 * scene - 0.28466892).clip(1e-9)) + 0.55991073
        signal = np.where(scene <= 1 / 12, np.sqrt(3 * scene), high)
    return np.rint(signal * 65535).astype(np.uint16)[None, None]


@pytest.mark.parametrize("transfer", [PQ, HLG])
@pytest.mark.parametrize("colour", [*BARS, (0, 0, 0), (225, 225, 225)])
def test_hdr_of_a_colour_is_that_colour(colour, transfer):
    shown = tone_mapped(hdr_signal(colour, transfer), transfer)
    assert np.abs(shown.astype(int) - colour).max() <= 1


@pytest.mark.parametrize("transfer", [PQ, HLG])
def test_light_brighter_than_white_keeps_its_order_and_its_hue(transfer):
    signal = np.repeat(np.linspace(0, 65535, 200).astype(np.uint16)[None, :, None], 3, 2)
    grey = tone_mapped(signal, transfer)
    assert (np.ptp(grey, axis=2) <= 1).all()
    assert (np.diff(grey[0, :, 0].astype(int)) >= 0).all()
    assert grey.max() == 255


def test_hdr_bars_of_a_file_come_near_what_they_show():
    """Its greys are exact; its colours were stored paler than its range says."""
    frame = first(case("hdr_hlg_bars.mp4"))
    expected = np.asarray(Image.open(case("hdr_bars_expected.png")).convert("RGB")).astype(int)
    error = np.abs(frame.image - expected)[64, 16::32].max(axis=1)
    assert error[4:6].max() <= 1
    assert error.max() <= 30  # read as stored, (200, 60, 60) was (147, 74, 60)
    assert frame.facts["transfer"] == "hlg"
    assert any("HDR" in text for text in alterations(frame.facts))


@pytest.mark.parametrize("bits", [10, 12, 14, 16])
def test_deep_greys_fill_the_range(bits):
    ramp = np.linspace(0, 2**bits - 1, 96).astype(np.uint16)[None].repeat(64, 0)
    buffer = io.BytesIO()
    Image.fromarray(ramp).save(buffer, "PNG")
    frame = first(buffer.getvalue())
    assert (frame.image.min(), frame.image.max()) == (0, 255)
    assert frame.facts["used_bits"] == bits


def test_a_grey_ramp_of_12_bits_is_not_black():
    frame = first(case("grey_12_bits.png"))
    assert (frame.image.min(), frame.image.max(), frame.facts["used_bits"]) == (0, 254, 12)
    assert alterations(frame.facts) == ["Its values have 12 bits; they were scaled to 8."]


def test_greys_between_0_and_1_fill_the_range():
    buffer = io.BytesIO()
    Image.fromarray(np.linspace(0, 1, 96, dtype=np.float32)[None].repeat(4, 0)).save(buffer, "TIFF")
    assert read_image(buffer.getvalue()).max() == 255


def with_cicp(data: bytes, transfer: int) -> bytes:
    """The PNG, in colours of BT.2020 and with this transfer characteristic."""
    chunk = png_chunk(b"cICP", bytes((9, transfer, 0, 1)))
    return data[:33] + chunk + data[33:]  # after the header


@pytest.mark.parametrize("transfer", [PQ, HLG])
def test_a_still_of_hdr_is_mapped_as_a_frame_is(transfer):
    signal = np.full((32, 32, 3), (120, 150, 90), np.uint8)
    plain = picture(signal)
    frame = first(with_cicp(plain, transfer))
    assert np.array_equal(frame.image, tone_mapped(signal.astype(np.uint16) * 257, transfer))
    assert any("HDR" in one for one in alterations(frame.facts))
    assert np.array_equal(first(with_cicp(plain, 13)).image, signal)


def test_an_error_of_this_program_is_not_called_a_damaged_video(monkeypatch):
    def wrong(*_: object) -> None:
        raise ValueError("a mistake")

    monkeypatch.setattr("deepfake_detector.media.upright.squared", wrong)
    with pytest.raises(ValueError, match="a mistake"):
        list(sample_frames(clip(2), 2))


@pytest.mark.skipif("HEIF" not in stills.FORMATS, reason="pillow-heif is not installed")
def test_a_heic_picture_of_hdr_is_mapped_too():
    buffer = io.BytesIO()
    profile = {"color_primaries": 9, "transfer_characteristics": PQ, "matrix_coefficients": 9}
    signal = Image.fromarray(np.full((64, 64, 3), (120, 150, 90), np.uint8))
    signal.save(buffer, "HEIF", quality=-1, **profile)
    frame = first(buffer.getvalue())
    expected = tone_mapped(np.full((1, 1, 3), (120, 150, 90), np.uint16) * 257, PQ)
    assert np.abs(frame.image.astype(int) - expected).max() <= 6
    assert frame.facts["transfer"] == "pq"


def with_transfer(avif: bytes, transfer: int) -> bytes:
    """The AVIF, with this transfer characteristic in each of its colour boxes."""
    data, box = bytearray(avif), b"colrnclx"
    place = data.find(box)
    while place >= 0:
        at = place + len(box) + 2  # behind the primaries
        data[at : at + 2] = transfer.to_bytes(2, "big")
        place = data.find(box, at)
    return bytes(data)


@pytest.mark.parametrize("transfer", [PQ, HLG])
@pytest.mark.parametrize("frames", [1, 3])
def test_an_avif_of_hdr_is_mapped_whether_it_moves_or_not(frames, transfer):
    signal = [np.full((64, 64, 3), (120, 150, 90 + 20 * at), np.uint8) for at in range(frames)]
    buffer = io.BytesIO()
    start, *others = map(Image.fromarray, signal)
    more = {"save_all": True, "append_images": others, "duration": 200} if others else {}
    start.save(buffer, "AVIF", quality=100, subsampling="4:4:4", **more)
    shown = list(sample_frames(with_transfer(buffer.getvalue(), transfer), frames))
    assert len(shown) == frames
    for frame, stored in zip(shown, signal, strict=True):
        expected = tone_mapped(stored[:1, :1].astype(np.uint16) * 257, transfer)
        assert np.abs(frame.image.astype(int) - expected).max() <= 6
        assert frame.facts["transfer"] == TRANSFERS[transfer]


def test_every_frame_of_a_png_of_hdr_is_mapped():
    signal = [np.full((32, 32, 3), (120, 150, 90 + 20 * at), np.uint8) for at in range(3)]
    buffer = io.BytesIO()
    start, *others = map(Image.fromarray, signal)
    start.save(buffer, "PNG", save_all=True, append_images=others, duration=200)
    shown = list(sample_frames(with_cicp(buffer.getvalue(), PQ), 3))
    for frame, stored in zip(shown, signal, strict=True):
        assert np.array_equal(frame.image, tone_mapped(stored.astype(np.uint16) * 257, PQ))


def test_greys_that_count_from_white_are_turned():
    ramp = np.linspace(0, 65535, 64).astype(np.uint16)[None].repeat(64, axis=0)
    shown = [read_image(picture(ramp, "TIFF", tiffinfo={262: kind})) for kind in (1, 0)]
    assert np.array_equal(shown[0], 255 - shown[1])


@pytest.mark.parametrize("odd", [np.nan, np.inf, -np.inf])
def test_greys_that_are_no_number_are_black_and_spoil_no_other(odd):
    grey = np.full((32, 32), 0.5, np.float32)
    grey[0, 0] = odd
    shown = read_image(picture(grey, "TIFF"))
    assert (shown[0, 0] == 0).all()
    assert (shown[1:] == 127).all()


def test_the_largest_page_of_a_tiff_is_read():
    frame = first(case("tiff_thumbnail_first.tif"))
    assert frame.image.shape == (64, 96, 3)
    assert alterations(frame.facts) == ["Page 2, the largest, was looked at."]


def test_of_pages_of_equal_size_the_first_is_read():
    data = two_pictures("TIFF", numbered_frame(3), numbered_frame(4))
    np.testing.assert_array_equal(first(data).image, numbered_frame(3))
    assert alterations(first(picture(numbered_frame(3))).facts) == []
