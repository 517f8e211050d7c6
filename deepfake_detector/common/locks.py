"""One writer at a time: a stage that was left behind, or was started twice, must not write beside
its successor."""

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from filelock import FileLock, Timeout

from deepfake_detector import UserError

WAIT_SECONDS = 60  # for a process that is just being stopped


@contextmanager
def only_writer(folder: Path, stage: str, wait: float = WAIT_SECONDS) -> Iterator[None]:
    """Hold the lock `stage` in `folder`, which is made where it is missing.

    Raises UserError, naming the process that has it, where that does not end within `wait` seconds.
    """
    folder.mkdir(parents=True, exist_ok=True)
    lock, holder = FileLock(folder / f"{stage}.lock"), folder / f"{stage}.pid"
    try:
        lock.acquire(blocking=False)
    except Timeout:
        process = holder.read_text() if holder.exists() else "unknown"
        print(
            f"{stage} is running here already (process {process}); waiting {wait:.0f} s for it to "
            "end",
            file=sys.stderr,
        )
        try:
            lock.acquire(timeout=wait)
        except Timeout as error:
            raise UserError(
                f"{stage} is running here already (process {process})", "wait for it, or stop it"
            ) from error
    try:
        holder.write_text(str(os.getpid()))
        yield
    finally:
        lock.release()
