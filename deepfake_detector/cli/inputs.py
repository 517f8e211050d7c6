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
KINDS = 5  # of files that are left out, named with their counts


def found_in(paths: list[Path], listed: str | None = None) -> list[Path]:
    """The files to judge: those of `paths` and of the list named `listed` (`-`: standard input),
    and of folders every file of a media type, sorted.

    Each is returned once, however its path is written; how often one was named again is printed. A
    folder below that cannot be read is returned as well, as an unreadable file is. How many files
    of other names were left out is printed.

    Raises UserError where the list cannot be read, where an address is named, and where nothing is
    found.
    """
    if listed:
        paths = paths + _lines_of(listed)
    if not paths:
        raise UserError(f"{listed}: no path in this list", "write one path a line")
    named = [file for path in paths for file in _in(path)]
    by_place: dict[str, Path] = {}
    for file in named:
        by_place.setdefault(os.path.join(os.path.realpath(file.parent), file.name), file)
    if again := len(named) - len(by_place):
        print(f"! named again, each file is judged once: {again}", file=sys.stderr)
    if not by_place:
        raise UserError("nothing to judge in what was named", "name a picture, a video or a folder")
    return list(by_place.values())


def without_copies(inputs: list[Path], is_copy: Callable[[Path], bool]) -> list[Path]:
    """The inputs without annotated copies that an earlier run wrote; how many these are is printed.
    Raises UserError where nothing else is left."""
    originals = [path for path in inputs if not is_copy(path)]
    if count := len(inputs) - len(originals):
        print(f"! left out: {count} annotated copies of others, from before", file=sys.stderr)
    if not originals:
        raise UserError("nothing but annotated copies in what was named", "name what they show")
    return originals


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
    if others := [file for file in below.files if not media_kind(file)]:
        kinds = Counter(file.suffix.lower() or "no suffix" for file in others)
        each = ", ".join(f"{count} {printable(kind)}" for kind, count in kinds.most_common(KINDS))
        print(
            f"! {path}: left out, as their names are none of a picture or a video: {len(others)} "
            f"({each}{', …' if len(kinds) > KINDS else ''}); name such a file to have it judged",
            file=sys.stderr,
        )
    yield from inside


def _lost(below: Listing) -> list[Path]:
    """What has the name of a picture or a video and is none: a link to nothing, a pipe."""
    return [path for path in below.others if media_kind(path)]


def _lines_of(listed: str) -> list[Path]:
    """The paths in a list, one a line, in any bytes that a disk may have for them; a byte order
    mark is skipped."""
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
