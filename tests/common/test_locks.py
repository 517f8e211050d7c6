"""One writer at a time, across processes."""

import io
import os
import subprocess
import sys
from pathlib import Path
from typing import IO

import pytest
from filelock import FileLock
from patience import HANG

from deepfake_detector import UserError
from deepfake_detector.common import locks
from deepfake_detector.common.locks import only_writer

HOLD = """
import sys
from pathlib import Path
from deepfake_detector.common.locks import only_writer
with only_writer(Path(sys.argv[1]), "extract_frames"):
    print("held", flush=True)
    sys.stdin.read()
"""


@pytest.fixture
def holder(tmp_path):
    """A process that has the lock until its standard input is closed."""
    environment = os.environ | {"PYTHONPATH": str(Path(__file__).resolve().parents[2])}
    command = [sys.executable, "-c", HOLD, str(tmp_path)]
    process = subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=environment
    )
    assert process.stdout.readline() == b"held\n"
    yield process
    process.kill()
    process.wait()


class Closing(io.StringIO):
    """Standard error that closes another stream at the first word."""

    def __init__(self, stream: IO[bytes]) -> None:
        super().__init__()
        self.stream = stream

    def write(self, text: str) -> int:
        self.stream.close()
        return super().write(text)


def test_a_second_writer_stops_and_names_the_first(tmp_path, holder):
    with (
        pytest.raises(
            UserError,
            match=rf"running here already \(process {holder.pid}\); wait for it, or stop it",
        ),
        only_writer(tmp_path, "extract_frames", wait=0.2),
    ):
        pass
    with only_writer(tmp_path, "crop_faces", wait=0):
        pass
    holder.kill()
    holder.wait()
    with only_writer(tmp_path, "extract_frames", wait=0):  # a killed process holds no lock
        pass


def test_a_second_writer_waits_for_one_that_is_being_stopped(tmp_path, holder, monkeypatch):
    monkeypatch.setattr(
        sys, "stderr", Closing(holder.stdin)
    )  # the first ends once the second has said that it waits
    with only_writer(tmp_path, "extract_frames", wait=HANG):
        assert holder.wait(timeout=HANG) == 0
    assert f"process {holder.pid}); waiting {HANG} s" in sys.stderr.getvalue()


def test_the_folder_is_made_and_the_lock_can_be_had_again(tmp_path):
    for _ in range(2):
        with only_writer(tmp_path / "new", "train", wait=0):
            assert (tmp_path / "new/train.pid").read_text() == str(os.getpid())


def test_the_lock_is_free_after_the_block_whoever_still_knows_it(tmp_path, monkeypatch):
    """Not only once the garbage collector comes by."""
    known = []

    class Known(FileLock):
        def __init__(self, path: Path) -> None:
            super().__init__(path)
            known.append(self)

    monkeypatch.setattr(locks, "FileLock", Known)
    with only_writer(tmp_path, "train", wait=0):
        assert known[0].is_locked
    assert not known[0].is_locked
