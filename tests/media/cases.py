"""Small files of kinds that readers of media get wrong, each made after a public report."""

from pathlib import Path

FOLDER = Path(__file__).parents[1] / "cases"


def case(name: str) -> Path:
    return FOLDER / name
