"""One reading of a media file before decoding: its kind, its facts, the times of its frames."""

import re
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from fractions import Fraction
from typing import Literal

import av
from av.stream import Disposition
from PIL import Image

from deepfake_detector.media import animation
from deepfake_detector.media.facts import animation_facts, still_facts, video_facts
from deepfake_detector.media.fields import Fields
from deepfake_detector.media.reading import (
    CONVERT,
    COPY,
    DAMAGED,
    LIMITS,
    TRY_A_PLAYER,
    Limits,
    MediaError,
    MediaFile,
    NoFilmError,
    Source,
    byte_count,
    check_size,
    container,
    damaged,
    demuxed,
    has_fragments,
    is_cut_off,
    lacks_index,
    moving,
    not_decoded,
    opened,
    refuse_archive,
    refuse_empty,
    video_errors,
)
from deepfake_detector.media.stills import still
from deepfake_detector.media.timeline import Packet, Timeline, timeline
from deepfake_detector.media.upright import NOT_TOLD, UNSPECIFIED, Colours, colours_of

COVERS = ("mjpeg", "png", "gif", "bmp", "webp")  # codecs of the covers of sound files
UNTIMED = ("avi",)  # containers whose presentation times do not hold
JOINED = ("mpegts", "mpeg")  # containers that may be cut anywhere and joined
USUAL_RATE = 25  # frames a second, where a container has neither times nor a rate
ENCRYPTED = "its pictures are encrypted (copy protection)"
NO_INDEX = "cut off: without its end nobody can tell what is in it"
DOLBY_VISION = ("dvh1", "dvhe")  # its tags of what players without it may not try
ONLY_DOLBY_VISION = (
    "its colours are those of Dolby Vision alone (profile 5), which are not read here"
)
HEAD, HOLE = 12, 8  # bytes
UNWRITTEN = bytes(64)  # that no codec of NEVER_ZEROS puts into a picture
NEVER_ZEROS = ("h264", "hevc", "vp8", "vp9", "av1")
# codecs with changes between pictures whose marks of keyframes need no proof: their decoders make
# an error of a change without what it changes, or each picture stands alone
SURE_OF_KEYFRAMES = (*NEVER_ZEROS, "mpeg1video", "mpeg2video", "png", "cfhd")
TIFF = (b"II*\0", b"MM\0*")
# JPEG, PNG, GIF, WebP, TIFF
PICTURE = re.compile(rb"\xff\xd8\xff|\x89PNG|GIF8|RIFF....WEBP|II\*\0|MM\0\*", re.DOTALL)
MediaKind = Literal["image", "video"]
OF_MANY_KINDS = "damaged image, or a kind of TIFF that is not read here"
VP8_SHOWN = 0x10  # bit of a frame's first byte (RFC 6386, 9.1)


@dataclass(frozen=True)
class Probe:
    """What one reading of a file shows.

    kind: `image` or `video`; an animated picture is a video.
    facts: a row of the media table but for `item` and for what only a decoded frame shows; of a
        file that cannot be read its size in bytes alone.
    timeline: when the frames of a video are shown; None of a still and of what cannot be read.
    stream: index of the stream of moving pictures; None in a picture, animated or not.
    pixel_aspect: width of a pixel over its height, where the container declares another than the
        pictures do; None: as each of them has it.
    starts_at: seconds that a player waits before the first frame, as where sound begins earlier.
    colours: those that a video's container declares, for where its pictures do not.
    cut_off: whether a video or an animation ends before all is there that it announces.
    joined: whether another video is there in its stead for a while, before, after or between, as
        where a broadcaster changed its streams.
    failure: why no frame can be decoded, where that is known before; else empty. What is wrong with
        a still is found where it is decoded.
    """

    kind: MediaKind
    facts: dict
    timeline: Timeline | None = None
    stream: int | None = None
    pixel_aspect: float | None = None
    starts_at: float = 0.0
    colours: Colours = NOT_TOLD
    cut_off: bool = False
    joined: bool = False
    failure: str = ""


def probe(source: Source, limits: Limits = LIMITS) -> Probe:
    """Read a file once: what it is, and when its frames are shown.

    Its content decides on the kind, never its name: a picture that Pillow knows is an image, or a
    video where it is animated; all else is tried as a video. Limits that a video's header or its
    packets pass are a failure too, but not `limits.duration`, which is checked where frames are
    sampled. Raises OSError where there is no file.
    """
    initial = Probe("video", {"bytes": byte_count(source)})
    try:
        refuse_empty(source)
        with video_errors(), opened(source) as file:
            if picture := _picture(file, initial, limits):
                return picture
            refuse_archive(file)
            file.limit(limits.work)
            return _video(file, initial, limits)
    except MediaError as error:
        return replace(initial, failure=str(error))


def _picture(file: MediaFile, initial: Probe, limits: Limits) -> Probe | None:
    """None where the file is no picture."""
    try:
        try:
            image = still(file)
        except DAMAGED:  # and what Pillow does not know
            return _damaged_picture(file, initial)
        with image:
            return _opened_picture(file, image, initial, limits)
    except MediaError as error:
        return replace(initial, kind="image", failure=str(error))


def _opened_picture(file: MediaFile, image: Image.Image, initial: Probe, limits: Limits) -> Probe:
    if animation.is_animated(image):
        check_size(*image.size, limits.pixels)
        file.limit(limits.work)
        return _animation(file, image, initial)
    facts = initial.facts | still_facts(image)
    return replace(initial, kind="image", facts=facts, cut_off=animation.is_cut_off(image))


def _damaged_picture(file: MediaFile, initial: Probe) -> Probe | None:
    """The probe of a file that begins as a picture does; else None."""
    file.seek(0)
    head = file.read(HEAD)
    if not PICTURE.match(head):
        return None
    is_tiff = head.startswith(TIFF)
    error = MediaError(OF_MANY_KINDS, f"save it as PNG, or {COPY}") if is_tiff else damaged("")
    return replace(initial, kind="image", failure=str(error))


def _animation(file: MediaFile, image: Image.Image, initial: Probe) -> Probe:
    clip = animation.timeline(file, image)
    facts = initial.facts | animation_facts(image, clip)
    cut_off = animation.is_cut_off(image, len(clip.order))
    failure = "" if len(clip.order) else str(not_decoded(cut_off))
    return replace(initial, facts=facts, timeline=clip, cut_off=cut_off, failure=failure)


def _video(file: MediaFile, initial: Probe, limits: Limits) -> Probe:
    size = initial.facts["bytes"]
    in_fragments, cut_off = has_fragments(file), is_cut_off(file, size)
    without_index = lacks_index(file, size)
    file.seek(0)
    with _reported_as_cut_off(cut_off, without_index), container(file) as opening:
        stream, packets, joined = _film(opening, in_fragments)
        check_size(stream.codec_context.width, stream.codec_context.height, limits.pixels)
        _refuse_dolby_vision(stream)
        clip = _timeline(stream, packets)
        is_empty = all(packet.discarded for packet in packets)
        none = MediaError(NO_INDEX, COPY) if cut_off else MediaError("no frame in it", TRY_A_PLAYER)
        return replace(
            initial,
            facts=initial.facts | video_facts(stream, packets, clip),
            timeline=clip,
            stream=stream.index,
            pixel_aspect=_aspect_of_container(stream),
            starts_at=_starts_at(opening, stream, clip),
            colours=colours_of(stream.codec_context),
            cut_off=cut_off,
            joined=joined,
            failure=str(none) if is_empty else "",
        )


def _refuse_dolby_vision(stream: av.VideoStream) -> None:
    """Raises MediaError where a video's colours are of Dolby's own kind: those that others know too
    have a transfer characteristic of HDR."""
    codec = stream.codec_context
    if codec.codec_tag in DOLBY_VISION and colours_of(codec).transfer == UNSPECIFIED:
        raise MediaError(ONLY_DOLBY_VISION, CONVERT)


@contextmanager
def _reported_as_cut_off(cut_off: bool, without_index: bool) -> Iterator[None]:
    """Of a file that is cut off, says so in place of what its reader says when it cannot be
    opened."""
    try:
        yield
    except NoFilmError as error:
        if not without_index:
            raise
        raise MediaError(NO_INDEX, COPY) from error
    except av.error.FFmpegError as error:
        if not cut_off or isinstance(error, MemoryError):
            raise
        raise MediaError(NO_INDEX, COPY) from error


def _starts_at(
    opening: av.container.InputContainer, stream: av.VideoStream, clip: Timeline
) -> float:
    """The time of the first frame from where the file begins; of other containers a player begins
    with the first frame."""
    begins, first = opening.start_time, next(iter(clip.stamps), None)
    played = opening.format.name.partition(",")[0] in ("mov", "matroska")
    if not played or first is None or begins is None or stream.time_base is None:
        return 0.0
    return max(0.0, float(first * stream.time_base) - begins / av.time_base)


def _aspect_of_container(stream: av.VideoStream) -> float | None:
    """Width of a pixel over its height; None where the codec declares the same."""
    ratio = stream.sample_aspect_ratio or 1
    return None if ratio == (stream.codec_context.sample_aspect_ratio or 1) else float(ratio)


def _timeline(stream: av.VideoStream, packets: list[Packet]) -> Timeline:
    name = stream.container.format.name
    if not _are_keyframes_marked(stream, packets):
        packets = [packet._replace(keyframe=False) for packet in packets]
    has_times = all(packet.pts is not None or packet.discarded for packet in packets)
    return timeline(
        packets,
        time_base=stream.time_base or Fraction(1),
        rate=float(stream.average_rate or USUAL_RATE),
        timed=name not in UNTIMED and has_times,
        reordered=stream.codec_context.has_b_frames,
        joined=name in JOINED,
    )


def _are_keyframes_marked(stream: av.VideoStream, packets: list[Packet]) -> bool:
    """Whether the marks of keyframes show where decoding can begin. A container without an index
    calls every packet one, and many decoders make a picture of a change without what it changes."""
    codec = stream.codec
    is_sure = codec.intra_only or codec.canonical_name in SURE_OF_KEYFRAMES
    return is_sure or not all(packet.keyframe for packet in packets)


def _film(
    opening: av.container.InputContainer, in_fragments: bool
) -> tuple[av.VideoStream, list[Packet], bool]:
    """The stream of moving pictures, with its packets, and whether, in a container that may be
    joined, another is there in its stead for a while.

    Of those that may be it the one that players show, then the largest; streams with less than half
    as many packets as the longest are no film: a cover that moves, or a preview.
    Raises MediaError where that is a single picture beside sound, and where pictures are encrypted.
    """
    streams = moving(opening)
    packets, places = _packets(streams, in_fragments)
    most = max(map(len, packets.values()))
    chosen = max(
        (stream for stream in streams if 2 * len(packets[stream.index]) >= most),
        key=lambda stream: (
            bool(stream.disposition & Disposition.default),
            stream.codec_context.width * stream.codec_context.height,
            len(packets[stream.index]),
        ),
    )
    film = packets[chosen.index]
    if len(film) == 1 and opening.streams.audio and chosen.codec_context.name in COVERS:
        raise MediaError("no video in it (a sound file with a cover)")
    may_be_joined = opening.format.name in JOINED
    return chosen, film, may_be_joined and _one_is_apart(places.pop(chosen.index), places.values())


def _packets(
    streams: list[av.VideoStream], in_fragments: bool
) -> tuple[dict[int, list[Packet]], dict[int, list[int]]]:
    """By index of the stream its packets, and their places in the file in bytes."""
    packets: dict[int, list[Packet]] = {stream.index: [] for stream in streams}
    places: dict[int, list[int]] = {stream.index: [] for stream in streams}
    fields = {
        stream.index: Fields(stream.codec_context.extradata or b"")
        for stream in streams
        if stream.codec_context.name == "h264"
    }
    for packet in demuxed(*streams):
        if packet.has_sidedata("encryption_info"):
            raise MediaError(ENCRYPTED, "judge a copy without it")
        second = _is_second(packet, fields.get(packet.stream.index))
        if packet.pos is not None:
            places[packet.stream.index].append(packet.pos)
        packets[packet.stream.index].append(_packet(packet, in_fragments, second))
    return packets, places


def _one_is_apart(places: list[int], others: Iterable[list[int]]) -> bool:
    """Whether one of other streams has no packet among those of this one, or the reverse: before
    it, after it, or where it pauses. By the places of their packets in the file."""
    return any(
        len(other) > 1 and (_none_within(places, other) or _none_within(other, places))
        for other in others
    )


def _none_within(places: list[int], others: list[int]) -> bool:
    first, last = min(others, default=0), max(others, default=0)
    return not any(first < place < last for place in places)


def _is_second(packet: av.Packet, fields: Fields | None) -> bool:
    """Whether it is the second field of a picture. What a stream is changes at keyframes alone."""
    if fields is None or not (packet.is_keyframe or fields.may_have_fields()):
        return False
    return fields.is_second(bytes(packet))


def _packet(packet: av.Packet, in_fragments: bool, second: bool) -> Packet:
    """VP8 keeps some frames for later ones to refer to and never shows them. In fragments FFmpeg
    marks what comes after the times have started again, in a joined recording, as not to be
    shown."""
    hidden = packet.stream.codec_context.name == "vp8" and not memoryview(packet)[0] & VP8_SHOWN
    return Packet(
        packet.pts,
        packet.dts,
        packet.size,
        packet.is_keyframe,
        hidden or second or (packet.is_discard and not in_fragments),
        packet.is_corrupt or _has_hole(packet),
        second,
    )


def _has_hole(packet: av.Packet) -> bool:
    """Whether a part of it was never written, as where a download or a card failed: decoders make
    something of it and say nothing. H.264 and HEVC keep rows of zeros out of their pictures (ITU-T
    H.264 and H.265, 7.4.1), the others' arithmetic coding makes none. A picture of HEVC ends in a
    one. Zeros may follow it in streams of bytes alone (H.265, B.2)."""
    codec = packet.stream.codec.canonical_name
    if codec not in NEVER_ZEROS or packet.stream.container.format.name in JOINED:
        return False
    data = bytes(packet)
    lacks_end = codec == "hevc" and data.endswith(bytes(HOLE))
    return lacks_end or UNWRITTEN in data.rstrip(b"\0")
