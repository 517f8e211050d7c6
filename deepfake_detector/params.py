"""params.yaml as typed, validated values: an unknown key, a wrong type or an impossible value is named with its path.

read("train", "crop_faces")   # the sections asked for; the whole file is checked first
"""

from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator
from pydantic_core import ErrorDetails
from ruamel.yaml import YAML
from ruamel.yaml.error import YAMLError

from deepfake_detector import UserError

PARAMS_FILE = Path("params.yaml")
ENDS = {"ge": "at least", "gt": "above", "le": "at most", "lt": "below"}
RAW = "data/raw"  # where the demo sets are drawn

Name = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]{0,30}$")]
Share = Annotated[float, Field(ge=0, le=1)]
Sha256 = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]


class Section(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)


class DataSet(Section):
    root: str = Field(min_length=1)
    use: Literal["train", "test"]


class DemoSet(DataSet):
    layout: Literal["demo"]


class FolderSet(DataSet):
    layout: Literal["folder"]
    kind: Literal["media", "face"]


class FaceForensicsSet(DataSet):
    layout: Literal["faceforensics"]
    compression: Literal["raw", "c0", "c23", "c40"]


class CelebDFSet(DataSet):
    layout: Literal["celebdf"]


class DFDCSet(DataSet):
    layout: Literal["dfdc"]


class DFDCPreviewSet(DataSet):
    layout: Literal["dfdc_preview"]


AnyDataSet = Annotated[
    DemoSet | FolderSet | FaceForensicsSet | CelebDFSet | DFDCSet | DFDCPreviewSet, Field(discriminator="layout")
]


class Synthesize(Section):
    seed: int = Field(ge=0)
    pairs: int = Field(ge=3, le=500)
    seconds: float = Field(ge=0.2, le=60)
    resolution: Annotated[list[Annotated[float, Field(gt=0, le=1)]], Field(min_length=2, max_length=2)]

    @model_validator(mode="after")
    def _ascending(self) -> "Synthesize":
        if self.resolution[0] > self.resolution[1]:
            raise ValueError("resolution: the lower end of the range comes first")
        return self


class Parallel(Section):
    executor: Literal["local", "ray"]
    workers: int = Field(ge=0, le=1024)
    seconds_per_item: float = Field(gt=0)
    memory_per_item: float = Field(ge=0)


class Scratch(Section):
    max_gb: float = Field(ge=0)


class ExtractFrames(Section):
    frames: int = Field(ge=1, le=10_000)
    format: Literal["jpeg", "png"]
    jpeg_quality: int = Field(ge=1, le=100)


class CropFaces(Section):
    detector: Literal["haar", "yunet"]
    detect_size: int = Field(ge=64, le=4096)
    min_score: float
    yunet_sha256: Sha256
    min_face: int = Field(ge=8, le=2048)
    margin: float = Field(ge=1, le=3)
    size: int = Field(ge=32, le=1024)
    dominant: Literal["area", "frames"]
    realign: bool
    share_boxes: bool


class Verify(Section):
    min_side: int = Field(ge=1)
    min_contrast: float = Field(ge=0, le=128)
    min_sharpness: float = Field(ge=0)
    min_brightness: float = Field(ge=0, le=255)
    min_coverage: Share
    max_coverage_gap: Share
    max_imbalance: float = Field(ge=1)
    max_shortcut_auc: float = Field(ge=0.5, le=1)
    on_shortcut: Literal["fail", "warn"]


class Split(Section):
    policy: Literal["shares", "official", "strict"]
    seed: int = Field(ge=0)
    train: Share
    val: Share
    test: Share

    @model_validator(mode="after")
    def _add_up(self) -> "Split":
        if abs(self.train + self.val + self.test - 1) > 1e-6 or min(self.train, self.val) <= 0:
            raise ValueError("train, val and test must add up to 1, with train and val above 0")
        return self


class Augment(Section):
    flip: Share
    shift: float = Field(ge=0, le=0.3)
    scale: float = Field(ge=0, le=0.5)
    rotate: float = Field(ge=0, le=45)
    colour: Share
    blur: Share
    downscale: Share
    jpeg: Share
    blocks: Share
    noise: Share
    erase: Share


class Train(Section):
    seed: int = Field(ge=0)
    init: str = Field(min_length=1)
    imagenet_sha256: Sha256
    input_size: int = Field(ge=32, le=1024)
    epochs: int = Field(ge=1, le=10_000)
    batch_size: int = Field(ge=2, le=65_536)
    micro_batch_size: int = Field(ge=2, le=65_536)
    optimizer: Literal["adamw", "sgd"]
    lr: float = Field(gt=0, le=10)
    weight_decay: float = Field(ge=0, le=1)
    warmup: Share
    label_smoothing: float = Field(ge=0, lt=0.5)
    clip: float = Field(ge=0)
    ema: float = Field(ge=0, lt=1)
    patience: int = Field(ge=0)
    unfreeze_every: int = Field(ge=0)
    fakes: Literal["all", "none"]
    pairs: Share
    self_blend: Share
    precision: Literal["auto", "fp32", "bf16", "fp16"]
    balance: Literal["label", "method", "group"]
    accelerator: Literal["auto", "cpu", "cuda"]
    devices: int = Field(ge=1, le=1024)
    loader_workers: int = Field(ge=0, le=256)
    checkpoint_minutes: float = Field(gt=0)
    augment: Augment

    @model_validator(mode="after")
    def _pieces_fit(self) -> "Train":
        if self.batch_size % self.devices:
            raise ValueError(f"batch_size {self.batch_size} is no multiple of devices {self.devices}")
        return self

    @model_validator(mode="after")
    def _fakes_come_from_somewhere(self) -> "Train":
        if self.fakes == "none" and self.self_blend < 1:
            raise ValueError("fakes: none leaves only self-blended ones to learn from, so self_blend must be 1.0")
        return self


class Aggregation(Section):
    min_faces: int = Field(ge=1)


class Calibrate(Section):
    threshold: Literal["balanced_accuracy", "false_alarms"]
    false_alarms: Share
    band_error: Share
    band_share: Share


class Evaluate(Section):
    splits: list[Literal["val", "test"]] = Field(min_length=1)

    @model_validator(mode="after")
    def _each_once(self) -> "Evaluate":
        if len(set(self.splits)) < len(self.splits):
            raise ValueError("each split once")
        return self


class Robustness(Section):
    seed: int = Field(ge=0)
    frames: int = Field(ge=1, le=1000)
    levels: list[Annotated[int, Field(ge=1, le=5)]] = Field(min_length=1)
    corruptions: list[
        Literal["saturation", "contrast", "blocks", "noise", "blur", "pixelation", "h264", "jpeg", "downsize"]
    ] = Field(min_length=1)
    items_per_class: int = Field(ge=0)


class Export(Section):
    clips_per_class: int = Field(ge=0)


class Params(Section):
    data_sets: Annotated[dict[Name, AnyDataSet], Field(min_length=1)]
    synthesize: dict[Name, Synthesize]
    parallel: Parallel
    scratch: Scratch
    extract_frames: ExtractFrames
    crop_faces: CropFaces
    verify: Verify
    split: Split
    train: Train
    aggregation: Aggregation
    calibrate: Calibrate
    evaluate: Evaluate
    export: Export
    robustness: Robustness

    @model_validator(mode="after")
    def _roots(self) -> "Params":
        for name, data_set in self.data_sets.items():
            if data_set.layout == "demo":
                _check_demo_root(name, data_set.root, self.synthesize)
            elif not Path(data_set.root).is_absolute():
                raise ValueError(
                    f"data_sets.{name}.root: {data_set.root!r} must be an absolute path: a relative one is lost when "
                    "`dvc exp run --temp` or `--queue` works in a copy"
                )
        if unread := sorted(set(self.synthesize) - set(self.data_sets)):
            raise ValueError(f"synthesize.{unread[0]}: no data set of that name under data_sets; add it or drop this")
        return self


def _check_demo_root(name: str, root: str, synthesized: dict[str, Synthesize]) -> None:
    if root != f"{RAW}/{name}" or name not in synthesized:
        raise ValueError(
            f"data_sets.{name}: layout demo is drawn by `synthesize`, so its root must be {RAW}/{name} and "
            f"synthesize.{name} must say how"
        )


def read(*sections: str, path: Path | None = None) -> tuple[Any, ...]:
    """The named sections of params.yaml, in that order, after the whole file has been checked.

    Raises UserError naming every wrong key with its legal range.
    """
    params = load(path or PARAMS_FILE)
    return tuple(getattr(params, section) for section in sections)


def load(path: Path) -> Params:
    """All of a params file, checked."""
    try:
        content = YAML(typ="safe", pure=True).load(path)
    except OSError as error:
        raise UserError(f"{path}: cannot be read ({error.strerror}); run this in the folder that holds it") from error
    except YAMLError as error:
        raise UserError(f"{path}: not valid YAML: {error}") from error
    try:
        return Params.model_validate(content, strict=True)
    except ValidationError as error:
        raise UserError(f"{path}:\n" + "\n".join(_problem(detail) for detail in error.errors())) from error


def _problem(detail: ErrorDetails) -> str:
    """One problem of pydantic's in a line: the key's path, what is wrong, what it was."""
    path = [str(part) for part in detail["loc"]]
    if path[:1] == ["data_sets"]:
        del path[2:3]  # pydantic puts the layout's name between the data set and its key
    key = ".".join(path) or "params"
    text = {
        "extra_forbidden": "unknown key; check its spelling, or remove it",
        "missing": "missing; every key must be there (profiles/ holds complete files)",
    }.get(detail["type"], detail["msg"].removeprefix("Value error, "))
    if detail["type"] in ("missing", "value_error"):
        return f"  {key}: {text}"
    legal = _legal_range(path)
    return f"  {key}: {text} (it is {detail['input']!r}{f'; legal is {legal}' if legal else ''})"


def _legal_range(path: list[str]) -> str:
    """Both ends of what the number at `path` may be, in words; empty for what is no number of a plain section."""
    section, rules = Params, []
    for part in path:
        fields = getattr(section, "model_fields", {})
        if part not in fields:
            return ""
        section, rules = fields[part].annotation, fields[part].metadata
    return ", ".join(
        f"{words} {getattr(rule, end):g}" for end, words in ENDS.items() for rule in rules if hasattr(rule, end)
    )
