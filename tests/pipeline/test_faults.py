"""What can go wrong around a run: disks, caches, clocks and a second run beside it. The next one
makes the same, or says what to do."""

import hashlib
import os
import shutil
import subprocess
import sys
import time
import zipfile
from pathlib import Path

import pytest
from conftest import copy_toy_project, forget, run
from patience import HANG
from ruamel.yaml import YAML

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def project(toy_project, tmp_path_factory) -> Path:
    return copy_toy_project(toy_project, tmp_path_factory.mktemp("faults") / "project")


@pytest.fixture
def lock(project) -> bytes:
    return (project / "dvc.lock").read_bytes()


def repro(project: Path, *stages: str) -> subprocess.CompletedProcess:
    return run(project, "dvc", "repro", *stages)


def an_archive(project: Path) -> Path:
    return min((project / "data/faces").rglob("*.zip"))


def cached(project: Path, path: str) -> Path:
    """The entry of DVC's cache that holds a file of the project."""
    digest = hashlib.md5((project / path).read_bytes(), usedforsecurity=False).hexdigest()
    return project / ".dvc/cache/files/md5" / digest[:2] / digest[2:]


def test_a_damaged_archive_is_named_with_the_remedy_and_the_remedy_works(project, lock):
    archive = an_archive(project)
    with zipfile.ZipFile(archive) as whole:
        member = whole.infolist()[0]
    data = bytearray(archive.read_bytes())
    data[member.header_offset + 60] ^= 0xFF
    archive.unlink()
    archive.write_bytes(data)
    stopped = run(project, sys.executable, "-m", "stages.verify")
    assert stopped.returncode == 1
    assert archive.name in stopped.stderr
    assert "Traceback" not in stopped.stderr
    shutil.rmtree(project / "data/faces")
    done = repro(project)
    assert done.returncode == 0, done.stdout + done.stderr
    assert (project / "dvc.lock").read_bytes() == lock


def test_what_is_gone_from_the_cache_is_made_again(project, lock):
    cached(project, "data/verified.csv").unlink()
    (project / "data/verified.csv").unlink()
    done = repro(project)
    assert done.returncode == 0, done.stdout + done.stderr
    assert (project / "dvc.lock").read_bytes() == lock


@pytest.mark.parametrize("share", [0, 0.3, 0.7], ids=str)
def test_a_lock_file_that_dvc_was_killed_over_is_made_again_or_named_with_the_remedy(
    project, lock, share
):
    torn = lock[: int(share * len(lock))]
    (project / "dvc.lock").write_bytes(torn)
    examined = run(project, sys.executable, "-m", "deepfake_detector", "doctor")
    if repro(project).returncode:
        assert "dvc.lock                truncated" in examined.stdout
        assert "git checkout HEAD -- dvc.lock`, or remove it; then `dvc repro`" in examined.stdout
        (project / "dvc.lock").unlink()
        assert repro(project).returncode == 0
    else:
        assert "truncated" not in examined.stdout
    assert (project / "dvc.lock").read_bytes() == lock


def test_a_file_of_running_commands_that_was_left_torn_is_named_with_the_remedy(project, lock):
    running = project / ".dvc/tmp/rwlock"
    running.write_bytes(b'{"/a": {"write": {"pid": 1, "cm')
    assert repro(project).returncode
    examined = run(project, sys.executable, "-m", "deepfake_detector", "doctor")
    assert ".dvc/tmp/rwlock         truncated" in examined.stdout
    assert "make sure that no dvc runs here, and remove it" in examined.stdout
    running.unlink()
    assert repro(project).returncode == 0
    assert (project / "dvc.lock").read_bytes() == lock


def test_of_two_runs_at_once_one_waits_or_says_why_not_and_nothing_is_torn(project, lock):
    forget(project, ["verify", "split"])
    command = ["dvc", "repro", "verify", "split"]
    environment = os.environ | {
        "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    }
    both = [
        subprocess.Popen(
            command,
            cwd=project,
            env=environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        for _ in range(2)
    ]
    said = [one.communicate(timeout=HANG)[0] for one in both]
    assert 0 in [one.returncode for one in both], said
    for one, text in zip(both, said, strict=True):
        assert one.returncode == 0 or "lock" in text.lower(), text
    done = repro(project)
    assert done.returncode == 0, done.stdout + done.stderr
    assert YAML(typ="safe").load(project / "dvc.lock") == YAML(typ="safe").load(
        lock.decode()
    )  # the order may differ


def test_a_clock_that_was_set_back_changes_nothing(project):
    """What was written seems to come from the future, then what is new seems older than what it is
    made from."""
    repro(project)
    before = (project / "dvc.lock").read_bytes()
    later = time.time() + 7 * 24 * 3600
    for path in (project / "data").glob("*.csv"):
        os.utime(path, (later, later))
    done = repro(project)
    assert done.returncode == 0, done.stdout + done.stderr
    assert (project / "dvc.lock").read_bytes() == before
    assert "Running stage" not in done.stdout


def test_a_folder_that_cannot_be_written_is_named(project):
    """A mount of its own that is read-only holds for root as well."""
    folder = project / "data/splits"
    mounts = f"mount --bind {folder} {folder} && mount -o remount,ro,bind {folder}"
    if not shutil.which("unshare") or run(project, "unshare", "-rm", "sh", "-c", mounts).returncode:
        pytest.skip("needs a mount namespace of its own (unshare)")
    stopped = run(
        project, "unshare", "-rm", "sh", "-c", f"{mounts} && exec {sys.executable} -m stages.split"
    )
    assert stopped.returncode == 1
    assert "data/splits" in stopped.stderr
    assert "Traceback" not in stopped.stderr
