"""When frames are shown, told from packets alone."""

from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from made import few

from deepfake_detector.media.timeline import Packet, Timeline, timeline


def clip_of(packets: list[Packet], timed: bool = True, reordered: bool = False) -> Timeline:
    """In milliseconds; the header says 25 frames a second."""
    return timeline(
        packets, Fraction(1, 1000), 25.0, timed=timed, reordered=reordered, joined=False
    )


def shown_at(*times: int) -> list[Packet]:
    return [Packet(at, at, 100, place == 0) for place, at in enumerate(times)]


STEADY = range(0, 960, 40)


@pytest.mark.parametrize(
    ("times", "taken"),
    [
        ([*range(0, 920, 40), 100_000], [2, 6, 11, 16, 20, 22]),  # the last frame a minute later
        ([0, *range(20_000, 20_920, 40)], [0, 3, 7, 12, 17, 21]),  # the first one long before
        ([*range(0, 480, 40), *range(3_600_000, 3_600_480, 40)], [2, 6, 11, 12, 17, 21]),
        ([*range(0, 480, 40), *range(2_480, 2_960, 40)], [2, 6, 11, 12, 17, 21]),  # it stood still
        (list(STEADY), [2, 6, 10, 14, 18, 22]),
    ],
)
def test_neither_a_wild_time_nor_a_frozen_picture_draws_all_frames_to_it(times, taken):
    assert clip_of(shown_at(*times)).spread(6) == taken


@pytest.mark.parametrize(
    ("places", "seen"),
    [
        ([2, 6, 10, 14, 18, 22], 6),
        ([1, 7, 10, 15, 18, 23], 6),  # beside damage
        ([2, 6, 10], 3),
        ([13, 15, 17, 19, 21, 23], 4),  # the first half is lost
        ([18, 19, 20, 21, 22, 23], 3),
        ([], 0),
    ],
)
def test_a_part_is_seen_by_a_frame_of_its_own_or_one_beside_it(places, seen):
    assert clip_of(shown_at(*STEADY)).parts_seen(places, 6) == seen


@pytest.mark.parametrize(("places", "seen"), [([0], 1), ([], 0)])
def test_the_one_frame_of_a_clip_is_its_one_part(places, seen):
    assert clip_of(shown_at(0)).parts_seen(places, 6) == seen


def test_where_only_decoding_tells_the_order_each_frame_is_a_part():
    packets = [Packet(None, at, 100, place == 0) for place, at in enumerate(STEADY)]
    assert clip_of(packets, timed=False, reordered=True).parts_seen([4, 5, 6], 6) == 3


gaps = st.lists(st.integers(1, 5000), min_size=1, max_size=40)


@given(gaps, st.integers(1, 50))
@few
def test_frames_are_different_ones_and_rise(gaps, count):
    clip = clip_of(shown_at(*np.cumsum([0, *gaps]).tolist()))
    taken = clip.spread(count)
    assert len(taken) == min(count, len(gaps) + 1)
    assert taken == sorted(set(taken))
    assert 0 <= taken[0] <= taken[-1] <= len(gaps)


@pytest.mark.parametrize("times", [[0] * 24, [at // 80 * 80 for at in STEADY]])
def test_times_that_most_frames_share_say_nothing(times):
    clip = clip_of([Packet(at, None, 100, place == 0) for place, at in enumerate(times)])
    assert clip.spread(6) == [2, 6, 10, 14, 18, 22]
    assert clip.duration == pytest.approx(0.96)


@pytest.mark.parametrize("reordered", [False, True])
def test_without_times_of_presentation_those_of_decoding_count(reordered):
    """Of an AVI: chunks that are left empty are time that passes."""
    decoded = [*range(0, 480, 40), *range(1_000, 13_000, 1_000)]
    packets = [Packet(None, at, 100, place == 0) for place, at in enumerate(decoded)]
    clip = clip_of(packets, timed=False, reordered=reordered)
    if reordered:
        clip = clip.ordered([0, 2, 1, *range(3, 24)])
    assert clip.seconds.tolist() == pytest.approx([at / 1000 for at in decoded])
    assert clip.variable
    assert clip.duration == pytest.approx(12 + 1, abs=0.5)


def test_what_is_not_shown_starts_no_other_recording():
    """An edit list begins in the middle of a group, and shows a part twice."""
    again = [Packet(at, at, 100, at == 0, discarded=at < 200) for at in range(0, 480, 40)]
    clip = clip_of([*shown_at(*range(-480, 0, 40)), *again])
    assert (clip.segments, len(clip.order)) == (1, 12 + 7)


@pytest.mark.parametrize(("marked", "damaged"), [(3, {3, 4}), (11, {11, 12}), (23, {23})])
def test_what_follows_a_loss_is_damaged_too(marked, damaged):
    """Parsers that see a frame end where the next one begins mark the packet before."""
    packets = [Packet(at, at, 100, at % 480 == 0) for at in STEADY]
    packets[marked] = packets[marked]._replace(damaged=True)
    assert clip_of(packets).damaged == damaged
