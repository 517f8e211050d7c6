"""Decoding of the frames of a video that are wanted, and of no more groups of pictures than needed.

One thread decodes a file: several make different pictures of damage that no decoder sees. Files
are decoded side by side instead, and a file ahead of what is done with its frames.
"""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import cached_property
from itertools import count, islice
from typing import Final, NamedTuple

import av
import numpy as np

from deepfake_detector.media.fields import MESSAGES, length_size, without_messages
from deepfake_detector.media.reading import (
    STRICT,
    Source,
    demuxed,
    opened,
    video,
    video_errors,
)
from deepfake_detector.media.timeline import Timeline, distinct

NEW_HEADERS: Final = "new_extradata"  # of FFmpeg: headers of a codec where a file was joined


class Damage(Exception):  # noqa: N818 (no error: the frames are looked at more closely then)
    """A wanted frame did not come, or something before it could not be decoded."""


class Decoded(NamedTuple):
    """A decoded frame, the width of its pixels over their height as the codec declares it (1 where
    it does not), which may change from frame to frame, and whether it is one field of a picture,
    with every second of its lines."""

    frame: av.VideoFrame
    aspect: float
    is_field: bool


@dataclass(frozen=True)
class Reader:
    """Decodes frames of one stream; `seconds` is how long one reading of the file may take.

    whole: whether everything before a frame is decoded, since keyframes do not hold what they
        promise.
    """

    source: Source
    stream: int
    clip: Timeline
    seconds: float
    whole: bool = False

    def groups(self, frames: Sequence[int]) -> frozenset[int]:
        """The groups of pictures that these frames need."""
        packets = self.clip.order[list(frames)]
        groups = self.clip.groups[packets]
        before = (groups - 1)[self.clip.leading[packets] & (groups > 0)]
        needed = {*groups.tolist(), *before.tolist()}
        return frozenset(range(max(needed) + 1)) if self.whole else frozenset(needed)

    def fast(self, frames: Sequence[int]) -> Iterator[tuple[int, Decoded]]:
        """These frames, rising; raises Damage at the first sign of it."""
        wanted = list(frames)
        packets = [int(self.clip.order[frame]) for frame in wanted]
        with self._opened() as stream:
            stream.codec_context.options |= STRICT
            needed = self._needed(packets)
            counts = needed & ~self.clip.spoilt(self.clip.damaged)
            decodes = needed | self._run_up(stream, needed)
            whole = frozenset((*packets, *map(self.clip.last_of, packets)))
            for packet, decoded in _decode(stream, decodes, self._shown, whole):
                if decoded is None and counts[packet]:
                    raise Damage
                if decoded is not None and packet in packets:
                    if packet != packets[0] or decoded.frame.is_corrupt:
                        raise Damage
                    packets.pop(0)
                    yield wanted.pop(0), decoded
                    if not wanted:
                        return
        raise Damage

    def salvaged(self, frames: Sequence[int]) -> Iterator[tuple[int, Decoded]]:
        """These frames, rising, as far as they come; damage is repaired as a player does."""
        place = {int(self.clip.order[frame]): frame for frame in frames}
        last = -1
        with self._opened() as stream:
            needed = self._needed(list(place))
            for packet, decoded in _decode(stream, needed, self._shown):
                if decoded is not None and place.get(packet, -1) > last:
                    last = place[packet]
                    yield last, decoded

    def examined(self, groups: frozenset[int]) -> tuple[set[int], set[int]]:
        """Which packets of these groups are damaged, and which give a frame nevertheless."""
        needed = self._all_of(groups)
        damaged = self._errors(needed)
        if damaged and self.clip.leading.any():  # may be of pictures that refer to damage before
            damaged &= self._errors(needed, apart=True)
        with self._opened() as stream:
            frames = _decode(stream, needed, self._shown)
            return damaged, {packet for packet, decoded in frames if decoded is not None}

    def _errors(self, needed: np.ndarray, apart: bool = False) -> set[int]:
        """Which of these packets are errors; `apart`: each group on its own. What stands beside
        their pictures is not looked at."""
        with self._opened() as stream:
            stream.codec_context.options |= STRICT
            starts = self._starts if apart else frozenset()
            decodes = needed if apart else needed | self._run_up(stream, needed)
            taken = _pictures_of(stream)
            return {
                self.clip.first_of(packet)
                for packet, decoded in _decode(
                    stream, decodes, self._shown, starts=starts, taken=taken
                )
                if needed[packet] and (decoded is None or decoded.frame.is_corrupt)
            }

    def order(self) -> list[int]:
        """The packets that give a frame, in order of presentation."""
        needed = self._all_of(frozenset(self.clip.groups.tolist()))
        with self._opened() as stream:
            frames = _decode(stream, needed, self._shown)
            return [packet for packet, decoded in frames if decoded is not None]

    @cached_property
    def _shown(self) -> frozenset[int]:
        """The packets whose frames are shown, as far as that is known before they are decoded."""
        return frozenset(self.clip.order.tolist())

    @cached_property
    def _starts(self) -> frozenset[int]:
        """The first packet of each group but the first."""
        return frozenset((np.flatnonzero(np.diff(self.clip.groups)) + 1).tolist())

    @contextmanager
    def _opened(self) -> Iterator[av.VideoStream]:
        with (
            video_errors(),
            opened(self.source, self.seconds) as file,
            video(file, self.stream) as stream,
        ):
            yield stream

    def _run_up(self, stream: av.VideoStream, needed: np.ndarray) -> np.ndarray:
        """For each packet whether it is decoded for the sake of what follows: its own frame may be
        missing.

        Where groups refer to one another, pictures of H.264 name also those of the group before
        that are no longer needed; that these are not there would be an error.
        """
        groups = self.clip.groups
        if stream.codec_context.name != "h264" or not self.clip.leading.any():
            return np.zeros(len(groups), bool)
        return np.isin(groups, groups[needed] - 1)

    def _all_of(self, groups: frozenset[int]) -> np.ndarray:
        """For each packet whether it is decoded: all of these groups."""
        needed = np.isin(self.clip.groups, sorted(groups))
        needed[0] = True
        return needed

    def _needed(self, packets: Sequence[int]) -> np.ndarray:
        """For each packet whether it is decoded, so that the pictures of all of these come.

        Of a group only what leads to the last of them; where that is more than half of what lies
        between the first and the last one, all of it, since each new start costs time.
        """
        groups, count = self.clip.groups, len(self.clip.groups)
        last = np.full(groups.max(initial=0) + 1, -1)
        for packet in packets:
            group = groups[packet]
            last[group] = max(last[group], self.clip.last_of(packet))
            if self.clip.leading[packet] and group:
                last[group - 1] = count
        if self.whole:
            last[: groups[max(packets)]] = count
        needed = np.arange(count) <= last[groups]
        needed[0] = True  # some files keep the codec's headers there alone
        first, end = int(np.flatnonzero(needed)[1:2].sum()), count - int(needed[::-1].argmax())
        if 2 * needed.sum() > end - first:
            needed[first:end] = True
        return needed


def _decode(
    stream: av.VideoStream,
    needed: np.ndarray,
    shown: frozenset[int],
    wanted: frozenset[int] | None = None,
    starts: frozenset[int] = frozenset(),
    taken: Callable[[av.Packet], av.Packet] = lambda packet: packet,
) -> Iterator[tuple[int, Decoded | None]]:
    """The number of each needed packet's frame, and the frame; None with the number of a packet at
    which an error came.

    Frames that are `shown` come even where FFmpeg would keep them back. With those that are
    `wanted`, a frame may be left out that is neither wanted nor needed to decode another. At
    `starts` the decoder is started again. What is `taken` of a packet is decoded.
    """
    context = stream.codec_context
    skips = wanted is not None and not context.name.startswith("lib")  # those read it when opened
    end = len(needed) - int(needed[::-1].argmax())
    running, headers = False, None
    for number, packet in enumerate(demuxed(stream)):
        if number >= end:
            break
        if packet.has_sidedata(NEW_HEADERS):  # the first packet alone of those that they hold for
            headers = packet.get_sidedata(NEW_HEADERS)
        if running and (not needed[number] or number in starts):
            yield from _drained(stream, number)
            running = False
        if not needed[number]:
            continue
        if skips and wanted is not None:
            context.skip_frame = "DEFAULT" if number in wanted else "NONREF"
        if packet.is_discard and number in shown:
            packet = av.Packet(bytes(packet))  # without the mark
        packet = taken(packet)
        if headers is not None:
            packet.set_sidedata(headers)
            headers = None
        packet.pts, packet.dts = number, None  # so its frame says which packet it came from
        running = True
        yield from _numbered(stream, packet, number)
    if running:
        yield from _drained(stream, end)


def _pictures_of(stream: av.VideoStream) -> Callable[[av.Packet], av.Packet]:
    """A function that takes from a packet what describes its picture and is no part of it: where
    malformed, that would be an error."""
    codec = stream.codec_context.name
    if codec not in MESSAGES:
        return lambda packet: packet
    length = length_size(codec, stream.codec_context.extradata or b"")

    def taken(packet: av.Packet) -> av.Packet:
        data = bytes(packet)
        without = without_messages(codec, data, length)
        return packet if without is data else av.Packet(without)

    return taken


def _drained(stream: av.VideoStream, number: int) -> Iterator[tuple[int, Decoded | None]]:
    """What the decoder still holds; then it is ready for another group."""
    yield from _numbered(stream, None, number - 1)
    stream.codec_context.flush_buffers()


def _numbered(
    stream: av.VideoStream, packet: av.Packet | None, number: int
) -> Iterator[tuple[int, Decoded | None]]:
    try:
        frames = stream.codec_context.decode(packet)
    except av.error.MemoryError:
        raise
    except av.error.FFmpegError:
        yield number, None
        return
    for frame in frames:
        if frame.pts is not None:
            aspect = stream.codec_context.sample_aspect_ratio
            # of HEVC FFmpeg does not put fields together, and marks these alone as interlaced
            is_field = stream.codec_context.name == "hevc" and frame.interlaced_frame
            yield frame.pts, Decoded(frame, float(aspect or 1), is_field)


def sampled(reader: Reader, count: int) -> Iterator[tuple[int, float, Decoded, bool]]:
    """Up to `count` frames spread evenly over the clip: each with its place, its time in seconds
    and whether it can be trusted.

    Frames after a damaged packet are distrusted until the next keyframe: clean ones are taken in
    their stead, as near as there are, as long as there are enough. Where a whole part of the clip
    is lost, there may be fewer.
    """
    if not len(reader.clip.order):
        reader = replace(reader, clip=reader.clip.ordered(reader.order()))
    if not len(reader.clip.order):
        return
    seconds = reader.clip.seconds
    for place, decoded, trusted in _sampled(reader, reader.clip.spread(count)):
        yield place, float(seconds[place]), decoded, trusted


def _sampled(reader: Reader, ideals: list[int]) -> Iterator[tuple[int, Decoded, bool]]:
    doubtful = reader.clip.distrusted(reader.clip.damaged)
    given = 0
    if not doubtful[ideals].any():
        for whole in (False, True):
            try:
                reader = replace(reader, whole=whole)
                for place, decoded in reader.fast(ideals[given:]):
                    given += 1
                    yield place, decoded, True
                return
            except Damage:  # or a keyframe does not hold what it promises: is it so from the start?
                continue
    yield from _around_damage(replace(reader, whole=False), ideals, given)


def _around_damage(
    reader: Reader, ideals: Sequence[int], given: int
) -> Iterator[tuple[int, Decoded, bool]]:
    """Frames as near to the ideal places as can be trusted, but for so many that are `given`.

    They are chosen for the whole clip, as if none had come before the first sign of damage. From
    round to round more is examined beside them, as damage may go on and on.
    """
    clip, last = reader.clip, ideals[given - 1] if given else -1
    damaged, dead, examined = set(clip.damaged), set(), frozenset[int]()
    last_group = int(clip.groups.max(initial=0))
    for reach in (2**n - 1 for n in count()):
        doubtful = clip.distrusted(damaged)
        alive = np.array([n for n in range(len(clip.order)) if n not in dead], int)
        clean, rest = alive[~doubtful[alive]], alive[doubtful[alive]]
        plan = _nearest(ideals, clean, rest)
        if len(clean) >= len(ideals) and _piled_up(plan, ideals):
            plan = [*ideals[:given], *_what_is_left(clean[clean > last], ideals, given)]
        new = reader.groups(plan) - examined if plan else frozenset[int]()
        if not new:
            break
        new = frozenset(
            near
            for group in new
            for near in range(max(group - reach, 0), min(group + reach, last_group) + 1)
            if near not in examined
        )
        worse, decodable = reader.examined(new)
        damaged |= worse
        examined |= new
        looked_at = np.isin(clip.groups[clip.order], sorted(new))
        dead |= {int(n) for n in np.flatnonzero(looked_at) if int(clip.order[n]) not in decodable}
    if plan:
        later = (frame for frame in reader.salvaged(plan) if frame[0] > last)
        for place, decoded in islice(later, len(ideals) - given):
            yield place, decoded, not doubtful[place]


def _piled_up(plan: Sequence[int], ideals: Sequence[int]) -> bool:
    """Whether a frame is further from its ideal place than two of these are from each other: a part
    of the clip is lost, and what should come from there crowds beside it."""
    return len(ideals) > 1 and bool(np.abs(np.subtract(plan, ideals)).max() > np.diff(ideals).max())


def _what_is_left(later: np.ndarray, ideals: Sequence[int], given: int) -> list[int]:
    """The clean places `later` than those that are `given`, spread: no closer to each other than
    these are, or a short part would weigh more than the rest."""
    missing = len(ideals) - given
    apart = int(np.diff(ideals).max())
    return _spread(later, min(missing, len(later) // apart + 1) if given else missing)


def _spread(places: np.ndarray, count: int) -> list[int]:
    """So many of these places, or all where there are fewer, evenly among them."""
    chosen = min(count, len(places))
    return [int(places[(2 * part + 1) * len(places) // (2 * chosen)]) for part in range(chosen)]


def _nearest(ideals: Sequence[int], clean: np.ndarray, rest: np.ndarray) -> list[int]:
    """Places near to the ideal ones, as many as these: clean ones, then some of the rest."""
    if len(clean) < len(ideals):
        return sorted([*clean.tolist(), *_spread(rest, len(ideals) - len(clean))])
    at = np.searchsorted(clean, ideals).clip(0, len(clean) - 1)
    before = (at - 1).clip(0)
    nearer = np.abs(clean[before] - ideals) <= np.abs(clean[at] - ideals)
    return [int(clean[n]) for n in distinct(np.where(nearer, before, at), len(clean))]
