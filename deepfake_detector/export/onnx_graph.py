"""The trained network as an ONNX graph, in fp32; contract/model_file.py makes a file of it."""

from typing import cast

import onnx
import torch

from deepfake_detector.contract.model_file import INPUT, OUTPUTS
from deepfake_detector.training.network import FaceClassifier, WithActivationMap

OPSET = 20


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
    model = cast(torch.onnx.ONNXProgram, program).model_proto
    strip_notes(model)
    onnx.checker.check_model(model, full_check=True)
    return model


def strip_notes(model: onnx.ModelProto) -> None:
    """Take out descriptions and metadata of the model and of its parts, in place."""
    graph = model.graph
    model.doc_string = graph.doc_string = ""
    del model.metadata_props[:], graph.metadata_props[:]
    for part in (*graph.node, *graph.input, *graph.output, *graph.value_info, *graph.initializer):
        part.doc_string = ""
        del part.metadata_props[:]
