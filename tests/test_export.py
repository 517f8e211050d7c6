"""The exported model: it computes what torch does, for any batch, and carries its contract."""

from pathlib import Path

import numpy as np
import onnxruntime
import pytest
import torch

from deepfake_detector import contract, crops, export
from deepfake_detector.contract import Contract
from deepfake_detector.network import Detector, WithActivationMap

SIDE = 64
TERMS = Contract(
    version=1,
    labels=("real", "fake"),
    frames=6,
    detection={"name": "haar", "sha256": "0" * 64, "detect_size": 240, "min_score": 0.5},
    crop={
        "kind": "detected",
        "min_face": 32,
        "margin": 1.1,
        "size": 96,
        "input_size": SIDE,
        "interpolation": "area, bilinear",
        "mean": crops.MEAN,
        "std": crops.STD,
    },
    decision={"min_faces": 8, "temperature": 1.25, "threshold": 0.4, "band_low": 0.3, "band_high": 0.6},
    trained_on={
        "data_sets": {"möwe": {"real": 3, "swap": 2}},
        "split": "grouped by source, seed 1",
        "demonstration": False,
    },
    libraries=contract.library_versions(),
)


@pytest.fixture(scope="module")
def detector() -> Detector:
    """Random weights, with batch-norm statistics as training leaves them."""
    torch.manual_seed(1)
    made = Detector()
    with torch.no_grad():
        for _ in range(3):
            made(crops.normalise(images(8)))
    return made.eval()


@pytest.fixture(scope="module")
def exported(detector) -> bytes:
    return export.to_onnx(detector, TERMS)


@pytest.fixture(scope="module")
def session(exported) -> onnxruntime.InferenceSession:
    return onnxruntime.InferenceSession(exported, providers=["CPUExecutionProvider"])


def images(count: int) -> torch.Tensor:
    generator = torch.Generator().manual_seed(count)
    return torch.randint(0, 256, (count, 3, SIDE, SIDE), dtype=torch.uint8, generator=generator)


def test_the_contract_comes_back_from_the_file(session):
    text = session.get_modelmeta().custom_metadata_map[contract.KEY]
    assert contract.parse(text, "model") == TERMS


def test_inputs_and_outputs_have_their_names(session):
    assert [one.name for one in session.get_inputs()] == ["images"]
    assert [one.name for one in session.get_outputs()] == ["logits", "activation_map"]


@pytest.mark.parametrize("count", [1, 5])
def test_both_outputs_agree_with_torch(detector, session, count):
    inputs = crops.normalise(images(count))
    with torch.inference_mode():
        wanted = WithActivationMap(detector)(inputs)
    found = session.run(["logits", "activation_map"], {"images": inputs.numpy()})
    assert [one.shape for one in found] == [(count, 2), (count, SIDE // 32, SIDE // 32)]
    for one, other in zip(found, wanted, strict=True):
        assert np.abs(one - other.numpy()).max() <= 1e-4


def test_the_largest_difference_is_small_for_the_same_weights_and_large_for_others(detector, session):
    assert export.largest_difference(detector, session, images(5)) <= 1e-4
    assert export.largest_difference(Detector(), session, images(5)) > 0.01


def test_the_same_weights_give_the_same_bytes_without_paths_of_this_machine(detector, exported):
    assert export.to_onnx(detector, TERMS) == exported
    for trace in (str(Path.cwd()), "site-packages", "network.py"):
        assert trace.encode() not in exported, trace
