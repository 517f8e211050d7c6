"""Settings of `export`."""

from pydantic import Field

from deepfake_detector.common.settings import StrictModel


class Export(StrictModel):
    """On what the exported files are compared with the trained network."""

    clips_per_class: int = Field(
        100,
        ge=0,
        description="validation clips of each class for comparing files and fitting int8; 0: all",
    )
