"""Settings of `extract_frames`."""

from typing import Literal

from pydantic import Field

from deepfake_detector.common.settings import StrictModel


class ExtractFrames(StrictModel):
    """How many frames of a video are stored, and how."""

    frames: int = Field(
        32, ge=1, le=10_000, description="frames of each video, spread evenly over its whole length"
    )
    format: Literal["jpeg", "png"] = Field(
        "jpeg", description="jpeg, or png for lossless frames (several times the space)"
    )
    jpeg_quality: int = Field(95, ge=1, le=100, description="1..100, without chroma subsampling")
