"""The engine behind page and API: a copy of the model for each that judges, loaded once, and the
file as it is now."""

import os
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Barrier

import made
import pytest
from patience import HANG

from deepfake_detector import UserError
from deepfake_detector.serving import engine
from deepfake_detector.serving.engine import Engine


def silent(before: int) -> None:
    pass


@pytest.fixture
def model(tmp_path) -> Path:
    return made.write_model(tmp_path / "m.onnx")


@pytest.mark.slow
def test_those_that_judge_at_once_have_copies_of_their_own(model):
    own, both = Engine(2), Barrier(2, timeout=HANG)

    def judge(_: int) -> object:
        with own.turn(model, silent) as detector:
            both.wait()
            return detector

    with ThreadPoolExecutor(2) as pool:
        first, second = pool.map(judge, range(2))
    assert first is not second
    assert first.sha256 == second.sha256
    with own.turn(model, silent) as again:
        assert again in (first, second)


@pytest.mark.slow
def test_a_model_is_loaded_once_and_again_when_its_file_changes(model):
    own = Engine(1)
    before = own.detector(model)
    assert own.detector(model) is before
    made.write_model(model, decision=made.SURE | {"threshold": 0.7})
    os.utime(model, (1, 1))
    after = own.detector(model)
    assert after.sha256 != before.sha256


def test_few_copies_are_kept(model, monkeypatch):
    loaded = []
    monkeypatch.setattr(engine.Detector, "load", lambda path, sha256: loaded.append(path) or path)
    own = Engine(1)
    paths = [model.with_name(name) for name in "abc"]
    for path in (*paths, paths[2], paths[1], paths[0]):
        own.detector(path)
    assert [path.name for path in loaded] == ["a", "b", "c", "a"]


def test_no_other_model_than_the_pinned_one_is_taken(model):
    with pytest.raises(UserError, match="m.onnx: not the file that was asked for"):
        Engine(1, "0" * 64).detector(model)


def test_the_turn_of_one_whose_model_cannot_be_loaded_is_free(model, tmp_path):
    own = Engine(1)
    with pytest.raises(UserError, match="not there"), own.turn(tmp_path / "none.onnx", silent):
        pass
    with own.turn(model, silent) as detector:
        assert detector.sha256


@pytest.mark.parametrize(
    ("files", "named", "found"),
    [
        ([], None, ["models/detector.onnx"]),
        (["a", "detector", "z"], None, ["models/detector.onnx", "models/a.onnx", "models/z.onnx"]),
        (["z", "a"], None, ["models/a.onnx", "models/z.onnx"]),
        (["a"], "other/mine.onnx", ["other/mine.onnx"]),
    ],
)
def test_the_model_to_take_comes_first(tmp_path, monkeypatch, files, named, found):
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("DEEPFAKE_MODEL", raising=False)
    (tmp_path / "models").mkdir()
    for name in files:
        (tmp_path / f"models/{name}.onnx").touch()
    if named:
        monkeypatch.setenv("DEEPFAKE_MODEL", named)
    assert engine.offered() == [Path(one) for one in found]
    # another program takes no other file than the one it is told of
    assert engine.chosen() == Path(named or "models/detector.onnx")


def test_no_visitor_is_told_where_files_lie(tmp_path, monkeypatch):
    monkeypatch.setenv("DEEPFAKE_ASSETS", str(tmp_path / "assets"))
    told = f"{tmp_path}/m.onnx: broken; {tmp_path}/assets/yunet.onnx: not there"
    said = engine.without_folder(told, tmp_path / "m.onnx")
    assert said == "m.onnx: broken; yunet.onnx: not there"
