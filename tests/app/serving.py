"""Made for tests of the page: small models that judge at once, clips of several people, and the page served."""

import os
import shutil
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import made
import numpy as np

from deepfake_detector.media import read_image, sample_frames

PROJECT = Path(__file__).resolve().parents[2]
APP = PROJECT / "app/streamlit_app.py"
VERDICTS = {  # name of a model -> how it decides
    "fake": made.SURE,
    "real": made.SURE | {"band_low": 1.0, "band_high": 1.0},
    "band": made.SURE | {"band_high": 1.0},
}


def side_by_side(*people: int) -> bytes:
    """A still of several drawn people."""
    return made.picture(_beside([read_image(made.person_still(person)) for person in people]))


def clip_side_by_side(*people: int, seconds: float = 0.5) -> bytes:
    """A clip of several drawn people."""
    clips = [[frame.image for frame in sample_frames(made.person_clip(one, seconds), 400)] for one in people]
    return made.clip_of([_beside(list(images)) for images in zip(*clips, strict=False)])


def _beside(images: list[np.ndarray]) -> np.ndarray:
    height = max(image.shape[0] for image in images)
    even = height + height % 2
    return np.hstack([_padded(image, even - image.shape[0], image.shape[1] % 2) for image in images])


def _padded(image: np.ndarray, below: int, right: int) -> np.ndarray:
    return np.pad(image, ((0, below), (0, right), (0, 0)), mode="edge")


def write_verdicts(folder: Path) -> dict[str, Path]:
    """A model for each verdict, by its name."""
    return {name: made.write_model(folder / f"{name}.onnx", decision=terms) for name, terms in VERDICTS.items()}


@contextmanager
def served(folder: Path, **environment: str) -> Iterator[str]:
    """The address of the page that serves the models of a folder, which holds its log and its temporary folder too."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    shutil.copytree(PROJECT / ".streamlit", folder / ".streamlit", dirs_exist_ok=True)
    (folder / "temporary").mkdir(exist_ok=True)
    command = [sys.executable, "-m", "streamlit", "run", str(APP), "--server.port", str(port)]
    environment = {"PYTHONPATH": str(PROJECT), "TMPDIR": str(folder / "temporary")} | environment
    with (folder / "server.log").open("w") as log:
        server = subprocess.Popen(command, cwd=folder, stdout=log, stderr=log, env=os.environ | environment)
        try:
            _wait_for(f"http://127.0.0.1:{port}/_stcore/health")
            yield f"http://127.0.0.1:{port}"
        finally:
            server.terminate()
            server.wait(timeout=20)


def _wait_for(url: str) -> None:
    for _ in range(120):
        try:
            urllib.request.urlopen(url, timeout=2).close()
            return
        except OSError:
            time.sleep(0.5)
    raise TimeoutError(url)
