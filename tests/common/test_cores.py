"""Worker and thread counts heed the quota of a container, not only the cores that it sees."""

import pytest

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
