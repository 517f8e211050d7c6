"""Whether the files that a command is to write may be written where they were asked for."""

import os
from collections.abc import Iterable
from pathlib import Path

from deepfake_detector import UserError


def check(targets: Iterable[Path], read: Iterable[Path]) -> None:
    """Raises UserError where one of the `targets` is a folder, a pipe or a device, is one of the
    files that are `read`, or is named twice."""
    sources = {_identity(path) for path in read}
    written: set[object] = set()
    for target in targets:
        if os.path.isdir(target):
            raise UserError(
                f"{target}: a folder, where a file is to be written", "rename or remove it"
            )
        if os.path.exists(target) and not os.path.isfile(target):
            raise UserError(f"{target}: no ordinary file to write to", "name another file")
        identity = _identity(target)
        if identity in sources:
            raise UserError(
                f"{target}: would be written over what is read", "name another file or folder"
            )
        if identity in written:
            raise UserError(
                f"{target}: two things would be written there", "name another file or folder"
            )
        written.add(identity)


def _identity(path: Path) -> object:
    """Equal for two names of one file, whether it exists yet or not."""
    try:
        facts = os.stat(path)
    except OSError:
        return os.path.realpath(path)
    return facts.st_dev, facts.st_ino
