"""What all settings have in common, and the settings of parallel work.

A setting is declared once, in the `settings.py` of the subpackage that uses it: its caption, its
unit and its legal range are those of the field. `params.py` assembles them into params.yaml.
"""

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field
from pydantic_core import ErrorDetails

# DVC leaves keys of these names out where it looks for a former run with the same settings: had a
# setting such a name, a run with another value would be taken for the same
UNSEEN_BY_DVC = ("size", "nfiles")
SECTION = "must be a section: keys with their values"
IN_WORDS = {  # pydantic's kinds of problems that it describes in words of a program
    "missing": "missing",
    "extra_forbidden": "unknown key; check its spelling, or remove it",
    "model_type": SECTION,
    "model_attributes_type": SECTION,
    "dict_type": SECTION,
    "string_pattern_mismatch": "must be 64 digits of 0-9 and a-f",  # Sha256 is the one pattern
}
SHOWN = 60  # characters of a wrong value


class StrictModel(BaseModel):
    """A pydantic model that is immutable and refuses unknown names, infinity and NaN."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)


Fraction = Annotated[float, Field(ge=0, le=1)]
Sha256 = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]


class Parallel(StrictModel):
    """Where work on many items is done, and the limits of one call."""

    executor: Literal["local", "ray"] = Field(
        "local",
        description="local, or ray: the running cluster that RAY_ADDRESS names (docs/scaling.md)",
    )
    workers: int = Field(
        0, ge=0, le=1024, description="processes; 0: one per core; a cluster decides for itself"
    )
    seconds_per_item: float = Field(
        600.0, gt=0, description="an archive that takes longer fails; the others go on"
    )
    memory_per_item: float = Field(
        4.0,
        ge=0,
        description="GiB; an archive that needs more fails; the others go on; 0: no limit",
    )


def in_words(detail: ErrorDetails) -> str:
    """One problem that pydantic found, in words for the person who wrote the settings."""
    return IN_WORDS.get(detail["type"], detail["msg"].removeprefix("Value error, "))


def shown(value: object) -> str:
    """The beginning of a wrong value, on one line."""
    text = repr(value)
    return text if len(text) <= SHOWN else text[:SHOWN] + "…"
