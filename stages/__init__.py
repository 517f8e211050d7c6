"""The pipeline's stages: one thin script each, run as `python -m stages.NAME` from the project's folder.

Importing this checks that Python is the one the project was installed for, so that a stage started with another one
says so instead of failing in the middle, and watches from then on whether DVC still lives.
"""

import re
import sys
from importlib import metadata
from pathlib import Path

_PROJECT = Path(__file__).resolve().parent.parent


def _wrong_packages() -> list[str]:
    """Packages that requirements.in names and this Python lacks, or has in another version than requirements.txt pins."""
    pins = dict(re.findall(r"^([\w.-]+)==([^\s;]+)", (_PROJECT / "requirements.txt").read_text(), re.MULTILINE))
    wrong = []
    for name in re.findall(r"^([\w.-]+)", (_PROJECT / "requirements.in").read_text(), re.MULTILINE):
        pin = pins[name.lower().replace(".", "-").replace("_", "-")]
        try:
            found = metadata.version(name).split("+")[0]
        except metadata.PackageNotFoundError:
            found = "missing"
        if found != pin:
            wrong.append(f"{name} {pin} ({found})")
    return wrong


if _wrong := _wrong_packages():
    sys.exit(
        f"error: this is {sys.executable}, which lacks what requirements.txt pins: {', '.join(_wrong)}.\n"
        "Activate the project's environment (`. .venv/bin/activate`; `make repro` creates it), then run dvc again."
    )

from deepfake_detector.console import stop_with_parent  # noqa: E402 - a wrong Python may lack what this needs

stop_with_parent()  # before a stage loads its libraries: DVC may be killed in those seconds
