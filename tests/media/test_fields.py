"""The two fields of an interlaced picture are one frame, also where each is a packet of its own;
and where each is shown by itself, it has the picture's shape."""

import io
from fractions import Fraction

import av
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from made import few, number_in, numbered_frame, usual_priority
from media.field_pictures import BELOW, GROUP, HEIGHT, WIDTH, heads, interlaced, numbered, sequence

from deepfake_detector.media import decoding
from deepfake_detector.media.fields import Fields, without_messages
from deepfake_detector.media.frame_sampling import Frame, sample_frames
from deepfake_detector.media.probing import probe
from deepfake_detector.media.timeline import Packet, timeline

WAYS = [  # container, whether each field is put into it by itself, packets that are read of it
    ("mpegts", False, 96),
    ("mpegts", True, 96),
    ("mp4", True, 96),
    ("matroska", True, 96),
    ("mp4", False, 48),
]
AS_STORED = [f"{container}, {count} packets" for container, _, count in WAYS]


def numbers(frame: Frame) -> tuple[int, int]:
    """What the top and the bottom field of a frame show."""
    return number_in(frame.image[0::2]), number_in(frame.image[1::2])


@pytest.mark.parametrize(("container", "apart", "count"), WAYS, ids=AS_STORED)
def test_two_fields_are_counted_and_timed_as_one_frame(container, apart, count):
    probed = probe(interlaced(container, apart, numbered(48)))
    assert np.bincount(probed.timeline.groups).tolist() == [count // 4] * 4
    facts = {name: probed.facts[name] for name in ("frames_found", "duration", "frame_rate")}
    assert facts == pytest.approx({"frames_found": 48, "duration": 1.92, "frame_rate": 25})


@pytest.mark.parametrize(("container", "apart", "count"), WAYS, ids=AS_STORED)
@pytest.mark.parametrize("wanted", [1, 5, 6, 48])
def test_every_frame_has_both_of_its_fields(container, apart, count, wanted):
    """Also of those that nothing refers to: every second one."""
    frames = list(sample_frames(interlaced(container, apart, numbered(48)), wanted))
    assert [frame.index for frame in frames] == [
        (2 * part + 1) * 48 // (2 * wanted) for part in range(wanted)
    ]
    assert [numbers(frame) for frame in frames] == [
        (frame.index, frame.index + BELOW) for frame in frames
    ]
    assert [frame.time for frame in frames] == pytest.approx([frame.index / 25 for frame in frames])
    assert all(frame.trusted and frame.image.shape == (HEIGHT, WIDTH, 3) for frame in frames)


@pytest.mark.parametrize("place", [5, 6], ids=["nothing refers to it", "others refer to it"])
def test_a_frame_comes_with_the_packets_that_lead_to_it_alone(place):
    data = interlaced("mpegts", True, numbered(48))
    probed = probe(data)
    reader = decoding.Reader(data, probed.stream, probed.timeline, 60)
    ((came, decoded),) = reader.fast([place])
    image = decoded.frame.to_ndarray(format="rgb24")
    assert (came, number_in(image[0::2]), number_in(image[1::2])) == (place, place, place + BELOW)


@pytest.mark.parametrize("half", [0, 1], ids=["first", "second"])
def test_a_frame_with_a_damaged_field_is_not_taken_while_there_are_clean_ones(half):
    pairs = [list(pair) for pair in numbered(48)]
    pairs[20][half] = pairs[20][half][:500]
    frames = list(sample_frames(interlaced("mp4", True, pairs), 40))
    taken = [frame.index for frame in frames]
    assert all(frame.trusted for frame in frames)
    assert not set(taken) & set(range(20, 24))  # to the next keyframe
    assert [numbers(frame)[0] for frame in frames] == taken


def test_a_loss_in_a_second_field_spoils_its_frame():
    packets = [Packet(at, at, 9, at == 0, at % 2 == 1, at == 5, at % 2 == 1) for at in range(24)]
    clip = timeline(packets, 1, 25.0, timed=True, reordered=False, joined=False)
    assert clip.distrusted(clip.damaged).tolist() == [False] * 2 + [True] * 10


@pytest.mark.parametrize("profile", ["main", "high", "high10", "high422", "high444"])
@pytest.mark.parametrize("matrices", ["flat", "jvt"])
@pytest.mark.parametrize("interlacing", [False, True], ids=["progressive", "interlaced"])
def test_what_encoders_write_is_read(profile, matrices, interlacing):
    """Frames of which no field is stored by itself, interlaced ones too."""
    options = {"profile": profile, "x264-params": f"cqm={matrices}:interlaced={int(interlacing)}"}
    buffer = io.BytesIO()
    with usual_priority(), av.open(buffer, "w", format="mpegts") as output:
        stream = output.add_stream("libx264", rate=25, options=options)
        stream.width, stream.height = 64, 64
        stream.pix_fmt = {
            "high10": "yuv420p10le",
            "high422": "yuv422p",
            "high444": "yuv444p",
        }.get(profile, "yuv420p")
        grey = av.VideoFrame.from_ndarray(np.full((64, 64, 3), 128, np.uint8), format="rgb24")
        for at in range(6):
            frame = grey.reformat(format=stream.pix_fmt)
            frame.pts = at
            output.mux(stream.encode(frame))
        output.mux(stream.encode())
    with av.open(io.BytesIO(buffer.getvalue())) as file:
        read = Fields(file.streams.video[0].codec_context.extradata)
        assert read.may_have_fields() == interlacing
        seconds = [read.is_second(bytes(one)) for one in file.demux(video=0) if one.size]
    assert seconds == [False] * 6


@pytest.mark.parametrize("by_fields", [False, True])
def test_order_counts_of_another_kind_are_passed_over(by_fields):
    head = sequence(by_fields, far=True)
    assert b"\0\0\3" in head
    assert Fields(head).may_have_fields() == by_fields


@pytest.mark.parametrize("container", ["mp4", "mpegts"])
@pytest.mark.parametrize("aspect", [Fraction(1), Fraction(4, 3)], ids=str)
def test_a_field_that_is_shown_by_itself_has_the_shape_of_its_picture(container, aspect):
    """As HEVC has them: its fields are not put together when they are decoded."""
    buffer = io.BytesIO()
    options = {"x265-params": "log-level=none:interlace=tff"}
    with usual_priority(), av.open(buffer, "w", format=container) as output:
        stream = output.add_stream("libx265", rate=50, options=options)
        stream.width, stream.height, stream.pix_fmt = 192, 64, "yuv420p"
        stream.codec_context.sample_aspect_ratio = aspect
        for number in range(24):
            shown = numbered_frame(number, 192, 64)
            output.mux(stream.encode(av.VideoFrame.from_ndarray(shown, format="rgb24")))
        output.mux(stream.encode())
    frames = list(sample_frames(buffer.getvalue(), 4))
    assert [number_in(frame.image) for frame in frames] == [3, 9, 15, 21]
    assert {frame.image.shape[:2] for frame in frames} == {(128, 192) if aspect == 1 else (96, 192)}
    assert frames[0].facts["pixel_aspect"] == pytest.approx(aspect / 2)


def test_packets_alone_tell_once_a_keyframe_has_come():
    pairs = list(numbered(2 * GROUP))
    read = Fields(b"")
    early = [read.is_second(half) for pair in pairs[1:GROUP] for half in pair]
    later = [read.is_second(half) for pair in pairs[GROUP:] for half in pair]
    assert not any(early)
    assert later == [False, True] * GROUP


def test_a_field_whose_other_half_is_lost_waits_for_none():
    read = Fields(heads())
    kept = [half for number, pair in enumerate(numbered(6)) for half in pair[number == 3 :]]
    assert [read.is_second(half) for half in kept] == [
        *[False, True] * 3,
        False,
        *[False, True] * 2,
    ]


@given(st.binary(max_size=80), st.lists(st.binary(max_size=80), max_size=4), st.booleans())
@few
def test_whatever_the_bytes_are_they_are_read_to_an_end(head, packets, known):
    read = Fields(heads() if known else head)
    for packet in packets:
        assert read.is_second(b"\0\0\1\x21" + packet) in (False, True)
        assert read.is_second(b"\0\0\1\x67" + packet) is False


@pytest.mark.parametrize("cut", range(1, 40, 3))
def test_a_header_that_is_cut_is_none(cut):
    with_length = b"\1\x4d\0\x1e\xff\xe1\0\x0a" + heads()[4 : 4 + cut]
    for head in (heads()[:cut], with_length):
        read = Fields(head)
        assert [read.is_second(half[:cut]) for half in next(numbered(1))] in (
            [False, False],
            [False, True],
        )


def test_both_fields_in_one_packet_are_one_picture():
    read = Fields(heads())
    assert not any(read.is_second(b"".join(pair)) for pair in numbered(6))


SLICE, MESSAGE = b"\x41abc", b"\x06\x05\x01a\x80"


@pytest.mark.parametrize(
    ("packet", "length", "expected"),
    [
        (b"\0\0\1" + MESSAGE + b"\0\0\1" + SLICE, 0, b"\0\0\1" + SLICE),
        (b"\0\5" + MESSAGE + b"\0\4" + SLICE, 2, b"\0\4" + SLICE),
        (b"\0\5" + MESSAGE + b"\0\5" + SLICE, 2, b"\0\5" + MESSAGE + b"\0\5" + SLICE),
        (b"\0\5" + MESSAGE, 2, b"\0\5" + MESSAGE),
        (b"\0\4" + SLICE, 2, b"\0\4" + SLICE),
    ],
    ids=["start codes", "lengths", "cut off", "nothing else", "none"],
)
def test_a_packet_without_its_messages_is_its_picture(packet, length, expected):
    assert without_messages("h264", packet, length) == expected
