"""A line of visitors: first come, first served, so many at a time."""

import threading
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager

POLL = 0.5  # seconds between two looks at the line


class Turns:
    """Hands out `at_once` places, numbered from 0, in the order in which they were asked for;
    serves several threads."""

    def __init__(self, at_once: int) -> None:
        self._changed = threading.Condition()
        self._line: deque[object] = deque()
        self._spare: deque[object] = deque()  # behind the line: only where nobody stands in it
        self._free = set(range(at_once))

    @contextmanager
    def turn(
        self, on_wait: Callable[[int], None], spare: Callable[[], bool] = lambda: False
    ) -> Iterator[int]:
        """Wait in line, then hold the place given until the block ends.

        `on_wait` is called, at once and then every half second, with the number of those who wait
        before; an exception that it raises, as for a visitor who has left, gives the place in the
        line up. While `spare()` is true, all others go first, whenever they come; once it is false,
        the visitor moves to the end of the line.
        """
        me, place = object(), None
        with self._changed:
            (self._spare if spare() else self._line).append(me)
        try:
            place = self._called(me, 0)
            while place is None:
                on_wait(self._before(me))
                if not spare():
                    self._line_up(me)
                place = self._called(me, POLL)
            yield place
        finally:
            with self._changed:
                if place is None:
                    self._queue_of(me).remove(me)
                else:
                    self._free.add(place)
                self._changed.notify_all()

    def wanted(self) -> bool:
        """Whether somebody stands in line and there is no place."""
        with self._changed:
            return bool(self._line) and not self._free

    def _line_up(self, me: object) -> None:
        with self._changed:
            if me in self._spare:
                self._spare.remove(me)
                self._line.append(me)

    def _called(self, me: object, seconds: float) -> int | None:
        """A free place, once `me` is first in line; None if that takes longer than `seconds`."""
        with self._changed:
            if not self._changed.wait_for(
                lambda: bool(self._free) and (self._line or self._spare)[0] is me, seconds
            ):
                return None
            self._queue_of(me).remove(me)
            self._changed.notify_all()
            # the lowest, so that no model is loaded for a place that is not needed
            place = min(self._free)
            self._free.remove(place)
            return place

    def _before(self, me: object) -> int:
        with self._changed:
            return [*self._line, *self._spare].index(me)

    def _queue_of(self, me: object) -> deque[object]:
        return self._spare if me in self._spare else self._line
