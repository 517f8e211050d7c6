"""What is to be done for one visit, one order after another, in a thread of its own: clicks on the
page, which run its script anew, neither wait for it nor disturb it.

The files that wait are held here and nowhere else.
"""

import threading
import time
from collections import deque
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass

from deepfake_detector import UserError

AWAY = 10.0  # seconds without an open page, after which the work rests: loading anew takes less
LOST = 120.0  # seconds without an open page, after which the files that wait are dropped

Tell = Callable[[float, str], None]  # how far an order is (from 0 to 1), and what is being done


class GivenUpError(Exception):
    """Out of `Tell`: nobody waits for this order now."""


@dataclass(frozen=True)
class Order:
    """A file to be judged, known by a `key`; `judge` gives the number of its row."""

    key: str
    name: str
    judge: Callable[[Tell], int]


@dataclass(frozen=True)
class Progress:
    """How far the work is: the file in hand, which `share` of it is done (from 0 to 1) and what is
    being done with it; how many files of those dropped together are done after so many `seconds`,
    and how many wait, the one in hand among them."""

    name: str
    share: float
    doing: str
    done: int
    waiting: int
    seconds: float


class Work:
    """The orders of one visit. Rests while it is `stopped`, while there is no `room` for results,
    and where nobody has the page open. Serves several threads."""

    def __init__(
        self, room: Callable[[], bool], clock: Callable[[], float] = time.monotonic
    ) -> None:
        self.stopped = False
        self.first: int | None = None  # row of the first file judged of those dropped together
        self.lost: tuple[str, ...] = ()  # names of files that were dropped while nobody was there
        self.trouble = ""  # why it rests, where that is no wish of the visitor's
        self._room, self._clock = room, clock
        self._orders: deque[Order] = deque()
        self._thread: threading.Thread | None = None
        self._lock = threading.Lock()
        self._watchers: dict[str, Callable[[], bool]] = {}
        self._seen = clock()
        self._done, self._begun, self._doing = 0, 0.0, (0.0, "")

    def watch(self, watcher: str, there: Callable[[], bool]) -> None:
        """Somebody has the page open, as long as `there` says so."""
        with self._lock:
            self._watchers[watcher] = there
            self._begin()

    def watched(self) -> bool:
        """Whether anybody has the page open."""
        with self._lock:
            return self._is_watched()

    def add(self, orders: Sequence[Order]) -> bool:
        """Take orders on; whether they are the first after all others were done."""
        with self._lock:
            idle = not self._orders
            if idle:
                self._count_anew()
                self.first = None
            self._orders.extend(orders)
            self.lost = ()
            self._begin()
        return idle

    def withdraw(self, keys: Collection[str]) -> None:
        """Drop the orders of these keys."""
        with self._lock:
            self._orders = deque(one for one in self._orders if one.key not in keys)

    def stop(self) -> None:
        """Rest until told to go on; the file in hand is judged anew then."""
        self.stopped = True

    def go_on(self) -> None:
        with self._lock:
            self.stopped, self.trouble = False, ""
            self._count_anew()
            self._begin()

    def end(self) -> None:
        """Drop all orders."""
        with self._lock:
            self._orders.clear()

    def drop_if_left(self) -> None:
        """Drop the files that wait where nobody has had the page open for long; their names stay."""
        with self._lock:
            if not self._is_watched() and self._clock() - self._seen > LOST:
                self.lost += tuple(one.name for one in self._orders)
                self._orders.clear()

    @property
    def busy(self) -> bool:
        return self._thread is not None

    @property
    def waiting(self) -> int:
        """Files still to be judged, the one in hand among them."""
        return len(self._orders)

    def progress(self) -> Progress:
        with self._lock:
            name = self._orders[0].name if self._orders else ""
            seconds = self._clock() - self._begun
            return Progress(name, *self._doing, self._done, len(self._orders), seconds)

    def _begin(self) -> None:
        self._seen = self._clock()
        if self._thread is None and self._orders and self._may_go_on():
            self._thread = threading.Thread(target=self._run, daemon=True)
            self._thread.start()

    def _run(self) -> None:
        try:
            self._do_all()
        except UserError as error:
            self.trouble = str(error)
        finally:
            with self._lock:
                if self._thread is threading.current_thread():  # an error ended it
                    self._thread, self.stopped = None, True

    def _do_all(self) -> None:
        while order := self._next():
            self._doing = 0.0, ""

            def tell(share: float, doing: str, order: Order = order) -> None:
                self._tell(order, share, doing)

            try:
                number = order.judge(tell)
            except GivenUpError:
                continue
            self._finish(order, number)

    def _next(self) -> Order | None:
        """The order to do now; where there is none the thread ends."""
        with self._lock:
            if self._orders and self._may_go_on():
                return self._orders[0]
            self._thread = None
            return None

    def _tell(self, order: Order, share: float, doing: str) -> None:
        with self._lock:
            if not self._may_go_on() or not self._orders or self._orders[0] is not order:
                raise GivenUpError
            self._doing = share, doing

    def _finish(self, order: Order, number: int) -> None:
        with self._lock:
            if not self._orders or self._orders[0] is not order:
                return
            self._orders.popleft()
            self._done += 1
            if self.first is None:
                self.first = number

    def _may_go_on(self) -> bool:
        left = not self._is_watched() and self._clock() - self._seen > AWAY
        return not self.stopped and not left and self._room()

    def _is_watched(self) -> bool:
        self._watchers = {one: there for one, there in self._watchers.items() if there()}
        if self._watchers:
            self._seen = self._clock()
        return bool(self._watchers)

    def _count_anew(self) -> None:
        self._done, self._begun = 0, self._clock()
