"""Settings of `quality`, `evaluate` and `robustness`."""

from typing import Annotated, Literal, get_args

from pydantic import AfterValidator, Field

from deepfake_detector.common.settings import StrictModel


def _each_once(values: list) -> list:
    if len(set(values)) < len(values):
        raise ValueError("each of them once")
    return values


Each = AfterValidator(_each_once)
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
    levels: Annotated[list[Level], Each] = Field(
        [1, 3, 5], min_length=1, description="1 (little) to 5 (much) of each corruption"
    )
    corruptions: Annotated[list[Corruption], Each] = Field(
        ["noise", "blur", "sharpness", "pixelation", "h264", "jpeg", "downsize"],
        min_length=1,
        description="corruptions to apply; the others change no quality measure",
    )
    clips_per_class: int = Field(
        50, ge=0, description="validation clips of each class that are copied; 0: all"
    )
    clean_outside: Annotated[float, Field(ge=0, lt=1)] = Field(
        0.01, description="fraction of uncorrupted clips that may lie outside each limit"
    )


class Evaluate(StrictModel):
    """What is measured."""

    splits: Annotated[list[Literal["val", "test"]], Each] = Field(
        ["val", "test"],
        min_length=1,
        description="[val] while searching, so that test stays unread",
    )


class Robustness(StrictModel):
    """Which frames are corrupted, and how."""

    seed: int = Field(1, ge=0, description="of noise and of the places of blocks")
    frames: int = Field(
        8, ge=1, le=1000, description="of each video at most, evenly over those extracted"
    )
    levels: Annotated[list[Level], Each] = Field(
        [1, 2, 3, 4, 5], min_length=1, description="1 (little) to 5 (much) of each corruption"
    )
    corruptions: Annotated[list[Corruption], Each] = Field(
        list(get_args(Corruption)),
        min_length=1,
        description="corruptions to apply; list fewer for a quick look",
    )
    items_per_class: int = Field(
        0, ge=0, description="real and fake ones each, evenly over the split; 0: all"
    )
