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
        self._free = set(range(at_once))

    @contextmanager
    def turn(self, told: Callable[[int], None]) -> Iterator[int]:
        """Wait in line, then hold the place given until the block ends.

        `told` hears, at once and then every half second, how many wait before. An exception out of
        it, which is how a visitor who leaves is noticed, gives the place in the line up.
        """
        me, place = object(), None
        with self._changed:
            self._line.append(me)
        try:
            place = self._called(me, 0)
            while place is None:
                told(self._before(me))
                place = self._called(me, POLL)
            yield place
        finally:
            with self._changed:
                if place is None:
                    self._line.remove(me)
                else:
                    self._free.add(place)
                self._changed.notify_all()

    def _called(self, me: object, seconds: float) -> int | None:
        """The place for whoever is first in line; None where there was none for so long."""
        with self._changed:
            if not self._changed.wait_for(
                lambda: bool(self._free) and self._line[0] is me, seconds
            ):
                return None
            self._line.popleft()
            self._changed.notify_all()
            place = min(
                self._free
            )  # the lowest, so that no model is loaded for a place that is not needed
            self._free.remove(place)
            return place

    def _before(self, me: object) -> int:
        with self._changed:
            return self._line.index(me)
