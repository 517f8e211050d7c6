"""A file to be judged, wherever it comes from."""

from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True)
class Arrival:
    """A file that has arrived, known by its `key`. `read` gives its bytes when its turn comes, and
    raises OSError where it cannot."""

    key: str
    name: str
    read: Callable[[], bytes]
