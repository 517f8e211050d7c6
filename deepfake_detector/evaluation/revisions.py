"""What DVC keeps of other runs: the files of commits, branches and experiments."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import dvc.api
from dvc.exceptions import DvcException, PathMissingError
from dvc.scm import SCMError
from ruamel.yaml import YAML

from deepfake_detector import UserError

WORKSPACE = "workspace"
LOCK = Path("dvc.lock")


def content(revision: str, path: Path) -> bytes:
    """The content of a file of a run: `revision` is Git's name, an experiment's name, or
    `workspace`. Raises UserError where it cannot be found."""
    try:
        return (
            path.read_bytes()
            if revision == WORKSPACE
            else dvc.api.read(str(path), rev=revision, mode="rb")
        )
    except (DvcException, SCMError, OSError) as error:
        if revision == WORKSPACE:
            raise UserError(f"{path} cannot be found ({error})", "`dvc repro` makes it") from error
        if not _is_repository():
            raise UserError(
                f"{revision}: this is no Git repository, so there is no earlier run",
                "name `workspace`, or work in a clone of the project",
            ) from error
        if not _has_commit():
            raise UserError(
                f"{revision}: this Git repository has no commit yet, so there is no earlier run",
                "make the first one (`git add -A`, `git commit -m start`) once `dvc repro` is done",
            ) from error
        absent = isinstance(error, PathMissingError)
        why = "its content is not in DVC's cache" if absent else error
        raise UserError(
            f"{path} of {revision} cannot be found ({why})",
            "name a commit, branch or experiment (`dvc exp show`) whose results are in DVC's "
            "cache (`dvc pull`, or `dvc exp apply` and `dvc repro`)",
        ) from error


def older_than_its_inputs(lock: bytes, stage: str) -> str:
    """The path of the first input of `stage`, or of a stage that its inputs come from, that has
    been made again since that stage ran; empty where there is none. `lock` is the text of a
    dvc.lock.

    DVC keeps the outputs of stages that were not asked for as they are: after `dvc exp run train`
    the figures of the run are those of the model before.
    """
    stages = YAML(typ="safe").load(lock)["stages"]
    makers = {
        out["path"]: (name, out.get("md5"))
        for name, entry in stages.items()
        for out in entry.get("outs", [])
    }
    looked_at, waiting = {stage}, [stage]
    while waiting:
        for dep in stages.get(waiting.pop(), {}).get("deps", []):
            maker, md5 = makers.get(dep["path"], ("", dep.get("md5")))
            if md5 != dep.get("md5"):
                return dep["path"]
            if maker and maker not in looked_at:
                looked_at.add(maker)
                waiting.append(maker)
    return ""


def is_evaluated(revision: str) -> bool:
    """Whether the figures of a run are those of its model; False where it has no dvc.lock."""
    try:
        lock = content(revision, LOCK)
    except UserError:
        return False
    return not older_than_its_inputs(lock, "evaluate")


def kept() -> list[dict[str, Any]]:
    """The workspace, the last commit and the experiments that began at it, as `dvc exp show --json`
    prints them; empty where that fails."""
    shown = (sys.executable, "-m", "dvc", "exp", "show", "--json")
    done = subprocess.run(shown, capture_output=True, text=True, check=False)
    return [] if done.returncode else json.loads(done.stdout)


def _has_commit() -> bool:
    return _git_finds("--quiet", "--verify", "HEAD")


def _is_repository() -> bool:
    return _git_finds("--git-dir")


def _git_finds(*arguments: str) -> bool:
    """Whether `git rev-parse` finds it; False where there is no Git."""
    try:
        done = subprocess.run(("git", "rev-parse", *arguments), capture_output=True, check=False)
    except OSError:
        return False
    return done.returncode == 0
