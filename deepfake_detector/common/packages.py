"""Which packages this Python has, and whether they are those that a project's requirements.txt
pins; needs none of them itself."""

import re
import tomllib
from importlib import metadata
from pathlib import Path

OWN = "face-forgery-detector"


def pinned(project: Path) -> dict[str, str]:
    """Package -> version, of those that pyproject.toml names for running the pipeline.

    Raises FileNotFoundError where the folder `project` has no such files.
    """
    declared = tomllib.loads((project / "pyproject.toml").read_text())["project"]
    extras = declared["optional-dependencies"]
    wanted = [*declared["dependencies"], *extras["serve"], *extras["train"]]
    names = {re.split(r"[^\w.-]", line, maxsplit=1)[0] for line in wanted} - {declared["name"]}
    lock = (project / "requirements.txt").read_text()
    pins = dict(re.findall(r"^([\w.-]+)==([^\s;]+)", lock, re.MULTILINE))
    return {name: pins[re.sub(r"[._]", "-", name.lower())] for name in sorted(names)}


def wrong(pins: dict[str, str]) -> list[str]:
    """Packages that are missing here or of another version, as `name wanted (found)`."""
    return [
        f"{name} {pin} ({version})"
        for name, pin in pins.items()
        if (version := installed(name) or "missing") != pin
    ]


def installed(name: str) -> str:
    """The version of a package here, without a local build's name; empty where it is missing."""
    try:
        return metadata.version(name).split("+")[0]
    except metadata.PackageNotFoundError:
        return ""


def own_version() -> str:
    """This project's version: of the checkout that it runs in, else of the installed package."""
    declared = Path(__file__).parents[2] / "pyproject.toml"
    if not declared.is_file():
        return installed(OWN)
    return tomllib.loads(declared.read_text())["project"]["version"]
