"""Settings of the scratch store."""

from pydantic import Field

from deepfake_detector.common.settings import StrictModel


class Scratch(StrictModel):
    """How much finished work is kept for the next run."""

    max_gb: float = Field(
        100.0,
        ge=0,
        description="above it the least recently used entries are deleted; `prune` deletes all that are "
        "not in use",
    )
