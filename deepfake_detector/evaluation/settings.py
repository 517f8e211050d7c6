"""Settings of `quality`, `evaluate` and `robustness`."""

from typing import Annotated, Literal, get_args

from pydantic import Field, model_validator

from deepfake_detector.common.settings import StrictModel

Level = Annotated[int, Field(ge=1, le=5)]
Corruption = Literal[
    "saturation",
    "contrast",
    "blocks",
    "noise",
    "blur",
    "sharpness",
    "pixelation",
    "h264",
    "jpeg",
    "downsize",
]


class Quality(StrictModel):
    """Which validation clips are corrupted, and how, to fit what a face is judged with."""

    seed: int = Field(1, ge=0, description="of noise and of the places of blocks")
    frames: int = Field(
        8, ge=1, le=1000, description="of each copied video at most, evenly over those extracted"
    )
    levels: list[Level] = Field(
        [1, 3, 5], min_length=1, description="1 (little) to 5 (much) of each corruption"
    )
    corruptions: list[Corruption] = Field(
        ["noise", "blur", "sharpness", "pixelation", "h264", "jpeg", "downsize"],
        min_length=1,
        description="what changes the finest detail; the others move no measure",
    )
    clips_per_class: int = Field(
        50, ge=0, description="validation clips of each class that are copied; 0: all"
    )
    clean_outside: Annotated[float, Field(ge=0, lt=1)] = Field(
        0.01, description="fraction of the clips as they are that may lie beyond each limit"
    )


class Evaluate(StrictModel):
    """What is measured."""

    splits: list[Literal["val", "test"]] = Field(
        ["val", "test"],
        min_length=1,
        description="[val] while searching, so that test stays unread",
    )

    @model_validator(mode="after")
    def _each_once(self) -> "Evaluate":
        if len(set(self.splits)) < len(self.splits):
            raise ValueError("each split once")
        return self


class Robustness(StrictModel):
    """Which frames are corrupted, and how."""

    seed: int = Field(1, ge=0, description="of noise and of the places of blocks")
    frames: int = Field(
        8, ge=1, le=1000, description="of each video at most, evenly over those extracted"
    )
    levels: list[Level] = Field(
        [1, 2, 3, 4, 5], min_length=1, description="1 (little) to 5 (much) of each corruption"
    )
    corruptions: list[Corruption] = Field(
        list(get_args(Corruption)), min_length=1, description="a few of them for a quick look"
    )
    items_per_class: int = Field(
        0, ge=0, description="real and fake ones each, evenly over the split; 0: all"
    )
