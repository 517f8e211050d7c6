"""A file to be judged, wherever it comes from."""

from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True)
class Arrival:
    """Known by a `key`. `read` gives its bytes in its turn; raises OSError where it cannot."""

    key: str
    name: str
    read: Callable[[], bytes]
