"""The pipeline's stages: one thin script each, run as `python -m stages.NAME` from the project's
folder.

Importing this checks that Python is the one the project was installed for, so that a stage started
with another one says so instead of failing in the middle. It also holds the libraries that are
loaded next to portable arithmetic, lets their idle threads leave the cores to other work, and
watches from then on whether DVC still lives.
"""

import gc
import sys
from pathlib import Path

from deepfake_detector.common import arithmetic, cores, packages

PROJECT = Path(__file__).resolve().parents[1]

if sys.argv[0] == "-m":  # a stage starts
    gc.disable()  # until `runner.run`: nothing that is loaded is garbage, and looking takes a second

if _wrong := packages.wrong(packages.pinned(PROJECT)):
    sys.exit(
        f"error: this is {sys.executable}, which lacks what requirements.txt pins: "
        f"{', '.join(_wrong)}.\n"
        "Activate the project's environment (`. .venv/bin/activate`; `make repro` creates it), "
        "then run dvc again."
    )

# ruff: noqa: E402 - a wrong Python may lack what these need
from deepfake_detector import params
from deepfake_detector.common.console import stop_with_parent

cores.wait_briefly()
arithmetic.hold(network=params.declared("train", "arithmetic") == "portable")
stop_with_parent()  # before a stage loads its libraries: DVC may be killed in those seconds
