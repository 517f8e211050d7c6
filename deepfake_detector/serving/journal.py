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
    """The path of the journal of a run that writes `target`."""
    return target.with_name(f"{target.name}.partial")


class Journal:
    """The reports of a run in the order in which they came, in a file beside `target`; one run at a
    time writes it.

    `terms` (plain values) are how files are judged: a run with other terms, or with another format
    of reports, does not go on with it. A file that has changed since, or that could not be judged,
    is judged again.
    """

    def __init__(self, target: Path, terms: dict) -> None:
        self.path = journal_of(target)
        self._terms = terms | {"format": FORMAT}
        self._places: dict[str, int] = {}
        self._keys: dict[Path, str] = {}
        self._names: dict[str, None] = {}  # of the inputs that an earlier run judged, in order

    @contextmanager
    def written(self, resume: bool) -> Iterator[None]:
        """Hold the journal open for writing while the block lasts; the file stays unless `end` is
        called.

        Raises UserError where another run writes it, where a stopped run has left one and `resume`
        is false, and where the one to resume is of a run with other terms.
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
        if self._is_without_terms():
            os.truncate(self.path, 0)
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

    def _is_without_terms(self) -> bool:
        """Whether the file is empty, or ends within the line of these terms, as where the disk was
        full: no report is in it."""
        first_line = _line({"terms": self._terms})
        content = self.path.read_bytes() if self.path.stat().st_size < len(first_line) else None
        return content is not None and first_line.startswith(content)

    def check_inputs(self, paths: Sequence[Path]) -> None:
        """Raises UserError where it holds verdicts on files that still exist and are not among
        these paths: the run would end without them."""
        named = {str(path) for path in paths}
        others = [name for name in self._names if name not in named and os.path.lexists(name)]
        if others:
            raise UserError(
                f"{self.path}: of a run with other inputs; {len(others)} of those judged are not "
                f"named now, or not in the same way, as {others[0]}",
                "name the same again, or delete it to begin again",
            )

    def has(self, path: Path) -> bool:
        """Whether it holds a verdict on the file as it is now."""
        return self._key(path) in self._places

    def add(self, path: Path, report: dict) -> None:
        """Write the report on a file, as JSON has it, to the disk."""
        self._places[self._key(path)] = self._append({"key": self._key(path), "report": report})

    def _append(self, content: dict) -> int:
        """Adds a line; the offset at which it begins."""
        with naming(self.path), open(self.path, "ab") as file:
            place = file.tell()
            file.write(_line(content))
        return place

    def reports(self, paths: Sequence[Path]) -> Iterator[dict]:
        """The reports on these paths, each of which it has, in their order."""
        with open(self.path, "rb") as file:
            for path in paths:
                file.seek(self._places[self._key(path)])
                yield json.loads(file.readline())["report"]

    def end(self) -> None:
        """Delete the file: nothing is left to resume."""
        self.path.unlink()

    def _key(self, path: Path) -> str:
        """The key of the file as it was when this run came to it: a file that changes later is
        judged again by the next run."""
        return self._keys.setdefault(path, _key_now(path))

    def _read(self) -> int:
        """The offset at which the last whole line ends; 0 where it is of another run, or no
        journal."""
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


def _line(content: dict) -> bytes:
    return json.dumps(content, ensure_ascii=True).encode() + b"\n"


def _is_ours(file: IO[bytes]) -> bool:
    """Whether the file is now locked for this process; True, too, on a drive without locks."""
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    except OSError as error:
        if error.errno not in WITHOUT_LOCKS:
            raise
    return True


def _key_now(path: Path) -> str:
    """A key of the file that changes with its size or its time of modification."""
    try:
        facts = path.stat()
    except OSError:
        return f"- {path}"
    return f"{facts.st_size} {facts.st_mtime_ns} {path}"
