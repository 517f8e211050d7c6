"""Judge many files: one after another or by several workers, here or on a cluster, so that a run
that was stopped goes on.

What is written as the reports come is a journal, a line of JSON for each; the files that were asked
for are made of it at the end, in the order of the inputs, however they were judged.
"""

import csv
import errno
import fcntl
import hashlib
import io
import json
import logging
import math
import os
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import KW_ONLY, dataclass, replace
from functools import cache
from pathlib import Path
from typing import IO

from deepfake_detector import UserError
from deepfake_detector.common import console
from deepfake_detector.common.parallel import out_of_memory, run
from deepfake_detector.common.percent import percent
from deepfake_detector.common.settings import Parallel
from deepfake_detector.common.verdicts import FileVerdict
from deepfake_detector.media.reading import Limits, MediaError, reason
from deepfake_detector.pages import table_page
from deepfake_detector.pages.html_page import Badge
from deepfake_detector.pages.table_page import Cell, Row
from deepfake_detector.serving import annotation, report
from deepfake_detector.serving.inference import (
    FAULT,
    Detector,
    Report,
    of_the_file,
)
from deepfake_detector.serving.report_model import FORMAT, JsonReport, as_json
from deepfake_detector.serving.sentences import LIMITS, SAID
from deepfake_detector.storage.files import naming, write_whole

COLUMNS: dict[str, Callable[[JsonReport], object]] = {  # of the CSV, and how each is taken
    "input": lambda one: one.input.name,
    "verdict": lambda one: one.verdict,
    "fake_probability": lambda one: one.fake_probability,
    "reason": lambda one: one.reason,
    "in_words": lambda one: one.in_words,
    "warnings": lambda one: " ".join(one.warnings),
    "firmness": lambda one: one.firmness,
    "error": lambda one: one.error,
    "people": lambda one: len(one.people),
    "decided_by": lambda one: one.decided_by,
    "frames_sampled": lambda one: one.frames_sampled,
    "frames_with_face": lambda one: one.frames_with_face,
    "kind": lambda one: one.input.kind,
    "sha256": lambda one: one.input.sha256,
    "seconds": lambda one: one.seconds,
    "model_sha256": lambda one: one.model.sha256,
}


OWN_TIME = 0.9  # of a worker's for an input: the rest is for what has no limit of its own
INDEX = "index.html"  # of the folder of pages
WITHOUT_LOCKS = errno.ENOSYS, errno.EOPNOTSUPP, errno.ENOLCK  # what such drives answer
NOT_ANNOTATED = "No annotated file was written: {}."
# what `page_name` makes, but for the suffix
PAGE_NAME = re.compile(r"[A-Za-z0-9._-]+\.[0-9a-f]{8}")
HEADS = ("verdict", "file", "probability of fake", "people", "in words")  # of its table


@dataclass(frozen=True)
class Judge:
    """How each file is judged: by which model (the one file with that `sha256`, where given), on
    `cpu` or `cuda`, with so many threads (0: one per core), as `kind` (`auto` or `face`), where its
    page of evidence and its annotated copy go (None: nowhere), and whether its verdict is tested on
    changed copies; all that within so many `seconds`, where a verdict found is not to be lost to
    what comes after it."""

    model: Path
    _: KW_ONLY
    sha256: str | None = None
    device: str = "cpu"
    threads: int = 0
    kind: str = "auto"
    html: Path | None = None
    stress: bool = False
    annotate: Path | None = None
    seconds: float = math.inf

    def detector(self) -> Detector:
        return _detector(self.model, self.sha256, self.device, self.threads)

    def targets(self, paths: Sequence[Path]) -> Iterator[Path]:
        """The files that it may write for these inputs, and the table of them."""
        if self.html:
            yield self.html / INDEX
            yield from (self.html / page_name(path) for path in paths)
        if self.annotate:
            for suffix in annotation.MEDIA_TYPES:
                yield from (self.annotate / page_name(path, suffix) for path in paths)

    def is_copy(self, path: Path) -> bool:
        """Whether a file is called as annotated copies are, and lies where they go."""
        return (
            self.annotate is not None
            and path.suffix in annotation.MEDIA_TYPES
            and PAGE_NAME.fullmatch(path.stem) is not None
            and path.parent.resolve() == self.annotate.resolve()
        )

    def has_page(self, path: Path) -> bool:
        """Whether the page of an input is there, where one is wanted."""
        return not self.html or (self.html / page_name(path)).exists()

    def __call__(self, path: Path) -> dict:
        """The report on a file, as JSON has it; its page and its annotated copy are written. A
        fault of the program that the file brings to light is logged, and costs that file alone."""
        detector = self.detector()
        try:
            found = self._judged(detector, path)
        except Exception as error:
            if isinstance(error, (UserError, OSError)) or out_of_memory(error):
                raise
            logging.getLogger(__name__).exception("%s could not be judged", path)
            return self.failed(path, FAULT)
        return self._written(path, found)

    def _judged(self, detector: Detector, path: Path) -> Report:
        watch = console.steps(f"  {path.name}") if self.stress else None
        parts = 1 + self.stress + (self.annotate is not None)
        limits = Limits(work=OWN_TIME * self.seconds / parts)
        found = detector.predict(
            path,
            kind=self.kind,
            watch=watch,
            limits=limits,
            stressed=self.stress,
            keep_frames=self.html is not None,
        )
        if self.annotate and found.verdict != "ERROR":
            found = _annotated(path, found, self.annotate, limits)
        return found

    def failed(self, path: Path, why: str) -> dict:
        """The report on a file that nothing was found out about."""
        lost = Report.unreadable(str(path), why)
        return self._written(path, lost)

    def _written(self, path: Path, found: Report) -> dict:
        detector = self.detector()
        if self.html:
            page = report.as_html(found, detector.contract, detector.sha256)
            write_whole(self.html / page_name(path), page)
        return as_json(found, detector.contract, detector.sha256)


def judge_all(paths: Sequence[Path], judge: Judge, execution: Parallel | None) -> Iterator[dict]:
    """The reports, in order. With `execution` by workers, each file within limits of time and
    memory; else in this process."""
    if execution is None:
        yield from (_within_memory(judge, path) for path in paths)
        return
    for path, outcome in zip(
        paths, run(judge, [(path,) for path in paths], execution), strict=True
    ):
        yield (
            judge.failed(path, outcome.failure or "") if outcome.result is None else outcome.result
        )


def _within_memory(judge: Judge, path: Path) -> dict:
    """The report on a file; one that needs more memory than there is costs itself alone."""
    try:
        return judge(path)
    except Exception as error:
        if not out_of_memory(error):
            raise
        return judge.failed(path, "it needs more memory than there is")


def _annotated(path: Path, found: Report, folder: Path, limits: Limits) -> Report:
    """Writes the annotated copy; the report says so where that failed."""
    try:
        data = annotation.annotated(path, found, limits)
    except (MediaError, OSError) as error:
        failed = NOT_ANNOTATED.format(reason(error))
        return replace(found, warnings=(*found.warnings, failed))
    write_whole(folder / page_name(path, annotation.suffix(found)), data)
    return found


def page_name(path: Path, suffix: str = ".html") -> str:
    """A file name that tells what it is about and is another one for every path."""
    stem = re.sub(r"[^A-Za-z0-9._-]+", "_", path.name)[:80].strip("._-") or "input"
    return f"{stem}.{hashlib.sha256(str(path).encode('utf-8', 'surrogateescape')).hexdigest()[:8]}{suffix}"


def write_json_list(target: Path, reports: Iterable[dict]) -> None:
    """One list of all reports, written whole."""

    def parts() -> Iterator[bytes]:
        yield b"["
        for number, one in enumerate(reports):
            yield (b",\n" if number else b"\n") + json.dumps(
                one, indent=2, ensure_ascii=True
            ).encode()
        yield b"\n]\n"

    write_whole(target, parts())


def write_csv(target: Path, reports: Iterable[dict], pages: bool = False) -> None:
    """The table of `csv_lines`, written whole."""
    write_whole(target, csv_lines(reports, page_name if pages else None))


def csv_lines(
    reports: Iterable[dict],
    page: Callable[[Path], str] | None = None,
    models: Sequence[str] | None = None,
) -> Iterator[bytes]:
    """A row for each report: its verdict and what that rests on, without the single faces, the name
    of its `page` of evidence, where it has one, and the name of the model that judged it, where
    that is told."""
    yield _csv_line([*COLUMNS, "page", *(["model"] if models else [])])
    for at, plain in enumerate(reports):
        one = JsonReport.model_validate(plain)
        row = [take(one) for take in COLUMNS.values()]
        own_page = page(Path(one.input.name)) if page else ""
        yield _csv_line([*row, own_page, *(models[at : at + 1] if models else [])])


def _csv_line(row: Sequence[object]) -> bytes:
    line = io.StringIO()
    csv.writer(line).writerow(row)  # ended by \r\n, so that a name with either of them is quoted
    return (line.getvalue().removesuffix("\r\n") + "\n").encode("utf-8", "backslashreplace")


def summary(counts: Mapping[FileVerdict, int]) -> str:
    """How many inputs got which verdict, in words."""
    total = sum(counts.values())
    each = ", ".join(f"{counts[verdict]} {verdict}" for verdict in SAID if counts.get(verdict))
    return f"{total} input{'s' * (total != 1)}: {each}"


def write_index(
    target: Path, reports: Iterable[dict], counts: Mapping[FileVerdict, int], banner: str
) -> None:
    """The page of `index_parts` in the folder of the pages of evidence, written whole."""
    write_whole(target, index_parts(reports, counts, banner, page_name))


def index_parts(
    reports: Iterable[dict],
    counts: Mapping[FileVerdict, int],
    banner: str,
    page: Callable[[Path], str] | None = None,
) -> Iterator[bytes]:
    """The table of all inputs as a page, which leads to the `page` of evidence of each where they
    have one; `banner` is what to know of the model first, if anything."""
    rows = (_index_row(JsonReport.model_validate(one), page, banner) for one in reports)
    text = [*filter(None, [banner]), f"{summary(counts)}.", *LIMITS]
    return table_page.render("Judged files", text, HEADS, rows)


def _index_row(one: JsonReport, page: Callable[[Path], str] | None, banner: str) -> Row:
    probability = one.fake_probability
    shown = ("", None) if probability is None else (percent(probability), probability)
    said = one.in_words, one.firmness if one.stress else "", of_the_file(one.warnings, banner)
    return Row(
        Badge(one.verdict),
        (
            Cell(one.input.name, link=page(Path(one.input.name)) if page else ""),
            Cell(*shown),
            Cell(str(len(one.people)), len(one.people)),
            Cell(" ".join(filter(None, said))),
        ),
    )


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


@cache
def _detector(model: Path, sha256: str | None, device: str, threads: int) -> Detector:
    return Detector.load(model, threads, sha256, device)
