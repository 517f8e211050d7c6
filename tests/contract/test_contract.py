"""The contract inside a model comes back as it went in, and nothing else is taken for one."""

import json

import numpy as np
import onnxruntime
import pytest
from hypothesis import given
from hypothesis import strategies as st
from made import contract_terms

from deepfake_detector import UserError, contract
from deepfake_detector.scoring import calibration
from deepfake_detector.scoring.decision import Validation
from deepfake_detector.scoring.quality import Limit
from deepfake_detector.scoring.settings import Calibrate
from deepfake_detector.storage.files import write_json

SHARE = st.floats(0, 1)
SCORES = st.lists(SHARE, max_size=30).map(sorted)


def validation(
    real_scores: tuple[float, ...] = (), fake_scores: tuple[float, ...] = ()
) -> Validation:
    return Validation(
        real_clips=len(real_scores),
        fake_clips=len(fake_scores),
        inconclusive=0,
        wrong_outside_band=0,
        real_scores=real_scores,
        fake_scores=fake_scores,
    )


@given(st.floats(0.05, 20), SHARE, SHARE, SHARE, SCORES, st.floats(-1e6, 1e6))
def test_it_comes_back_from_json_exactly(temperature, threshold, low, high, scores, logit):
    decision = {
        "temperature": temperature,
        "threshold": threshold,
        "band_low": low,
        "band_high": high,
        "several": (),
        "recalibrated": "",
    }
    decision["validation"] = validation(scores, scores)
    quality = {"flatness": {"least": None, "most": threshold}}
    one = contract_terms(
        decision=decision, golden={"logit": logit}, quality=quality, withheld="lost too much"
    )
    assert contract.parse(one.model_dump_json(), "model.onnx") == one


def test_a_model_without_one_is_refused_by_name():
    with pytest.raises(
        UserError, match=r"^model\.onnx: an ONNX file without this project's contract; use one that"
    ):
        contract.parse(None, "model.onnx")


@pytest.mark.parametrize(
    ("place", "value", "said"),
    [
        (("version",), 1, "(version)"),
        (("version",), 3, "(version)"),
        (("version",), None, "(version)"),
        (("smile",), True, "(smile)"),
        (("crop", "smile"), True, "(crop.smile)"),
        (("labels",), ["fake", "real"], "(labels.0, labels.1)"),
        (("crop", "margin"), 0.9, "(crop.margin)"),
        (("crop", "interpolation"), "nearest", "(crop.interpolation)"),
        (("decision", "temperature"), 0, "(decision.temperature)"),
        (("decision", "threshold"), 1.1, "(decision.threshold)"),
        (("decision", "validation", "real_clips"), -1, "(decision.validation.real_clips)"),
        (
            ("decision", "validation", "fake_scores"),
            ["high"],
            "(decision.validation.fake_scores.0)",
        ),
        (("golden", "tolerance"), 0, "(golden.tolerance)"),
        (("golden", "boxes"), [[1, 2, 3]], "(golden.boxes.0.3)"),
        (("golden", "logit"), None, "(golden.logit)"),
        (("network",), "", "(network)"),
        (("variant",), "", "(variant)"),
        (("withheld",), None, "(withheld)"),
        (("quality",), {"smile": {"least": 0, "most": 1}}, "(quality.smile.[key])"),
        (("quality",), {"flatness": {"least": 0}}, "(quality.flatness.most)"),
    ],
)
def test_what_is_not_of_this_version_is_refused_with_its_place(place, value, said):
    content = json.loads(contract_terms().model_dump_json())
    *above, last = place
    inner = content
    for key in above:
        inner = inner[key]
    inner[last] = value
    with pytest.raises(UserError) as raised:
        contract.parse(json.dumps(content), "model.onnx")
    assert str(raised.value).startswith(
        f"model.onnx: its contract is not of version 7 {said}; export the model again"
    )


@pytest.mark.parametrize(
    "section",
    ["version", "network", "variant", "decision", "crop", "quality", "golden", "trained_on"],
)
def test_a_part_that_is_missing_is_named(section):
    content = json.loads(contract_terms().model_dump_json())
    del content[section]
    with pytest.raises(UserError, match=rf"^model\.onnx: .*\({section}\)"):
        contract.parse(json.dumps(content), "model.onnx")


@pytest.mark.parametrize("text", ["", "{", "[]", "5", "null"])
def test_what_is_no_json_object_is_refused(text):
    with pytest.raises(UserError, match=r"^model\.onnx: its contract is not of version 7"):
        contract.parse(text, "model.onnx")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (None, "not there; `dvc repro` makes it"),
        ("", "not what calibrate writes"),
        ("[]", "not what calibrate writes"),
        ('{"temperature": 1.0}', "not what calibrate writes"),
    ],
)
def test_a_decision_that_calibrate_did_not_write_is_refused(tmp_path, text, message):
    if text is not None:
        (tmp_path / "decision.json").write_text(text)
    with pytest.raises(UserError, match=f"decision.json: {message}"):
        contract.read_decision(tmp_path / "decision.json")


@pytest.mark.parametrize(
    ("name", "read"),
    [("quality", contract.read_quality), ("firmness", contract.read_firmness)],
    ids=["quality", "firmness"],
)
@pytest.mark.parametrize(
    ("text", "message"),
    [
        (None, "not there; `dvc repro` makes it"),
        ("[]", "not what quality writes"),
        ('{"flatness": {"least": null}}', "not what quality writes"),
        ('{"firm": -1}', "not what quality writes"),
    ],
)
def test_what_quality_did_not_write_is_refused(tmp_path, name, read, text, message):
    if text is not None:
        (tmp_path / f"{name}.json").write_text(text)
    with pytest.raises(UserError, match=f"{name}.json: {message}"):
        read(tmp_path / f"{name}.json")


def test_limits_are_read_as_they_were_written(tmp_path):
    limits = {"flatness": Limit(least=None, most=0.5)}
    write_json(tmp_path / "quality.json", {name: one.model_dump() for name, one in limits.items()})
    assert contract.read_quality(tmp_path / "quality.json") == limits


def test_what_calibration_finds_is_read_as_it_was_written(tmp_path):
    labels, logits = (
        np.array([0, 1] * 300),
        np.random.default_rng(1).normal(0, 1, 600) + [0, 2] * 300,
    )
    found, _ = calibration.decision(
        labels, logits, labels, np.ones(len(labels), int), 8, Calibrate()
    )
    write_json(tmp_path / "decision.json", found.model_dump(mode="json"))
    assert contract.read_decision(tmp_path / "decision.json") == found


def test_versions_of_all_libraries_that_figures_depend_on_are_told():
    versions = contract.library_versions()
    assert set(versions) == set(contract.LIBRARIES)
    assert (versions["numpy"], versions["onnxruntime"]) == (np.__version__, onnxruntime.__version__)
