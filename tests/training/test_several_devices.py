"""Training in two processes: same command, same faces, each validation face counted once."""

from functools import cache

import pandas as pd
import pytest
from conftest import copy_toy_project, run
from made import change_params

pytestmark = pytest.mark.slow

CALM = {
    "train.batch_size": 16,
    "train.lr": 2e-4,  # batch-norm of a process's few faces is half of the noise
    "train.arithmetic": "fastest",  # portable: two threads each, which wait for each other's cores
    "train.precision": "fp32",
}


@pytest.fixture(scope="module")
def trained(toy_project, tmp_path_factory):
    """`trained(processes)`: the toy project trained by so many processes of this machine's
    processor, and what it said."""

    @cache
    def train(processes: int):
        folder = copy_toy_project(toy_project, tmp_path_factory.mktemp("devices") / "project")
        change_params(
            folder / "params.yaml", CALM | {"train.devices": processes, "train.accelerator": "cpu"}
        )
        done = run(folder, "dvc", "repro", "train")
        assert done.returncode == 0, done.stdout + done.stderr
        return folder, done.stdout

    return train


@pytest.fixture
def two_processes(trained):
    return trained(2)


def test_the_same_command_trains_in_both_and_tells_it_once(two_processes):
    _, said = two_processes
    assert "2 x cpu" in said
    assert said.count("epoch   1  loss") == 1
    assert sum(line.startswith("train: ") for line in said.splitlines()) == 1


def test_the_figures_are_those_of_one_process_within_noise(trained):
    two, one = (
        pd.read_csv(folder / "plots/training.csv").iloc[-1]
        for folder in (trained(2)[0], trained(1)[0])
    )
    assert two["val_frame_log_loss"] == pytest.approx(one["val_frame_log_loss"], rel=0.25)
    assert two["train_loss"] == pytest.approx(one["train_loss"], rel=0.15)
    assert two["epoch"] == one["epoch"]


def test_results_are_written_and_nothing_is_left_behind(two_processes):
    folder, _ = two_processes
    assert (folder / "models/detector.pt").stat().st_size == pytest.approx(44.8e6, rel=0.02)
    assert not list((folder / ".cache/train").glob("*"))
