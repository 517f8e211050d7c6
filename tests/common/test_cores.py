"""Worker and thread counts heed the quota of a container, not only the cores that it sees."""

import os
import sys

import pytest
from conftest import PROJECT, run

from deepfake_detector.common import cores


@pytest.fixture
def groups(tmp_path, monkeypatch):
    """Lays out control groups: the process's own lines, then files with what they say."""
    monkeypatch.setattr(cores, "CGROUPS", tmp_path / "groups")
    monkeypatch.setattr(cores, "OWN_CGROUPS", tmp_path / "own")
    monkeypatch.setattr(cores, "visible", lambda: 8)

    def make(own: str, files: dict[str, str]) -> None:
        (tmp_path / "own").write_text(own)
        for name, text in files.items():
            (tmp_path / "groups" / name).parent.mkdir(parents=True, exist_ok=True)
            (tmp_path / "groups" / name).write_text(text)

    return make


V1 = "5:memory:/m\n4:cpu,cpuacct:/a/b\n1:name=systemd:/\n0::/\n"


@pytest.mark.parametrize(
    ("own", "files", "quota", "available"),
    [
        ("0::/\n", {}, None, 8),
        ("0::/\n", {"cpu.max": "max 100000\n"}, None, 8),
        ("0::/\n", {"cpu.max": "200000 100000\n"}, 2, 2),
        ("0::/a/b\n", {"a/b/cpu.max": "350000 100000", "cpu.max": "max 100000"}, 4, 4),
        ("0::/a/b\n", {"a/b/cpu.max": "400000 100000", "a/cpu.max": "100000 100000"}, 1, 1),
        ("0::/a\n", {"b/cpu.max": "100000 100000"}, None, 8),
        ("0::/\n", {"cpu.max": "10000 100000\n"}, 1, 1),
        ("0::/\n", {"cpu.max": "6400000 100000\n"}, 64, 8),
        ("0::/\n", {"cpu.max": "nonsense"}, None, 8),
        (
            V1,
            {
                "cpu,cpuacct/a/cpu.cfs_quota_us": "300000\n",
                "cpu,cpuacct/a/cpu.cfs_period_us": "100000\n",
                "cpu,cpuacct/a/b/cpu.cfs_quota_us": "-1\n",
                "cpu,cpuacct/a/b/cpu.cfs_period_us": "100000\n",
            },
            3,
            3,
        ),
    ],
)
def test_the_least_quota_of_the_groups_of_a_process_counts(groups, own, files, quota, available):
    groups(own, files)
    assert (cores.quota(), cores.available()) == (quota, available)


def test_where_there_are_no_groups_all_cores_count(monkeypatch, tmp_path):
    monkeypatch.setattr(cores, "OWN_CGROUPS", tmp_path / "gone")
    assert cores.quota() is None
    assert cores.available() == cores.visible() >= 1


@pytest.mark.parametrize(
    ("given", "added"),
    [
        ({}, {"GOMP_SPINCOUNT": "1000"}),
        ({"GOMP_SPINCOUNT": "5"}, {}),
        ({"OMP_WAIT_POLICY": "active"}, {}),
    ],
)
def test_threads_wait_briefly_unless_the_environment_says_how_long(monkeypatch, given, added):
    environment = dict(given)
    monkeypatch.setattr(os, "environ", environment)
    cores.wait_briefly()
    assert environment == given | added


@pytest.mark.slow
def test_the_threads_of_a_stage_wait_briefly(monkeypatch):
    for name in ("OMP_WAIT_POLICY", "GOMP_SPINCOUNT"):
        monkeypatch.delenv(name, raising=False)
    command = "import os, stages; print(os.environ['GOMP_SPINCOUNT'])"
    seen = run(PROJECT, sys.executable, "-c", command)
    assert seen.stdout.split() == ["1000"], seen.stderr
