"""The same work on a Ray cluster of two nodes: the same bytes as on one machine, also when a node
is lost on the way."""

import os
import shutil
import subprocess
import sys
import time
from pathlib import Path

import pytest
from conftest import TOY, copy_project, run
from made import change_params
from patience import HANG

pytestmark = pytest.mark.slow

pytest.importorskip("ray", reason="needs Ray: pip install -r requirements-cluster.txt")
ARCHIVES = 40  # of the toy project's frames
LOOPBACK = "127.0.0.2"  # of this machine alone; Ray takes 127.0.0.1 for the machine's own address
NODE = {"node_ip_address": LOOPBACK, "object_store_memory": 100_000_000}


@pytest.fixture
def cluster(monkeypatch):
    """A head that runs nothing itself, and two nodes with a processor each."""
    monkeypatch.setenv("RAY_USAGE_STATS_ENABLED", "0")
    from ray.cluster_utils import Cluster

    cluster = Cluster(
        initialize_head=True, head_node_args=NODE | {"num_cpus": 0, "include_dashboard": False}
    )
    for _ in range(2):
        cluster.add_node(num_cpus=1, **NODE)
    yield cluster
    cluster.shutdown()


@pytest.fixture
def on_ray(toy_project, tmp_path) -> Path:
    """A copy of the toy project before its frames are extracted, set to run on the cluster."""
    folder = copy_project(tmp_path)
    shutil.copytree(toy_project / "data/raw", folder / "data/raw")
    shutil.copy(toy_project / "data/index.csv", folder / "data")
    change_params(folder / "params.yaml", TOY | {"parallel.executor": "ray"})
    return folder


def files(folder: Path) -> dict[str, bytes]:
    return {
        path.name: path.read_bytes() for path in [*folder.rglob("*.zip"), *folder.glob("*.csv")]
    }


def test_nodes_make_the_same_bytes_and_a_lost_node_changes_nothing(on_ray, toy_project, cluster):
    environment = os.environ | {"RAY_ADDRESS": cluster.address}
    command = [sys.executable, "-m", "stages.extract_frames"]
    stage = subprocess.Popen(
        command, cwd=on_ray, env=environment, stdout=subprocess.PIPE, text=True
    )
    while len(done := list((on_ray / ".cache/items/frames").glob("??/*.json"))) < 2:
        assert stage.poll() is None, "the stage ended before a node could be lost"
        time.sleep(0.01)
    cluster.remove_node(list(cluster.worker_nodes)[0], allow_graceful=False)
    assert len(done) < ARCHIVES
    said, _ = stage.communicate(timeout=HANG)
    assert stage.returncode == 0, said
    crop = run(on_ray, sys.executable, "-m", "stages.crop_faces", RAY_ADDRESS=cluster.address)
    assert crop.returncode == 0, crop.stderr
    for made in ("frames", "faces"):
        assert files(on_ray / "data" / made) == files(toy_project / "data" / made)
        assert (on_ray / f"data/{made}.csv").read_bytes() == (
            toy_project / f"data/{made}.csv"
        ).read_bytes()


def test_without_an_address_it_says_what_to_set(on_ray):
    refused = run(on_ray, sys.executable, "-m", "stages.extract_frames", RAY_ADDRESS="")
    assert refused.returncode == 1
    assert "set RAY_ADDRESS" in refused.stderr


@pytest.mark.parametrize("address", ["127.0.0.1:9", "ray://127.0.0.1:9", "somewhere"])
def test_an_address_without_a_cluster_is_named(on_ray, address):
    refused = run(on_ray, sys.executable, "-m", "stages.extract_frames", RAY_ADDRESS=address)
    assert refused.returncode == 1
    assert f"RAY_ADDRESS {address}: no cluster there" in refused.stderr
