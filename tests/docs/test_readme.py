"""The README: its figures are those of the committed run, its files are there."""

import json
import re
import subprocess
from fnmatch import fnmatch
from pathlib import Path

README = Path("README.md").read_text()
EVALUATION = "metrics/evaluation.json"


def git(*arguments: str) -> str:
    return subprocess.run(["git", *arguments], capture_output=True, text=True, check=True).stdout


def test_its_figures_are_those_of_the_committed_run():
    """Not those in the workspace: a run on another processor comes to slightly different ones."""
    figures = json.loads(git("show", f"HEAD:{EVALUATION}"))
    rows = re.findall(r"^\| (val|test), (frame|video)s \| (.+) \|$", README, re.MULTILINE)
    header = re.search(r"^\| scored on \| (.+) \|$", README, re.MULTILINE)[1].split(" | ")
    assert [row[:2] for row in rows] == [
        (part, level) for part in ("val", "test") for level in ("frame", "video")
    ]
    for part, level, cells in rows:
        for name, cell in zip(header, cells.split(" | "), strict=True):
            own = figures[part][level]
            ends = [own[f"{name}_{end}"] for end in ("low", "high") if f"{name}_{end}" in own]
            assert [float(number) for number in re.findall(r"[\d.]+", cell)] == [
                round(value, 3) for value in (own[name], *ends)
            ], f"{part} {level} {name}"


def test_every_file_it_names_is_there():
    linked = re.findall(r"\]\(([^)#:]+)\)", README)
    assert linked
    assert [name for name in linked if not Path(name).exists()] == []


def test_its_tree_names_all_that_git_holds_at_the_top():
    tracked = git("ls-files").splitlines()
    folders = {name.split("/")[0] + "/" for name in tracked if "/" in name}
    files = {name for name in tracked if "/" not in name and not name.startswith(".")}
    tree = re.search(r"## Where things are\n\n```\n(.+?)```", README, re.DOTALL)[1]
    named = re.findall(r"[\w.*-]+/?", tree)
    missing = {
        name
        for name in folders | files - {"README.md"}
        if not any(fnmatch(name, pattern) for pattern in named)
    }
    assert missing == set()
