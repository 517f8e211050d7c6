"""Saved states are found again by the run that they belong to, and by no other."""

import pandas as pd
import pytest
from conftest import PROJECT
from made import changed

from deepfake_detector.storage.archive import write_archive
from deepfake_detector.training.run_folder import run_folder
from deepfake_detector.training.settings import Train

ROWS = {"train": pd.DataFrame({"item": ["a"], "archive": ["a.zip"]})}


@pytest.fixture(autouse=True)
def project(tmp_path, monkeypatch):
    (tmp_path / "data/faces").mkdir(parents=True)
    write_archive(tmp_path / "data/faces/a.zip", {"a.png": b"a face"})
    (tmp_path / "requirements.txt").write_bytes((PROJECT / "requirements.txt").read_bytes())
    monkeypatch.chdir(tmp_path)


def test_the_same_run_finds_its_folder():
    assert run_folder(Train(), ROWS, "cpu", "fp32") == run_folder(Train(), ROWS, "cpu", "fp32")


@pytest.mark.parametrize(
    "other",
    [
        (changed(Train(), lr=1e-4), "cpu", "fp32"),
        (Train(), "cuda", "fp32"),
        (Train(), "cpu", "bf16"),
    ],
    ids=["params", "device", "precision"],
)
def test_another_run_has_another(other):
    train, device, precision = other
    assert run_folder(train, ROWS, device, precision) != run_folder(Train(), ROWS, "cpu", "fp32")


def test_the_number_of_processes_on_all_machines_counts(monkeypatch):
    """Each has batch-norm statistics of its own part of a batch."""
    alone = run_folder(Train(), ROWS, "cpu", "fp32")
    monkeypatch.setenv("WORLD_SIZE", "1")
    assert run_folder(Train(), ROWS, "cpu", "fp32") == alone
    monkeypatch.setenv("WORLD_SIZE", "4")
    assert run_folder(Train(), ROWS, "cpu", "fp32") != alone


def test_the_number_of_threads_counts_on_the_processor_alone(monkeypatch):
    found = {}
    for threads in (1, 2):
        monkeypatch.setattr("torch.get_num_threads", lambda count=threads: count)
        found[threads] = [run_folder(Train(), ROWS, one, "fp32") for one in ("cpu", "cuda")]
    assert found[1][0] != found[2][0]
    assert found[1][1] == found[2][1]
