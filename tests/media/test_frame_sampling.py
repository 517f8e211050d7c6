"""Frames of a video come out upright, whole, from the right places, or with a reason why not."""

import gc
from itertools import pairwise

import av
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from made import (
    audio_only,
    clip,
    number_in,
    textured,
    two_pictures,
    with_b_frames,
    without_first_time,
)

from deepfake_detector.media.decoding import Reader
from deepfake_detector.media.frame_sampling import sample_frames
from deepfake_detector.media.reading import Limits, MediaError, Source

CONTAINERS = ("mp4", "matroska", "avi", "mpegts")
TINY = {container: clip(8, width=64, height=48, container=container) for container in CONTAINERS}
CLIP_OF_20 = clip(20)
fuzzed = settings(derandomize=True, deadline=None, max_examples=150)
RED = (255, 0, 0)


def numbers(source: Source, count: int) -> list[int]:
    return [number_in(frame.image) for frame in sample_frames(source, count)]


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
    assert [frame.time for frame in sample_frames(clip(5, stamps=stamps), 2)] == [0.1, 0.5]


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
    red = np.full((height, width, 3), RED, np.uint8)
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
            "neither an image nor a video that can be decoded: Invalid data.*; if a player shows it",
        ),
        (audio_only(), "no video in it"),
        (
            b"ID3" + b"\xff\xfb\x90\x64".ljust(417, b"\0") * 40,
            "of a kind that is read here; convert it",
        ),
        (TINY["mp4"][:400], "cut off: without its end nobody can tell"),
        (TINY["mp4"].replace(b"avc1", b"nope"), "codec is not known here; convert it"),
        (
            TINY["matroska"].replace(b"V_MPEG4/ISO/AVC", b"V_UNKNOWN/CODEC"),
            "codec is not known here; convert",
        ),
    ],
    ids=[
        "empty",
        "text",
        "audio only",
        "sound",
        "cut short",
        "unknown codec (mp4)",
        "unknown codec (matroska)",
    ],
)
def test_a_file_without_a_frame_says_why_and_what_to_do(tmp_path, source, reason):
    (tmp_path / "clip.mp4").write_bytes(source)
    for given_as in (source, tmp_path / "clip.mp4"):
        with pytest.raises(MediaError, match=reason):
            list(sample_frames(given_as, 3))


@pytest.mark.slow
@fuzzed
@given(container=st.sampled_from(CONTAINERS), share=st.floats(0, 1, exclude_max=True))
def test_a_clip_cut_anywhere_gives_frames_or_a_reason(container, share):
    data = TINY[container]
    assert frames_or_reason(data[: int(share * len(data))])


@pytest.mark.slow
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
        with pytest.raises(MediaError, match="nor a video"):
            list(sample_frames(source, 3))


def test_pyav_has_no_log_level():
    """With any level it calls Python from FFmpeg's threads, and closing a file deadlocks."""
    assert av.logging.get_level() is None


@pytest.mark.parametrize(
    ("limits", "message"),
    [
        (
            Limits(pixels=96 * 64 - 1),
            "96 x 64 pixels, the limit is 0.006143 million; scale it down",
        ),
        (Limits(duration=0.5), "too long: 1 seconds, the limit is 0.5; judge a part of it"),
        (Limits(work=0), "took longer than 0 seconds"),
    ],
)
def test_a_video_over_a_limit_is_refused(limits, message):
    data = clip(30, rate=25)
    assert len(list(sample_frames(data, 4, limits=Limits(96 * 64, duration=2, work=60)))) == 4
    with pytest.raises(MediaError, match=message):
        list(sample_frames(data, 4, limits=limits))


def test_frames_left_out_of_decoding_change_none_of_the_others():
    data = with_b_frames("mp4", 40)
    every = {frame.pts: frame.image for frame in sample_frames(data, 40)}
    some = list(sample_frames(data, 7))
    assert len(some) == 7
    for frame in some:
        assert np.array_equal(frame.image, every[frame.pts])


def test_the_memory_of_a_frame_is_free_once_nobody_holds_it():
    """A frame in a cycle would wait for Python's collector: a film of them takes gigabytes."""
    film = clip(12, width=64, height=48)
    list(sample_frames(film, 12))  # what is made once, and stays
    gc.collect()
    gc.disable()
    try:
        assert len(list(sample_frames(film, 12))) == 12
        gc.set_debug(gc.DEBUG_SAVEALL)
        gc.collect()
        left = [one for one in gc.garbage if isinstance(one, av.VideoFrame | np.ndarray)]
    finally:
        gc.set_debug(0)
        gc.garbage.clear()
        gc.enable()
    assert left == []


def test_an_animated_gif_gives_its_frames():
    assert (
        len(
            list(
                sample_frames(
                    two_pictures(
                        "GIF", np.zeros((9, 9, 3), np.uint8), np.full((9, 9, 3), RED, np.uint8)
                    ),
                    5,
                )
            )
        )
        == 2
    )


def test_a_gif_without_the_colours_of_its_first_frame_is_refused():
    whole = bytearray(two_pictures("GIF", textured(), 255 - textured()))
    shared = 3 * 2 ** ((whole[10] & 7) + 1)  # bytes of the colours for all frames
    assert whole[10] & 0x80
    bare = bytes((*whole[:10], whole[10] & 0x7F, *whole[11:13], *whole[13 + shared :]))
    with pytest.raises(MediaError, match="damaged image; take another copy"):
        list(sample_frames(bare, 2))


def test_a_clip_of_which_decoding_finds_no_frame_says_so(monkeypatch):
    """AVI has no times: where frames lie in another order, decoding alone tells which there are."""
    monkeypatch.setattr(Reader, "order", lambda _: [])
    with pytest.raises(MediaError, match="no frame could be decoded; if a player shows it"):
        list(sample_frames(with_b_frames("avi"), 5))


def test_a_clip_that_is_cut_off_within_its_first_frame_says_so(tmp_path):
    with av.open(str(tmp_path / "a.mp4"), "w", options={"movflags": "faststart"}) as output:
        stream = output.add_stream("libx264", rate=25, options={"crf": "1"})
        stream.width, stream.height, stream.pix_fmt = 48, 48, "yuv420p"
        output.mux(stream.encode(av.VideoFrame.from_ndarray(textured(), format="rgb24")))
        output.mux(stream.encode())
    data = (tmp_path / "a.mp4").read_bytes()
    with pytest.raises(MediaError, match="cut off: no frame could be decoded.*; take another copy"):
        numbers(data[: (data.index(b"mdat") + len(data)) // 2], 3)
