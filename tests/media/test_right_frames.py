"""The right frames come: even in time, over joins, around damage, by one thread, and with only the
groups of pictures decoded that hold them."""

import io
import os
import random
import struct
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import av
import numpy as np
import pytest
from made import (
    clip,
    in_fragments,
    number_in,
    numbered_frame,
    packets,
    usual_priority,
    with_b_frames,
)
from media.cases import case

from deepfake_detector.cli.doctor import DECODERS
from deepfake_detector.media import decoding
from deepfake_detector.media.frame_sampling import Frame, facts_of, sample_frames
from deepfake_detector.media.probing import probe
from deepfake_detector.media.reading import Limits, MediaError, Source

VFR = "vfr_slow_part_hardly_sampled.mp4"
ENCODERS = {  # by the decoder's name
    "h264": ("libx264", {"g": "10", "bf": "2", "sc_threshold": "0"}),
    "hevc": ("libx265", {"x265-params": "log-level=none:keyint=10:min-keyint=10:open-gop=1"}),
    "vp9": ("libvpx-vp9", {"g": "10", "cpu-used": "8", "deadline": "realtime"}),
    "libdav1d": ("libsvtav1", {"g": "10", "preset": "12"}),
    "mpeg4": ("mpeg4", {"g": "10", "bf": "2"}),
}


@cache
def encoded(decoder: str, frames: int = 40, container: str = "mp4", **options: str) -> bytes:
    """Numbered frames with some noise, a keyframe every ten."""
    codec, usual = ENCODERS[decoder]
    buffer = io.BytesIO()
    rng = np.random.default_rng(1)
    with usual_priority(), av.open(buffer, "w", format=container) as output:
        stream = output.add_stream(codec, rate=25, options=usual | options)
        stream.width, stream.height, stream.pix_fmt = 96, 64, "yuv420p"
        for number in range(frames):
            noisy = numbered_frame(number) + rng.integers(0, 20, (64, 96, 3), np.uint8)
            output.mux(stream.encode(av.VideoFrame.from_ndarray(noisy, format="rgb24")))
        output.mux(stream.encode())
    return buffer.getvalue()


def sampled(source: Source, count: int) -> list[Frame]:
    return list(sample_frames(source, count))


def numbers(source: Source, count: int) -> list[int]:
    return [number_in(frame.image) for frame in sampled(source, count)]


def with_lost_packets(data: bytes, fraction: float, seed: int) -> bytes:
    """A transport stream of which so many packets after its first 15 % did not arrive."""
    rng, count = random.Random(seed), len(data) // 188
    kept = (n for n in range(count) if n < 0.15 * count or rng.random() > fraction)
    return b"".join(data[188 * n : 188 * (n + 1)] for n in kept)


def test_times_that_start_over_are_followed_through_the_whole_recording():
    joined = case("joined_timestamps_restart.ts")
    frames = sampled(joined, 12)
    assert [number_in(frame.image) for frame in frames] == list(range(2, 48, 4))
    assert [frame.time for frame in frames] == pytest.approx(np.arange(2, 48, 4) / 24)
    facts = probe(joined).facts
    assert (facts["duration"], facts["frame_rate"]) == (pytest.approx(2), pytest.approx(24))
    assert (facts["variable_rate"], facts["segments"], facts["frames_found"]) == (0, 2, 48)
    assert facts_of(frames)["frames_distrusted"] == 0


def shifted(data: bytes, seconds: float) -> bytes:
    """The transport stream with its times later by so much."""
    out = io.BytesIO()
    with av.open(io.BytesIO(data)) as source, av.open(out, "w", format="mpegts") as target:
        stream = target.add_stream_from_template(source.streams.video[0])
        for packet in source.demux(video=0):
            if packet.size:
                packet.pts += round(seconds * 90000)
                packet.dts += round(seconds * 90000)
                packet.stream = stream
                target.mux(packet)
    return out.getvalue()


def test_saved_streams_that_were_joined_are_seen_to_their_end():
    data = in_fragments(0) + in_fragments(24)
    assert numbers(data, 6) == [4, 12, 20, 28, 36, 44]
    facts = probe(data).facts
    assert (facts["frames_found"], facts["segments"]) == (48, 2)
    assert facts["duration"] == pytest.approx(1.92)


@pytest.mark.parametrize("seconds", [-1000, 60, 40_000, 95_000], ids=str)
def test_a_jump_of_the_times_is_no_time_that_passed(seconds):
    one = encoded("h264", 20, "mpegts")
    data = shifted(one, max(0, -seconds)) + shifted(one, max(0, seconds))
    probed = probe(data)
    assert probed.facts["segments"] == 2
    assert probed.facts["duration"] == pytest.approx(1.6, abs=0.05)
    assert numbers(data, 4) == [5, 15, 5, 15]


def test_a_pause_in_an_mp4_is_time_that_passed():
    assert probe(case(VFR)).facts["segments"] == 1


def test_frames_are_even_in_time_where_the_rate_varies():
    frames = sampled(case(VFR), 6)
    parts = [int(frame.time / (probe(case(VFR)).facts["duration"] / 6)) for frame in frames]
    assert parts == [0, 1, 2, 3, 4, 5]
    assert [number_in(frame.image) for frame in frames] == [45, 47, 50, 52, 55, 57]


@pytest.mark.parametrize("container", ["mp4", "matroska", "avi"])
def test_a_last_frame_that_stands_long_leaves_the_others_their_share(container):
    stamps = [*range(0, 400, 40), 20_000]
    assert numbers(clip(11, stamps=stamps, container=container), 5) == [1, 3, 6, 8, 9]


def test_an_avi_without_times_is_refused_when_it_is_too_long():
    with pytest.raises(MediaError, match="too long: 700 seconds, the limit is 600"):
        next(sample_frames(case("avi_longer_than_limit.avi"), 3, limits=Limits(duration=600)))


@pytest.mark.parametrize("container", ["avi", "mp4"])
def test_frames_of_an_avi_stored_out_of_order_are_those_of_other_containers(container):
    assert numbers(with_b_frames(container), 5) == [2, 6, 10, 14, 18]


def test_every_decoder_gives_the_frames_that_are_asked_for():
    assert set(DECODERS.values()) == set(ENCODERS)
    assert numbers(case("av1_12_frames.mp4"), 6) == [1, 3, 5, 7, 9, 11]


@pytest.mark.parametrize("decoder", sorted(ENCODERS))
@pytest.mark.parametrize("count", [1, 3, 7, 40])
def test_skipping_groups_of_pictures_changes_no_frame(decoder, count):
    data = encoded(decoder)
    every = {frame.index: frame.image for frame in sampled(data, 40)}
    assert list(every) == list(range(40))
    some = sampled(data, count)
    assert len(some) == count
    for frame in some:
        np.testing.assert_array_equal(frame.image, every[frame.index])


def fed(monkeypatch: pytest.MonkeyPatch) -> set[int]:
    """The packets that reach a decoder from now on."""
    seen: set[int] = set()
    plain = decoding._numbered

    def watched(stream, packet, number):
        if packet is not None:
            seen.add(number)
        return plain(stream, packet, number)

    monkeypatch.setattr(decoding, "_numbered", watched)
    return seen


def test_only_what_leads_to_a_wanted_frame_is_decoded(monkeypatch):
    data = encoded("h264", 40, bf="0")
    seen = fed(monkeypatch)
    assert numbers(data, 1) == [20]
    assert seen == {0, 20}
    seen.clear()
    assert len(numbers(data, 20)) == 20
    assert seen >= set(range(1, 38))


def test_a_frame_before_its_keyframe_has_the_group_before_decoded(monkeypatch):
    """The groups of an open GOP refer to one another."""
    data = encoded("h264", 40, **{"x264-params": "open-gop=1:bframes=3:b-adapt=0:scenecut=0"})
    clip = probe(data).timeline
    assert clip.leading.any(), "no open group of pictures, so this shows nothing"
    every = {frame.index: frame.image for frame in sampled(data, 40)}
    for place in np.flatnonzero(clip.leading[clip.order]):
        reader = decoding.Reader(data, 0, clip, 60)
        ((_, decoded),) = reader.fast([int(place)])
        assert number_in(decoded.frame.to_ndarray(format="rgb24")) == number_in(every[int(place)])


OPEN = {"bf": "3", "x264-params": "open-gop=1:b-adapt=0:b-pyramid=strict:ref=4:scenecut=0"}


@pytest.mark.parametrize("count", [1, 3, 40])
def test_whole_groups_that_refer_to_one_another_are_read_once(monkeypatch, count):
    """Pictures name those of the group before that are no longer needed: no damage where that is
    passed over."""
    data = encoded("h264", 120, **OPEN)
    assert probe(data).timeline.leading.any(), "no open group of pictures, so this shows nothing"
    opened, readings = decoding.Reader._opened, []
    monkeypatch.setattr(
        decoding.Reader, "_opened", lambda reader: readings.append(1) or opened(reader)
    )
    frames = sampled(data, count)
    assert [number_in(frame.image) for frame in frames] == [frame.index for frame in frames]
    assert (len(frames), len(readings)) == (count, 1)


def test_damage_in_groups_that_refer_to_one_another_is_seen_and_spoils_no_other():
    whole = encoded("h264", 120, **OPEN)
    right = {frame.index: frame.image for frame in sampled(whole, 120)}
    data = bytearray(whole)
    clip = probe(whole).timeline
    group = int(clip.groups[np.flatnonzero(clip.leading)[0]]) + 1
    start, size = packets(whole)[int(np.flatnonzero(clip.groups == group)[0])]
    data[start + size // 3 : start + size // 2] = np.random.default_rng(1).bytes(
        size // 2 - size // 3
    )
    frames = sampled(bytes(data), 120)
    assert not all(frame.trusted for frame in frames)
    for frame in frames:
        assert not frame.trusted or np.array_equal(frame.image, right[frame.index]), frame.index
    assert sum(frame.trusted for frame in frames) >= 90


def test_a_cut_clip_gives_the_frames_that_are_left():
    frames = sampled(case("truncated_threads.mp4"), 6)
    assert [frame.index for frame in frames] == [0, 2, 4, 6, 7, 8]


@pytest.mark.skipif(not Path("/proc/self/task").exists(), reason="needs /proc")
@pytest.mark.parametrize("decoder", sorted(ENCODERS))
def test_one_thread_decodes(decoder):
    """Several make different pictures of damage that no decoder sees."""
    data = encoded(decoder)
    before = threads()
    frames = sample_frames(data, 8)
    next(frames)
    assert threads() == before


def threads() -> set[str]:
    return set(os.listdir("/proc/self/task"))


@pytest.mark.slow
@pytest.mark.parametrize("decoder", sorted(ENCODERS))
def test_damage_gives_frames_or_a_reason_and_the_same_ones_again(decoder):
    rng = np.random.default_rng(3)
    for _ in range(4):
        data = bytearray(encoded(decoder))
        for at in rng.integers(len(data) // 4, len(data), 3):
            data[at] ^= 1 << int(rng.integers(8))
        assert outcome(bytes(data)) == outcome(bytes(data))


def outcome(data: bytes) -> list | str:
    try:
        frames = [(f.index, f.trusted, f.image.tobytes()) for f in sample_frames(data, 8)]
        assert len(frames) <= 8
        return frames
    except MediaError as error:
        return str(error)


def test_clean_frames_are_preferred_to_those_after_damage():
    data = bytearray(encoded("h264", 40, bf="0"))
    spans = packets(bytes(data))
    start, size = spans[12]
    data[start + 5 : start + size] = np.random.default_rng(1).bytes(
        size - 5
    )  # the third frame of the second group
    frames = sampled(bytes(data), 8)
    assert all(frame.trusted for frame in frames)
    assert not {frame.index for frame in frames} & set(range(12, 20))
    for frame in frames:
        assert number_in(frame.image) == frame.index
    every = sampled(bytes(data), 40)
    assert {frame.index for frame in every if not frame.trusted} <= set(range(12, 20))
    assert facts_of(every)["frames_distrusted"] >= 7


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(3))
def test_frames_after_a_lost_packet_are_passed_over_or_counted(seed):
    whole = encoded("h264", 100, "mpegts", crf="4", g="20")
    lossy = with_lost_packets(whole, 0.005, seed)
    assert len(lossy) < len(whole)
    frames = sampled(lossy, 8)
    assert [number_in(frame.image) for frame in frames if frame.trusted]
    distrusted = [frame for frame in sampled(lossy, 100) if not frame.trusted]
    assert distrusted
    assert sum(frame.trusted for frame in frames) == 8


def with_unit(data: bytes, container: str, unit: bytes) -> bytes:
    """The MP4 in that container, with this unit before those of each of its packets."""
    buffer = io.BytesIO()
    with (
        av.open(io.BytesIO(data)) as source,
        av.open(buffer, "w", format=container) as output,
    ):
        stream = output.add_stream_from_template(source.streams.video[0])
        for packet in source.demux(video=0):
            if packet.size:
                made = av.Packet(len(unit).to_bytes(4) + unit + bytes(packet))
                made.pts, made.dts, made.time_base = packet.pts, packet.dts, packet.time_base
                made.is_keyframe, made.stream = packet.is_keyframe, stream
                output.mux(made)
    return buffer.getvalue()


@pytest.mark.parametrize("container", ["mp4", "matroska"])
@pytest.mark.parametrize(
    ("decoder", "unit"),
    [
        ("h264", b"\x06\x05\x04abcd\x80"),
        ("h264", b"\x06\x05\xff\x10abcd\x80"),
        ("h264", b"\x06\x04\x02\xb5\0\x80"),
        ("hevc", b"\x4e\x01\x05\x04abcd\x80"),
        ("hevc", b"\x4e\x01\x89\x04abcd\x80"),
    ],
    ids=["short", "too long", "short of a country", "short (HEVC)", "short of light (HEVC)"],
)
def test_a_malformed_message_beside_a_picture_does_not_make_it_distrusted(decoder, unit, container):
    data = encoded(decoder)
    frames = sampled(with_unit(data, container, unit), 8)
    assert all(frame.trusted for frame in frames)
    for frame, right in zip(frames, sampled(data, 8), strict=True):
        np.testing.assert_array_equal(frame.image, right.image)


@pytest.mark.parametrize("decoder", ["h264", "hevc"])
def test_damage_is_seen_beside_malformed_messages(decoder):
    messages = b"\x06\x05\x04abcd\x80" if decoder == "h264" else b"\x4e\x01\x05\x04abcd\x80"
    whole = encoded(decoder, crf="10")
    right = {frame.index: frame.image for frame in sampled(whole, 40)}
    data = bytearray(with_unit(whole, "mp4", messages))
    rng, kept = np.random.default_rng(1), 20
    for start, size in packets(bytes(data))[12:18]:
        data[start + kept : start + size] = rng.bytes(size - kept)
    trusted = [frame for frame in sampled(bytes(data), 40) if frame.trusted]
    assert 20 <= len(trusted) < 40
    for frame in trusted:
        np.testing.assert_array_equal(frame.image, right[frame.index])


def test_where_much_is_lost_the_frames_left_are_spread_and_do_not_crowd_beside_it():
    """As of a file whose place on the disk was taken before it was copied."""
    data = bytearray(encoded("h264", 120, bf="0", g="6"))
    for start, size in packets(bytes(data))[60:]:
        data[start : start + size] = bytes(size)
    frames = sampled(bytes(data), 8)
    assert [number_in(frame.image) for frame in frames] == [frame.index for frame in frames]
    assert len(frames) >= 4
    assert min(np.diff([frame.index for frame in frames])) > 1


def test_damage_that_goes_on_and_on_is_passed_in_few_readings(monkeypatch):
    data = bytearray(encoded("h264", 800, bf="0", g="4"))
    for start, size in packets(bytes(data))[200::4]:
        data[start + size // 2 : start + size] = bytes(size - size // 2)
    examined, readings = decoding.Reader.examined, []
    monkeypatch.setattr(
        decoding.Reader,
        "examined",
        lambda reader, groups: readings.append(groups) or examined(reader, groups),
    )
    assert len(sampled(bytes(data), 8)) >= 2
    assert len(readings) < 12


def test_a_picture_of_hevc_whose_end_was_never_written_is_distrusted():
    data = bytearray(encoded("hevc", 40))
    start, size = packets(bytes(data))[7]
    data[start + size // 2 : start + size] = bytes(size - size // 2)
    assert any(not frame.trusted for frame in sampled(bytes(data), 40))
    assert all(frame.trusted for frame in sampled(encoded("hevc", 40), 40))


@pytest.mark.parametrize("decoder", ["h264", "hevc", "vp9", "libdav1d"])
def test_a_picture_of_which_a_part_was_never_written_is_distrusted(decoder):
    """Decoders make something of the rest, and say nothing."""
    whole = encoded(decoder, 40, crf="10")
    data = bytearray(whole)
    start, size = max(packets(whole)[5:], key=lambda one: one[1])
    middle = start + size // 2
    assert size // 2 > 100
    data[middle : middle + 80] = bytes(80)
    assert any(not frame.trusted for frame in sampled(bytes(data), 40))
    assert all(frame.trusted for frame in sampled(whole, 40))


def old(codec: str, pixels: str, container: str) -> bytes:
    """60 numbered frames of an old codec."""
    buffer = io.BytesIO()
    with av.open(buffer, "w", format=container) as output:
        stream = output.add_stream(codec, rate=25, options={"g": "12"})
        stream.width, stream.height, stream.pix_fmt = 176, 144, pixels
        for number in range(60):
            frame = av.VideoFrame.from_ndarray(numbered_frame(number, 176, 144), format="rgb24")
            output.mux(stream.encode(frame.reformat(format=pixels)))
        output.mux(stream.encode())
    return buffer.getvalue()


def without_index(avi: bytes) -> bytes:
    """The AVI as where a recorder did not come to its end."""
    data = bytearray(avi)
    del data[data.rindex(b"idx1") :]
    place = data.index(b"movi")
    data[4:8] = data[place - 4 : place] = bytes(4)  # sizes are written last
    return bytes(data)


@pytest.mark.parametrize(
    ("codec", "pixels", "container"),
    [
        *((codec, "yuv420p", "avi") for codec in ("msmpeg4", "wmv2", "flv", "h263", "h261")),
        *(("cinepak", "rgb24", "avi"), ("zmbv", "bgr0", "avi"), ("flashsv", "bgr24", "avi")),
        *(("msvideo1", "rgb555le", "avi"), ("mpeg4", "yuv420p", "mp4"), ("qtrle", "rgb24", "mov")),
        ("rpza", "rgb555le", "mov"),
    ],
)
def test_where_nothing_tells_keyframes_every_frame_is_made_of_what_it_needs(
    codec, pixels, container
):
    """FFmpeg then takes every packet for a keyframe, and these decoders make a picture of a change
    without what it changes."""
    whole = old(codec, pixels, container)
    data = without_index(whole) if container == "avi" else whole.replace(b"stss", b"free")
    frames = sampled(data, 10)
    assert [number_in(frame.image) for frame in frames] == [frame.index for frame in frames]
    assert all(frame.trusted for frame in frames)
    assert len(frames) == 10


@pytest.mark.parametrize(("codec", "pixels"), [("mjpeg", "yuvj420p"), ("mpeg2video", "yuv420p")])
def test_a_film_of_keyframes_alone_is_not_read_whole(monkeypatch, codec, pixels):
    buffer = io.BytesIO()
    with av.open(buffer, "w", format="mov") as output:
        stream = output.add_stream(codec, rate=25, options={"g": "1"})
        stream.width, stream.height, stream.pix_fmt = 96, 64, pixels
        for number in range(40):
            frame = av.VideoFrame.from_ndarray(numbered_frame(number), format="rgb24")
            output.mux(stream.encode(frame.reformat(format=pixels)))
        output.mux(stream.encode())
    seen = fed(monkeypatch)
    assert numbers(buffer.getvalue(), 1) == [20]
    assert seen == {0, 20}


def boxes(data: bytes) -> Iterator[tuple[bytes, bytes]]:
    """Kind and content of the boxes of an MP4 that follow one another."""
    while data:
        size = int.from_bytes(data[:4], "big")
        yield data[4:8], data[8:size]
        data = data[size:]


def content(data: bytes, path: list[bytes]) -> bytes:
    for kind in path:
        data = dict(boxes(data))[kind]
    return data


def with_content(data: bytes, path: list[bytes], made: bytes) -> bytes:
    """The boxes, with another content of the one at this path."""
    if not path:
        return made
    return b"".join(
        (8 + len(own)).to_bytes(4, "big") + kind + own
        for kind, own in (
            (kind, with_content(own, path[1:], made) if kind == path[0] else own)
            for kind, own in boxes(data)
        )
    )


def joined(first: bytes, second: bytes) -> bytes:
    """Two clips in one track of an MP4, each with headers of its own (ISO/IEC 14496-12, `stsd`), as
    programs join them that encode nothing anew."""
    table = [b"moov", b"trak", b"mdia", b"minf", b"stbl"]
    buffer, count = io.BytesIO(), 0
    with av.open(buffer, "w", format="mp4") as output:
        for data in (first, second):
            with av.open(io.BytesIO(data)) as source:
                if not count:
                    track = output.add_stream_from_template(source.streams.video[0])
                for packet in source.demux(video=0):
                    if packet.size:
                        packet.stream, packet.pts = track, count * packet.duration
                        packet.dts, count = packet.pts, count + 1
                        output.mux(packet)
    data = buffer.getvalue()
    spans = packets(data)
    half = count // 2
    entries = [content(one, [*table, b"stsd"])[8:] for one in (first, second)]
    chunks = struct.pack(">8I", 0, 2, 1, half, 1, 2, count - half, 2)
    places = struct.pack(">4I", 0, 2, spans[0][0], spans[half][0])
    for kind, made in (
        (b"stsd", struct.pack(">2I", 0, 2) + b"".join(entries)),
        (b"stsc", chunks),
        (b"stco", places),
    ):
        data = with_content(data, [*table, kind], made)
    return data


def test_headers_that_change_within_a_track_hold_for_all_that_follows():
    """Here the pixels become twice as wide as high. The packet that brings the headers is none of
    those that are needed for the two frames."""
    others = encoded("h264", 40, bf="0", **{"x264-params": "sar=2/1"})
    data = joined(encoded("h264", 40, bf="0"), others)
    narrow, wide = sampled(data, 2)
    assert (narrow.index, wide.index) == (20, 60)
    assert narrow.image.shape != wide.image.shape
    for frame in (narrow, wide):
        np.testing.assert_array_equal(frame.image, sampled(data, 80)[frame.index].image)
