"""Visits outlive a reload of the page: each is kept in the memory of the server under a random
token in the page's address, until half an hour after the page was last open.

A visitor without a token, or with an unknown one, begins an empty visit under a token that the
server chooses.
"""

import secrets
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from app.history import History, Room
from app.work import Work

SECONDS = 1800.0  # that a visit is kept after its page was open last
MOST = 100  # visits kept; the one that was looked at longest ago goes first
SWEEP = 60.0  # seconds between two looks for visits that are over


@dataclass(eq=False)
class Visit:
    """What was judged, what is still to be, and the model that was chosen last."""

    token: str
    history: History
    work: Work
    model: Path | None = None

    @property
    def empty(self) -> bool:
        """Whether nothing was judged, waits, or was dropped."""
        return not (self.history.rows() or self.work.waiting or self.work.lost)


class Visits:
    """The visits of one server by token. Serves several threads."""

    def __init__(
        self,
        seconds: float = SECONDS,
        most: int = MOST,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._room = Room()
        self._seconds, self._most, self._clock = seconds, most, clock
        self._lock = threading.Lock()
        self._kept: dict[str, tuple[float, Visit]] = {}  # the last looked at last

    def opened(self, token: str | None, at_once: int) -> Visit:
        """The visit under a token, or where there is none an empty one under a new token, of which
        so many files are judged at a time where nobody else waits."""
        self.expire()
        with self._lock:
            if token in self._kept:
                return self._kept[token][1]
        history = History(self._room)
        work = Work(lambda: history.room, at_once, self._clock)
        return Visit(secrets.token_urlsafe(16), history, work)

    def keep(self, visit: Visit) -> None:
        """Keep a visit from now on for its time, unless it was forgotten, in another tab too."""
        with self._lock:
            if visit.history.forgotten:
                return
            self._kept.pop(visit.token, None)
            self._kept[visit.token] = self._clock(), visit
            while len(self._kept) > self._most:
                self._end(next(iter(self._kept)))

    def forget(self, visit: Visit) -> None:
        """Drop what was judged and what waits, wherever the visit is still open."""
        with self._lock:
            visit.history.forget()
            self._kept.pop(visit.token, None)
        visit.work.end()

    def expire(self) -> None:
        """Forget those whose time is over, and drop the files that wait where nobody is there."""
        with self._lock:
            now = self._clock()
            for token, (last, visit) in list(self._kept.items()):
                if visit.work.watched():
                    del self._kept[token]  # to the end: it was looked at last
                    self._kept[token] = now, visit
                elif last < now - self._seconds:
                    self._end(token)
                else:
                    visit.work.drop_if_left()

    def expire_forever(self) -> None:
        """Call `expire` every SWEEP seconds, without end."""
        while True:
            time.sleep(SWEEP)
            self.expire()

    def _end(self, token: str) -> None:
        _, visit = self._kept.pop(token)
        visit.work.end()
