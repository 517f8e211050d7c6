"""The contract that travels inside an exported model: how its input is made and how its output is
decided.

Stages, command line and page all read it from the same typed value, so none can crop, scale or
decide differently.
"""

from importlib import metadata
from pathlib import Path
from typing import Literal, get_args

from pydantic import Field, TypeAdapter, ValidationError

from deepfake_detector import UserError
from deepfake_detector.common.settings import StrictModel
from deepfake_detector.scoring.decision import Decision
from deepfake_detector.scoring.firmness import VerdictsByFirmness
from deepfake_detector.scoring.quality import Limits
from deepfake_detector.storage.files import read_json, read_made

Version = Literal[7]
(VERSION,) = get_args(Version)
KEY = "deepfake_detector_contract"  # of the ONNX metadata entry that holds the contract
LIBRARIES = (
    "torch",
    "torchvision",
    "onnx",
    "onnxruntime",
    "opencv-python-headless",
    "av",
    "pillow",
    "numpy",
)


class FaceDetection(StrictModel):
    """Which detector finds the faces; `sha256` is the hash of its file, `detect_size` the longer
    side it looks at, or more where `Crop.min_face` asks for it (faces.detection_size)."""

    name: str  # of faces.detection.DETECTORS, which may have grown since
    sha256: str
    detect_size: int = Field(gt=0)
    min_score: float


class Crop(StrictModel):
    """How a face becomes the network's input: cut at `margin` to `size`, resized to `input_size`,
    normalised.

    `given`: the training data were face crops already, so a picture is taken to be one.
    """

    kind: Literal["detected", "given"]
    min_face: int = Field(gt=0)
    margin: float = Field(ge=1)
    size: int = Field(gt=0)
    input_size: int = Field(gt=0)
    interpolation: Literal["area, bilinear"]
    mean: tuple[float, float, float]
    std: tuple[float, float, float]


class Golden(StrictModel):
    """What this model made of the drawn face of golden.py where it was exported: the boxes that the
    face detector found, in pixels, and the logit of the first (of the whole picture where there is
    none)."""

    boxes: tuple[tuple[float, float, float, float], ...]
    logit: float
    tolerance: float = Field(gt=0)  # of the logit


class Inputs(StrictModel):
    """The files of one kind that the model has learned from: their codecs, the least and the
    largest shorter side (pixels of the upright picture), and how many bits a pixel they have."""

    codecs: tuple[str, ...]
    short_side: tuple[int, int] | None  # None where it is known of none of them
    bits_per_pixel: tuple[float, float] | None


class TrainedOn(StrictModel):
    """What the model has learned from; `inputs` by kind (video, image). A `demonstration` has seen
    drawn people only: it judges nothing but `demo_files` (sha256 of the demo's own files)."""

    data_sets: dict[str, dict[str, int]]  # name -> items by "real" and method
    inputs: dict[str, Inputs]
    split: str
    demonstration: bool
    demo_files: tuple[str, ...] = ()


class Contract(StrictModel):
    """The contract of one exported model.

    `withheld` says why it must not be served, where that is so. `quality` are the limits within
    which a face is judged, `firmness` the counts of validation's verdicts.
    """

    version: Version
    network: str = Field(min_length=1)  # as `train.network` names it
    variant: str = Field(min_length=1)  # the format's name in export.formats.FORMATS
    withheld: str = ""
    labels: tuple[Literal["real"], Literal["fake"]]
    frames: int = Field(gt=0)  # sampled evenly from a video
    detection: FaceDetection
    crop: Crop
    dominant: Literal["area", "frames"]  # the track that stands for a clip (faces.tracking.follow)
    decision: Decision
    quality: Limits
    firmness: VerdictsByFirmness
    golden: Golden
    trained_on: TrainedOn
    libraries: dict[str, str]


def library_versions() -> dict[str, str]:
    """Versions of the libraries that a model's figures depend on."""
    return {name: metadata.version(name) for name in LIBRARIES}


def read_decision(path: str | Path) -> Decision:
    """The decision of `calibrate`. Raises UserError where it is missing or something else."""
    return read_made(path, lambda file: Decision.model_validate(read_json(file)), "calibrate")


def read_quality(path: str | Path) -> Limits:
    """The limits of `quality`. Raises UserError where they are missing or something else."""
    limits = TypeAdapter(Limits)
    return read_made(path, lambda file: limits.validate_python(read_json(file)), "quality")


def read_firmness(path: str | Path) -> VerdictsByFirmness:
    """The counts of `quality`. Raises UserError where they are missing or something else."""
    counts = VerdictsByFirmness.model_validate
    return read_made(path, lambda file: counts(read_json(file)), "quality")


def read_scale(path: str | Path) -> tuple[float, float]:
    """Temperature and threshold of the decision of `calibrate`, which files of older versions have
    too. Raises UserError where they are missing or something else."""
    return read_made(path, _scale, "calibrate")


def _scale(path: Path) -> tuple[float, float]:
    decision = read_json(path)
    return float(decision["temperature"]), float(decision["threshold"])


def parse(text: str | None, source: str) -> Contract:
    """The contract in the metadata of the model file `source`. Raises UserError where there is none
    of this version."""
    if text is None:
        raise UserError(
            f"{source}: an ONNX file without this project's contract",
            "use one that the export stage made",
        )
    try:
        return Contract.model_validate_json(text)
    except ValidationError as error:
        places = ", ".join(
            ".".join(str(part) for part in detail["loc"]) or detail["msg"]
            for detail in error.errors()[:3]
        )
        raise UserError(
            f"{source}: its contract is not of version {VERSION} ({places})",
            "export the model again with this version",
        ) from error
