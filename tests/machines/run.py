"""The pipeline at toy size under the circumstances of other machines, each as a newcomer meets it:
`make repro`, then `predict`.

    make machines
    PYTHONPATH=tests python -m machines.run [--pythons python3.11 python3.12] [--cells NAME ...]

Each Python, and the user who is not root, installs all from nothing (some minutes and 7 GB each,
removed afterwards); the others use this environment. Cutting the network off and being another user
takes root. Ends with 1 where a cell failed.
"""

import argparse
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass, field
from pathlib import Path

from conftest import TOY, borrow_environment, copy_project, outputs
from made import change_params, person_clip

NOBODY = 65534
CLIPS = 12  # of each class, in the folder that may only be read
AVX2 = {  # oneDNN's, PyTorch's, OpenCV's and NumPy's switches; ONNX Runtime has none
    "ONEDNN_MAX_CPU_ISA": "AVX2",
    "ATEN_CPU_CAPABILITY": "avx2",
    "OPENCV_CPU_DISABLE": "AVX512-SKX",
    "NPY_DISABLE_CPU_FEATURES": "AVX512F AVX512CD AVX512_SKX AVX512_CLX AVX512_CNL AVX512_ICL AVX512_SPR",
}
PLAIN = {"LANG": "C", "LC_ALL": "C", "PYTHONCOERCECLOCALE": "0", "PYTHONUTF8": "0"}


@dataclass(frozen=True)
class Cell:
    """What a machine has: a Python that installs anew, variables, what a command is run by, where
    the project lies, and whether another user works on clips that only root may change."""

    python: str = ""
    environment: dict[str, str] = field(default_factory=dict)
    under: tuple[str, ...] = ()
    folder: str = "project"
    another_user: bool = False


def cells(pythons: list[str]) -> dict[str, Cell]:
    user = ("setpriv", f"--reuid={NOBODY}", f"--regid={NOBODY}", "--clear-groups", "--")
    return {Path(python).name: Cell(python) for python in pythons} | {
        "no AVX512": Cell(environment=AVX2),
        "no network": Cell(under=("unshare", "--net", "--")),
        "path with spaces and other letters": Cell(folder="проект 検出 (1)"),
        "LANG=C": Cell(environment=PLAIN),
        "not root, clips read-only": Cell("/usr/bin/python3", under=user, another_user=True),
    }


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    pythons = ["python3.11", "python3.12", "python3.13"]
    parser.add_argument("--pythons", nargs="+", default=pythons, help="(default: %(default)s)")
    parser.add_argument("--cells", nargs="+", metavar="NAME", help="these only (default: all)")
    arguments = parser.parse_args()
    known = cells(arguments.pythons)
    chosen, first, failed = arguments.cells or list(known), None, []
    for name in chosen:
        with tempfile.TemporaryDirectory() as folder:
            project = _project(Path(folder), known[name])
            started = time.monotonic()
            said = _runs(project, known[name])
            seconds = time.monotonic() - started
            if said:
                failed.append(name)
                print(f"{name}: FAILED\n{said}", flush=True)
                continue
            video = json.loads((project / "metrics/evaluation.json").read_text())["test"]["video"]
            print(
                f"{name}: done in {seconds:.0f} s, test video log loss {video['log_loss']:.4f}",
                end="",
            )
            if not known[name].another_user:  # it has clips of its own, so other bytes
                made = outputs(project)
                first = first or (name, made)
                same = sum(made[stage] == first[1][stage] for stage in made)
                print(f", {same} of {len(made)} stages made the bytes of {first[0]}", end="")
            print(flush=True)
    return 1 if failed else 0


def _project(folder: Path, cell: Cell) -> Path:
    folder.chmod(0o755)
    project, clips = folder / cell.folder, folder / "clips"
    copy_project(project)
    change_params(project / "params.yaml", TOY)
    if not cell.python:
        borrow_environment(project)
    if cell.another_user:
        for number in range(2 * CLIPS):
            target = clips / ("real", "fake")[number % 2] / f"{number}.mp4"
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(person_clip(number))
        own = {"layout": "folder", "root": str(clips), "use": "train", "kind": "media"}
        change_params(
            project / "params.yaml",
            {"synthesize": {}, "data_sets": {"own": own}, "verify.on_shortcut": "warn"},
        )
        for path in (project, *project.rglob("*")):
            os.chown(path, NOBODY, NOBODY)
    return project


def _runs(project: Path, cell: Cell) -> str:
    """The run, then verdicts, on the demo's own examples or on the other user's clips; what was
    said where one of the two failed."""
    python = [f"PYTHON={shutil.which(cell.python)}"] if cell.python else []
    own = {"HOME": str(project)} if cell.another_user else {}
    judged = project.parent / "clips" if cell.another_user else "models/examples"
    for command in (
        ["make", "repro", *python],
        [".venv/bin/python", "-m", "deepfake_detector", "predict", judged],
    ):
        done = subprocess.run(
            [*cell.under, *command],
            cwd=project,
            env=os.environ | cell.environment | own,
            capture_output=True,
            text=True,
            errors="replace",
            check=False,
        )
        if done.returncode:
            return (done.stdout + done.stderr)[-3000:]
    return ""


if __name__ == "__main__":
    sys.exit(main())
