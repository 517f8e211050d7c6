"""Settings of the data: the data sets and their layouts, the drawn demo, `verify` and `split`."""

import re
from typing import Annotated, Literal

from pydantic import AfterValidator, Field, model_validator

from deepfake_detector.common.settings import UNSEEN_BY_DVC, Fraction, StrictModel

RAW = "data/raw"  # where the demo sets are drawn
PARTS = ("train", "val", "test")  # of a split
ALL_FAKES = "all"  # the fakes of validation by which the epoch is chosen


def _allowed(name: str) -> str:
    """The name of a data set, which becomes part of file names and of DVC's addresses.

    In figures and tables a held-out data set stands beside the parts of the split.
    """
    if not re.fullmatch("[a-z][a-z0-9_]{0,30}", name):
        raise ValueError("a name is 1 to 31 of a-z, 0-9 and _, a letter first")
    if name in PARTS:
        raise ValueError(f"{', '.join(PARTS)} are the parts of the split, not names of data sets")
    if name in UNSEEN_BY_DVC:
        raise ValueError(
            f"DVC would not notice a change of what is called {name}; take another name"
        )
    return name


Name = Annotated[str, AfterValidator(_allowed)]
LAYOUT = "how its tree is read (docs/data-sets.md)"


class _DataSet(StrictModel):
    """How a data set's tree is laid out, where it lies, and what it is used for."""

    layout: str = Field(description=LAYOUT)
    root: str = Field(
        min_length=1, description="its folder: an absolute path, or what `synthesize` draws"
    )
    use: Literal["train", "test", "published_test"] = Field(
        description="train: split into train, val and test; test: held out, measured by itself; "
        "published_test: that, of its published test part alone"
    )


class DataSet(_DataSet):
    """A data set whose layout has no options."""

    layout: Literal["demo", "celebdf", "dfdc", "dfdc_preview"] = Field(description=LAYOUT)


class FolderSet(_DataSet):
    """One's own material; `kind` says whether faces are still to be found."""

    layout: Literal["folder"] = Field(description=LAYOUT)
    kind: Literal["media", "face"] = Field(
        description="media: videos and images; face: images that are face crops already"
    )


class FaceForensicsSet(_DataSet):
    """FaceForensics++ in one compression."""

    layout: Literal["faceforensics"] = Field(description=LAYOUT)
    compression: Literal["raw", "c0", "c23", "c40"] = Field(
        description="raw, c0 (the same), c23 or c40; others under the root are left aside"
    )


AnyDataSet = Annotated[DataSet | FolderSet | FaceForensicsSet, Field(discriminator="layout")]


class Synthesize(StrictModel):
    """A drawn data set."""

    seed: int = Field(2, ge=0, description="another seed draws other people")
    pairs: int = Field(
        24,
        ge=3,
        le=500,
        description="pairs of people; each: 4 real and 4 fake clips, a real and a fake still",
    )
    seconds: float = Field(1.5, ge=0.2, le=60, description="length of a clip")
    resolution: Annotated[
        list[Annotated[float, Field(gt=0, le=1)]], Field(min_length=2, max_length=2)
    ] = Field(
        [0.12, 0.31],
        description="range of a forged part's own resolution, as a fraction; higher is harder",
    )

    @model_validator(mode="after")
    def _ascending(self) -> "Synthesize":
        if self.resolution[0] > self.resolution[1]:
            raise ValueError("resolution: the lower end of the range comes first")
        return self


class Verify(StrictModel):
    """What drops an item, and what stops the run."""

    min_side: int = Field(64, ge=1, description="pixels; smaller pictures are dropped")
    min_contrast: float = Field(
        3.0,
        ge=0,
        le=128,
        description="standard deviation of a face's grey values 0..128; flatter ones are blank",
    )
    min_sharpness: float = Field(
        2.0,
        ge=0,
        description="variance of the Laplacian, 0 is flat; below it an item is dropped as blurred",
    )
    min_brightness: float = Field(
        12.0, ge=0, le=255, description="mean grey value; below it an item is dropped as dark"
    )
    min_coverage: Fraction = Field(
        0.5, description="minimum fraction of frames with a face, per class; less stops the run"
    )
    max_coverage_gap: Fraction = Field(
        0.2, description="largest difference of that between the classes; more stops the run"
    )
    max_imbalance: float = Field(
        20.0, ge=1, description="largest ratio of the two classes' items; more stops the run"
    )
    max_shortcut_auc: float = Field(
        0.9,
        ge=0.5,
        le=1,
        description="of a classifier that sees file facts only (bitrate, size, rate …), no pixels",
    )
    on_shortcut: Literal["fail", "warn"] = Field("fail", description="above it: fail, or warn")


class HoldOut(StrictModel):
    """Forgery methods of data sets of `use: train` that training never sees."""

    methods: list[Annotated[str, Field(min_length=1)]] = Field(
        [], description="only in test, and measured there by themselves"
    )
    select_by: str = Field(
        ALL_FAKES,
        min_length=1,
        description="fakes of validation that choose the epoch: all, or one more method that "
        "training never sees",
    )

    @property
    def selecting_method(self) -> str | None:
        """The forgery method whose fakes choose the epoch; None where all fakes do."""
        return None if self.select_by == ALL_FAKES else self.select_by

    @property
    def unseen(self) -> set[str]:
        """The forgery methods that training never sees, `selecting_method` among them."""
        return {*self.methods} | ({self.select_by} - {ALL_FAKES})

    @model_validator(mode="after")
    def _two_purposes(self) -> "HoldOut":
        if self.select_by in self.methods:
            raise ValueError(
                f"select_by: {self.select_by!r} is one of methods, which are in no validation"
            )
        return self


class Split(StrictModel):
    """How items are split into train, val and test."""

    policy: Literal["shares", "official", "strict"] = Field(
        "shares",
        description="shares (below), official (as published, leaks reported), strict (leaks fixed)",
    )
    seed: int = Field(1, ge=0, description="which groups go where (policy shares)")
    train: Fraction = Field(
        0.7, description="fraction of the items; groups stay whole, so it is met approximately"
    )
    val: Fraction = Field(
        0.15,
        description="fraction that epoch, temperature, threshold, band and limits of quality are chosen on",
    )
    test: Fraction = Field(
        0.15, description="fraction kept for the final figures; nothing is chosen on it"
    )
    hold_out: HoldOut = Field(HoldOut(), description="forgery methods that training never sees")

    @model_validator(mode="after")
    def _add_up(self) -> "Split":
        if abs(self.train + self.val + self.test - 1) > 1e-6 or min(self.train, self.val) <= 0:
            raise ValueError("train, val and test must add up to 1, with train and val above 0")
        return self
