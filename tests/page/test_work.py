"""Files are judged beside the page, so many at a time, for as long as somebody waits for them."""

import threading
import time

import pytest
from patience import HANG

from app.work import AWAY, LOST, GivenUpError, Order, Work
from deepfake_detector import UserError


class Held:
    """An order that is done when it is let go; counts how often it was begun."""

    def __init__(self, name: str, number: int = 1) -> None:
        self.begun, self.spare = 0, lambda: False
        self._let_go, self._number = threading.Event(), number
        self.order = Order(f"key of {name}", name, self._judge)

    def let_go(self) -> None:
        self._let_go.set()

    def _judge(self, tell, spare) -> int:
        self.begun, self.spare = self.begun + 1, spare
        while not self._let_go.wait(0.001):
            tell(0.5, "looking")
        return self._number


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


def until(reached) -> None:
    end = time.monotonic() + HANG
    while not reached():
        assert time.monotonic() < end
        time.sleep(0.001)


def room_for_many() -> int:
    return 100


def begun(room=room_for_many, clock=None, at_once=1) -> tuple[Work, Held, Held]:
    """Two orders, the first in hand."""
    work, first, second = Work(room, at_once, clock or Clock()), Held("a", 1), Held("b", 2)
    assert work.add([first.order, second.order])
    until(lambda: first.begun)
    return work, first, second


def test_orders_are_done_in_turn_and_told():
    work, first, second = begun()
    until(lambda: work.progress().doing == "looking")
    assert (work.progress().name, work.progress().share) == ("a", 0.5)
    assert (work.progress().done, work.progress().waiting, work.first) == (0, 2, None)
    assert not work.add([]), "there are others before"
    first.let_go()
    until(lambda: second.begun)
    assert (work.progress().done, work.progress().waiting, work.first) == (1, 1, 1)
    second.let_go()
    until(lambda: not work.busy)
    assert (work.progress().done, work.waiting, work.first) == (2, 0, 1)
    third = Held("c", 3)
    third.let_go()
    assert work.add([third.order])
    until(lambda: not work.busy)
    assert (work.progress().done, work.first) == (1, 3), "counted anew"


def test_what_comes_next_in_line_waits_for_what_is_in_hand_alone():
    work, first, second = begun()
    third = Held("c", 3)
    assert not work.add([third.order], next_in_line=True)
    assert work.progress().name == "a"
    first.let_go()
    until(lambda: third.begun)
    assert (first.begun, second.begun) == (1, 0)
    third.let_go()
    until(lambda: second.begun)
    second.let_go()


def test_of_those_in_hand_the_first_has_a_claim_and_the_others_are_to_spare():
    work, first, second = begun(at_once=2)
    until(lambda: second.begun)
    third = Held("c", 3)
    work.add([third.order])
    assert (first.spare(), second.spare(), work.progress().name) == (False, True, "a")
    assert (work.progress().waiting, third.begun) == (3, 0)
    second.let_go()
    until(lambda: third.begun)
    assert (work.progress().done, work.first) == (1, None), "the first of them is still in hand"
    first.let_go()
    until(lambda: not third.spare())
    assert (work.progress().name, work.first) == ("c", 1)
    third.let_go()
    until(lambda: not work.busy)
    assert (work.progress().done, work.waiting, work.first) == (3, 0, 1)


def test_no_more_are_begun_than_there_is_room_for():
    room = [1]
    work, first, second = begun(lambda: len(room), at_once=2)
    first.let_go()
    room.clear()
    until(lambda: not work.busy)
    assert (work.waiting, second.begun) == (1, 0)


def test_what_is_in_hand_needs_room_too():
    room = [1, 1]
    work, first, second = begun(lambda: len(room), at_once=2)
    until(lambda: second.begun)
    third = Held("c", 3)
    work.add([third.order])
    room.pop()  # for the row of the first
    first.let_go()
    until(lambda: work.progress().done == 1)
    second.let_go()
    room.pop()
    until(lambda: not work.busy)
    assert (work.waiting, third.begun) == (1, 0)


def test_all_that_is_in_hand_is_given_up_and_begun_anew():
    work, first, second = begun(at_once=2)
    until(lambda: second.begun)
    work.stop()
    until(lambda: not work.busy)
    work.go_on()
    until(lambda: (first.begun, second.begun) == (2, 2))
    work.end()
    until(lambda: not work.busy)


def test_one_that_is_given_up_for_others_is_begun_anew():
    tries = []

    def judge(tell, spare) -> int:
        tries.append(tell)
        if len(tries) < 3:
            raise GivenUpError
        return 1

    work = Work(room_for_many, 1)
    work.add([Order("key", "name", judge)])
    until(lambda: not work.busy)
    assert (len(tries), work.first, work.stopped) == (3, 1, False)


def test_it_stops_at_once_and_goes_on_with_the_same_file():
    work, first, _ = begun()
    work.stop()
    until(lambda: not work.busy)
    assert work.waiting == 2
    work.go_on()
    until(lambda: first.begun == 2)
    work.end()
    until(lambda: not work.busy)


def test_a_file_that_is_withdrawn_is_given_up():
    work, first, second = begun()
    work.withdraw({first.order.key})
    until(lambda: second.begun)
    second.let_go()
    until(lambda: not work.busy)
    assert work.first == 2


def test_without_room_for_results_it_rests():
    room = [1]
    work, first, second = begun(lambda: len(room))
    room.clear()
    first.let_go()
    until(lambda: not work.busy)
    assert second.begun == 0


@pytest.mark.parametrize(("seconds", "rests"), [(AWAY - 1, False), (AWAY + 1, True)])
def test_it_rests_where_nobody_has_the_page_open_and_goes_on_when_somebody_has(seconds, rests):
    clock, there = Clock(), [True]
    work, first, second = begun(clock=clock)
    work.watch("one", lambda: bool(there))
    there.clear()
    clock.now += seconds
    if rests:
        until(lambda: not work.busy)
    assert work.busy != rests
    work.watch("another", lambda: True)
    clock.now += LOST + 1
    work.drop_if_left()
    for one in (first, second):
        one.let_go()
    until(lambda: not work.busy)
    assert (work.progress().done, work.lost) == (2, ())


def test_files_that_wait_are_dropped_when_the_page_was_left_and_their_names_told():
    clock = Clock()
    work, _, second = begun(clock=clock)
    clock.now += LOST + 1
    until(lambda: not work.busy)
    work.drop_if_left()
    assert (work.waiting, work.lost) == (0, ("a", "b"))
    work.add([])
    assert work.lost == ()
    assert second.begun == 0


def test_what_waits_is_kept_until_the_page_was_left_for_long():
    clock = Clock()
    work, *_ = begun(clock=clock)
    clock.now += AWAY + 1
    until(lambda: not work.busy)
    clock.now += LOST - AWAY - 2
    work.drop_if_left()
    assert (work.waiting, work.lost) == (2, ())


def test_a_model_that_cannot_be_used_stops_the_work_and_says_why():
    tries = []

    def judge(tell, spare) -> int:
        tries.append(tell)
        if len(tries) == 1:
            raise UserError("the model is damaged", "export it again")
        return 1

    work = Work(room_for_many, 1)
    work.add([Order("key", "name", judge)])
    until(lambda: not work.busy)
    assert (work.stopped, work.waiting) == (True, 1)
    assert "the model is damaged" in work.trouble
    work.go_on()
    assert work.trouble == ""
    until(lambda: work.first == 1)


def test_an_error_stops_the_work_and_it_can_go_on():
    def fails(tell, spare) -> int:
        raise MemoryError

    caught = []
    hook, threading.excepthook = threading.excepthook, caught.append
    try:
        work = Work(room_for_many, 1)
        work.add([Order("key", "name", fails)])
        until(lambda: not work.busy)
        assert work.stopped
        work.go_on()
        until(lambda: len(caught) == 2)
    finally:
        threading.excepthook = hook
    assert caught[0].exc_type is MemoryError
