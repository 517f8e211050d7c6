"""extract_frames as a whole, among files that crash, hang or lie, and stopped by hand: what is good
comes out the same."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import cv2
import numpy as np
import pytest
from conftest import PROJECT, call_stages, copy_project, run
from made import audio_only, change_params, person_clip, person_still

from deepfake_detector.storage import tables

pytestmark = pytest.mark.slow

# Stands in for a decoder that fails on a file: every Python imports a module of this name first.
SABOTAGE = """
import os, signal, time
from deepfake_detector.media import extraction

decode = extraction.sample_frames

def sample_frames(source, *rest, **more):
    if "crash" in str(source):
        os.kill(os.getpid(), signal.SIGSEGV)
    if "hang" in str(source):
        time.sleep(10_000)
    return decode(source, *rest, **more)

extraction.sample_frames = sample_frames
"""
SMALL = {"extract_frames.frames": 3, "parallel.seconds_per_item": 8.0, "parallel.workers": 2}


def sixteen_bits() -> bytes:
    grey = cv2.imdecode(np.frombuffer(person_still(1), np.uint8), cv2.IMREAD_GRAYSCALE)
    return cv2.imencode(".png", grey.astype(np.uint16) * 257)[1].tobytes()


@pytest.fixture(scope="module")
def good() -> dict[str, bytes]:
    clips = {f"real/clip{person}.mp4": person_clip(person) for person in (0, 2)}
    return clips | {"fake/swap/still.jpg": person_still(3), "real/sixteen.png": sixteen_bits()}


@pytest.fixture(scope="module")
def project(tmp_path_factory) -> Path:
    return copy_project(tmp_path_factory.mktemp("isolation"))


@pytest.fixture
def environment(tmp_path) -> dict[str, str]:
    (tmp_path / "sabotage").mkdir()
    (tmp_path / "sabotage/sitecustomize.py").write_text(SABOTAGE)
    return {"PYTHONPATH": f"{tmp_path / 'sabotage'}{os.pathsep}{PROJECT}"}


def listed(project: Path, folder: Path, files: dict[str, bytes]) -> None:
    """Write the files, name their folder in params and index it; what earlier runs made is gone,
    store included."""
    for name, data in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(data)
    assert run(project, "git", "clean", "-q", "-f", "-d", "-x", "data", ".cache").returncode == 0
    run(project, "git", "checkout", "-q", "params.yaml")
    change_params(project / "params.yaml", SMALL | {"synthesize": {}})
    change_params(
        project / "params.yaml",
        {
            "data_sets": {
                "mine": {"layout": "folder", "root": str(folder), "use": "train", "kind": "media"}
            }
        },
    )
    done = call_stages(project, "scan mine", "index")
    assert done.returncode == 0, done.stderr


def archives(project: Path) -> dict[str, bytes]:
    return {
        str(path.relative_to(project)): path.read_bytes()
        for path in (project / "data/frames").rglob("*.zip")
    }


def test_each_bad_file_has_its_reason_and_the_good_ones_are_as_without_it(
    project, good, tmp_path, environment
):
    bad = {
        "real/crash.mp4": good["real/clip0.mp4"],
        "real/hang.mp4": good["real/clip0.mp4"],
        "fake/swap/truncated.mp4": good["real/clip0.mp4"][:900],
        "fake/swap/audio.mp4": audio_only(),
        "real/empty.mp4": b"",
        "real/text.jpg": b"no picture",
    }
    listed(project, tmp_path / "clean", good)
    clean = run(project, sys.executable, "-m", "stages.extract_frames", **environment)
    assert clean.returncode == 0, clean.stderr
    expected, frames = archives(project), tables.read(project / "data/frames.csv", tables.FRAMES)

    listed(project, tmp_path / "mixed", good | bad)
    mixed = run(project, sys.executable, "-m", "stages.extract_frames", **environment)
    assert mixed.returncode == 0, mixed.stderr
    table = tables.read(project / "data/frames.csv", tables.FRAMES)
    assert archives(project) == expected
    assert table[table["status"] == "ok"].reset_index(drop=True).equals(frames)
    reasons = {
        row.item.removeprefix("mine/"): row.status.partition(":")[0]
        for row in table[table["status"] != "ok"].itertuples()
    }
    assert reasons == {
        "real/crash": f"crashed its worker (exit code {-signal.SIGSEGV})",
        "real/hang": "took longer than 8 s",
        "swap/truncated": "cut off",
        "swap/audio": "no video in it (audio only?)",
        "real/empty": "empty file",
        "real/text": "neither an image nor a video that can be decoded",
    }
    assert all(f"mine/{item}: " in mixed.stdout for item in reasons)


def test_ctrl_c_stops_at_once_and_what_was_finished_is_not_done_again(
    project, good, tmp_path, environment, no_hang
):
    """Waiting for eight files that hang would take hours: no limit of time ends them here."""
    hanging = {f"real/hang{number}.mp4": good["real/clip0.mp4"] for number in range(8)}
    listed(project, tmp_path / "media", good | hanging)
    change_params(project / "params.yaml", {"parallel.seconds_per_item": 10_000.0})
    command = [sys.executable, "-m", "stages.extract_frames"]
    stage = subprocess.Popen(
        command,
        cwd=project,
        env=os.environ | environment,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    while not (finished := list((project / ".cache/items/frames").glob("??/*.json"))):
        assert stage.poll() is None, "the stage ended before it could be stopped"
        time.sleep(0.05)
    os.killpg(stage.pid, signal.SIGINT)  # as a terminal does: the stage and all its workers
    _, said = stage.communicate()
    assert (stage.returncode, said.splitlines()[-1]) == (130, "stopped")
    assert "Traceback" not in said
    again = run(project, *command)
    assert again.returncode == 0, again.stderr
    counted = again.stdout.splitlines()[0].split()
    made, reused = int(counted[0]), int(counted[3])
    assert reused >= len(finished)
    assert made + reused == len(good | hanging)
    assert made >= len(hanging)
    entries = [
        json.loads(path.read_text()) for path in (project / ".cache/items/frames").glob("??/*.json")
    ]
    assert all(entry["rows"]["frames"] for entry in entries)
