"""What DVC keeps of other runs: the files of commits, branches and experiments."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import dvc.api
from dvc.exceptions import DvcException
from dvc.scm import SCMError

from deepfake_detector import UserError

WORKSPACE = "workspace"


def content(revision: str, path: Path) -> bytes:
    """A file of a run (Git's name, an experiment's name, or `workspace`). Raises UserError where it
    is not to be had."""
    try:
        return (
            path.read_bytes()
            if revision == WORKSPACE
            else dvc.api.read(str(path), rev=revision, mode="rb")
        )
    except (DvcException, SCMError, OSError) as error:
        if revision != WORKSPACE and not _has_commit():
            raise UserError(
                f"{revision}: this Git repository has no commit yet, so there is no earlier run",
                "make the first one (`git add -A`, `git commit -m start`) once `dvc repro` is done",
            ) from error
        raise UserError(
            f"{path} of {revision} is not to be had ({error})",
            "name a commit, branch or experiment (`dvc exp show`) whose "
            "results are in DVC's cache (`dvc pull`, or `dvc exp apply` and `dvc repro`)",
        ) from error


def kept() -> list[dict[str, Any]]:
    """The workspace, the last commit and the experiments that began at it, as `dvc exp show --json`
    prints them; nothing where DVC has none."""
    shown = (sys.executable, "-m", "dvc", "exp", "show", "--json")
    done = subprocess.run(shown, capture_output=True, text=True, check=False)
    return [] if done.returncode else json.loads(done.stdout)


def _has_commit() -> bool:
    """False where Git says that there is none, or is not there."""
    asked = ("git", "rev-parse", "--quiet", "--verify", "HEAD")
    try:
        return subprocess.run(asked, capture_output=True, check=False).returncode == 0
    except OSError:
        return False
