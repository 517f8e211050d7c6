"""The exported graphs: fp32 computes what torch does, int8 nearly that in a quarter of the bytes,
for any batch."""

import tempfile
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import pytest
import torch
from made import contract_terms

from deepfake_detector.contract import model_file
from deepfake_detector.export import onnx_graph
from deepfake_detector.export.int8 import to_int8
from deepfake_detector.storage.onnx_session import open_session
from deepfake_detector.training import crops
from deepfake_detector.training.network import FaceClassifier, WithActivationMap

pytestmark = pytest.mark.slow  # exports networks

SIDE = 80  # no multiple of 32: the map's side is rounded up
CROP = contract_terms(crop={"input_size": SIDE}).crop


@pytest.fixture(scope="module")
def detector() -> FaceClassifier:
    """Random weights, with batch-norm statistics as training leaves them."""
    torch.manual_seed(1)
    made = FaceClassifier("resnet18")
    with torch.no_grad():
        for _ in range(3):
            made(crops.normalise(images(8)))
    return made.eval()


@pytest.fixture(scope="module")
def fp32(detector) -> onnx.ModelProto:
    return onnx_graph.to_onnx(detector, SIDE)


@pytest.fixture(scope="module")
def int8(fp32) -> onnx.ModelProto:
    return to_int8(fp32, normalised(20))


@pytest.fixture(scope="module")
def session(fp32) -> onnxruntime.InferenceSession:
    return open_session(as_bytes(fp32))


def images(count: int) -> torch.Tensor:
    generator = torch.Generator().manual_seed(count)
    return torch.randint(0, 256, (count, 3, SIDE, SIDE), dtype=torch.uint8, generator=generator)


def normalised(count: int) -> np.ndarray:
    return crops.normalise(images(count)).numpy()


def as_bytes(model: onnx.ModelProto) -> bytes:
    return model.SerializeToString(deterministic=True)


# fp32


def test_inputs_and_outputs_have_their_names(session):
    assert [one.name for one in session.get_inputs()] == ["images"]
    assert [one.name for one in session.get_outputs()] == ["logits", "activation_map"]


@pytest.mark.parametrize("count", [1, 5])
def test_both_outputs_agree_with_torch(detector, session, count):
    inputs = crops.normalise(images(count))
    with torch.inference_mode():
        wanted = WithActivationMap(detector)(inputs)
    found = session.run(["logits", "activation_map"], {"images": inputs.numpy()})
    assert [one.shape for one in found] == [(count, 2), (count, 3, 3)]
    for one, other in zip(found, wanted, strict=True):
        assert np.abs(one - other.numpy()).max() <= 1e-4


def test_another_network_agrees_with_torch_in_both_outputs():
    torch.manual_seed(1)
    classifier = FaceClassifier("efficientnet_b0")
    inputs = crops.normalise(images(8))
    with torch.no_grad():
        classifier(inputs)  # batch-norm statistics as training leaves them
        wanted = WithActivationMap(classifier).eval()(inputs)
    session = open_session(as_bytes(onnx_graph.to_onnx(classifier, SIDE)))
    found = session.run(["logits", "activation_map"], {"images": inputs.numpy()})
    assert [one.shape for one in found] == [(8, 2), (8, 3, 3)]
    for one, other in zip(found, wanted, strict=True):
        assert np.abs(one - other.numpy()).max() <= 1e-4


def test_the_same_weights_give_the_same_bytes(detector, fp32):
    assert as_bytes(onnx_graph.to_onnx(detector, SIDE)) == as_bytes(fp32)


@pytest.mark.parametrize("variant", ["fp32", "int8"])
def test_no_path_of_this_machine_is_in_a_graph(request, variant):
    data = as_bytes(request.getfixturevalue(variant))
    for trace in (str(Path.cwd()), "site-packages", "network.py", tempfile.gettempdir()):
        assert trace.encode() not in data, trace


@pytest.mark.parametrize("variant", ["fp32", "int8"])
def test_a_sealed_graph_loads_with_its_terms(request, tmp_path, variant):
    graph = onnx.load_from_string(as_bytes(request.getfixturevalue(variant)))
    terms = contract_terms(variant=variant, crop={"input_size": SIDE})
    (tmp_path / "model.onnx").write_bytes(model_file.sealed(graph, terms))
    assert model_file.load(tmp_path / "model.onnx").contract == terms


# int8


def test_int8_takes_a_quarter_of_the_bytes_and_leaves_the_fp32_model_as_it_was(fp32):
    before = as_bytes(fp32)
    small = to_int8(fp32, normalised(3))
    assert as_bytes(fp32) == before
    assert len(as_bytes(small)) < 0.3 * len(before)


def test_the_same_images_give_the_same_int8_bytes_and_others_do_not(fp32, int8):
    assert as_bytes(to_int8(fp32, normalised(20))) == as_bytes(int8)
    assert as_bytes(to_int8(fp32, normalised(20) / 2)) != as_bytes(int8)


def test_last_digits_of_the_activations_leave_int8_as_it_is(fp32, int8):
    """They differ between processors."""
    assert as_bytes(to_int8(fp32, normalised(20) * np.float32(1 + 1e-6))) == as_bytes(int8)


def test_int8_says_nearly_what_fp32_says(session, int8):
    names, inputs = ["logits", "activation_map"], {"images": normalised(64)}
    found = zip(
        session.run(names, inputs),
        open_session(as_bytes(int8)).run(names, inputs),
        strict=True,
    )
    (whole, small), maps = found
    assert np.corrcoef(whole[:, 1] - whole[:, 0], small[:, 1] - small[:, 0])[0, 1] > 0.95
    assert np.corrcoef(*(one.ravel() for one in maps))[0, 1] > 0.95
    assert not np.array_equal(whole, small)


def test_the_weights_of_convolutions_alone_are_quantised(int8):
    made_by = {name: node.op_type for node in int8.graph.node for name in node.output}
    kinds = {one.name: one.data_type for one in int8.graph.initializer}
    weights = [
        (node.op_type, node.input[1])
        for node in int8.graph.node
        if node.op_type in ("Conv", "Gemm", "Einsum")
    ]
    assert {made_by[name] for kind, name in weights if kind == "Conv"} == {"DequantizeLinear"}
    assert [(kind, kinds[name]) for kind, name in weights if kind != "Conv"] == [
        ("Einsum", onnx.TensorProto.FLOAT),
        ("Gemm", onnx.TensorProto.FLOAT),
    ]


def test_logits_and_map_are_computed_in_fp32_from_the_last_feature_map(int8):
    after = {name: node for node in int8.graph.node for name in node.output}
    logits, activation_map = after["logits"], after["activation_map"]
    mean = after[logits.input[0]]
    assert (logits.op_type, mean.op_type, activation_map.op_type) == (
        "Gemm",
        "ReduceMean",
        "Einsum",
    )
    assert mean.input[0] == activation_map.input[0]
