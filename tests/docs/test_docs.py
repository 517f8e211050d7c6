"""What the documents tell to type runs, and what they link to is there."""

import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

DOCS = sorted(Path("docs").glob("*.md"))
DOCUMENTS = {name: Path(name).read_text() for name in ("README.md", "docs/predict.md")}


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
    (commands,) = blocks(DOCUMENTS["docs/predict.md"], "")
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


@pytest.mark.parametrize(
    ("document", "written"), [("README.md", []), ("docs/predict.md", ["evidence.html"])]
)
def test_the_example_in_python_runs(serving, document, written):
    (code,) = blocks(DOCUMENTS[document], "python")
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert done.stdout.split()[0] in ("REAL", "FAKE", "INCONCLUSIVE")
    assert all(b"<html" in (serving / name).read_bytes() for name in written)
