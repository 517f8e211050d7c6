"""Whether this Python has the packages that requirements.txt pins; needs none of them itself."""

import re
from importlib import metadata
from pathlib import Path

PROJECT = Path(__file__).resolve().parents[2]


def pinned() -> dict[str, str]:
    """Package -> version, of those that requirements.in names. Raises FileNotFoundError where there is no such list."""
    text, named = ((PROJECT / f"requirements.{kind}").read_text() for kind in ("txt", "in"))
    pins = dict(re.findall(r"^([\w.-]+)==([^\s;]+)", text, re.MULTILINE))
    names = re.findall(r"^([\w.-]+)", named, re.MULTILINE)
    return {name: pins[re.sub(r"[._]", "-", name.lower())] for name in names}


def wrong(pins: dict[str, str]) -> list[str]:
    """Those that are missing here or of another version, as `name wanted (found)`."""
    return [
        f"{name} {pin} ({found})"
        for name, pin in pins.items()
        if (found := _installed(name)) != pin
    ]


def _installed(name: str) -> str:
    try:
        return metadata.version(name).split("+")[0]  # without the name of a local build
    except metadata.PackageNotFoundError:
        return "missing"
