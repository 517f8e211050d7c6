"""The work for one visit, order by order, in threads of its own: clicks on the page, which run its
script again, neither wait for it nor disturb it.

The files that wait are held here and nowhere else.
"""

import threading
import time
from collections import deque
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from functools import partial

from deepfake_detector import UserError

AWAY = 10.0  # seconds without an open page, after which the work rests: a reload takes less
LOST = 120.0  # seconds without an open page, after which the files that wait are dropped

OnProgress = Callable[[float, str], None]  # share done (0 to 1), and what is being done
Spare = Callable[[], bool]  # whether the order is to be done only where nobody else waits


class GivenUpError(Exception):
    """Raised by `OnProgress`: nobody waits for this order now. Raised by `judge`: it is to be begun
    again."""


@dataclass(frozen=True, eq=False)
class Order:
    """A file to be judged, known by a `key`; `judge` gives the number of its row."""

    key: str
    name: str
    judge: Callable[[OnProgress, Spare], int]


@dataclass(frozen=True)
class Progress:
    """How far the work is: the first file in hand, which `share` of it is done (from 0 to 1) and
    what is being done with it; how many files of those dropped together are done after so many
    `seconds`, and how many wait, those in hand among them."""

    name: str
    share: float
    doing: str
    done: int
    waiting: int
    seconds: float


class Work:
    """The orders of one visit, of which `at_once` are in hand at a time: the first has a claim, the
    others are to spare. Rests while it is `stopped`, while there is no `room` for results, and
    where nobody has the page open. Serves several threads."""

    def __init__(
        self,
        room: Callable[[], int],
        at_once: int,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.stopped = False
        # row of the first file of those dropped together, once it is judged
        self.first: int | None = None
        self.lost: tuple[str, ...] = ()  # names of files that were dropped while nobody was there
        self.trouble = ""  # why it rests, where that is no wish of the visitor's
        self._room, self._at_once, self._clock = room, at_once, clock
        self._orders: deque[Order] = deque()
        self._in_hand: dict[Order, tuple[float, str]] = {}
        self._threads: set[threading.Thread] = set()
        self._lock = threading.Lock()
        self._watchers: dict[str, Callable[[], bool]] = {}
        self._seen = clock()
        self._done, self._begun = 0, 0.0

    def watch(self, watcher: str, there: Callable[[], bool]) -> None:
        """Somebody has the page open, as long as `there` says so."""
        with self._lock:
            self._watchers[watcher] = there
            self._begin()

    def watched(self) -> bool:
        """Whether anybody has the page open."""
        with self._lock:
            return self._is_watched()

    def add(self, orders: Sequence[Order], next_in_line: bool = False) -> bool:
        """Take orders on, last or right behind those in hand; whether they are the first after all
        others were done."""
        with self._lock:
            idle = not self._orders
            if idle:
                self._count_anew()
                self.first = None
            place = len(self._in_hand) if next_in_line else len(self._orders)
            self._orders = deque([*self._orders][:place] + [*orders] + [*self._orders][place:])
            self.lost = ()
            self._begin()
        return idle

    def withdraw(self, keys: Collection[str]) -> None:
        """Drop the orders of these keys."""
        with self._lock:
            self._orders = deque(order for order in self._orders if order.key not in keys)

    def stop(self) -> None:
        """Rest until `go_on` is called; the orders in hand are judged again then."""
        self.stopped = True

    def go_on(self) -> None:
        """Work on after a stop, with the counts of progress at zero."""
        with self._lock:
            self.stopped, self.trouble = False, ""
            self._count_anew()
            self._begin()

    def end(self) -> None:
        """Drop all orders."""
        with self._lock:
            self._orders.clear()

    def drop_if_left(self) -> None:
        """Drop the files that wait where the page has long been closed; their names stay."""
        with self._lock:
            if not self._is_watched() and self._clock() - self._seen > LOST:
                self.lost += tuple(order.name for order in self._orders)
                self._orders.clear()

    @property
    def busy(self) -> bool:
        """Whether any order is being worked on."""
        return bool(self._threads)

    @property
    def waiting(self) -> int:
        """Files still to be judged, those in hand among them."""
        return len(self._orders)

    def progress(self) -> Progress:
        """How far the work is now; without orders its name is empty."""
        with self._lock:
            name, doing = "", (0.0, "")
            if self._orders:
                name, doing = self._orders[0].name, self._in_hand.get(self._orders[0], doing)
            seconds = self._clock() - self._begun
            return Progress(name, *doing, self._done, len(self._orders), seconds)

    def _begin(self) -> None:
        self._seen = self._clock()
        if not self._may_go_on():
            return
        most = min(self._at_once, len(self._orders), self._room())
        for _ in range(most - len(self._threads)):
            thread = threading.Thread(target=self._run, daemon=True)
            self._threads.add(thread)
            thread.start()

    def _run(self) -> None:
        try:
            while order := self._next():
                self._do(order)
        except UserError as error:
            self.trouble = str(error)
        finally:
            with self._lock:
                if threading.current_thread() in self._threads:  # an error ended it
                    self._threads.remove(threading.current_thread())
                    self.stopped = True

    def _next(self) -> Order | None:
        """The order to do now; where there is none the thread ends."""
        with self._lock:
            free = (order for order in self._orders if order not in self._in_hand)
            order = next(free, None)
            if order and self._may_go_on() and self._room() > len(self._in_hand):
                self._in_hand[order] = 0.0, ""
                return order
            self._threads.remove(threading.current_thread())
            return None

    def _do(self, order: Order) -> None:
        number = None
        try:
            number = order.judge(partial(self._set_progress, order), partial(self._is_spare, order))
        except GivenUpError:
            return
        finally:
            with self._lock:
                self._put_down(order, number)

    def _put_down(self, order: Order, number: int | None) -> None:
        """It is no longer in hand, and where it has the number of its row it is done."""
        del self._in_hand[order]
        if number is None or order not in self._orders:
            return
        if self.first is None and order is self._orders[0]:
            self.first = number
        self._orders.remove(order)
        self._done += 1

    def _set_progress(self, order: Order, share: float, doing: str) -> None:
        with self._lock:
            if not self._may_go_on() or order not in self._orders:
                raise GivenUpError
            self._in_hand[order] = share, doing

    def _is_spare(self, order: Order) -> bool:
        with self._lock:
            return bool(self._orders) and order is not self._orders[0]

    def _may_go_on(self) -> bool:
        abandoned = not self._is_watched() and self._clock() - self._seen > AWAY
        return not self.stopped and not abandoned

    def _is_watched(self) -> bool:
        self._watchers = {name: there for name, there in self._watchers.items() if there()}
        if self._watchers:
            self._seen = self._clock()
        return bool(self._watchers)

    def _count_anew(self) -> None:
        self._done, self._begun = 0, self._clock()
