"""Map a function over items in worker processes: a time limit for each, and a crash costs its own item only."""

import os
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import TimeoutError as FutureTimeout
from dataclasses import dataclass
from multiprocessing import get_context
from typing import Generic, TypeVar

from pebble import ProcessExpired, ProcessPool

Result = TypeVar("Result")


@dataclass(frozen=True)
class Outcome(Generic[Result]):
    """What became of one task: its result, or the reason why there is none."""

    result: Result | None = None
    failure: str | None = None


def run(
    function: Callable[..., Result], tasks: Sequence[tuple], workers: int, seconds: float
) -> Iterator[Outcome[Result]]:
    """Yield what became of `function(*task)` for each of `tasks`, in their order, from `workers` processes.

    A worker that dies or takes longer than `seconds` fails its own task only. Exceptions that `function` raises are
    errors of the program, not of the item, and are raised here. `workers` 0 means one per processor core.
    """
    if not tasks:
        return
    context = get_context("spawn")
    with ProcessPool(
        max_workers=min(workers or available_cores(), len(tasks)), context=context, initializer=_start_worker
    ) as pool:
        futures = [pool.schedule(function, args=task, timeout=seconds) for task in tasks]
        try:
            for future in futures:
                try:
                    yield Outcome(result=future.result())
                except FutureTimeout as error:
                    if error.__cause__ is not None:  # raised by the function
                        raise
                    yield Outcome(failure=f"took longer than {seconds:g} s")
                except ProcessExpired as error:
                    yield Outcome(failure=f"crashed its worker (exit code {error.exitcode})")
        finally:
            for future in futures:
                future.cancel()
            pool.stop()


def available_cores() -> int:
    """Processor cores this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _start_worker() -> None:
    """One thread per worker, and no worker without its parent."""
    import cv2  # costs half a second, and only workers need it here

    cv2.setNumThreads(1)
    parent = os.getppid()

    def watch() -> None:
        while os.getppid() == parent:
            time.sleep(1)
        os._exit(1)

    threading.Thread(target=watch, daemon=True).start()
