"""Nothing that a command reads is written over, and nothing is written twice."""

import os
from pathlib import Path

import pytest

from deepfake_detector import UserError
from deepfake_detector.cli import outputs


@pytest.fixture
def here(tmp_path, monkeypatch) -> Path:
    monkeypatch.chdir(tmp_path)
    Path("clip.mp4").write_bytes(b"a clip")
    Path("old.json").write_text("[]")
    Path("link.json").symlink_to("clip.mp4")
    os.link("clip.mp4", "hard.json")
    os.mkfifo("pipe")
    Path("folder").mkdir()
    return tmp_path


@pytest.mark.parametrize(
    ("targets", "said"),
    [
        (["new.json"], ""),
        (["old.json", "made/new.csv"], ""),
        (["clip.mp4"], "clip.mp4: would be written over what is read; name another"),
        (["folder/../clip.mp4"], "clip.mp4: would be written over what is read"),
        (["link.json"], "link.json: would be written over what is read"),
        (["hard.json"], "hard.json: would be written over what is read"),
        (["gone.mp4"], "gone.mp4: would be written over what is read"),
        (["new.json", "new.json"], "new.json: two things would be written there"),
        (["old.json", "folder/../old.json"], "old.json: two things would be written there"),
        (["pipe"], "pipe: no ordinary file to write to; name another"),
        (["/dev/null"], "/dev/null: no ordinary file to write to"),
        (["folder"], "folder: a folder, where a file is to be written; rename or remove it"),
    ],
)
def test_what_must_not_be_written_is_refused(here, targets, said):
    read = [Path("clip.mp4"), Path("gone.mp4")]
    if not said:
        outputs.check(map(Path, targets), read)
        return
    with pytest.raises(UserError, match=said):
        outputs.check(map(Path, targets), read)
