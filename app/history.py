"""What was judged in one visit: the last inputs with their reports, in little memory and nowhere
else.

Crops are kept as JPEG: those of a clip with three people take 1 MB so, and 14 MB as pixels.
"""

import io
from collections.abc import Callable
from dataclasses import dataclass, field, replace

import numpy as np
from PIL import Image

from deepfake_detector.contract import Contract
from deepfake_detector.serving.inference import Report

MOST = 20
WITH_FRAMES = 5  # of these the newest with their whole frames, 1 MB each, and their files
FILE_BYTES = 200 << 20  # of the files kept


@dataclass(frozen=True)
class Judged:
    """One input: its report, in which crops are packed, and the model that judged it. The newest few
    have their whole frames and their file too; of the others it is empty."""

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


class History:
    """The last 20 inputs judged, by number."""

    def __init__(self) -> None:
        self._judged: dict[int, Judged] = {}
        self._last = 0

    def add(
        self, report: Report, terms: Contract, model_sha256: str, model: str, file: bytes = b""
    ) -> Judged:
        self._last += 1
        self._judged[self._last] = Judged(
            self._last, packed(report), terms, model_sha256, model, file
        )
        while len(self._judged) > MOST:
            del self._judged[min(self._judged)]
        self._slim()
        return self._judged[self._last]

    def _slim(self) -> None:
        """Keep frames and files of the newest few alone, and of files no more than there is room for."""
        room = FILE_BYTES
        for place, number in enumerate(self.numbers()):
            one = self._judged[number]
            room -= len(one.file)
            if place >= WITH_FRAMES or room < 0:
                one = replace(one, file=b"")
            if place >= WITH_FRAMES:
                one = replace(one, report=replace(one.report, frames=()))
            self._judged[number] = one

    def find(self, name: str, sha256: str, model_sha256: str) -> Judged | None:
        """The same input judged by the same model before."""
        wanted = (name, sha256, model_sha256)
        same = (
            one
            for one in self._judged.values()
            if (one.report.input, one.report.sha256, one.model_sha256) == wanted
        )
        return next(same, None)

    def get(self, number: int | None) -> Judged | None:
        return None if number is None else self._judged.get(number)

    def numbers(self) -> list[int]:
        """The newest first."""
        return sorted(self._judged, reverse=True)


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
        frames = tuple(replace(one, crop=changed(one.crop)) for one in track.frames)
        tracks.append(replace(track, frames=frames))
    return replace(report, faces=tuple(tracks))
