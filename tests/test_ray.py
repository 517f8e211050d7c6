"""The same work on a Ray cluster of two nodes: the same bytes as on one machine, also when a node is lost on the way."""

import os
import shutil
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest
from conftest import TOY, copy_project, run
from made import change_params

pytest.importorskip("ray", reason="needs Ray: pip install -r requirements-cluster.txt")
PORT = 26379
RAY = Path(sys.executable).parent / "ray"


ARCHIVES = 32  # of the toy project's frames


@pytest.fixture(scope="module")
def new_node(tmp_path_factory):
    """Starts nodes of a cluster on this machine, on its own address, without reports. The head runs nothing itself."""
    nodes = []

    def start(*options: str) -> subprocess.Popen:
        command = (RAY, "start", "--block", "--node-ip-address", "127.0.0.1", "--object-store-memory", "100000000")
        nodes.append(
            subprocess.Popen(
                [*command, "--disable-usage-stats", *options],
                env=os.environ | {"RAY_TMPDIR": str(tmp_path_factory.getbasetemp())},
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
            )
        )
        return nodes[-1]

    start("--head", "--port", str(PORT), "--num-cpus", "0", "--include-dashboard", "false")
    yield lambda: start("--address", f"127.0.0.1:{PORT}", "--num-cpus", "1")
    for node in reversed(nodes):
        kill(node)


def kill(node: subprocess.Popen) -> None:
    """A node with all that it runs, at once, as a power cut does."""
    try:
        for process in [*psutil.Process(node.pid).children(recursive=True), psutil.Process(node.pid)]:
            process.kill()
    except psutil.NoSuchProcess:  # ended by itself when its head did
        pass
    node.wait()


@pytest.fixture
def on_ray(toy_project, tmp_path) -> Path:
    """A copy of the toy project before its frames are extracted, set to run on the cluster."""
    folder = copy_project(tmp_path)
    shutil.copytree(toy_project / "data/raw", folder / "data/raw")
    shutil.copy(toy_project / "data/index.csv", folder / "data")
    change_params(folder / "params.yaml", TOY | {"parallel.executor": "ray"})
    return folder


def files(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in [*folder.rglob("*.zip"), *folder.glob("*.csv")]}


def test_nodes_make_the_same_bytes_and_a_lost_node_changes_nothing(on_ray, toy_project, new_node):
    stays, dies = new_node(), new_node()
    stage = subprocess.Popen(
        [sys.executable, "-m", "stages.extract_frames"],
        cwd=on_ray,
        env=os.environ | {"RAY_ADDRESS": f"127.0.0.1:{PORT}"},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    until = time.monotonic() + 120
    while len(done := list((on_ray / ".cache/items/frames").glob("??/*.json"))) < 2 and time.monotonic() < until:
        time.sleep(0.01)
    kill(dies)
    assert 2 <= len(done) < ARCHIVES
    said, _ = stage.communicate(timeout=200)
    assert stage.returncode == 0, said
    crop = run(on_ray, sys.executable, "-m", "stages.crop_faces", RAY_ADDRESS=f"127.0.0.1:{PORT}")
    assert crop.returncode == 0, crop.stderr
    assert stays.poll() is None
    for made in ("frames", "faces"):
        assert files(on_ray / "data" / made) == files(toy_project / "data" / made)
        assert (on_ray / f"data/{made}.csv").read_bytes() == (toy_project / f"data/{made}.csv").read_bytes()


def test_without_an_address_it_says_what_to_set(on_ray):
    refused = run(on_ray, sys.executable, "-m", "stages.extract_frames", RAY_ADDRESS="")
    assert refused.returncode == 1
    assert "set RAY_ADDRESS" in refused.stderr


def test_an_address_without_a_cluster_is_named(on_ray):
    refused = run(on_ray, sys.executable, "-m", "stages.extract_frames", RAY_ADDRESS="127.0.0.1:9")
    assert refused.returncode == 1
    assert "RAY_ADDRESS 127.0.0.1:9: no cluster there" in refused.stderr
