"""The contract inside a model comes back as it went in, and nothing else is taken for one."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from deepfake_detector import UserError, contract

SHARE = st.floats(0, 1)


def made(temperature: float = 1.5, threshold: float = 0.5, low: float = 0.4, high: float = 0.6) -> contract.Contract:
    return contract.Contract(
        version=contract.VERSION,
        labels=("real", "fake"),
        frames=32,
        detection=contract.FaceDetection(name="haar", sha256="0" * 64, detect_size=240, min_score=0.0),
        crop=contract.Crop(
            kind="detected",
            min_face=32,
            margin=1.1,
            size=96,
            input_size=80,
            interpolation="area, bilinear",
            mean=(0.1, 0.2, 0.3),
            std=(0.4, 0.5, 0.6),
        ),
        decision=contract.Decision(
            min_faces=8, temperature=temperature, threshold=threshold, band_low=low, band_high=high
        ),
        trained_on=contract.TrainedOn(data_sets={"demo": {"real": 3}}, split="abc", demonstration=True),
        libraries=contract.library_versions(),
    )


@given(st.floats(0.05, 20), SHARE, SHARE, SHARE)
def test_it_comes_back_from_json_exactly(temperature, threshold, low, high):
    one = made(temperature, threshold, low, high)
    assert contract.parse(one.model_dump_json(), "model.onnx") == one


def test_a_model_without_one_is_refused_by_name():
    with pytest.raises(UserError, match=r"^model\.onnx: an ONNX file without this project's contract; use one that"):
        contract.parse(None, "model.onnx")


@pytest.mark.parametrize(
    ("place", "value", "said"),
    [
        (("version",), 2, "(version)"),
        (("version",), None, "(version)"),
        (("smile",), True, "(smile)"),
        (("crop", "smile"), True, "(crop.smile)"),
        (("labels",), ["fake", "real"], "(labels.0, labels.1)"),
        (("crop", "margin"), 0.9, "(crop.margin)"),
        (("crop", "interpolation"), "nearest", "(crop.interpolation)"),
        (("decision", "temperature"), 0, "(decision.temperature)"),
        (("decision", "threshold"), 1.1, "(decision.threshold)"),
    ],
)
def test_what_is_not_of_this_version_is_refused_with_its_place(place, value, said):
    content = json.loads(made().model_dump_json())
    *above, last = place
    inner = content
    for key in above:
        inner = inner[key]
    inner[last] = value
    with pytest.raises(UserError) as raised:
        contract.parse(json.dumps(content), "model.onnx")
    assert str(raised.value).startswith(f"model.onnx: its contract is not of version 1 {said}; export the model again")


@pytest.mark.parametrize("section", ["version", "decision", "crop", "trained_on"])
def test_a_part_that_is_missing_is_named(section):
    content = json.loads(made().model_dump_json())
    del content[section]
    with pytest.raises(UserError, match=rf"^model\.onnx: .*\({section}\)"):
        contract.parse(json.dumps(content), "model.onnx")


@pytest.mark.parametrize("text", ["", "{", "[]", "5", "null"])
def test_what_is_no_json_object_is_refused(text):
    with pytest.raises(UserError, match=r"^model\.onnx: its contract is not of version 1"):
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


def test_a_decision_is_read_without_what_is_only_told_beside_it(tmp_path):
    values = {"temperature": 1.2, "threshold": 0.6, "band_low": 0.5, "band_high": 0.7, "min_faces": 8}
    (tmp_path / "decision.json").write_text(json.dumps(values | {"validation": {"clips": 4}}))
    assert contract.read_decision(tmp_path / "decision.json").model_dump() == values
