"""Which files a command is to judge: those that were named and listed, and what lies in folders."""

import os
import re
import sys
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path

from deepfake_detector import UserError
from deepfake_detector.common.console import printable
from deepfake_detector.storage.media_files import Listing, listing, media_kind

EMPTY = "no image or video in this folder"
ADDRESS = re.compile(r"[a-z][a-z0-9+.-]*:/", re.IGNORECASE)  # pathlib makes one slash of two
KINDS = 5  # of files that are left out, told by name


def found_in(paths: list[Path], listed: str | None = None) -> list[Path]:
    """The files of `paths` and of the list named `listed` (`-`: standard input), and of folders
    every file of a media type, sorted; each once, however its path is written, and what is named
    again is counted and told. A folder below that cannot be looked into is among them, as a file
    that cannot be read is; files of other names are counted and told.

    Raises UserError where the list cannot be read, where an address is named, and where nothing is
    found.
    """
    if listed:
        paths = paths + _lines_of(listed)
    if not paths:
        raise UserError(f"{listed}: no path in this list", "write one path a line")
    named = [one for path in paths for one in _in(path)]
    found: dict[str, Path] = {}
    for one in named:
        found.setdefault(os.path.join(os.path.realpath(one.parent), one.name), one)
    if again := len(named) - len(found):
        print(f"! named again, each file is judged once: {again}", file=sys.stderr)
    if not found:
        raise UserError("nothing to judge in what was named", "name a picture, a video or a folder")
    return list(found.values())


def without_copies(inputs: list[Path], is_copy: Callable[[Path], bool]) -> list[Path]:
    """The inputs but for those that are annotated copies, as where a run is repeated; they are
    counted and told. Raises UserError where nothing else is left."""
    left = [one for one in inputs if not is_copy(one)]
    if count := len(inputs) - len(left):
        print(f"! left out: {count} annotated copies of others, from before", file=sys.stderr)
    if not left:
        raise UserError("nothing but annotated copies in what was named", "name what they show")
    return left


def _in(path: Path) -> Iterator[Path]:
    if not os.path.isdir(path):  # of pathlib's some errors of the disk would come through
        if ADDRESS.match(str(path)) and not path.exists():
            raise UserError(f"{path}: an address, which is not fetched", "name a file of yours")
        yield path
        return
    below = listing(path, follow_links=True)
    inside = [*(path / place for place in below.media), *below.unreadable, *_lost(below)]
    if not inside:
        print(f"! {path}: {EMPTY}", file=sys.stderr)
    if others := [one for one in below.files if not media_kind(one)]:
        kinds = Counter(one.suffix.lower() or "no suffix" for one in others)
        each = ", ".join(f"{count} {printable(kind)}" for kind, count in kinds.most_common(KINDS))
        print(
            f"! {path}: left out, as their names are none of a picture or a video: {len(others)} "
            f"({each}{', …' if len(kinds) > KINDS else ''}); name such a file to have it judged",
            file=sys.stderr,
        )
    yield from inside


def _lost(below: Listing) -> list[Path]:
    """What is called a picture or a video and cannot be read: a link to nothing, a pipe."""
    return [one for one in below.others if media_kind(one)]


def _lines_of(listed: str) -> list[Path]:
    """One path a line, in whatever bytes the disk has for it, without a byte order mark."""
    try:
        data = sys.stdin.buffer.read() if listed == "-" else Path(listed).read_bytes()
    except OSError as error:
        raise UserError(
            f"{listed}: not a list that can be read: {error.strerror}", "name a text file"
        ) from error
    if b"\0" in data:
        raise UserError(
            f"{listed}: not a list of paths: a zero byte in it", "write one path a line"
        )
    lines = os.fsdecode(data.removeprefix(b"\xef\xbb\xbf")).split("\n")
    return [Path(text) for line in lines if (text := line.strip(" \t\r"))]
