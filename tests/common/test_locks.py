"""One writer at a time, across processes."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from deepfake_detector import UserError
from deepfake_detector.common.locks import only_writer

HOLD = """
import sys, time
from pathlib import Path
from deepfake_detector.locks import only_writer
with only_writer(Path(sys.argv[1]), "extract_frames"):
    print("held", flush=True)
    time.sleep(float(sys.argv[2]))
"""


@pytest.fixture
def holder(tmp_path):
    """A function that starts a process which has the lock for so many seconds."""
    started = []

    def start(seconds: float) -> subprocess.Popen:
        environment = os.environ | {"PYTHONPATH": str(Path(__file__).resolve().parents[2])}
        command = [sys.executable, "-c", HOLD, str(tmp_path), str(seconds)]
        process = subprocess.Popen(command, stdout=subprocess.PIPE, env=environment)
        started.append(process)
        assert process.stdout.readline() == b"held\n"
        return process

    yield start
    for process in started:
        process.kill()
        process.wait()


def test_a_second_writer_stops_and_names_the_first(tmp_path, holder):
    first = holder(60)
    with (
        pytest.raises(
            UserError,
            match=rf"running here already \(process {first.pid}\); wait for it, or stop it",
        ),
        only_writer(tmp_path, "extract_frames", wait=0.2),
    ):
        pass
    with only_writer(tmp_path, "crop_faces", wait=0):
        pass
    first.kill()
    first.wait()
    with only_writer(tmp_path, "extract_frames", wait=0):  # a killed process holds no lock
        pass


def test_a_second_writer_waits_for_one_that_is_being_stopped(tmp_path, holder, capsys):
    first = holder(1)
    with only_writer(tmp_path, "extract_frames", wait=30):
        assert first.wait(timeout=5) == 0
    assert f"process {first.pid}); waiting 30 s" in capsys.readouterr().err


def test_the_folder_is_made_and_the_lock_can_be_had_again(tmp_path):
    for _ in range(2):
        with only_writer(tmp_path / "new", "train", wait=0):
            assert (tmp_path / "new/train.pid").read_text() == str(os.getpid())
