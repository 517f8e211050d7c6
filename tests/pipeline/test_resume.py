"""Training killed by the hand of the kernel ends at the same bytes as one that was left alone."""

import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

import pytest
from conftest import copy_toy_project, descendants, forget, outputs, processes, run
from made import change_params
from patience import HANG

VICTIMS = ("dvc", "stage", "worker")
ROUNDS = int(os.environ.get("KILL_ROUNDS", "1"))  # of all three


def states(folder: Path) -> list[Path]:
    return sorted((folder / ".cache/train").glob("*/[0-9]*.pt"))


def victim(dvc: int, which: str) -> int | None:
    """The process to kill: DVC, the stage below it, or a process that loads for the stage; None
    while it is not there."""
    if which == "dvc":
        return dvc
    known = processes()
    stages = [
        pid
        for pid in descendants(dvc)
        if known.get(pid, (0, ""))[1].split(" ")[1:3] == ["-m", "stages.train"]
    ]
    if which == "stage":
        return next(iter(stages), None)
    return next((pid for pid in stages if known[pid][0] in stages), None)


@pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="needs /proc")
def test_a_run_from_scratch_killed_at_random_moments_gives_the_same_bytes(toy_project, tmp_path):
    """Training once more, killed: DVC, the stage, a process that loads. Each next run goes on."""
    folder = copy_toy_project(toy_project, tmp_path / "project")
    change_params(folder / "params.yaml", {"runtime.checkpoint_minutes": 1e-9})  # after every step
    stages = list(outputs(folder))
    forget(folder, stages[stages.index("train") :])
    chance = random.Random(1)
    for which in chance.sample(VICTIMS * ROUNDS, len(VICTIMS) * ROUNDS):
        dvc = start(folder)
        wait_for(partial(victim, dvc.pid, "worker"), dvc)
        wait_for_another_state(folder, dvc)
        time.sleep(chance.uniform(0, 0.3))
        assert dvc.poll() is None, "the run ended before it could be killed"
        os.kill(victim(dvc.pid, which), signal.SIGKILL)
        assert dvc.wait(timeout=HANG) != 0
    done = run(folder, "dvc", "repro", "train")
    assert done.returncode == 0, done.stdout + done.stderr
    assert "resuming in epoch" in done.stdout
    assert not states(folder)
    assert outputs(folder)["train"] == outputs(toy_project)["train"]


def wait_for_another_state(folder: Path, dvc: subprocess.Popen) -> None:
    before = states(folder)
    wait_for(lambda: states(folder) != before, dvc)


def wait_for(condition: Callable[[], object], dvc: subprocess.Popen) -> None:
    while not condition():
        assert dvc.poll() is None, "the run ended before it came to that"
        time.sleep(0.02)


def start(folder: Path) -> subprocess.Popen:
    """`dvc repro train` in the background, its processes in a group of their own."""
    return subprocess.Popen(
        ["dvc", "repro", "train"],
        cwd=folder,
        env=os.environ | {"PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
