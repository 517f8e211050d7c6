"""The line of visitors: its order, the places it tells, and that nobody who leaves blocks it."""

import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from itertools import pairwise

import pytest
from patience import HANG

from deepfake_detector.serving import turns
from deepfake_detector.serving.turns import Turns

AT_ONCE = [1, 2, 3]


class Left(BaseException):
    """What Streamlit raises in the script of a visitor who has gone is no Exception either."""


@pytest.fixture(autouse=True)
def quick(monkeypatch):
    monkeypatch.setattr(turns, "POLL", 0.01)


def until(condition: Callable[[], bool]) -> None:
    end = time.monotonic() + HANG
    while not condition():
        assert time.monotonic() < end, "it never came to that"
        time.sleep(0.002)


def silent(before: int) -> None:
    pass


class Visitor(threading.Thread):
    """Holds its turn until told to go; `told` are the numbers of those before it, `place` is what
    it was given."""

    def __init__(self, line: Turns, spare: bool = False) -> None:
        super().__init__(daemon=True)
        self.line, self.told, self.place, self.leaves = line, [], None, False
        self.spare = spare
        self.go = threading.Event()
        self.start()

    def run(self) -> None:
        try:
            with self.line.turn(self._hear, lambda: self.spare) as self.place:
                self.go.wait(HANG)
        except Left:
            return

    def _hear(self, before: int) -> None:
        if self.leaves:
            raise Left
        self.told.append(before)

    @property
    def waits(self) -> bool:
        return bool(self.told) and self.place is None


def waiting(line: Turns, count: int, spare: bool = False) -> list[Visitor]:
    """Visitors who came one after the other and wait."""
    visitors = []
    for _ in range(count):
        visitors.append(Visitor(line, spare))
        until(lambda: visitors[-1].waits)
    return visitors


@pytest.mark.parametrize("at_once", AT_ONCE)
def test_so_many_are_served_at_once_each_in_a_place_of_its_own(at_once):
    line = Turns(at_once)
    served = [Visitor(line) for _ in range(at_once)]
    until(lambda: all(one.place is not None for one in served))
    (late,) = waiting(line, 1)
    assert {one.place for one in served} == set(range(at_once))
    assert late.place is None
    served[-1].go.set()
    until(lambda: late.place is not None)
    assert late.place == served[-1].place
    for one in (*served, late):
        one.go.set()


def test_whoever_comes_first_is_served_first():
    line = Turns(1)
    first = Visitor(line)
    until(lambda: first.place is not None)
    visitors = waiting(line, 5)
    for leaving, following in pairwise([first, *visitors]):
        assert [one.place for one in visitors[visitors.index(following) :]] == [None] * (
            5 - visitors.index(following)
        )
        leaving.go.set()
        until(lambda one=following: one.place is not None)
    visitors[-1].go.set()


def test_whoever_waits_is_told_how_many_are_before():
    line = Turns(1)
    first = Visitor(line)
    until(lambda: first.place is not None)
    visitors = waiting(line, 3)
    assert [one.told[0] for one in visitors] == [0, 1, 2]
    first.go.set()
    until(lambda: visitors[2].told[-1] == 1)
    assert first.told == []
    for one in visitors:
        one.go.set()
    until(lambda: visitors[2].place is not None)
    assert visitors[2].told == sorted(visitors[2].told, reverse=True)


def test_the_place_in_line_of_somebody_who_leaves_is_free():
    line = Turns(1)
    first = Visitor(line)
    until(lambda: first.place is not None)
    visitors = waiting(line, 3)
    visitors[0].leaves = visitors[1].leaves = True
    until(lambda: not visitors[0].is_alive() and not visitors[1].is_alive())
    until(lambda: visitors[2].told[-1] == 0)
    first.go.set()
    until(lambda: visitors[2].place is not None)
    visitors[2].go.set()


def served_in_turn(first: Visitor, *others: Visitor) -> None:
    for leaving, following in pairwise([first, *others]):
        assert following.place is None
        leaving.go.set()
        until(lambda one=following: one.place is not None)
    others[-1].go.set()


def test_one_to_spare_is_served_where_nobody_else_waits():
    line = Turns(1)
    spare = Visitor(line, spare=True)
    until(lambda: spare.place is not None)
    (another,) = waiting(line, 1, spare=True)
    assert not line.wanted(), "nobody waits but one that is to spare, too"
    (first,) = waiting(line, 1)
    assert line.wanted()
    (second,) = waiting(line, 1)
    assert (first.told[0], second.told[0]) == (0, 1)
    served_in_turn(spare, first, second, another)


def test_nobody_is_wanted_for_where_there_is_a_place():
    line = Turns(2)
    spare = Visitor(line, spare=True)
    until(lambda: spare.place is not None)
    first = Visitor(line)
    until(lambda: first.place is not None)
    assert not line.wanted()
    spare.go.set()
    first.go.set()


def test_one_that_is_to_spare_no_longer_goes_to_the_end_of_the_line():
    line = Turns(1)
    first = Visitor(line)
    until(lambda: first.place is not None)
    (spare,) = waiting(line, 1, spare=True)
    second, third = waiting(line, 2)
    spare.spare = False
    until(lambda: spare.told[-1] == 2)
    (fourth,) = waiting(line, 1)
    served_in_turn(first, second, third, spare, fourth)


def test_the_place_of_one_to_spare_who_leaves_is_free():
    line = Turns(1)
    first = Visitor(line)
    until(lambda: first.place is not None)
    leaving, staying = waiting(line, 2, spare=True)
    leaving.leaves = True
    until(lambda: not leaving.is_alive())
    served_in_turn(first, staying)


@pytest.mark.parametrize("error", [Left, ValueError])
def test_the_turn_of_somebody_who_leaves_is_free(error):
    line = Turns(1)
    with pytest.raises(error), line.turn(silent):
        raise error
    with line.turn(silent) as place:
        assert place == 0


def test_many_visitors_are_all_served_and_never_too_many_at_once():
    line, inside, most = Turns(2), [], []

    def visit(number: int) -> int:
        with line.turn(silent) as place:
            inside.append(place)
            most.append(len(inside))
            assert sorted(inside) == sorted(set(inside))
            time.sleep(0.002)
            inside.remove(place)
        return number

    with ThreadPoolExecutor(8) as pool:
        assert list(pool.map(visit, range(60))) == list(range(60))
    assert max(most) == 2


def test_the_lowest_free_place_is_taken():
    """Its model is loaded already."""
    line = Turns(3)
    with line.turn(lambda _: None) as first, line.turn(lambda _: None) as second:
        assert (first, second) == (0, 1)
    with line.turn(lambda _: None) as again:
        assert again == 0
