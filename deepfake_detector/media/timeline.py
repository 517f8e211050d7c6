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

    order: for each frame the number of its packet; empty where only decoding tells the order.
    stamps: for each frame its time in the container's units; None where those do not hold.
    seconds: for each frame its time from the clip's first one.
    duration: seconds, the last frame's own time included; None where it is not known.
    rate: frames a second by the header, for frames without times.
    clock: for each packet when its turn to be decoded comes, in seconds from the first one's.
    variable: whether the times between frames differ.
    segments: how often the times start, in a recording that was joined more than once.
    groups: for each packet the number of its group of pictures, which decodes by itself.
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
        if not len(self.order):  # only decoding tells where a part is
            return min(count, len(places))
        ideals, left, seen = self.spread(count), list(places), 0
        reach = max((after - before for before, after in pairwise(ideals)), default=len(self.order))
        for ideal in ideals:
            left = [place for place in left if place >= ideal - reach]
            if left and left[0] <= ideal + reach:
                left.pop(0)
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
        own, led = packets >= first[:, self.groups]
        before = (self.groups == 0) | (first[0, self.groups - 1] < len(self.groups))
        return np.where(self.leading, led | before | own, own)

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
    left = float(shown.sum())
    for capped, longest in enumerate(np.sort(shown)[::-1][:count]):
        part = left / (count - capped)  # what the others share
        if longest <= part * (1 + 1e-9):
            return np.minimum(shown, part)
        left -= longest
    return shown


def distinct(places: Sequence[int] | np.ndarray, total: int) -> list[int]:
    """The same rising places of `total`, moved as little as needed for no two to be the same."""
    found: list[int] = []
    for place in places:
        found.append(max(int(place), found[-1] + 1 if found else 0))
    for back, at in enumerate(reversed(range(len(found))), 1):
        found[at] = min(found[at], total - back)
    return found


def timeline(
    packets: Sequence[Packet],
    time_base: Fraction,
    rate: float,
    timed: bool,
    reordered: bool,
    joined: bool,
) -> Timeline:
    """The frames that these packets hold.

    `timed` tells whether their times hold, `reordered` whether frames may be shown in another order
    than they are stored in, and `joined` whether the container is one that may be cut anywhere and
    joined.
    """
    segments = _segments(packets, float(time_base), JUMP_OF_MPEG if joined else JUMP)
    groups, whole = _groups(packets, segments)
    shown = [number for number, one in enumerate(packets) if not one.discarded]
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
        second=np.array([one.second for one in packets], bool),
    )
    if not timed:
        return clip
    order, stamps, seconds, gaps, end = _times(packets, segments, shown, time_base, rate)
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
        leading=_leading([one.pts for one in packets], groups),
    )


def _clock(
    packets: Sequence[Packet], shown: Sequence[int], time_base: Fraction, rate: float
) -> tuple[np.ndarray, float | None]:
    """The packets' decoding times in seconds, or where these do not rise or are not there, times at
    the header's rate; and the end of the last frame shown."""
    dts = [one.dts for one in packets]
    known = [at for at in dts if at is not None]
    usual = 1 / rate
    if known and len(known) == len(dts) and all(a < b for a, b in pairwise(known)):
        num, den = time_base.numerator, time_base.denominator
        clock = np.array([(at - known[0]) * num / den for at in known])
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
    """For each packet how many times the clip's times have started anew before it.

    They do where they fall back at a keyframe, which comes after all that was there before, or by
    a second anywhere, and where they jump.
    """
    found, now, last, latest = np.zeros(len(packets), int), 0, None, None
    for number, one in enumerate(packets):
        at = one.pts if one.dts is None else one.dts
        if at is not None and not one.discarded:
            if last is not None:
                step = (at - last) * unit
                behind = one.pts is not None and latest is not None and one.pts <= latest
                if step > jump or step < -1 or (step < 0 and one.keyframe and behind):
                    now, latest = now + 1, None
            last = at
            if one.pts is not None:
                latest = one.pts if latest is None else max(latest, one.pts)
        found[number] = now
    return found


def _groups(packets: Sequence[Packet], segments: np.ndarray) -> tuple[np.ndarray, list[bool]]:
    """For each packet its group of pictures, and for each group whether it begins with a
    keyframe. A stream that marks none is one group."""
    found, whole, marked = np.zeros(len(packets), int), [], any(one.keyframe for one in packets)
    for number, one in enumerate(packets):
        starts = number == 0 or (marked and segments[number] != segments[number - 1])
        if starts or one.keyframe:
            whole.append(one.keyframe or not marked)
        found[number] = len(whole) - 1
    return found, whole


def _damaged(
    packets: Sequence[Packet], segments: np.ndarray, whole: Sequence[bool]
) -> frozenset[int]:
    found, group = set(), -1
    for number, one in enumerate(packets):
        starts = number == 0 or one.keyframe or segments[number] != segments[number - 1]
        group += starts
        ahead = segments[min(number + AT_A_JOIN, len(packets) - 1)]
        joins = ahead != segments[number]
        # a parser that sees a frame's end in the next packet marks the one before a loss
        before = number > 0 and segments[number - 1] == segments[number]
        lost = one.damaged or (before and packets[number - 1].damaged)
        if (lost and not joins) or (starts and group < len(whole) and not whole[group]):
            found.add(number - one.second)
    return frozenset(found)


def _leading(places: Sequence[int | None], groups: np.ndarray) -> np.ndarray:
    """What is shown before the keyframe of its group refers to the group before."""
    first: dict[int, int | None] = {}
    found = np.zeros(len(places), bool)
    for number, (place, group) in enumerate(zip(places, groups.tolist(), strict=True)):
        key = first.setdefault(group, place)
        found[number] = place is not None and key is not None and place < key
    return found


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
        own = sorted(first_at)
        order += [first_at[stamp] for stamp in own]
        stamps += own
        num, den = time_base.numerator, time_base.denominator
        seconds += [start + (stamp - own[0]) * num / den for stamp in own]
        gaps.append(np.diff(own) * float(time_base))
        usual = float(np.median(gaps[-1])) if len(gaps[-1]) else 1 / rate
        start += float(gaps[-1].sum() + usual)
    return order, stamps, seconds, np.concatenate(gaps), start
