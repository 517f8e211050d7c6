"""Judge many files: one after another in this process, or by several workers, here or on a
cluster."""

import hashlib
import logging
import math
import re
from collections.abc import Iterator, Sequence
from dataclasses import KW_ONLY, dataclass, replace
from functools import cache
from pathlib import Path

from deepfake_detector import UserError
from deepfake_detector.common import console
from deepfake_detector.common.parallel import out_of_memory, run
from deepfake_detector.common.settings import Parallel
from deepfake_detector.media.reading import Limits, MediaError
from deepfake_detector.serving import annotation, report
from deepfake_detector.serving.inference import FAULT, Detector, Report
from deepfake_detector.serving.report_model import as_json
from deepfake_detector.storage.files import write_whole

OWN_TIME = 0.9  # of a worker's for an input: the rest is for what has no limit of its own
INDEX = "index.html"  # of the folder of pages
NOT_ANNOTATED = "No annotated file was written: {}."
# what `page_name` makes, but for the suffix
PAGE_NAME = re.compile(r"[A-Za-z0-9._-]+\.[0-9a-f]{8}")


@dataclass(frozen=True)
class Judge:
    """How each file is judged; called with a path, it judges that file.

    `model` is the exported model (with `sha256`, no other file than that one), `device` is `cpu` or
    `cuda`, `threads` 0 means one per core, `kind` is `auto` or `face`. Pages of evidence go into
    the folder `html` and annotated copies into `annotate` (None: none are written). With `stress`
    each verdict is tested on changed copies. All that takes at most `seconds` for a file, shared
    out so that a verdict is not lost to the steps after it.
    """

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
        """The loaded model, the same in every call within a process. Raises UserError where it
        cannot be used."""
        return _detector(self.model, self.sha256, self.device, self.threads)

    def targets(self, paths: Sequence[Path]) -> Iterator[Path]:
        """The files that may be written for these inputs, the page with the table among them."""
        if self.html:
            yield self.html / INDEX
            yield from (self.html / page_name(path) for path in paths)
        if self.annotate:
            for suffix in annotation.MEDIA_TYPES:
                yield from (self.annotate / page_name(path, suffix) for path in paths)

    def is_copy(self, path: Path) -> bool:
        """Whether a file has the name of an annotated copy and lies in the folder of these."""
        return (
            self.annotate is not None
            and path.suffix in annotation.MEDIA_TYPES
            and PAGE_NAME.fullmatch(path.stem) is not None
            and path.parent.resolve() == self.annotate.resolve()
        )

    def has_page(self, path: Path) -> bool:
        """Whether the page of evidence of an input exists; True where none is to be written."""
        return not self.html or (self.html / page_name(path)).exists()

    def __call__(self, path: Path) -> dict:
        """The report on a file as plain values; its page and its annotated copy are written. An
        error of the program itself is logged and makes this one report an ERROR."""
        detector = self.detector()
        try:
            judged = self._judged(detector, path)
        except Exception as error:
            if isinstance(error, (UserError, OSError)) or out_of_memory(error):
                raise
            logging.getLogger(__name__).exception("%s could not be judged", path)
            return self.failed(path, FAULT)
        return self._written(path, judged)

    def _judged(self, detector: Detector, path: Path) -> Report:
        watch = console.steps(f"  {path.name}") if self.stress else None
        parts = 1 + self.stress + (self.annotate is not None)
        limits = Limits(work=OWN_TIME * self.seconds / parts)
        judged = detector.predict(
            path,
            kind=self.kind,
            watch=watch,
            limits=limits,
            stressed=self.stress,
            keep_frames=self.html is not None,
        )
        if self.annotate and judged.verdict != "ERROR":
            return _annotated(path, judged, self.annotate, limits)
        return judged

    def failed(self, path: Path, why: str) -> dict:
        """The report on a file that could not be judged, with the reason `why`; its page is
        written."""
        return self._written(path, Report.unreadable(str(path), why))

    def _written(self, path: Path, judged: Report) -> dict:
        detector = self.detector()
        if self.html:
            page = report.as_html(judged, detector.contract, detector.sha256)
            write_whole(self.html / page_name(path), page)
        return as_json(judged, detector.contract, detector.sha256)


def judge_all(paths: Sequence[Path], judge: Judge, execution: Parallel | None) -> Iterator[dict]:
    """The reports on the paths, in their order. `execution` are the workers, with limits of time
    and memory for each file; None: this process judges."""
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
    """The report on a file, an ERROR where it needs more memory than there is."""
    try:
        return judge(path)
    except Exception as error:
        if not out_of_memory(error):
            raise
        return judge.failed(path, "it needs more memory than there is")


def _annotated(path: Path, judged: Report, folder: Path, limits: Limits) -> Report:
    """Writes the annotated copy; the report, with a warning where that failed."""
    try:
        data = annotation.annotated(path, judged, limits)
    except MediaError as error:
        warning = NOT_ANNOTATED.format(error)
        return replace(judged, warnings=(*judged.warnings, warning))
    write_whole(folder / page_name(path, annotation.suffix(judged)), data)
    return judged


def page_name(path: Path, suffix: str = ".html") -> str:
    """The file name of what is written about an input: its name in plain ASCII letters and eight
    digits of a hash of its path, which keep names of equal inputs in several folders apart."""
    stem = re.sub(r"[^A-Za-z0-9._-]+", "_", path.name)[:80].strip("._-") or "input"
    return f"{stem}.{hashlib.sha256(str(path).encode('utf-8', 'surrogateescape')).hexdigest()[:8]}{suffix}"


@cache
def _detector(model: Path, sha256: str | None, device: str, threads: int) -> Detector:
    return Detector.load(model, threads, sha256, device)
