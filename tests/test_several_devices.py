"""Training in two processes: the same command, the same faces, every validation face counted once."""

import json
import shutil

import pytest
from conftest import run
from made import change_params


@pytest.fixture(scope="module")
def two_processes(toy_project, tmp_path_factory):
    """The toy project trained by two processes of this machine's processor."""
    folder = tmp_path_factory.mktemp("two") / "project"
    shutil.copytree(toy_project, folder, symlinks=True)
    change_params(folder / "params.yaml", {"train.devices": 2, "train.accelerator": "cpu"})
    done = run(folder, "dvc", "repro", "train")
    assert done.returncode == 0, done.stdout + done.stderr
    return folder, done.stdout


def test_the_same_command_trains_in_both_and_tells_it_once(two_processes):
    _, said = two_processes
    assert "2 x cpu" in said
    assert said.count("epoch   1  loss") == 1
    assert sum(line.startswith("train: ") for line in said.splitlines()) == 1


def test_the_figures_are_those_of_one_process_within_noise(two_processes, toy_project):
    two, one = (json.loads((folder / "metrics/train.json").read_text()) for folder in (two_processes[0], toy_project))
    assert two["val_frame_log_loss"] == pytest.approx(one["val_frame_log_loss"], rel=0.25)
    assert two["train_loss"] == pytest.approx(one["train_loss"], rel=0.15)
    assert two["epochs"] == one["epochs"]


def test_results_are_written_and_nothing_is_left_behind(two_processes):
    folder, _ = two_processes
    assert (folder / "models/resnet18.pt").stat().st_size == pytest.approx(44.8e6, rel=0.02)
    assert not list((folder / ".cache/train").glob("*"))
