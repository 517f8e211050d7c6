"""One input to one report: every route to a verdict, agreement with evaluate, and that no input raises."""

import json
import re
import subprocess
import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import made
import numpy as np
import onnx
import pandas as pd
import pytest
from matplotlib.cbook import get_sample_data

from deepfake_detector import UserError, assets, contract, scores
from deepfake_detector.files import file_hash
from deepfake_detector.inference import DEMONSTRATION, GIVEN, Detector, Report
from deepfake_detector.media import read_image

MODEL = "models/detector.onnx"
YUNET = assets.ASSETS["yunet"]
GREY = np.full((90, 120, 3), 128, np.uint8)
STRIPS, FLOATS = b"\x11\x01\x04\x00", b"\x11\x01\x0b\x00"  # a TIFF tag that says where its pixels lie: whole, fraction
ALWAYS = {"trained_on": {"demonstration": False}, "decision": {"min_faces": 1}}  # a model that judges whatever it sees


@pytest.fixture(scope="module")
def detector(toy_project) -> Detector:
    return Detector.load(toy_project / MODEL)


@pytest.fixture(scope="module")
def with_contract(toy_project, tmp_path_factory) -> Callable[..., Path]:
    """Writes the toy model again with another contract: `with_contract(decision={"min_faces": 1})`."""
    model = onnx.load(toy_project / MODEL)
    (entry,) = [one for one in model.metadata_props if one.key == contract.KEY]
    original = entry.value

    def write(**changes: object) -> Path:
        terms = json.loads(original)
        for part, values in changes.items():
            terms[part] = terms[part] | values if isinstance(values, dict) else values
        entry.value = json.dumps(terms)
        path = tmp_path_factory.mktemp("model") / "changed.onnx"
        onnx.save(model, path)
        return path

    return write


@pytest.fixture(scope="module")
def judge(with_contract) -> Detector:
    return Detector.load(with_contract(**ALWAYS))


def findings(report: Report) -> dict:
    """The report without what differs between two calls."""
    return {name: value for name, value in report.as_json().items() if name not in ("input", "seconds")}


def evaluated() -> pd.DataFrame:
    """The test split's rows of evaluate, with each item's file and kind."""
    clips = pd.read_csv("data/clip_predictions.csv").merge(pd.read_csv("data/index.csv")[["item", "path", "kind"]])
    return clips[clips["split"] == "test"]


def test_the_demos_own_files_get_what_evaluate_gave_them(in_toy_project, detector):
    decision = detector.contract.decision
    assert len(evaluated()) >= 8
    for row in evaluated().itertuples():
        report = detector.predict(Path(row.path))
        if row.kind == "image":
            logit = decision.temperature * np.log(report.fake_probability / (1 - report.fake_probability))
            assert logit == pytest.approx(row.logit, abs=1e-3), row.item
            assert report.fake_probability == pytest.approx(row.fake_probability, abs=1e-4), row.item
        else:  # its frames were stored as JPEG
            assert report.fake_probability == pytest.approx(row.fake_probability, abs=0.02), row.item
        assert (report.frames_sampled, report.frames_with_face) == (row.frames_sampled, row.frames_with_face)
        for judged in (report, row):
            assert judged.verdict == scores.decide(judged.fake_probability, decision.band_low, decision.band_high)


def test_the_examples_are_judged_and_say_that_the_model_is_a_demonstration(in_toy_project, detector):
    examples = sorted(Path("models/examples").iterdir())
    assert {example.suffix for example in examples} == {".mp4", ".jpg"}
    for example in examples:
        report = detector.predict(example)
        assert report.verdict in ("REAL", "FAKE", "INCONCLUSIVE")
        assert 0 <= report.fake_probability <= 1
        assert report.warnings == (DEMONSTRATION,)
        assert report.faces


@pytest.mark.parametrize(
    ("data", "faces"),
    [
        (made.person_clip(), True),
        (made.person_still(), True),
        (made.picture(GREY), False),
    ],
    ids=["clip", "still", "no face"],
)
def test_a_demonstration_model_gives_no_verdict_on_other_files_but_lists_faces(detector, data, faces):
    report = detector.predict(data)
    assert (report.verdict, report.reason) == ("INCONCLUSIVE", "demonstration model")
    assert report.fake_probability is None
    assert bool(report.faces) == faces
    assert report.warnings == (DEMONSTRATION,)


@pytest.mark.parametrize("pattern", ["dfdc/**/*.mp4", "dfdc_faces/**/*.jpg"])
def test_a_demonstration_model_gives_no_verdict_on_real_people(detector, shared_data, pattern):
    report = detector.predict(min(shared_data.glob(pattern)))
    assert (report.verdict, report.reason) == ("INCONCLUSIVE", "demonstration model")
    assert report.fake_probability is None
    assert report.error is None


def test_a_demonstration_model_gives_no_verdict_on_a_photo_of_a_person(detector):
    report = detector.predict(Path(get_sample_data("grace_hopper.jpg", asfileobj=False)))
    assert report.faces
    assert (report.verdict, report.reason, report.fake_probability) == ("INCONCLUSIVE", "demonstration model", None)


@pytest.mark.parametrize(
    ("low", "high", "verdict", "reason"),
    [
        (0.0, 0.0, "FAKE", ""),
        (1.0, 1.0, "REAL", ""),
        (0.0, 1.0, "INCONCLUSIVE", "score in the inconclusive band"),
    ],
)
def test_the_band_decides(with_contract, low, high, verdict, reason):
    path = with_contract(**ALWAYS | {"decision": {"band_low": low, "band_high": high}})
    report = Detector.load(path).predict(made.person_clip())
    assert (report.verdict, report.reason) == (verdict, reason)
    assert 0 < report.fake_probability < 1
    assert report.warnings == ()


def test_without_a_face_there_is_no_verdict(judge):
    report = judge.predict(made.clip())
    assert (report.verdict, report.reason, report.fake_probability) == ("INCONCLUSIVE", "no face", None)
    assert (report.frames_sampled, report.frames_with_face, report.faces) == (judge.contract.frames, 0, ())


def test_faces_below_the_least_size_are_not_judged(with_contract):
    report = Detector.load(with_contract(**ALWAYS, crop={"min_face": 500})).predict(made.person_clip())
    assert (report.verdict, report.reason, report.fake_probability) == ("INCONCLUSIVE", "faces too small", None)
    assert report.faces == ()


def test_the_most_suspicious_of_several_people_decides(judge):
    people = [read_image(made.person_still(person)) for person in (0, 2)]
    height = max(one.shape[0] for one in people)
    side_by_side = [np.pad(one, ((0, height - one.shape[0]), (0, 0), (0, 0)), mode="edge") for one in people]
    report = judge.predict(made.picture(np.hstack(side_by_side)))
    assert [track.track for track in report.faces] == [0, 1]
    assert report.frames_with_face == 1
    assert report.fake_probability == max(track.fake_probability for track in report.faces)


def test_a_picture_given_as_a_face_is_judged_whole(with_contract):
    still = made.person_still()
    height, width = read_image(still).shape[:2]
    given = Detector.load(with_contract(**ALWAYS, crop={"kind": "given"}))
    whole, found = given.predict(still, kind="face"), given.predict(still)
    assert [frame.box for frame in whole.faces[0].frames] == [(0, 0, width, height)]
    assert whole.warnings == ()
    assert found.faces[0].frames[0].box[2] < width
    assert found.warnings == (GIVEN,)


BROKEN = {
    "empty": (b"", "empty file"),
    "text": (b"this is no video at all\n" * 50, "not a video that can be decoded"),
    "sound": (made.audio_only(), r"no video in it \(audio only\?\)"),
    "half a clip": (made.clip()[:900], "not a video that can be decoded"),
    "half a picture": (made.person_still()[:2000], "damaged image"),
    "damaged TIFF": (made.picture(GREY, "TIFF").replace(STRIPS, FLOATS), "damaged image"),
}


@pytest.mark.parametrize(("data", "error"), BROKEN.values(), ids=BROKEN)
def test_what_cannot_be_read_is_an_error_in_the_report(detector, tmp_path, data, error):
    (tmp_path / "input.mp4").write_bytes(data)
    for report in (detector.predict(data), detector.predict(tmp_path / "input.mp4")):
        assert (report.verdict, report.reason) == ("ERROR", "cannot be read")
        assert report.sha256 == file_hash(tmp_path / "input.mp4")
        assert report.fake_probability is None
        assert re.search(error, report.error)


@pytest.mark.parametrize(("name", "error"), [("missing.mp4", "No such file"), ("", "Is a directory")])
def test_a_path_without_a_file_is_an_error_in_the_report(detector, tmp_path, name, error):
    report = detector.predict(tmp_path / name)
    assert (report.verdict, report.sha256) == ("ERROR", None)
    assert error in report.error


def test_a_path_and_its_bytes_get_the_same_report(in_toy_project, detector):
    for example in sorted(Path("models/examples").iterdir()):
        by_path, by_bytes = detector.predict(example), detector.predict(example.read_bytes())
        assert findings(by_path) == findings(by_bytes)
        assert (by_path.input, by_bytes.input) == (str(example), "upload")


def test_a_report_as_json_has_these_keys(judge):
    report = json.loads(json.dumps(judge.predict(made.person_clip(), name="clip.mp4").as_json()))
    assert list(report) == [
        "input",
        "sha256",
        "kind",
        "verdict",
        "reason",
        "fake_probability",
        "frames_sampled",
        "frames_with_face",
        "faces",
        "seconds",
        "warnings",
        "error",
    ]
    assert (report["input"], report["kind"], report["error"]) == ("clip.mp4", "video", None)
    assert report["seconds"] > 0
    (face,) = report["faces"]
    assert list(face) == ["track", "fake_probability", "frames"]
    assert len(face["frames"]) == report["frames_with_face"]
    assert all(list(frame) == ["frame", "time", "box", "fake_probability"] for frame in face["frames"])
    assert [frame["time"] for frame in face["frames"]] == sorted({frame["time"] for frame in face["frames"]})


def test_two_threads_get_what_one_gets(judge):
    inputs = [made.person_clip(0), made.person_still(2), made.clip(), made.person_clip(2), b""] * 2
    alone = [findings(judge.predict(data)) for data in inputs[:5]] * 2
    with ThreadPoolExecutor(2) as pool:
        assert [findings(report) for report in pool.map(judge.predict, inputs)] == alone


def test_progress_counts_the_frames(detector):
    told = []
    detector.predict(made.person_clip(), watch=lambda *counts: told.append(counts))
    assert told == [(done, detector.contract.frames) for done in range(1, detector.contract.frames + 1)]


def test_serving_does_not_import_torch():
    loaded = "import sys, deepfake_detector.inference; print('torch' in sys.modules, 'onnxruntime' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", loaded], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["False", "True"]


def plain_onnx() -> bytes:
    """A valid ONNX model of somebody else."""
    value = [onnx.helper.make_tensor_value_info(name, onnx.TensorProto.FLOAT, [1]) for name in "xy"]
    graph = onnx.helper.make_graph([onnx.helper.make_node("Identity", ["x"], ["y"])], "plain", value[:1], value[1:])
    model = onnx.helper.make_model(graph, opset_imports=[onnx.helper.make_opsetid("", 20)], ir_version=10)
    return model.SerializeToString()


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (None, r"model\.onnx: not there; `make repro`"),
        (b"", r"model\.onnx: not an ONNX model that can be loaded"),
        (b"no model, but text\n", r"model\.onnx: not an ONNX model that can be loaded"),
        (plain_onnx(), r"model\.onnx: an ONNX file without this project's contract"),
    ],
    ids=["missing", "empty", "text", "without contract"],
)
def test_a_file_that_is_no_model_of_ours_is_refused(tmp_path, data, message):
    if data is not None:
        (tmp_path / "model.onnx").write_bytes(data)
    with pytest.raises(UserError, match=message):
        Detector.load(tmp_path / "model.onnx")


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"version": 2}, r"changed\.onnx: its contract is not of version 1 \(version\)"),
        ({"detection": {"sha256": "0" * 64}}, "the haar face detector here is another file than the model was trained"),
        ({"detection": {"name": "yunet", "sha256": YUNET.sha256}}, f"{YUNET.file}: not there.*fetch-assets yunet"),
    ],
    ids=["another version", "another face detector", "face detector not there"],
)
def test_a_model_whose_terms_cannot_be_kept_is_refused(with_contract, tmp_path, monkeypatch, changes, message):
    monkeypatch.setenv("DEEPFAKE_ASSETS", str(tmp_path))
    with pytest.raises(UserError, match=message):
        Detector.load(with_contract(**changes))


def test_a_model_trained_with_yunet_finds_real_faces_with_it(with_contract, yunet, shared_data):
    detection = {"name": "yunet", "sha256": YUNET.sha256, "min_score": 0.7}
    clip = min(shared_data.glob("dfdc/**/*.mp4"))
    report = Detector.load(with_contract(**ALWAYS, detection=detection)).predict(clip)
    assert report.verdict in ("REAL", "FAKE", "INCONCLUSIVE")
    assert report.frames_with_face > 0
