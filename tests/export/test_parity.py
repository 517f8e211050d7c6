"""What torch and the exported files make of the same faces, and when one of them is not to be
served."""

import numpy as np
import onnxruntime
import pandas as pd
import pytest
import torch
from made import contract_terms

from deepfake_detector import UserError
from deepfake_detector.contract import model_file
from deepfake_detector.export import onnx_graph, parity
from deepfake_detector.export.int8 import to_int8
from deepfake_detector.storage.onnx_session import open_session
from deepfake_detector.training.network import FaceClassifier

pytestmark = pytest.mark.slow  # exports networks

SIDE = 64
CROP = contract_terms(crop={"input_size": SIDE}).crop
REALS, FAKES = [-2.0, -1.0, 0.5], [0.0, 1.0, 2.0]  # logits; 8 of 9 pairs in order


@pytest.fixture(scope="module")
def detector() -> FaceClassifier:
    torch.manual_seed(1)
    made = FaceClassifier("resnet18")
    with torch.no_grad():
        made(torch.randn(16, 3, SIDE, SIDE))  # batch-norm statistics as training leaves them
    return made.eval()


@pytest.fixture(scope="module")
def sessions(detector) -> dict[str, onnxruntime.InferenceSession]:
    fp32 = onnx_graph.to_onnx(detector, SIDE)
    int8 = to_int8(
        fp32, np.random.default_rng(1).normal(size=(16, 3, SIDE, SIDE)).astype(np.float32)
    )
    models = {"fp32": fp32, "int8": int8}
    return {name: open_session(model.SerializeToString()) for name, model in models.items()}


def test_every_face_gets_its_logit_from_torch_and_from_each_session_in_order(
    detector, sessions, stored_crops
):
    order = [*range(4)] * 5  # more than a batch
    logits, speeds = parity.logits_of(detector, sessions, stored_crops.iloc[order], CROP)
    alone = [
        parity.logits_of(detector, {}, stored_crops.iloc[[row]], CROP)[0]["torch"] for row in order
    ]
    assert list(logits) == list(speeds) == ["torch", "fp32", "int8"]
    assert {one.shape for one in logits.values()} == {(20,)}
    assert logits["torch"] == pytest.approx(np.concatenate(alone), abs=1e-5)
    assert logits["fp32"] == pytest.approx(logits["torch"], abs=1e-4)
    assert 0 < np.abs(logits["int8"] - logits["torch"]).max() < 1
    assert len(set(logits["torch"].round(3))) == 4
    assert min(speeds.values()) > 0


def test_torch_judges_pictures_as_the_exported_file_does(detector, sessions):
    pictures = list(np.random.default_rng(3).integers(0, 256, (3, 96, 96, 3), dtype=np.uint8))
    ours, theirs = (
        parity.judge(detector, CROP, pictures),
        model_file.judge(sessions["fp32"], CROP, pictures),
    )
    for one, other in zip(ours, theirs, strict=True):
        assert one == pytest.approx(other, abs=1e-4)


def test_without_faces_there_are_no_logits(detector, sessions, stored_crops):
    logits, speeds = parity.logits_of(
        detector, {"fp32": sessions["fp32"]}, stored_crops.iloc[:0], CROP
    )
    assert {name: len(one) for name, one in logits.items()} == {"torch": 0, "fp32": 0}
    assert speeds == {"torch": 0, "fp32": 0}


def test_an_archive_that_is_gone_is_named(detector, stored_crops):
    gone = stored_crops.assign(archive="gone.zip")
    with pytest.raises(UserError, match=r"gone\.zip"):
        parity.logits_of(detector, {}, gone, CROP)


def clips(reals: list[float], fakes: list[float]) -> pd.DataFrame:
    return pd.DataFrame({"label": [0] * len(reals) + [1] * len(fakes), "logit": [*reals, *fakes]})


def compared(int8: pd.DataFrame, fp32_off: float = 0.0, int8_off: float = 0.3) -> dict:
    logits = np.array(REALS + FAKES)
    own = {"torch": logits, "fp32": logits + fp32_off, "int8": logits - int8_off}
    by_clip = {"torch": clips(REALS, FAKES), "fp32": clips(REALS, FAKES), "int8": int8}
    return parity.figures(own, by_clip, exact=["fp32"])


def test_the_largest_difference_of_a_logit_and_the_roc_auc_by_clip_are_told():
    swapped = clips(
        [-2.0, 1.5, 0.5, np.nan], FAKES
    )  # 6 of 9; what could not be judged does not count
    found = compared(swapped, fp32_off=parity.ROUNDING / 2)
    assert found["largest_logit_difference"] == {"fp32_below": parity.ROUNDING, "int8": 0.3}
    assert found["val_video_roc_auc"] == {"torch": 0.888889, "fp32": 0.888889, "int8": 0.666667}
    reason = parity.why_withheld("int8", found["val_video_roc_auc"])
    assert reason == "on validation int8 loses 0.222 of the ROC-AUC by video"


@pytest.mark.parametrize(
    "int8", [clips(REALS, FAKES), clips([-2.0, -1.0, -0.5], FAKES)], ids=["as good", "better"]
)
def test_int8_is_offered_where_it_loses_nothing(int8):
    assert parity.why_withheld("int8", compared(int8)["val_video_roc_auc"]) == ""


def test_more_than_rounding_in_fp32_is_an_error():
    with pytest.raises(
        UserError, match=r"exported fp32 model differs from torch by 0\.002 in a logit"
    ):
        compared(clips(REALS, FAKES), fp32_off=0.002)


def test_clips_of_one_class_are_an_error_that_names_the_param():
    reals = clips(REALS, [np.nan] * 3)
    with pytest.raises(UserError, match=r"raise export\.clips_per_class"):
        parity.figures(
            dict.fromkeys(("torch", "fp32", "int8"), np.zeros(6)),
            dict.fromkeys(("torch", "fp32", "int8"), reals),
            exact=["fp32"],
        )
