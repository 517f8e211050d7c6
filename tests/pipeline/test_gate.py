"""The gate as a whole: a set whose fakes were encoded otherwise than its reals is stopped before
anything learns from it."""

import json
import subprocess
import sys
from fractions import Fraction
from pathlib import Path

import av
import pytest
from conftest import call_stages, copy_project, run
from made import change_params

pytestmark = pytest.mark.slow

REALS, FAKES = 400_000, 200_000  # bits per second, kept to by padding however short the clip is


def encode(source: Path, target: Path, bitrate: int) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    with av.open(str(source)) as clip, av.open(str(target), "w") as output:
        pictures = clip.streams.video[0]
        constant = {"nal-hrd": "cbr", "maxrate": str(bitrate), "bufsize": str(bitrate // 4)}
        stream = output.add_stream("libx264", rate=pictures.average_rate, options=constant)
        stream.width, stream.height, stream.pix_fmt = pictures.width, pictures.height, "yuv420p"
        stream.bit_rate = bitrate
        for number, decoded in enumerate(clip.decode(pictures)):
            frame = av.VideoFrame.from_ndarray(decoded.to_ndarray(format="rgb24"), format="rgb24")
            frame.pts, frame.time_base = number, 1 / Fraction(pictures.average_rate)
            output.mux(stream.encode(frame))
        output.mux(stream.encode())


@pytest.fixture(scope="module")
def reencoded(toy_project, tmp_path_factory) -> Path:
    """A project with the toy demo's clips as a set of its own, the fakes at half the bitrate, up to
    its faces."""
    folder, media = copy_project(tmp_path_factory.mktemp("gate")), tmp_path_factory.mktemp("media")
    for path in sorted((toy_project / "data/raw/demo").rglob("*.mp4")):
        real = path.parent.name == "real"
        encode(
            path, media / ("real" if real else "fake/swap") / path.name, REALS if real else FAKES
        )
    data_set = {"layout": "folder", "root": str(media), "use": "train", "kind": "media"}
    changes = {"synthesize": {}, "data_sets": {"mine": data_set}, "extract_frames.frames": 3}
    change_params(folder / "params.yaml", changes)
    done = call_stages(folder, "scan mine", "index", "extract_frames", "crop_faces")
    assert done.returncode == 0, done.stderr
    return folder


@pytest.fixture(scope="module")
def stopped(reencoded) -> subprocess.CompletedProcess:
    return run(reencoded, sys.executable, "-m", "stages.verify")


def test_fakes_at_half_the_bitrate_stop_the_run_and_the_bitrate_is_named(reencoded, stopped):
    assert stopped.returncode == 1
    assert "facts of the files alone" in stopped.stderr
    assert "bitrate (median" in stopped.stderr
    shortcut = json.loads((reencoded / "metrics/verify.json").read_text())["shortcut"]
    assert shortcut["roc_auc"] >= 0.9
    assert shortcut["facts"]["bitrate"] >= 0.9
    assert "facts of the files alone" in (reencoded / "plots/data_report.html").read_text()


def test_it_warns_where_params_say_so(reencoded):
    change_params(reencoded / "params.yaml", {"verify.on_shortcut": "warn"})
    warned = run(reencoded, sys.executable, "-m", "stages.verify")
    assert warned.returncode == 0, warned.stderr
    assert "warning: facts of the files alone" in warned.stdout


def test_forgeries_of_originals_that_nobody_named_are_found_by_their_look(reencoded, stopped):
    figures = json.loads((reencoded / "metrics/verify.json").read_text())["near_duplicates"]
    assert figures["across_labels"] > 0


def test_the_demo_itself_has_no_shortcut(toy_project):
    shortcut = json.loads((toy_project / "metrics/verify.json").read_text())["shortcut"]
    assert shortcut["roc_auc"] is not None
    assert shortcut["roc_auc"] < 0.75
