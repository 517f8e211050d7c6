"""What the README tells to type, typed in a toy-sized project, block by block in the README's
order."""

import json
import os
import re
import shutil
import signal
import subprocess
import time
import urllib.error
import urllib.request
from pathlib import Path

import pytest
from conftest import TOY, WIDEST, borrow_environment, copy_toy_project, run
from made import change_params, person_clip
from patience import HANG

pytestmark = pytest.mark.slow

PAGE = "http://127.0.0.1:8501/"
NO_DISPLAY = {"DISPLAY": "", "WAYLAND_DISPLAY": ""}  # or a browser would open
AUTHOR = ("-c", "user.name=Test", "-c", "user.email=test@example.org")
ELSEWHERE = {  # not typed here -> why
    "git clone <this repository> && cd <its folder>": "the fixture clones",
    ". .venv/bin/activate": "its programs are first on PATH",
    "python -m deepfake_detector fetch-assets": "downloads; tests/test_assets.py",
    "make test": "runs this",
}
START, ACTIVATED, OWN_CLIPS, EXPERIMENTS = (
    [re.sub(r"\s+#.*", "", line) for line in block.splitlines() if line.split("#")[0].strip()]
    for language, block in re.findall(
        r"^```(\w*)\n(.+?)^```$", Path("README.md").read_text(), re.DOTALL | re.MULTILINE
    )[:5]
    if not language
)


@pytest.fixture
def clone(toy_project, tmp_path) -> Path:
    """A clone of a repository in which the toy-sized demo's results are committed, with this
    environment and DVC's cache."""
    origin, folder = copy_toy_project(toy_project, tmp_path / "origin"), tmp_path / "clone"
    for command in (
        ("add", "-A"),
        (*AUTHOR, "commit", "-q", "-m", "results"),
        ("clone", "-q", origin, folder),
    ):
        assert run(origin, "git", *map(str, command)).returncode == 0
    shutil.move(origin / ".dvc/cache", folder / ".dvc/cache")
    borrow_environment(folder)
    return folder


def enter(folder: Path, lines: list[str]) -> dict[str, str]:
    """Type lines in a folder; what each said, by the line."""
    said = {}
    for line in lines:
        if line in ELSEWHERE:
            continue
        if line == "make app":
            said[line] = app(folder)
            continue
        done = run(folder, "bash", "-c", line)
        assert done.returncode == 0, f"{line}\n{done.stdout}{done.stderr}"
        said[line] = done.stdout
    return said


def app(folder: Path) -> str:
    """`make app` until the page is there; what its address gives."""
    with (folder / "app.log").open("w") as log:
        server = subprocess.Popen(
            ["make", "app"],
            cwd=folder,
            env=os.environ | NO_DISPLAY,
            stdout=log,
            stderr=log,
            start_new_session=True,
        )
    try:
        until = time.monotonic() + HANG
        while time.monotonic() < until:
            assert server.poll() is None, (folder / "app.log").read_text()
            try:
                return urllib.request.urlopen(PAGE, timeout=HANG).read().decode()
            except urllib.error.URLError:
                time.sleep(0.1)
        raise TimeoutError((folder / "app.log").read_text())
    finally:
        os.killpg(server.pid, signal.SIGTERM)
        server.wait()


def test_the_two_commands_of_the_start_lead_to_the_page_and_the_third_judges(clone):
    said = enter(clone, START)
    assert "Streamlit" in said["make app"]
    judged = enter(clone, ACTIVATED)["python -m deepfake_detector predict models/examples"]
    assert judged.count("models/examples/") == len(list((clone / "models/examples").iterdir()))
    assert not run(clone, "git", "status", "--porcelain", "dvc.lock", "metrics").stdout


def test_ones_own_clips_become_a_detector(clone, tmp_path):
    clips = tmp_path / "clips"
    for person in range(12):
        for label in ("real", "fake"):
            (clips / label).mkdir(parents=True, exist_ok=True)
            (clips / label / f"{person}.mp4").write_bytes(
                person_clip(2 * person + (label == "fake"), 0.5)
            )
    fetch, use, *rest = OWN_CLIPS
    assert fetch in ELSEWHERE
    enter(clone, [use.replace("/absolute/path/to/clips", str(clips))])
    toy = {
        key: value for key, value in TOY.items() if not key.startswith(("synthesize", "train.self"))
    }
    embedded = {
        **{"crop_faces.detector": "haar", "crop_faces.min_score": 0.0},
        **{"train.init": "random", "train.epochs": 1},
        **{"quality.corruptions": ["noise"], "robustness.corruptions": ["noise"]},
    }
    change_params(
        clone / "params.yaml",
        toy | embedded | {"crop_faces.min_face": 32, "verify.on_shortcut": "warn"},
    )
    said = enter(clone, rest)
    assert "24" in said["python -m deepfake_detector doctor"]
    assert "Streamlit" in said["make app"]
    assert (clone / "plots/data_report.html").exists()
    assert (clone / "plots/run_report.html").exists()


def test_experiments_are_run_and_compared(clone):
    said = enter(clone, EXPERIMENTS)
    assert "val_loss" in said["dvc metrics diff"]
    compared = next(text for line, text in said.items() if "compare HEAD workspace" in line)
    assert "log_loss" in compared
    summary = json.loads((clone / "metrics/summary.json").read_text())
    assert set(summary) == {"val_auc", "val_loss"}  # test stays unread
    ran = next(text for line, text in said.items() if line.startswith("dvc exp run"))
    assert "stage 'evaluate'" in ran
    assert not re.search("stage '(export|robustness|report)'", ran)
    table = next(text for line, text in said.items() if line.startswith("dvc exp show"))
    assert all(column in table for column in ("train.lr", "val_auc", "val_loss", "0.0001"))
    assert max(map(len, table.splitlines())) <= WIDEST
    assert (clone / "dvc_plots/index.html").exists()
