"""What judges behind the page and the API: models are loaded once, and some inputs are judged at a
time while the others wait in line.

    engine = Engine(limits.visitors_at_once)
    with engine.turn(path, on_wait) as detector:
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
        self, path: Path, on_wait: Callable[[int], None], spare: Callable[[], bool] = lambda: False
    ) -> Iterator[Detector]:
        """Wait in line, then have the model at `path` to oneself until the block ends.

        `on_wait` is called at once, and then every half second, with the number of those who wait
        before; if it raises, the place in the line is given up. While `spare()` is true, all others
        go first; see `wanted`. Raises UserError where the model cannot be used.
        """
        with self._line.turn(on_wait, spare) as place:
            yield self.detector(path, place)

    def wanted(self) -> bool:
        """Whether somebody waits for whom an input to `spare` is to give its turn up."""
        return self._line.wanted()


def chosen() -> Path:
    """The path of the model to serve where nobody chooses."""
    return Path(os.environ.get("DEEPFAKE_MODEL") or MODEL)


def offered() -> list[Path]:
    """The paths of the models to choose from, the default first: the one that DEEPFAKE_MODEL names,
    else every models/*.onnx."""
    if os.environ.get("DEEPFAKE_MODEL"):
        return [chosen()]
    others = sorted(path for path in MODEL.parent.glob("*.onnx") if path != MODEL)
    return [MODEL, *others] if MODEL.exists() or not others else others


def without_folder(text: str, path: Path) -> str:
    """A text without the folders of the file at `path` and of the face detectors, for visitors, who
    are not to see where these lie."""
    return text.replace(str(path), path.name).replace(f"{assets.folder()}/", "")


def _changed(path: Path) -> float:
    return path.stat().st_mtime if path.exists() else 0.0
