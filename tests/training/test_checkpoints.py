"""Saved states: the newest whole one is found, and no more than two are kept."""

import os
from pathlib import Path
from pickle import UnpicklingError

import pytest
import torch

from deepfake_detector.training.checkpoints import Checkpoints


@pytest.fixture
def kept(tmp_path) -> Checkpoints:
    checkpoints = Checkpoints(tmp_path / "run")
    for number in range(4):
        checkpoints.write({"number": number, "weights": torch.full((3,), float(number))})
    return checkpoints


def test_there_is_none_at_first(tmp_path):
    assert Checkpoints(tmp_path / "nothing").latest() is None


def test_the_newest_comes_back_and_two_are_kept(kept):
    state = kept.latest()
    assert state["number"] == 3
    assert torch.equal(state["weights"], torch.full((3,), 3.0))
    assert [path.name for path in sorted(kept.folder.iterdir())] == ["000002.pt", "000003.pt"]


DAMAGE = {
    "torn": lambda data: data[: len(data) // 2],
    "empty": lambda _: b"",
    "one bit": lambda data: data[:-100] + bytes([data[-100] ^ 1]) + data[-99:],
    "in its checksum": lambda data: bytes([data[0] ^ 1]) + data[1:],
    "another file": lambda _: b"not a state",
}


@pytest.mark.parametrize("damage", DAMAGE.values(), ids=DAMAGE)
def test_a_damaged_one_is_passed_over_for_the_one_before(kept, damage, capsys):
    newest = kept.folder / "000003.pt"
    newest.write_bytes(damage(newest.read_bytes()))
    assert kept.latest()["number"] == 2
    assert "000003.pt is damaged" in capsys.readouterr().out
    kept.write({"number": 9})
    assert kept.latest()["number"] == 9


def test_with_all_damaged_a_run_begins_anew(kept):
    for path in kept.folder.iterdir():
        path.write_bytes(b"")
    assert kept.latest() is None


def test_what_a_killed_write_leaves_is_no_state(kept):
    (kept.folder / ".000004.pt.x1y2.part").write_bytes(b"half")
    assert kept.latest()["number"] == 3


class Harmful:
    """Makes a folder when it is unpickled."""

    def __init__(self, folder: Path) -> None:
        self.folder = str(folder)

    def __reduce__(self) -> tuple:
        return os.mkdir, (self.folder,)


def test_a_state_that_would_run_code_is_refused(tmp_path):
    checkpoints = Checkpoints(tmp_path / "run")
    checkpoints.write({"harm": Harmful(tmp_path / "done")})
    with pytest.raises(UnpicklingError):
        checkpoints.latest()
    assert not (tmp_path / "done").exists()
