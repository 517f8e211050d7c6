"""Files are judged one after another beside the page, for as long as somebody waits for them."""

import threading
import time

import pytest
from patience import HANG

from app.work import AWAY, LOST, Order, Work
from deepfake_detector import UserError


class Held:
    """An order that is done when it is let go; counts how often it was begun."""

    def __init__(self, name: str, number: int = 1) -> None:
        self.begun, self._let_go, self._number = 0, threading.Event(), number
        self.order = Order(f"key of {name}", name, self._judge)

    def let_go(self) -> None:
        self._let_go.set()

    def _judge(self, tell) -> int:
        self.begun += 1
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


def begun(room=lambda: True, clock=None) -> tuple[Work, Held, Held]:
    """Two orders, the first in hand."""
    work, first, second = Work(room, clock or Clock()), Held("a", 1), Held("b", 2)
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
    room = [True]
    work, first, second = begun(lambda: bool(room))
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

    def judge(tell) -> int:
        tries.append(tell)
        if len(tries) == 1:
            raise UserError("the model is damaged", "export it again")
        return 1

    work = Work(lambda: True)
    work.add([Order("key", "name", judge)])
    until(lambda: not work.busy)
    assert (work.stopped, work.waiting) == (True, 1)
    assert "the model is damaged" in work.trouble
    work.go_on()
    assert work.trouble == ""
    until(lambda: work.first == 1)


def test_an_error_stops_the_work_and_it_can_go_on():
    def fails(tell) -> int:
        raise MemoryError

    caught = []
    hook, threading.excepthook = threading.excepthook, caught.append
    try:
        work = Work(lambda: True)
        work.add([Order("key", "name", fails)])
        until(lambda: not work.busy)
        assert work.stopped
        work.go_on()
        until(lambda: len(caught) == 2)
    finally:
        threading.excepthook = hook
    assert caught[0].exc_type is MemoryError
