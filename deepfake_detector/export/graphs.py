"""The trained network as ONNX graphs, in fp32 and in int8; model_file.py makes files of them."""

import copy
import logging
import tempfile
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import onnx
import torch
from onnxruntime import quantization

from deepfake_detector.contract.model_file import BATCH, INPUT, OUTPUTS
from deepfake_detector.training.network import FaceClassifier, WithActivationMap

OPSET = 20
IN_INT8 = [
    "Conv",
    "Relu",
    "Add",
    "MaxPool",
]  # the tail that makes logits and activation map stays in fp32


def to_onnx(detector: FaceClassifier, side: int) -> onnx.ModelProto:
    """`images` (N, 3, `side`, `side`) normalised float32 -> `logits` (N, 2) and `activation_map`
    (N, `side`/32, `side`/32).

    The same weights give the same model: the exporter's notes on where in the code a node came
    from, which hold paths of this machine, are taken out.
    """
    program = torch.onnx.export(
        WithActivationMap(detector.cpu()).eval(),
        (torch.zeros(2, 3, side, side),),
        input_names=[INPUT],
        output_names=list(OUTPUTS),
        dynamic_shapes=({0: torch.export.Dim("batch", min=1)},),
        opset_version=OPSET,
        dynamo=True,
        verbose=False,
    )
    model = program.model_proto
    _strip_notes(model)
    onnx.checker.check_model(model, full_check=True)
    return model


def to_int8(model: onnx.ModelProto, images: np.ndarray) -> onnx.ModelProto:
    """The model with static int8 weights (per channel) and activations, whose ranges are those of
    `images`, normalised float32.

    Weights keep to 7 bits, since processors without VNNI add two products of 8 bits into 16 and
    overflow.
    """
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "int8.onnx"
        logging.disable(
            logging.WARNING
        )  # it asks for a preparation that the exporter has already done
        try:
            quantization.quantize_static(
                copy.deepcopy(model),  # it moves the weights of the one it is given to a file
                path,
                _Images(images),
                op_types_to_quantize=IN_INT8,
                per_channel=True,
                reduce_range=True,
                weight_type=quantization.QuantType.QInt8,
                activation_type=quantization.QuantType.QUInt8,
            )
        finally:
            logging.disable(logging.NOTSET)
        small = onnx.load(path)
    _strip_notes(small)
    return small


class _Images(quantization.CalibrationDataReader):
    """Hands out batches of the images."""

    def __init__(self, images: np.ndarray) -> None:
        self._batches: Iterator = iter(
            [images[start : start + BATCH] for start in range(0, len(images), BATCH)]
        )

    def get_next(self) -> dict[str, np.ndarray] | None:
        batch = next(self._batches, None)
        return None if batch is None else {INPUT: batch}


def _strip_notes(model: onnx.ModelProto) -> None:
    graph = model.graph
    model.doc_string = graph.doc_string = ""
    del model.metadata_props[:], graph.metadata_props[:]
    for part in (*graph.node, *graph.input, *graph.output, *graph.value_info, *graph.initializer):
        part.doc_string = ""
        del part.metadata_props[:]
