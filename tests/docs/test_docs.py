"""What the documents tell to type runs, and what they link to is there."""

import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

DOCS = sorted(Path("docs").glob("*.md"))
PREDICT = Path("docs/predict.md").read_text()


def blocks(text: str, language: str) -> list[str]:
    found = re.findall(r"^```(\w*)\n(.+?)^```$", text, re.DOTALL | re.MULTILINE)
    return [content for name, content in found if name == language]


@pytest.mark.parametrize("path", DOCS, ids=lambda path: path.name)
def test_every_file_a_document_links_to_is_there(path):
    linked = [name for name in re.findall(r"\]\(([^)#]+)\)", path.read_text()) if ":" not in name]
    assert [name for name in linked if not (path.parent / name).exists()] == []


@pytest.fixture
def serving(toy_project, tmp_path, monkeypatch) -> Path:
    """A folder with nothing but the exported models and examples."""
    (tmp_path / "models").symlink_to(toy_project / "models")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PYTHONPATH", str(toy_project))
    return tmp_path


def test_the_commands_that_judge_run(serving):
    (commands,) = blocks(PREDICT, "")
    for line in commands.splitlines():
        command = [sys.executable, *shlex.split(line)[1:]]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
    assert sorted(path.name for path in serving.iterdir()) == [
        "models",
        "pages",
        "reports.json",
        "table.csv",
    ]


def test_the_example_in_python_runs(serving):
    (code,) = blocks(PREDICT, "python")
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert done.stdout.split()[0] in ("REAL", "FAKE", "INCONCLUSIVE")
    assert b"<html" in (serving / "evidence.html").read_bytes()
