"""The trained network as an ONNX file that carries its contract, and the proof that both compute the same."""

import io

import numpy as np
import onnx
import torch

from deepfake_detector import contract as contracts
from deepfake_detector.contract import Contract
from deepfake_detector.crops import normalise
from deepfake_detector.network import Detector, WithActivationMap

OPSET = 20
INPUT, OUTPUTS = "images", ("logits", "activation_map")


def to_onnx(detector: Detector, contract: Contract) -> bytes:
    """The bytes of an ONNX model: `images` (N, 3, S, S) normalised float32 -> `logits` (N, 2) and `activation_map`.

    The same weights and contract give the same bytes: the exporter's notes on where in the code a node came from, which
    hold paths of this machine, are taken out.
    """
    side = contract.crop.input_size
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
    entry = model.metadata_props.add()
    entry.key, entry.value = contracts.KEY, contract.model_dump_json()
    onnx.checker.check_model(model, full_check=True)
    buffer = io.BytesIO()
    onnx.save(model, buffer)
    return buffer.getvalue()


def largest_difference(detector: Detector, session, images: torch.Tensor) -> float:
    """The largest absolute difference of a logit between torch and the ONNX session on `images` (N, 3, S, S) uint8."""
    inputs = normalise(images)
    with torch.inference_mode():
        wanted = detector.cpu().eval()(inputs).numpy()
    found, _ = session.run(OUTPUTS, {INPUT: inputs.numpy()})
    return float(np.abs(wanted - found).max())


def _strip_notes(model: onnx.ModelProto) -> None:
    graph = model.graph
    model.doc_string = graph.doc_string = ""
    del model.metadata_props[:], graph.metadata_props[:]
    for part in (*graph.node, *graph.input, *graph.output, *graph.value_info, *graph.initializer):
        part.doc_string = ""
        del part.metadata_props[:]
