"""What all settings have in common, and the settings of parallel work.

A setting is declared once, in the `settings.py` of the wing that uses it: its caption, its unit and
its legal range are those of the field. `params.py` assembles them into params.yaml.
"""

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

# DVC leaves keys of these names out where it looks for a former run with the same settings: had a
# setting such a name, a run with another value would be taken for the same
UNSEEN_BY_DVC = ("size", "nfiles")


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
        600.0, gt=0, description="an archive that takes longer fails, alone"
    )
    memory_per_item: float = Field(
        4.0, ge=0, description="GiB; an archive that needs more fails, alone; 0: no limit"
    )
