"""What a person at a terminal sees of a stage or command: help, progress, one summary line, errors
without tracebacks."""

import errno
import os
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from typing import TypeVar

from tqdm import tqdm

from deepfake_detector import Stopped, UserError

Item = TypeVar("Item")
OF_THE_DISK = {  # errors that the user can fix -> how
    errno.ENOSPC: "free some space on that disk",
    errno.EDQUOT: "free some of your disk quota",
    errno.EROFS: "make it writable",
    errno.EACCES: "get permission to use it",
    errno.EISDIR: "rename or remove that folder",
    errno.ENAMETOOLONG: "use a shorter name",
}
LINE_SECONDS = 10  # where there is no terminal, a plain line at most this often


def progress(
    items: Iterable[Item], total: int, title: str, unit: str = "item", size: int = 1
) -> Iterator[Item]:
    """Yield `items`, showing a bar on a terminal and plain lines elsewhere (both on standard
    error).

    Each of the `total` items counts as `size` of the `unit`, a noun in the singular.
    """
    if sys.stderr.isatty():
        scale = size if size > 1 else False
        yield from tqdm(
            items,
            total=total,
            desc=title,
            unit=unit,
            unit_scale=scale,
            smoothing=0.1,
            dynamic_ncols=True,
        )
        return
    started = printed = time.monotonic()
    for done, item in enumerate(items, start=1):
        yield item
        now = time.monotonic()
        if now - printed >= LINE_SECONDS and done < total:
            each = (now - started) / done
            counted = f"{done * size} of {total * size} {unit}s, {speed(each / size)}"
            remaining = time_left(each * (total - done))
            print(f"{title}: {counted}, {remaining}", file=sys.stderr, flush=True)
            printed = now


def speed(seconds: float) -> str:
    """How fast something goes of which one takes so many `seconds`, for a person who waits."""
    return f"{seconds:.3g} s each" if seconds > 1 else f"{1 / max(seconds, 1e-9):.3g} a second"


def time_left(seconds: float) -> str:
    """About how long something still takes, for a person who waits."""
    if seconds < 90:
        return f"about {max(1, round(seconds))} s left"
    if seconds < 5400:
        return f"about {round(seconds / 60)} min left"
    return f"about {seconds / 3600:.1f} h left"


def steps(title: str) -> Callable[[int, int], None]:
    """A function of the steps done and the steps in all that prints their share after the `title`,
    at most every ten seconds (on standard error)."""
    printed = time.monotonic()

    def on_step(done: int, total: int) -> None:
        nonlocal printed
        if time.monotonic() - printed >= LINE_SECONDS:
            printed = time.monotonic()
            tqdm.write(f"{title}: {done / total:.0%}", file=sys.stderr)

    return on_step


def printable(text: str) -> str:
    """Text from outside on one line, what cannot be shown as a question mark."""
    return "".join(letter if letter.isprintable() else "?" for letter in text)


def drop_output() -> None:
    """Discard what is printed from now on: its reader is gone."""
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, sys.stdout.fileno())
    os.close(nowhere)


def guarded(work: Callable[[], Item]) -> Item:
    """Call `work`; turn a UserError, or what the disk refuses, into its text and exit code 1, an
    interrupt into exit code 128 + its number, and a reader that is gone into that of SIGPIPE."""
    try:
        return work()
    except UserError as error:
        print(f"error: {error}", file=sys.stderr)
        sys.exit(1)
    except BrokenPipeError:  # nobody reads on, as after `head`
        drop_output()
        sys.exit(128 + signal.SIGPIPE)
    except OSError as error:
        refusal = of_the_disk(error, "then run the same command again")
        if refusal is None:
            raise
        print(f"error: {refusal}", file=sys.stderr)
        sys.exit(1)
    except Stopped as stopped:
        print(stopped, file=sys.stderr)
        sys.exit(128 + stopped.signal_number)
    except KeyboardInterrupt:
        print("stopped", file=sys.stderr)
        sys.exit(128 + signal.SIGINT)


def of_the_disk(error: OSError, after: str) -> UserError | None:
    """What the disk refuses, with its remedy and what to do `after` that; None of other errors."""
    if error.errno not in OF_THE_DISK:
        return None
    where = error.filename or "writing a file"
    return UserError(f"{where}: {error.strerror}", f"{OF_THE_DISK[error.errno]}, {after}")


def stop_with_parent() -> None:
    """Under DVC, end this process when DVC is killed: a stage left behind would write beside its
    successor."""
    if "DVC_STAGE" not in os.environ:
        return
    parent = os.getppid()

    def watch() -> None:
        while os.getppid() == parent:
            time.sleep(1)
        os.kill(os.getpid(), signal.SIGTERM)

    threading.Thread(target=watch, daemon=True).start()
