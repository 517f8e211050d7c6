"""What a stage works on, noted at its start to see at its end whether somebody has changed it.

DVC records params and inputs as they are when a stage has ended. Without this, results of the old
ones would pass for results of the new ones.
"""

import os
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

Stamps = Mapping[Path, tuple[int, int, int]]  # size in bytes, time of change in ns, inode


def stamps(paths: Iterable[Path]) -> Stamps:
    """Size, mtime and inode of each file, by path.

    Of a folder, those of each file below it; of a path that is not there, none.
    """
    return {
        file: (facts.st_size, facts.st_mtime_ns, facts.st_ino)
        for path in paths
        for file in _files(path)
        if (facts := _facts(file))
    }


def changes(before: Stamps, after: Stamps) -> list[str]:
    """A few words on each file that is not as it was, in the order of their paths."""
    differ = (path for path in {**before, **after} if before.get(path) != after.get(path))
    return [
        f"{path} was {'added' if path not in before else 'removed' if path not in after else 'changed'}"
        for path in sorted(differ)
    ]


def _files(path: Path) -> Iterator[Path]:
    """Files as DVC hashes them: without what Python leaves behind and without links to folders."""
    if not path.is_dir():
        yield path
        return
    for parent, folders, names in os.walk(path):
        if "__pycache__" in folders:
            folders.remove("__pycache__")
        yield from (Path(parent, name) for name in names)


def _facts(path: Path) -> os.stat_result | None:
    try:
        return path.stat()
    except OSError:  # not there, or a link to itself
        return None
