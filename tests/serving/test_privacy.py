"""Nothing is told to anyone: neither a report of use, nor a file left in the user's folders."""

import os
import subprocess
import sys
from pathlib import Path

JUDGE = (
    "from pathlib import Path; from deepfake_detector.serving.inference import Detector;"
    "print(Detector.load('models/detector.onnx').predict(Path('models/examples/real_video.mp4')).verdict)"
)


def test_judging_leaves_nothing_behind(in_toy_project, tmp_path):
    """ONNX Runtime, where it reports its use, keeps what it reports below the user's cache."""
    folders = {
        "HOME": tmp_path / "home",
        "TMPDIR": tmp_path / "temporary",
        "XDG_CACHE_HOME": tmp_path / "cache",
    }
    for folder in folders.values():
        folder.mkdir()
    environment = os.environ | {name: str(folder) for name, folder in folders.items()}
    environment.pop("ORT_DISABLE_TELEMETRY", None)
    done = subprocess.run(
        [sys.executable, "-c", JUDGE], capture_output=True, text=True, check=False, env=environment
    )
    assert done.stdout.split()[0] in ("REAL", "FAKE", "INCONCLUSIVE"), done.stderr
    assert [path for folder in folders.values() for path in Path(folder).rglob("*")] == []
