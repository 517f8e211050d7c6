"""The journal of a run that judges many files: a line of JSON for each report as it comes, so that
a run that was stopped goes on.

The files that were asked for are made of it at the end, in the order of the inputs, however they
were judged.
"""

import errno
import fcntl
import json
import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import IO

from deepfake_detector import UserError
from deepfake_detector.serving.report_model import FORMAT
from deepfake_detector.storage.files import naming

WITHOUT_LOCKS = errno.ENOSYS, errno.EOPNOTSUPP, errno.ENOLCK  # what such drives answer


def journal_of(target: Path) -> Path:
    """Where the journal lies of the file that will be made of it."""
    return target.with_name(f"{target.name}.partial")


class Journal:
    """Reports in the order they came, beside the file that will be made of them; one run at a time
    writes it.

    `terms` (plain values) say how they were judged: a run with others does not go on with it, nor
    does one that writes another format of reports. A file that has changed since, or that could
    not be judged, is judged anew.
    """

    def __init__(self, target: Path, terms: dict) -> None:
        self.path = journal_of(target)
        self._terms = terms | {"format": FORMAT}
        self._places: dict[str, int] = {}
        self._keys: dict[Path, str] = {}
        self._names: dict[str, None] = {}  # of the inputs that an earlier run judged, in order

    @contextmanager
    def written(self, resume: bool) -> Iterator[None]:
        """Add reports within; it stays for a run that goes on with it, unless `end` was called.

        Raises UserError where another run writes it, and where one was left by a run that was
        stopped, unless it is to go on, or is of another run.
        """
        self.path.parent.mkdir(parents=True, exist_ok=True)
        with open(self.path, "ab") as file:
            if not _is_ours(file):
                raise UserError(
                    f"{self.path}: another run is writing it",
                    "wait for that, or name another file or folder",
                )
            self._begin(resume)
            yield

    def _begin(self, resume: bool) -> None:
        if not self.path.stat().st_size:
            self._append({"terms": self._terms})
            return
        if not resume:
            raise UserError(
                f"{self.path}: left by a run that was stopped", "go on with --resume, or delete it"
            )
        whole = self._read()
        if whole == 0:
            raise UserError(
                f"{self.path}: not of a run with this model and these options",
                "delete it to begin again",
            )
        os.truncate(self.path, whole)  # a torn last line

    def check_inputs(self, paths: Sequence[Path]) -> None:
        """Raises UserError where it holds verdicts on files that are there and not among these
        paths: the run would end without them."""
        named = {str(path) for path in paths}
        others = [one for one in self._names if one not in named and os.path.lexists(one)]
        if others:
            raise UserError(
                f"{self.path}: of a run with other inputs; {len(others)} of those judged are not "
                f"named now, or not in the same way, as {others[0]}",
                "name the same again, or delete it to begin again",
            )

    def has(self, path: Path) -> bool:
        return self._key(path) in self._places

    def add(self, path: Path, found: dict) -> None:
        self._places[self._key(path)] = self._append({"key": self._key(path), "report": found})

    def _append(self, content: dict) -> int:
        """Where the line begins."""
        with naming(self.path), open(self.path, "ab") as file:
            place = file.tell()
            file.write(json.dumps(content, ensure_ascii=True).encode() + b"\n")
        return place

    def reports(self, paths: Sequence[Path]) -> Iterator[dict]:
        """The reports on the paths, in their order."""
        with open(self.path, "rb") as file:
            for path in paths:
                file.seek(self._places[self._key(path)])
                yield json.loads(file.readline())["report"]

    def end(self) -> None:
        self.path.unlink()

    def _key(self, path: Path) -> str:
        """Key of the file as it was when this run came to it: what changes later is judged again
        next time."""
        return self._keys.setdefault(path, _key(path))

    def _read(self) -> int:
        """Where its last whole line ends; 0 where it is of another run, or no journal."""
        whole = 0
        with open(self.path, "rb") as file:
            for line in file:
                if not line.endswith(b"\n"):
                    break
                try:
                    content = json.loads(line)
                    if whole and content["report"]["verdict"] != "ERROR":
                        self._places[content["key"]] = whole
                        self._names[content["report"]["input"]["name"]] = None
                except (ValueError, KeyError, TypeError):
                    return 0
                if not whole and content != {"terms": self._terms}:
                    return 0
                whole += len(line)
        return whole


def _is_ours(file: IO[bytes]) -> bool:
    """Whether no other process has taken the file; on a drive without locks nobody can tell."""
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    except OSError as error:
        if error.errno not in WITHOUT_LOCKS:
            raise
    return True


def _key(path: Path) -> str:
    """Changes when the file does."""
    try:
        facts = path.stat()
    except OSError:
        return f"- {path}"
    return f"{facts.st_size} {facts.st_mtime_ns} {path}"
