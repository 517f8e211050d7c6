"""The contract that travels inside an exported model: how its input is made and how its output is decided.

Stages, command line and page all read it from the same typed value, so none can crop, scale or decide differently.
"""

import json
from importlib import metadata
from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from deepfake_detector import UserError

VERSION = 1
KEY = "deepfake_detector_contract"  # of the ONNX metadata entry that holds the contract
LIBRARIES = ("torch", "torchvision", "onnx", "onnxruntime", "opencv-python-headless", "av", "pillow", "numpy")


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class FaceDetection(_Part):
    """Which detector finds the faces; `sha256` is the hash of its file, `detect_size` the longer side it looks at."""

    name: Literal["haar", "yunet"]
    sha256: str
    detect_size: int = Field(gt=0)
    min_score: float


class Crop(_Part):
    """How a face becomes the network's input: cut at `margin` to `size`, resized to `input_size`, normalised.

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


class Decision(_Part):
    """How frame logits become a verdict (scores.py); probabilities of fake."""

    min_faces: int = Field(gt=0)
    temperature: float = Field(gt=0)
    threshold: float = Field(ge=0, le=1)
    band_low: float = Field(ge=0, le=1)
    band_high: float = Field(ge=0, le=1)


class TrainedOn(_Part):
    """What the model has learned from. A `demonstration` has seen drawn people only: it judges nothing but
    `demo_files` (sha256 of the demo's own files)."""

    data_sets: dict[str, dict[str, int]]  # name -> items by "real" and method
    split: str
    demonstration: bool
    demo_files: tuple[str, ...] = ()


class Contract(_Part):
    version: Literal[1]
    labels: tuple[Literal["real"], Literal["fake"]]
    frames: int = Field(gt=0)  # sampled evenly from a video
    detection: FaceDetection
    crop: Crop
    decision: Decision
    trained_on: TrainedOn
    libraries: dict[str, str]


def library_versions() -> dict[str, str]:
    """Versions of the libraries that a model's figures depend on."""
    return {name: metadata.version(name) for name in LIBRARIES}


def read_decision(path: str | Path) -> Decision:
    """The decision that `calibrate` wrote. Raises UserError where it is missing or something else."""
    try:
        found = json.loads(Path(path).read_text())
        return Decision(**{name: found[name] for name in Decision.model_fields})
    except FileNotFoundError as error:
        raise UserError(f"{path}: not there; `dvc repro` makes it") from error
    except (ValueError, KeyError, TypeError) as error:
        raise UserError(f"{path}: not what calibrate writes; run `dvc repro`") from error


def parse(text: str | None, source: str) -> Contract:
    """The contract in the metadata of the model file `source`. Raises UserError where there is none of this version."""
    if text is None:
        raise UserError(f"{source}: an ONNX file without this project's contract; use one that the export stage made")
    try:
        return Contract.model_validate_json(text)
    except ValidationError as error:
        places = ", ".join(".".join(str(part) for part in one["loc"]) or one["msg"] for one in error.errors()[:3])
        raise UserError(
            f"{source}: its contract is not of version {VERSION} ({places}); export the model again with this version"
        ) from error
