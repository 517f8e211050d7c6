"""Which pictures of a file are looked at: the film, never a cover, a thumbnail or a tile."""

import io

import av
import numpy as np
import pytest
from made import clip, number_in, numbered_frame, on_another_stream, picture, two_pictures
from media.cases import case
from PIL import Image

from deepfake_detector.media import stills
from deepfake_detector.media.frame_sampling import sample_frames
from deepfake_detector.media.probing import probe
from deepfake_detector.media.reading import (
    MOST_STREAMS,
    TOO_MANY,
    VIDEO_ALONE,
    MediaError,
    Source,
)
from deepfake_detector.media.stills import read_image

needs_heif = pytest.mark.skipif("HEIF" not in stills.FORMATS, reason="pillow-heif is not installed")

UNIT_START, FILM = (
    0x40,
    (1, 0),
)  # in the head of a transport packet: begins a frame; 256, its stream


def numbers(source: Source, count: int) -> list[int]:
    return [number_in(frame.image) for frame in sample_frames(source, count)]


def with_cover(container: str, film: int, sound: bool = False) -> bytes:
    """A file whose first stream is a JPEG picture of number 200, and whose second one has `film`
    frames, if any; with `sound` as well."""
    buffer = io.BytesIO()
    with av.open(buffer, "w", format=container) as output:
        cover = output.add_stream("mjpeg", rate=1)
        cover.width, cover.height, cover.pix_fmt = 96, 64, "yuvj420p"
        moving = output.add_stream("libx264", rate=12) if film else None
        if moving:
            moving.width, moving.height, moving.pix_fmt = 96, 64, "yuv420p"
        voice = output.add_stream("aac", rate=16000, layout="mono") if sound else None
        output.mux(cover.encode(frame_of(200)))
        output.mux(cover.encode())
        if moving:
            for number in range(film):
                output.mux(moving.encode(frame_of(number)))
            output.mux(moving.encode())
        if voice:
            silence = av.AudioFrame.from_ndarray(
                np.zeros((1, 16000), np.float32), format="fltp", layout="mono"
            )
            silence.sample_rate = 16000
            output.mux(voice.encode(silence))
            output.mux(voice.encode())
    return buffer.getvalue()


def frame_of(number: int) -> av.VideoFrame:
    return av.VideoFrame.from_ndarray(numbered_frame(number), format="rgb24")


@pytest.mark.parametrize("name", ["cover_art_first_mutagen.mp4", "cover_art_first.mkv"])
def test_a_cover_before_the_film_is_passed_over(name):
    assert numbers(case(name), 6) == [5, 15, 25, 35, 45, 55]
    probed = probe(case(name))
    assert (probed.facts["codec"], probed.facts["frames_found"]) == ("h264", 60)


@pytest.mark.parametrize("container", ["matroska", "mp4", "avi"])
def test_of_several_streams_the_one_with_most_packets_is_the_film(container):
    assert numbers(with_cover(container, 12), 3) == [2, 6, 10]


@pytest.mark.parametrize("container", ["matroska", "mp4"])
def test_a_smaller_stream_that_is_a_little_longer_is_not_the_film(container):
    """As the depth beside the film of a phone, or a preview; FFmpeg marks only the first one of an
    MP4 as shown."""
    buffer = io.BytesIO()
    with av.open(buffer, "w", format=container) as output:
        streams = [output.add_stream("libx264", rate=12) for _ in range(2)]
        for stream, side in zip(streams, (2, 1), strict=True):
            stream.width, stream.height, stream.pix_fmt = 48 * side, 32 * side, "yuv420p"
        for number in range(14):
            for stream, first in zip(
                streams[number >= 12 :], (0, 100)[number >= 12 :], strict=True
            ):
                frame = numbered_frame(first + number, stream.width, stream.height)
                output.mux(stream.encode(av.VideoFrame.from_ndarray(frame, format="rgb24")))
        for stream in streams:
            output.mux(stream.encode())
    assert numbers(buffer.getvalue(), 3) == [2, 6, 10]


def test_a_file_of_too_many_streams_is_refused_whatever_its_container():
    """Of Matroska, FFmpeg leaves out what is over its limit, frames of the film too."""
    buffer = io.BytesIO()
    with av.open(buffer, "w", format="matroska") as output:
        film = output.add_stream("libx264", rate=12)
        film.width, film.height, film.pix_fmt = 96, 64, "yuv420p"
        for _ in range(MOST_STREAMS):
            output.add_stream("pcm_s16le", rate=8000, layout="mono")
        output.mux(film.encode(frame_of(1)))
        output.mux(film.encode())
    assert probe(buffer.getvalue()).failure == f"{TOO_MANY}; {VIDEO_ALONE}"


@pytest.mark.parametrize("container", ["matroska", "mp4"])
def test_a_sound_file_with_a_cover_has_no_video_in_it(container):
    with pytest.raises(MediaError, match="no video in it"):
        numbers(with_cover(container, 0, sound=True), 3)


def test_one_picture_in_a_container_of_video_is_looked_at():
    assert numbers(with_cover("matroska", 0), 3) == [200]
    assert numbers(clip(1), 3) == [0]


@pytest.mark.parametrize("name", ["animated.webp"])
def test_an_animation_gives_its_frames(name):
    assert numbers(case(name), 3) == [1, 3, 5]
    assert probe(case(name)).kind == "video"


@pytest.mark.parametrize("kind", ["GIF", "PNG", "WEBP"])
def test_animations_are_sampled_alike_in_every_format(kind):
    frames = [Image.fromarray(numbered_frame(number)) for number in range(12)]
    data = picture(numbered_frame(0), kind, save_all=True, append_images=frames[1:], duration=50)
    sampled = list(sample_frames(data, 3))
    assert [number_in(frame.image) for frame in sampled] == [2, 6, 10]
    assert [frame.time for frame in sampled] == pytest.approx([0.1, 0.3, 0.5])


def test_a_cut_animation_gives_the_frames_that_are_left_or_says_that_it_is_damaged():
    frames = [Image.fromarray(numbered_frame(number)) for number in range(6)]
    data = picture(numbered_frame(0), "GIF", save_all=True, append_images=frames[1:])
    counts = set()
    for end in range(20, len(data), 7):
        probed = probe(data[:end])
        counts.add(probed.facts.get("frames_found", 0))
        assert not probed.failure or "damaged" in probed.failure, end
    assert counts == set(range(7))


@pytest.mark.parametrize("kind", ["GIF", "PNG"])
def test_an_animation_that_ends_before_what_it_announces_is_cut_off(kind):
    frames = [Image.fromarray(numbered_frame(number)) for number in range(6)]
    data = picture(numbered_frame(0), kind, save_all=True, append_images=frames[1:])
    probes = [probe(data[: int(share * len(data))]) for share in (1, 0.75, 0.37)]
    assert [probed.cut_off for probed in probes] == [False, True, True]
    assert [probed.facts.get("frames_found") == 6 for probed in probes] == [True, False, False]


@pytest.mark.parametrize("kind", ["GIF", "PNG", "WEBP", "JPEG", "MPO", "TIFF"])
def test_a_still_is_not_cut_off(kind):
    assert not probe(picture(numbered_frame(0), kind)).cut_off
    if kind in ("MPO", "TIFF"):
        assert not probe(two_pictures(kind, numbered_frame(0), numbered_frame(1))).cut_off


def test_what_an_animated_png_begins_with_for_others_is_not_looked_at():
    frames = [Image.fromarray(numbered_frame(5))]
    data = picture(
        numbered_frame(0), "PNG", save_all=True, append_images=frames, default_image=True
    )
    assert numbers(data, 3) == [5]
    assert not probe(data).cut_off


@pytest.mark.parametrize(
    ("data", "joined"),
    [
        (clip(container="mpegts"), False),
        (clip(container="mpegts") + clip(container="mpegts"), False),  # it goes on in its stream
        (clip(container="mpegts") + on_another_stream(), True),
        (on_another_stream() + clip(96, container="mpegts"), True),
        (clip(container="mpegts") + on_another_stream() + clip(container="mpegts"), True),
    ],
    ids=["one", "joined in one stream", "another after it", "before it", "between"],
)
def test_it_is_told_where_another_video_is_not_looked_at(data, joined):
    assert probe(data).joined == joined


@pytest.mark.parametrize(("declared", "shown"), [(0, 100), (10, 100), (16, 16), (50, 50)])
def test_only_a_time_too_short_for_browsers_becomes_the_usual_one(declared, shown):
    frames = [Image.fromarray(numbered_frame(number)) for number in range(12)]
    data = picture(
        numbered_frame(0), "WEBP", save_all=True, append_images=frames[1:], duration=declared
    )
    assert probe(data).facts["duration"] == pytest.approx(12 * shown / 1000)


@needs_heif
def test_a_tiled_picture_is_read_whole():
    image = read_image(case("iphone_tiled.heic"))
    assert (image.shape, number_in(image)) == ((768, 1024, 3), 77)
    assert probe(case("iphone_tiled.heic")).kind == "image"
    assert numbers(case("iphone_tiled.heic"), 3) == [77]


def test_without_the_package_for_it_a_heic_picture_is_refused_with_the_remedy(
    tmp_path, monkeypatch
):
    """Such files reach us under the names of JPEG pictures, too."""
    monkeypatch.setattr(stills, "FORMATS", [one for one in stills.FORMATS if one != "HEIF"])
    (tmp_path / "IMG_0001.jpg").write_bytes(case("iphone_tiled.heic").read_bytes())
    probed = probe(tmp_path / "IMG_0001.jpg")
    assert (probed.kind, probed.failure) == ("image", f"{stills.NO_HEIF}; {stills.HEIF_REMEDY}")
    for read in (read_image, lambda path: numbers(path, 3)):
        with pytest.raises(MediaError, match="pip install pillow-heif"):
            read(tmp_path / "IMG_0001.jpg")


def test_an_avif_picture_needs_no_such_package_whatever_its_first_brand(monkeypatch):
    monkeypatch.setattr(stills, "FORMATS", [one for one in stills.FORMATS if one != "HEIF"])
    data = picture(numbered_frame(77), "AVIF", quality=100)
    assert data[8:12] == b"avif"
    for brand in (b"avif", b"mif1"):
        assert number_in(read_image(data[:8] + brand + data[12:])) == 77


@pytest.mark.parametrize("filler", [b"\0", b"\xff"])
def test_room_that_a_recorder_took_and_did_not_fill_is_passed_over(filler):
    data = clip(40, container="mpegts") + filler * 200_000
    assert not probe(data).failure
    assert numbers(data, 4) == numbers(clip(40, container="mpegts"), 4)


def test_a_stream_that_begins_in_the_middle_costs_its_packets_alone():
    """As in a broadcast. What reads the file would end at the first of them."""
    data = bytearray(clip(40, container="mpegts"))
    starts = [
        at
        for at in range(0, len(data), 188)
        if data[at + 1] & UNIT_START and (data[at + 1] & 0x1F, data[at + 2]) == FILM
    ]
    data[starts[30] + 2] += 64
    assert len(numbers(bytes(data), 99)) >= 38
    assert not probe(bytes(data)).failure
