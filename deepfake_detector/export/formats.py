"""The formats that the detector is exported in: a file each, made of the fp32 graph."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import onnx
import pandas as pd
import torch

from deepfake_detector.export.int8 import to_int8
from deepfake_detector.training.crops import FaceCrops, normalise


@dataclass(frozen=True)
class Format:
    """One format. An `exact` one computes what torch computes, up to rounding. Any other gets a
    decision fitted on its own logits, and is withheld where it judges worse.

    file: its name in models/
    make: makes its graph of the fp32 graph and images (N, 3, S, S), normalised float32
    tolerance: of the golden sample's logit on another machine
    """

    file: str
    make: Callable[[onnx.ModelProto, np.ndarray], onnx.ModelProto]
    tolerance: float
    exact: bool = False


FORMATS = {
    "fp32": Format("detector.onnx", lambda graph, _: graph, tolerance=1e-3, exact=True),
    "int8": Format("detector.int8.onnx", to_int8, tolerance=0.1),
}


def fitting_images(faces: pd.DataFrame, input_size: int) -> np.ndarray:
    """The faces of a faces table as the network takes them, (N, 3, `input_size`, `input_size`)
    float32: what a format's numeric ranges are taken from."""
    samples = FaceCrops(faces.assign(label=0), input_size)
    return normalise(torch.stack([samples[row][0] for row in range(len(samples))])).numpy()
