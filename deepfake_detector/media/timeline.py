"""When the frames of a video are shown, and what has to be decoded for each, from its packets."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass, field, replace
from fractions import Fraction
from itertools import groupby, pairwise
from typing import NamedTuple

import numpy as np

VARIES = 0.2  # of the usual time between frames; rounding to a container's clock stays far below
# FFmpeg's own thresholds: in streams that may be cut and joined (MPEG) a step of 10 s is no time
# that passed; elsewhere one of 30 hours.
JUMP_OF_MPEG, JUMP = 10, 30 * 3600  # seconds
TOLERANCE = 1e-3  # seconds; containers round times to milliseconds
AT_A_JOIN = 2  # last packets before a join: its broken packet count reads as a loss in them


class Packet(NamedTuple):
    """A packet of a video.

    pts, dts: presentation and decoding time in units of the stream's time base; None where it has
        none.
    size: in bytes.
    keyframe: whether decoding can begin with it.
    discarded: whether no frame of its own is to be shown (it lies outside an edit list, or is a
        second field).
    damaged: whether the container shows that a part of it is lost.
    second: whether it is the second field of the picture whose first is the packet before.
    """

    pts: int | None
    dts: int | None
    size: int
    keyframe: bool
    discarded: bool = False
    damaged: bool = False
    second: bool = False


@dataclass(frozen=True, eq=False)
class Timeline:
    """The frames of a clip in order of presentation, and its packets in the order of the file.

    order: for each frame the number of its packet; empty where only decoding shows the order.
    stamps: for each frame its time in the container's units; None where those do not hold.
    seconds: for each frame its time from the clip's first one.
    duration: seconds, the last frame's own time included; None where it is not known.
    rate: frames a second by the header, for frames without times.
    clock: for each packet when its turn to be decoded comes, in seconds from the first one's.
    variable: whether the times between frames differ.
    segments: how often the times start, in a recording that was joined more than once.
    groups: for each packet the number of its group of pictures, which decodes on its own.
    leading: for each packet whether it needs the group before its own, too.
    damaged: packets that are damaged, or cannot be decoded for want of a keyframe before them.
    second: for each packet whether it is the second field of the picture of the one before.
    """

    order: np.ndarray
    stamps: tuple[int | None, ...]
    seconds: np.ndarray
    duration: float | None
    rate: float
    variable: bool = False
    segments: int = 1
    clock: np.ndarray = field(default_factory=lambda: np.zeros(0))
    groups: np.ndarray = field(default_factory=lambda: np.zeros(0, int))
    leading: np.ndarray = field(default_factory=lambda: np.zeros(0, bool))
    damaged: frozenset[int] = frozenset()
    second: np.ndarray = field(default_factory=lambda: np.zeros(0, bool))

    def first_of(self, packet: int) -> int:
        """The packet with which the picture begins that this one is of."""
        return packet - int(self.second[packet])

    def last_of(self, packet: int) -> int:
        """The packet with which the picture ends that begins with this one."""
        return packet + int(self.second[packet + 1 : packet + 2].sum())

    def spread(self, count: int) -> list[int]:
        """Up to `count` frames, spread evenly over the clip.

        The clip is cut into equal parts of time; of each the frame is taken that is shown at its
        middle, or where another part has that one already, the nearest one left. A frame that is
        shown for longer than a part counts as one part: neither a frozen picture nor a wild time
        draws the frames to where it is. At a constant rate that is the middle frame of each part.
        """
        total = len(self.order)
        count = min(total, count)
        if not self.variable or not self.duration:
            return [(2 * part + 1) * total // (2 * count) for part in range(count)]
        shown = _at_most_a_part(np.diff(self.seconds, append=self.duration), count)
        starts = np.concatenate([[0.0], np.cumsum(shown)])
        middles = (np.arange(count) + 0.5) * starts[-1] / count + TOLERANCE
        return distinct(np.searchsorted(starts[:-1], middles, side="right") - 1, total)

    def parts_seen(self, places: Sequence[int], count: int) -> int:
        """Number of the clip's `count` equal parts that these frames cover.

        The parts are those of `spread`, `places` rise. A frame covers a part that it is no further
        from than a part's length, by that part's own frame, and stands for one.
        """
        if not len(self.order):  # only decoding shows where a part is
            return min(count, len(places))
        ideals, uncounted, seen = self.spread(count), list(places), 0
        reach = max((after - before for before, after in pairwise(ideals)), default=len(self.order))
        for ideal in ideals:
            uncounted = [place for place in uncounted if place >= ideal - reach]
            if uncounted and uncounted[0] <= ideal + reach:
                uncounted.pop(0)
                seen += 1
        return seen

    def distrusted(self, damaged: Collection[int]) -> np.ndarray:
        """For each frame whether it is, or follows, one of these damaged packets before the next
        keyframe."""
        return self.spoilt(damaged)[self.order]

    def spoilt(self, damaged: Collection[int]) -> np.ndarray:
        """The same for each packet. What follows a keyframe needs none of what leads to it."""
        first = np.full((2, self.groups.max(initial=-1) + 2), len(self.groups))
        for packet in damaged:
            at = int(self.leading[packet]), self.groups[packet]
            first[at] = min(first[at], packet)
        packets = np.arange(len(self.groups))
        after, after_leading = packets >= first[:, self.groups]
        before = (self.groups == 0) | (first[0, self.groups - 1] < len(self.groups))
        return np.where(self.leading, after_leading | before | after, after)

    def ordered(self, order: Sequence[int]) -> "Timeline":
        """The same clip without times, its frames in this order."""
        place: list[int | None] = [None] * len(self.groups)
        for at, packet in enumerate(order):
            place[packet] = at
        return replace(
            self,
            order=np.array(order, int),
            stamps=(None,) * len(order),
            seconds=np.sort(self.clock[order]),
            leading=_leading(place, self.groups),
        )


def _at_most_a_part(shown: np.ndarray, count: int) -> np.ndarray:
    """How long each frame is shown, none for longer than the `count`th part of them all."""
    remaining = float(shown.sum())
    for capped, longest in enumerate(np.sort(shown)[::-1][:count]):
        part = remaining / (count - capped)  # what the others share
        if longest <= part * (1 + 1e-9):
            return np.minimum(shown, part)
        remaining -= longest
    return shown


def distinct(places: Sequence[int] | np.ndarray, total: int) -> list[int]:
    """The same rising places of `total`, moved as little as needed for no two to be the same."""
    moved: list[int] = []
    for place in places:
        moved.append(max(int(place), moved[-1] + 1 if moved else 0))
    for back, at in enumerate(reversed(range(len(moved))), 1):
        moved[at] = min(moved[at], total - back)
    return moved


def timeline(
    packets: Sequence[Packet],
    time_base: Fraction,
    rate: float,
    timed: bool,
    reordered: bool,
    joined: bool,
) -> Timeline:
    """The frames that these packets hold.

    timed: whether their times hold.
    reordered: whether frames may be shown in another order than they are stored in.
    joined: whether the container is one that may be cut anywhere and joined.
    """
    segments = _segments(packets, float(time_base), JUMP_OF_MPEG if joined else JUMP)
    groups, whole = _groups(packets, segments)
    shown = [number for number, packet in enumerate(packets) if not packet.discarded]
    clock, end = _clock(packets, shown, time_base, rate)
    clip = Timeline(
        order=np.array([] if reordered else shown, int),
        stamps=() if reordered else (None,) * len(shown),
        seconds=clock[[] if reordered else shown],
        duration=end,
        rate=rate,
        variable=varies(np.diff(clock[shown])),
        clock=clock,
        groups=groups,
        leading=np.zeros(len(packets), bool),
        damaged=_damaged(packets, segments, whole),
        second=np.array([packet.second for packet in packets], bool),
    )
    return _with_times(clip, packets, segments, shown, time_base) if timed else clip


def _with_times(
    clip: Timeline,
    packets: Sequence[Packet],
    segments: np.ndarray,
    shown: Sequence[int],
    time_base: Fraction,
) -> Timeline:
    """The same clip by its packets' presentation times."""
    order, stamps, seconds, gaps, end = _times(packets, segments, shown, time_base, clip.rate)
    if 2 * len(order) <= len(shown):  # most frames share their time with another: it says nothing
        return clip
    return replace(
        clip,
        order=np.array(order, int),
        stamps=tuple(stamps),
        seconds=np.array(seconds),
        duration=end,
        variable=varies(gaps),
        segments=int(segments.max(initial=0)) + 1,
        leading=_leading([packet.pts for packet in packets], clip.groups),
    )


def _clock(
    packets: Sequence[Packet], shown: Sequence[int], time_base: Fraction, rate: float
) -> tuple[np.ndarray, float | None]:
    """The packets' decoding times in seconds, or where these do not rise or are not there, times at
    the header's rate; and the end of the last frame shown."""
    dts = [packet.dts for packet in packets if packet.dts is not None]
    usual = 1 / rate
    if dts and len(dts) == len(packets) and all(a < b for a, b in pairwise(dts)):
        num, den = time_base.numerator, time_base.denominator
        clock = np.array([(at - dts[0]) * num / den for at in dts])
        usual = float(np.median(np.diff(clock))) if len(clock) > 1 else usual
    else:
        clock = np.arange(len(packets)) / rate
    return clock, float(clock[shown[-1]]) + usual if shown else None


def varies(gaps: np.ndarray) -> bool:
    """Whether the times between frames differ."""
    if not len(gaps):
        return False
    usual = float(np.median(gaps))
    return bool(np.abs(gaps - usual).max() > VARIES * usual)


def _segments(packets: Sequence[Packet], unit: float, jump: float) -> np.ndarray:
    """For each packet how often the clip's times have started again before it.

    They do where they fall back at a keyframe, which comes after all that was there before, or by
    a second anywhere, and where they jump.
    """
    segments, segment, last, latest = np.zeros(len(packets), int), 0, None, None
    for number, packet in enumerate(packets):
        pts, at = packet.pts, packet.pts if packet.dts is None else packet.dts
        if at is not None and not packet.discarded:
            if last is not None:
                step = (at - last) * unit
                behind = pts is not None and latest is not None and pts <= latest
                if step > jump or step < -1 or (step < 0 and packet.keyframe and behind):
                    segment, latest = segment + 1, None
            last = at
            if pts is not None:
                latest = pts if latest is None else max(latest, pts)
        segments[number] = segment
    return segments


def _groups(packets: Sequence[Packet], segments: np.ndarray) -> tuple[np.ndarray, list[bool]]:
    """For each packet its group of pictures, and for each group whether it begins with a
    keyframe. A stream that marks none is one group."""
    marked = any(packet.keyframe for packet in packets)
    groups, whole = np.zeros(len(packets), int), []
    for number, packet in enumerate(packets):
        starts = number == 0 or (marked and segments[number] != segments[number - 1])
        if starts or packet.keyframe:
            whole.append(packet.keyframe or not marked)
        groups[number] = len(whole) - 1
    return groups, whole


def _damaged(
    packets: Sequence[Packet], segments: np.ndarray, whole: Sequence[bool]
) -> frozenset[int]:
    """The packets that are damaged, and the first of each group that lacks its keyframe."""
    damaged, group = set(), -1
    for number, packet in enumerate(packets):
        starts = number == 0 or packet.keyframe or segments[number] != segments[number - 1]
        group += starts
        ahead = segments[min(number + AT_A_JOIN, len(packets) - 1)]
        joins = ahead != segments[number]
        # a parser that sees a frame's end in the next packet marks the one before a loss
        before = number > 0 and segments[number - 1] == segments[number]
        lost = packet.damaged or (before and packets[number - 1].damaged)
        if (lost and not joins) or (starts and group < len(whole) and not whole[group]):
            damaged.add(number - packet.second)
    return frozenset(damaged)


def _leading(places: Sequence[int | None], groups: np.ndarray) -> np.ndarray:
    """For each packet whether it refers to the group before: what is shown before the keyframe of
    its group does."""
    first: dict[int, int | None] = {}
    leading = np.zeros(len(places), bool)
    for number, (place, group) in enumerate(zip(places, groups.tolist(), strict=True)):
        key = first.setdefault(group, place)
        leading[number] = place is not None and key is not None and place < key
    return leading


def _times(
    packets: Sequence[Packet],
    segments: np.ndarray,
    shown: Sequence[int],
    time_base: Fraction,
    rate: float,
) -> tuple[list[int], list[int | None], list[float], np.ndarray, float]:
    """Order, stamps and seconds of the frames, the gaps between them, and the end of the last. Each
    segment begins where the one before ends."""
    order: list[int] = []
    stamps: list[int | None] = []
    seconds: list[float] = []
    gaps: list[np.ndarray] = [np.zeros(0)]
    start = 0.0
    timed = [number for number in shown if packets[number].pts is not None]
    for _, numbers in groupby(timed, key=lambda number: segments[number]):
        first_at: dict[int, int] = {}
        for number in numbers:
            first_at.setdefault(packets[number].pts or 0, number)
        rising = sorted(first_at)
        order += [first_at[stamp] for stamp in rising]
        stamps += rising
        num, den = time_base.numerator, time_base.denominator
        seconds += [start + (stamp - rising[0]) * num / den for stamp in rising]
        gaps.append(np.diff(rising) * float(time_base))
        usual = float(np.median(gaps[-1])) if len(gaps[-1]) else 1 / rate
        start += float(gaps[-1].sum() + usual)
    return order, stamps, seconds, np.concatenate(gaps), start
