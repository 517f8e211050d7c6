"""What was changed, added or removed is named, whatever its size and times say by themselves."""

import os
from pathlib import Path

import pytest

from deepfake_detector.common import input_stamps


@pytest.fixture
def folder(tmp_path, monkeypatch) -> Path:
    monkeypatch.chdir(tmp_path)
    Path("in/deep").mkdir(parents=True)
    Path("in/deep/a").write_text("one")
    Path("b").write_text("two")
    return tmp_path


def replace(path: Path, text: str) -> None:
    """Another file with the times of the first."""
    old = path.stat()
    Path("new").write_text(text)
    os.utime("new", ns=(old.st_atime_ns, old.st_mtime_ns))
    os.replace("new", path)


@pytest.mark.parametrize(
    ("meddle", "said"),
    [
        (lambda: Path("b").write_text("other size"), ["b was changed"]),
        (lambda: os.utime("b", (1, 1)), ["b was changed"]),
        (lambda: replace(Path("b"), "owt"), ["b was changed"]),
        (lambda: Path("in/c").touch(), ["in/c was added"]),
        (lambda: Path("in/deep/a").unlink(), ["in/deep/a was removed"]),
        (lambda: Path("b").rename("in/b"), ["b was removed", "in/b was added"]),
        (lambda: Path("later").touch(), ["later was added"]),
        (lambda: Path("other").touch(), []),
        (lambda: Path("b").read_text(), []),
        (lambda: (Path("in/__pycache__").mkdir(), Path("in/__pycache__/x.pyc").touch()), []),
    ],
)
def test_what_became_of_files_and_folders_is_named(folder, meddle, said):
    paths = [Path("in"), Path("b"), Path("later")]
    before = input_stamps.stamps(paths)
    meddle()
    assert input_stamps.changes(before, input_stamps.stamps(paths)) == said
