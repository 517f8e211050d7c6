"""What was judged in one visit: a light row for every file, of the newest what their verdicts rest
on, and of the last few the files themselves, in memory and nowhere else.

Crops are kept as JPEG: those of a clip with three people take 1 MB so, and 14 MB as pixels.
"""

import io
import itertools
import json
import threading
import weakref
import zlib
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property

import numpy as np
from PIL import Image

from deepfake_detector import UserError
from deepfake_detector.common.verdicts import FileVerdict
from deepfake_detector.contract import Contract
from deepfake_detector.serving.inference import Report, banner, of_the_file
from deepfake_detector.serving.report_model import as_json
from deepfake_detector.serving.sentences import SAID, firmness_in_words, in_words

MOST_ROWS = 1000
ROOM_BYTES = 512 << 20  # for the evidence of all visits together
HASH_SHOWN = 8  # digits of a model's sha256, where another model has the same name
WITH_FILE = 5  # of a visit: the newest, and the one shown, keep their files and whole frames
PER_FACE = 1000  # bytes of a face kept, besides its picture and its map


@dataclass(frozen=True)
class Judged:
    """One input: its report, in which crops are packed, and the model that judged it. `file` and
    the whole frames of the report are empty where they are no longer kept."""

    number: int
    report: Report
    terms: Contract
    model_sha256: str
    model: str  # name of its file
    file: bytes = field(default=b"", repr=False)

    @property
    def trusted(self) -> bool:
        """Whether there is a probability to stand behind."""
        return self.report.fake_probability is not None

    @property
    def whole(self) -> bool:
        """Whether the file is kept; of one that cannot be judged there is nothing to show."""
        return bool(self.file) or self.report.verdict == "ERROR"

    @cached_property
    def size(self) -> int:
        """The memory that it takes, in bytes."""
        faces = [face for track in self.report.faces for face in track.frames]
        return (
            PER_FACE
            + sum(PER_FACE + face.crop.nbytes + face.activation.nbytes for face in faces)
            + sum(len(frame.jpeg) for frame in self.report.frames)
            + len(self.file)
        )

    def slim(self) -> "Judged":
        """Without file and whole frames; itself where it has none, with the size that it knows."""
        if not self.file and not self.report.frames:
            return self
        return replace(self, report=replace(self.report, frames=()), file=b"")


@dataclass(frozen=True)
class Row:
    """What is kept of every file: its verdict with the reason in words, and its JSON report
    (compressed). `duration` is in seconds, None of a still; `sha256` is None where the file never
    arrived."""

    number: int
    name: str
    verdict: FileVerdict
    fake_probability: float | None
    said: str
    people: int
    duration: float | None
    sha256: str | None
    model: str
    model_sha256: str
    compressed: bytes

    @property
    def report(self) -> dict:
        """The report as `predict --json` writes it."""
        return json.loads(zlib.decompress(self.compressed))


class Room:
    """The memory that the evidence of all visits shares, and what is kept in it: of each visit the
    last few files with their whole frames, and the one shown; where it is full, the oldest files of
    all visits go first, then the oldest evidence.

    Serves several threads; a visit that is over takes no room.
    """

    def __init__(self, most_bytes: int = ROOM_BYTES) -> None:
        self._most = most_bytes
        self._visits: weakref.WeakSet[History] = weakref.WeakSet()
        self._lock, self._ages = threading.Lock(), itertools.count()

    def join(self, visit: "History") -> None:
        """Share the room with one more visit."""
        with self._lock:
            self._visits.add(visit)

    def take(self, evidence: "dict[int, Evidence]", judged: Judged, shown: int | None) -> None:
        """Keep what a verdict rests on, among the evidence of its visit, which shows one by its
        number."""
        with self._lock:
            evidence.pop(judged.number, None)
            evidence[judged.number] = Evidence(next(self._ages), judged)
            for number in list(evidence)[:-WITH_FILE]:
                if number != shown:
                    _slim(evidence, number)
            kept = [visit.kept for visit in self._visits]
            for drop in (_slim, dict.pop):
                self._make_room(kept, drop)

    def clear(self, evidence: "dict[int, Evidence]") -> None:
        """Drop all of one visit."""
        with self._lock:
            evidence.clear()

    def _make_room(
        self,
        kept: "Sequence[dict[int, Evidence]]",
        drop: "Callable[[dict[int, Evidence], int], object]",
    ) -> None:
        used = sum(evidence.judged.size for visit in kept for evidence in visit.values())
        if used <= self._most:
            return
        oldest = sorted(
            ((number, visit) for visit in kept for number in visit),
            key=lambda place: place[1][place[0]].age,
        )
        for number, visit in oldest:
            used -= visit[number].judged.size
            drop(visit, number)
            used += visit[number].judged.size if number in visit else 0
            if used <= self._most:
                return


@dataclass(frozen=True)
class Evidence:
    """What one verdict rests on; the lower its `age`, the older it is."""

    age: int
    judged: Judged


def _slim(evidence: dict[int, Evidence], number: int) -> None:
    kept = evidence[number]
    evidence[number] = replace(kept, judged=kept.judged.slim())


class History:
    """The files of one visit by number, from 1.

    Serves several threads: who loads a page again may have it open twice.
    """

    def __init__(self, room: Room) -> None:
        self.kept: dict[int, Evidence] = {}  # the oldest first
        self._rows: dict[int, Row] = {}
        self._room, self._lock = room, threading.Lock()
        self.shown: int | None = None  # number of the file that somebody looks at
        self.repeated: list[str] = []  # names of files dropped lately that have a row from before
        self.forgotten = False  # for whoever still has it open in another tab
        room.join(self)

    def add(
        self, report: Report, terms: Contract, model_sha256: str, model: str, file: bytes = b""
    ) -> Row:
        """Keep a report, and the file as long as there is room. One on the same input by the same
        model takes the place of that before. Of a history that was forgotten meanwhile nothing is
        kept."""
        compressed = zlib.compress(json.dumps(as_json(report, terms, model_sha256)).encode())
        reason = in_words(report) or f"{SAID[report.verdict]}."
        firmness = firmness_in_words(report, terms.firmness) if report.firmness else ""
        warnings = of_the_file(report.warnings, banner(terms))
        if report.verdict == "ERROR":
            file = b""
        packed_report = packed(report)
        with self._lock:
            known = self.find(report.input, report.sha256, model_sha256)
            row = Row(
                known.number if known else len(self._rows) + 1,
                report.input,
                report.verdict,
                report.fake_probability,
                " ".join(filter(None, (reason, firmness, warnings))),
                len(report.faces),
                report.facts.get("duration"),
                report.sha256,
                model,
                model_sha256,
                compressed,
            )
            if self.forgotten:
                return row
            self._rows[row.number] = row
            if known and not report.firmness:  # else its verdict was tested, as was asked for
                self.repeated.append(row.name)
            judged = Judged(row.number, packed_report, terms, model_sha256, model, file)
            self._room.take(self.kept, judged, self.shown)
        return row

    def find(self, name: str, sha256: str | None, model_sha256: str) -> Row | None:
        """The row of the same input judged by the same model before; None where there is none, or
        the input never arrived."""
        if sha256 is None:
            return None
        wanted = (name, sha256, model_sha256)
        same = (row for row in self.rows() if (row.name, row.sha256, row.model_sha256) == wanted)
        return next(same, None)

    def rows(self) -> list[Row]:
        """All rows, in the order in which the files were judged."""
        return list(self._rows.values())

    def row(self, number: int | None) -> Row | None:
        """The row of that number; None for None, and where there is none."""
        return None if number is None else self._rows.get(number)

    def evidence(self, number: int) -> Judged | None:
        """What a verdict rests on; None where there was no room to keep it."""
        kept = self.kept.get(number)
        return kept.judged if kept else None

    def forget(self) -> None:
        """Drop everything, and stay forgotten."""
        with self._lock:
            self.forgotten = True
            self._rows.clear()
            self.repeated.clear()
        self._room.clear(self.kept)

    def unless_forgotten(self, make: Callable[[], bytes]) -> Callable[[], bytes]:
        """`make`, for a download that another tab may have had forgotten before it is asked for.
        Then it raises UserError."""

        def made() -> bytes:
            if self.forgotten:
                raise UserError("what was judged was forgotten in another tab", "reload the page")
            return make()

        return made

    @property
    def room(self) -> int:
        """Rows that still fit."""
        return max(0, MOST_ROWS - len(self._rows))


def model_names(rows: Sequence[Row]) -> dict[str, str]:
    """What each model of these rows is called, by its sha256: models of one name, as where a file
    was exchanged for another, with the first digits of that."""
    names = {row.model_sha256: row.model for row in rows}
    counts = Counter(names.values())
    return {
        sha256: name if counts[name] == 1 else f"{name} {sha256[:HASH_SHOWN]}"
        for sha256, name in names.items()
    }


def packed(report: Report) -> Report:
    """The report with every crop as the bytes of a JPEG (uint8, one axis)."""
    return _with_crops(report, _jpeg)


def unpacked(report: Report) -> Report:
    """A packed report with (S, S, 3) crops again."""
    return _with_crops(report, pixels)


def pixels(packed_crop: np.ndarray) -> np.ndarray:
    """A packed crop as (S, S, 3) RGB uint8."""
    return np.asarray(Image.open(io.BytesIO(packed_crop.tobytes())))


def _jpeg(crop: np.ndarray) -> np.ndarray:
    buffer = io.BytesIO()
    Image.fromarray(crop).save(buffer, "JPEG", quality=95, subsampling=0)
    return np.frombuffer(buffer.getvalue(), np.uint8)


def _with_crops(report: Report, changed: Callable[[np.ndarray], np.ndarray]) -> Report:
    tracks = []
    for track in report.faces:
        frames = tuple(replace(face, crop=changed(face.crop)) for face in track.frames)
        tracks.append(replace(track, frames=frames))
    return replace(report, faces=tuple(tracks))
