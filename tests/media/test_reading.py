"""Pictures and frames come out upright, whole and from the right places, or with one reason why not."""

import io
import struct
from itertools import pairwise

import av
import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from made import audio_only, clip, number_in, numbered_frame, picture
from PIL import Image

from deepfake_detector.media import reading
from deepfake_detector.media.reading import Limits, MediaError, kind_of, read_image, sample_frames

CONTAINERS = ("mp4", "matroska", "avi", "mpegts")
TINY = {container: clip(8, width=64, height=48, container=container) for container in CONTAINERS}
CLIP_OF_20 = clip(20)
COLOURS = np.random.default_rng(1).integers(0, 256, (6, 9, 3), np.uint8)
BLOCKS = np.kron(COLOURS[:2, :3], np.ones((16, 16, 1), np.uint8))  # survives JPEG
fuzzed = settings(derandomize=True, deadline=None, max_examples=150)


def numbers(source: reading.Source, count: int) -> list[int]:
    return [number_in(frame.image) for frame in sample_frames(source, count)]


def with_b_frames(container: str, frames: int = 20) -> bytes:
    """Frames lie in another order in the file than they are shown in."""
    buffer = io.BytesIO()
    with av.open(buffer, "w", format=container) as output:
        stream = output.add_stream(
            "libx264", rate=25, options={"crf": "12", "bf": "2", "b_strategy": "0"}
        )
        stream.width, stream.height, stream.pix_fmt = 96, 64, "yuv420p"
        for number in range(frames):
            output.mux(
                stream.encode(av.VideoFrame.from_ndarray(numbered_frame(number), format="rgb24"))
            )
        output.mux(stream.encode())
    return buffer.getvalue()


def without_first_time() -> bytes:
    """A transport stream whose first frame has no presentation time."""
    data = bytearray(clip(8, container="mpegts"))
    data[data.index(b"\0\0\1\xe0") + 7] &= 0x3F  # the flags of the first packet's header
    return bytes(data)


def saved(image: Image.Image, kind: str, **options: object) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, kind, **options)
    return buffer.getvalue()


def two_pictures(kind: str, first: np.ndarray = BLOCKS, second: np.ndarray = 255 - BLOCKS) -> bytes:
    return saved(
        Image.fromarray(first), kind, save_all=True, append_images=[Image.fromarray(second)]
    )


def tiff_with_a_broken_second_page() -> bytes:
    data = bytearray(picture(COLOURS, "TIFF"))
    (directory,) = struct.unpack_from("<I", data, 4)
    (entries,) = struct.unpack_from("<H", data, directory)
    struct.pack_into(
        "<I", data, directory + 2 + 12 * entries, len(data)
    )  # where the next page is described
    return bytes(data) + bytes(6)


@pytest.mark.parametrize(
    ("frames", "count", "expected"),
    [
        (24, 1, [12]),
        (24, 2, [6, 18]),
        (24, 3, [4, 12, 20]),
        (10, 3, [1, 5, 8]),
        (5, 5, [0, 1, 2, 3, 4]),
        (3, 9, [0, 1, 2]),
        (1, 1, [0]),
        (1, 4, [0]),
    ],
)
def test_the_middle_of_each_equal_part_is_taken_and_all_of_a_short_clip(frames, count, expected):
    sampled = list(sample_frames(clip(frames), count))
    assert [number_in(frame.image) for frame in sampled] == expected
    assert [frame.index for frame in sampled] == expected


@settings(deadline=None, max_examples=25)
@given(count=st.integers(1, 30))
def test_every_part_of_the_clip_gives_the_frame_at_its_middle(count):
    taken, parts = numbers(CLIP_OF_20, count), min(count, 20)
    middles = [(part + 0.5) * 20 / parts for part in range(parts)]
    assert all(number <= middle < number + 1 for number, middle in zip(taken, middles, strict=True))


@pytest.mark.parametrize("container", CONTAINERS)
def test_containers_give_the_same_frames_at_the_same_times(container):
    sampled = list(sample_frames(clip(12, rate=12, container=container), 3))
    assert [number_in(frame.image) for frame in sampled] == [2, 6, 10]
    assert [frame.time for frame in sampled] == pytest.approx([2 / 12, 6 / 12, 10 / 12], abs=0.001)


@pytest.mark.parametrize("container", CONTAINERS)
@pytest.mark.parametrize(("count", "expected"), [(5, [2, 6, 10, 14, 18]), (99, list(range(20)))])
def test_frames_stored_out_of_order_are_counted_as_they_are_shown(container, count, expected):
    sampled = list(sample_frames(with_b_frames(container), count))
    assert [number_in(frame.image) for frame in sampled] == expected
    assert [frame.index for frame in sampled] == expected
    assert all(before.time < after.time for before, after in pairwise(sampled))


def test_a_clip_that_lacks_presentation_times_is_sampled_by_counting():
    assert numbers(without_first_time(), 4) == [1, 3, 5, 7]


def test_times_are_those_of_the_clip_also_where_its_rate_varies():
    stamps = [0, 40, 100, 500, 1000]
    assert [frame.time for frame in sample_frames(clip(5, stamps=stamps), 5)] == [
        stamp / 1000 for stamp in stamps
    ]
    assert [frame.time for frame in sample_frames(clip(5, stamps=stamps), 2)] == [0.04, 0.5]


def test_times_count_from_the_first_frame():
    later = [5000 + 100 * number for number in range(4)]
    assert [
        frame.time for frame in sample_frames(clip(4, stamps=later, container="matroska"), 4)
    ] == pytest.approx([0, 0.1, 0.2, 0.3])


@pytest.mark.parametrize(("degrees", "turns"), [(90, -1), (180, 2), (270, 1)])
def test_a_frame_is_turned_clockwise_as_the_clip_asks(degrees, turns):
    for plain, turned in zip(
        sample_frames(clip(), 3), sample_frames(clip(rotation=degrees), 3), strict=True
    ):
        np.testing.assert_array_equal(turned.image, np.rot90(plain.image, turns))


@pytest.mark.parametrize(("height", "width"), [(48, 64), (5, 7)])
def test_frames_are_rgb_and_keep_odd_sizes(height, width):
    red = np.full((height, width, 3), (255, 0, 0), np.uint8)
    (frame,) = sample_frames(two_pictures("GIF", 255 - red, red), 1)
    assert frame.image.dtype == np.uint8
    np.testing.assert_array_equal(frame.image, red)


@pytest.mark.parametrize("container", CONTAINERS)
def test_bytes_and_a_file_give_equal_frames(tmp_path, container):
    (tmp_path / "clip").write_bytes(TINY[container])
    for first, second in zip(
        sample_frames(TINY[container], 3), sample_frames(tmp_path / "clip", 3), strict=True
    ):
        assert (first.index, first.pts, first.time) == (second.index, second.pts, second.time)
        np.testing.assert_array_equal(first.image, second.image)


@pytest.mark.parametrize(
    ("source", "reason"),
    [
        (b"", "empty file"),
        (
            b"no video at all, whatever its name says\n" * 50,
            "not a video that can be decoded: Invalid data",
        ),
        (audio_only(), "no video in it"),
        (TINY["mp4"][:400], "not a video that can be decoded"),
        (picture(COLOURS), "not a video that can be decoded"),
        (TINY["mp4"].replace(b"avc1", b"nope"), "codec"),
        (TINY["matroska"].replace(b"V_MPEG4/ISO/AVC", b"V_UNKNOWN/CODEC"), "codec"),
    ],
    ids=[
        "empty",
        "text",
        "audio only",
        "cut short",
        "picture",
        "unknown codec (mp4)",
        "unknown codec (matroska)",
    ],
)
def test_a_file_without_a_frame_says_why(tmp_path, source, reason):
    (tmp_path / "clip.mp4").write_bytes(source)
    for given_as in (source, tmp_path / "clip.mp4"):
        with pytest.raises(MediaError, match=reason):
            list(sample_frames(given_as, 3))


@fuzzed
@given(container=st.sampled_from(CONTAINERS), share=st.floats(0, 1, exclude_max=True))
def test_a_clip_cut_anywhere_gives_frames_or_a_reason(container, share):
    data = TINY[container]
    assert frames_or_reason(data[: int(share * len(data))])


@fuzzed
@given(
    container=st.sampled_from(CONTAINERS),
    changes=st.lists(
        st.tuples(st.floats(0, 1, exclude_max=True), st.integers(0, 255)), min_size=1, max_size=4
    ),
)
def test_a_clip_with_wrong_bytes_gives_frames_or_a_reason(container, changes):
    data = bytearray(TINY[container])
    for share, value in changes:
        data[int(share * len(data))] = value
    assert frames_or_reason(bytes(data))


def frames_or_reason(data: bytes) -> bool:
    try:
        sampled = list(sample_frames(data, 5))
    except MediaError as error:
        return bool(str(error))
    indices = [frame.index for frame in sampled]
    return 1 <= len(indices) <= 5 and indices == sorted(set(indices))


@pytest.mark.parametrize(
    "text",
    [
        "#EXTM3U\n#EXT-X-TARGETDURATION:1\n#EXTINF:1,\n{}\n#EXT-X-ENDLIST\n",
        "ffconcat version 1.0\nfile {}\n",
    ],
    ids=["HLS", "concat"],
)
def test_a_playlist_cannot_open_another_file(tmp_path, text):
    (tmp_path / "secret.ts").write_bytes(TINY["mpegts"])
    playlist = tmp_path / "list.m3u8"
    playlist.write_text(text.format("secret.ts"))
    with av.open(str(playlist)) as followed:
        assert followed.streams.video, "the playlist is no good, so refusing it says nothing"
    for source in (playlist, playlist.read_bytes(), text.format(tmp_path / "secret.ts").encode()):
        with pytest.raises(MediaError, match="not a video"):
            list(sample_frames(source, 3))


def test_pyav_has_no_log_level():
    """With any level it calls Python from FFmpeg's threads, and closing a file deadlocks."""
    assert av.logging.get_level() is None


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


@pytest.mark.parametrize(
    ("image", "expected"),
    [
        (Image.fromarray(np.array([[0, 257, 40000, 65535]], np.uint16)), [0, 1, 155, 255]),
        (Image.fromarray(np.array([[0, 200, 255]], np.uint8)), [0, 200, 255]),
        (Image.fromarray(np.array([[False, True]])), [0, 255]),
        (Image.fromarray(np.array([[[9, 0], [90, 255]]], np.uint8), "LA"), [9, 90]),
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
        (TINY["mp4"], "not an image that can be read"),
        (picture(BLOCKS, "JPEG")[:-200], "damaged image: (?i:.*truncated)"),
        (picture(BLOCKS, "PNG")[:60], "damaged image"),
    ],
    ids=["empty", "text", "video", "cut JPEG", "cut PNG"],
)
def test_a_file_without_a_picture_says_why(tmp_path, data, reason):
    (tmp_path / "still.jpg").write_bytes(data)
    for source in (data, tmp_path / "still.jpg"):
        with pytest.raises(MediaError, match=reason):
            read_image(source)


@fuzzed
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
    assert kind_of(bytes(data)) in ("image", "video")
    try:
        image = read_image(bytes(data))
    except MediaError as error:
        assert str(error)
    else:
        assert image.dtype == np.uint8
        assert image.ndim == 3
        assert image.shape[2] == 3


@pytest.mark.parametrize(
    ("read", "data"),
    [
        (lambda data, limits: read_image(data, limits), picture(np.zeros((48, 64, 3), np.uint8))),
        (lambda data, limits: next(sample_frames(data, 1, limits=limits)), TINY["mp4"]),
    ],
    ids=["picture", "video"],
)
def test_a_picture_with_too_many_pixels_is_refused(read, data):
    read(data, Limits(pixels=64 * 48))
    with pytest.raises(MediaError, match="too large: 64 x 48 pixels"):
        read(data, Limits(pixels=64 * 48 - 1))


@pytest.mark.parametrize(
    ("limits", "message"),
    [
        (Limits(duration=0.5), "too long: 1 seconds, the limit is 0.5"),
        (Limits(work=0), "took longer than 0 seconds"),
    ],
)
def test_a_video_over_a_limit_is_refused(limits, message):
    data = clip(30, rate=25)
    assert len(list(sample_frames(data, 4, limits=Limits(duration=2, work=60)))) == 4
    with pytest.raises(MediaError, match=message):
        list(sample_frames(data, 4, limits=limits))


@pytest.mark.parametrize("threads", [0, 1])
def test_frames_left_out_of_decoding_change_none_of_the_others(threads):
    data = with_b_frames("mp4", 40)
    every = {frame.pts: frame.image for frame in sample_frames(data, 40, threads)}
    some = list(sample_frames(data, 7, threads))
    assert len(some) == 7
    for frame in some:
        assert np.array_equal(frame.image, every[frame.pts])


@pytest.mark.parametrize(
    ("data", "kind"),
    [
        (picture(BLOCKS, "JPEG"), "image"),
        (picture(BLOCKS, "PNG"), "image"),
        (picture(BLOCKS, "WEBP"), "image"),
        (picture(BLOCKS, "BMP"), "image"),
        (picture(BLOCKS, "TIFF"), "image"),
        (two_pictures("TIFF"), "image"),
        (tiff_with_a_broken_second_page(), "image"),
        (
            two_pictures("MPO"),
            "image",
        ),  # a phone's JPEG with a preview or a gain map behind the photo
        (two_pictures("GIF"), "video"),
        *((data, "video") for data in TINY.values()),
        (b"neither", "video"),
        (b"", "video"),
    ],
    ids=[
        "JPEG",
        "PNG",
        "WebP",
        "BMP",
        "TIFF",
        "TIFF of 2",
        "broken TIFF",
        "JPEG of 2",
        "GIF",
        *CONTAINERS,
        "text",
        "empty",
    ],
)
@pytest.mark.parametrize("name", ["file.jpg", "file.mp4"])
def test_the_kind_of_a_file_is_told_by_its_content_not_its_name(tmp_path, data, kind, name):
    (tmp_path / name).write_bytes(data)
    assert kind_of(tmp_path / name) == kind
    assert kind_of(data) == kind


@pytest.mark.parametrize("kind", ["JPEG", "MPO", "TIFF"])
def test_the_first_picture_of_a_still_with_several_is_read(kind):
    data = picture(BLOCKS, "JPEG", quality=95) if kind == "JPEG" else two_pictures(kind)
    assert np.abs(read_image(data).astype(int) - BLOCKS).mean() < 12


def test_an_animated_gif_gives_its_frames():
    assert len(list(sample_frames(two_pictures("GIF"), 5))) == 2
