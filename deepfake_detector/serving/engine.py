"""What judges behind the page and the API: models loaded once, so many inputs at a time, the others
in line.

    engine = Engine(limits.visitors_at_once)
    with engine.turn(path, told) as detector:
        report = detector.predict(clip, limits=limits.of_a_file)
"""

import os
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from deepfake_detector.serving.inference import MODEL, Detector
from deepfake_detector.serving.turns import Turns
from deepfake_detector.storage import assets

VERSIONS = 2  # kept of each copy: two models that are offered, or one that was exchanged meanwhile


class Engine:
    """Judges `at_once` inputs side by side, each with a copy of its model that nobody else uses
    meanwhile. Serves several threads. With `sha256` it takes no other model than that one."""

    def __init__(self, at_once: int, sha256: str | None = None) -> None:
        self._line, self._sha256 = Turns(at_once), sha256
        self._most, self._loading = VERSIONS * at_once, threading.Lock()
        self._loaded: dict[tuple[Path, float, int], Detector] = {}  # the last used last

    def detector(self, path: Path, place: int = 0) -> Detector:
        """The model at `path` as the file is now: of the copies that judge side by side the one in
        `place`. Raises UserError where it cannot be used."""
        key = path, _changed(path), place
        with self._loading:
            known = self._loaded.pop(key, None)
            detector = known or Detector.load(path, sha256=self._sha256)
            self._loaded[key] = detector
            while len(self._loaded) > self._most:
                del self._loaded[next(iter(self._loaded))]
        return detector

    @contextmanager
    def turn(
        self, path: Path, told: Callable[[int], None], spare: Callable[[], bool] = lambda: False
    ) -> Iterator[Detector]:
        """Wait in line, then have the model at `path` to oneself until the block ends.

        `told` is called at once, and then every half second, with the number of those who wait
        before; if it raises, the place in the line is given up. As long as `spare` says so, all
        others go first; see `wanted`. Raises UserError where the model cannot be used.
        """
        with self._line.turn(told, spare) as place:
            yield self.detector(path, place)

    def wanted(self) -> bool:
        """Whether somebody waits whom one to `spare` is to give its turn up for."""
        return self._line.wanted()


def chosen() -> Path:
    """The model to serve where nobody chooses."""
    return Path(os.environ.get("DEEPFAKE_MODEL") or MODEL)


def offered() -> list[Path]:
    """The models to choose from: the one that DEEPFAKE_MODEL names, else every models/*.onnx, the
    one to take first."""
    if os.environ.get("DEEPFAKE_MODEL"):
        return [chosen()]
    others = sorted(path for path in MODEL.parent.glob("*.onnx") if path != MODEL)
    return [MODEL, *others] if MODEL.exists() or not others else others


def without_folder(text: str, path: Path) -> str:
    """A text about the model, or another file, at `path` for somebody who is not to know where it
    lies, nor where face detectors do."""
    return text.replace(str(path), path.name).replace(f"{assets.folder()}/", "")


def _changed(path: Path) -> float:
    return path.stat().st_mtime if path.exists() else 0.0
