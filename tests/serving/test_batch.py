"""Judging many files: a fault costs its file alone, and each has its own time, page and copy."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from unittest.mock import Mock

import pytest
from made import contract_terms, write_model

from deepfake_detector import UserError
from deepfake_detector.cli import outputs
from deepfake_detector.common.parallel import OPENCV_NO_MEMORY
from deepfake_detector.media.reading import MediaError
from deepfake_detector.serving import annotation, batch
from deepfake_detector.serving.batch import Judge
from deepfake_detector.serving.inference import FAULT, Detector, Report


@pytest.fixture
def files(tmp_path) -> list[Path]:
    paths = [tmp_path / name for name in ("b.jpg", "a.jpg", "gone.jpg")]
    for path in paths[:2]:
        path.write_bytes(b"x")
    return paths


class OpenCVMemoryError(Exception):
    code = OPENCV_NO_MEMORY


@pytest.fixture
def judge(tmp_path) -> Judge:
    return Judge(write_model(tmp_path / "model.onnx"), threads=1)


def trips_over(name: str, error: Exception) -> Callable[..., Report]:
    """Judging, but for a fault that a file of this name brings to light."""
    predict = Detector.predict

    def tripped(self: Detector, source: Path, **options: object) -> Report:
        if source.name == name:
            raise error
        return predict(self, source, **options)

    return tripped


@pytest.mark.parametrize("error", [AssertionError(), KeyError("x"), RecursionError()])
def test_a_fault_of_the_program_costs_its_file_alone_and_is_logged(
    files, judge, error, monkeypatch, caplog
):
    monkeypatch.setattr(Detector, "predict", trips_over("b.jpg", error))
    ours, other = batch.judge_all(files[:2], judge, None)
    assert (ours["verdict"], ours["error"]) == ("ERROR", FAULT)
    assert other["error"] not in (FAULT, None)  # what is wrong with that file itself
    (logged,) = caplog.records
    assert str(files[0]) in logged.getMessage()
    assert logged.exc_info[1] is error


@pytest.mark.parametrize("error", [UserError("no model"), PermissionError("disk")])
def test_what_is_no_fault_of_the_program_ends_the_run(files, judge, error, monkeypatch):
    monkeypatch.setattr(Detector, "predict", trips_over("b.jpg", error))
    with pytest.raises(type(error)):
        list(batch.judge_all(files[:2], judge, None))


@pytest.mark.parametrize("error", [MemoryError(), OpenCVMemoryError()])
def test_a_file_that_needs_too_much_memory_costs_itself(files, judge, error, monkeypatch):
    monkeypatch.setattr(Detector, "predict", trips_over("b.jpg", error))
    with pytest.raises(type(error)):  # a worker's process tells its limit
        judge(files[0])
    ours, other = batch.judge_all(files[:2], judge, None)
    assert (ours["verdict"], ours["error"]) == ("ERROR", "it needs more memory than there is")
    assert other["error"] != ours["error"]


def test_a_page_that_is_gone_is_missed(judge, tmp_path):
    assert judge.has_page(tmp_path / "a.jpg")
    wanting = replace(judge, html=tmp_path)
    assert not wanting.has_page(tmp_path / "a.jpg")
    (tmp_path / batch.page_name(tmp_path / "a.jpg")).touch()
    assert wanting.has_page(tmp_path / "a.jpg")


@pytest.mark.parametrize(
    ("place", "expected"),
    [
        ("copies/a.jpg.0123abcd.jpg", True),
        ("copies/../copies/a.mov.0123abcd.mp4", True),
        ("copies/a.jpg", False),
        ("copies/a.jpg.0123abcd.html", False),
        ("copies/below/a.jpg.0123abcd.jpg", False),
        ("a.jpg.0123abcd.jpg", False),
    ],
)
def test_annotated_copies_are_known_by_place_and_name(judge, tmp_path, place, expected):
    (tmp_path / "copies/below").mkdir(parents=True)
    assert replace(judge, annotate=tmp_path / "copies").is_copy(tmp_path / place) == expected
    assert not judge.is_copy(tmp_path / place)
    suffix = Path(place).suffix
    assert not expected or batch.PAGE_NAME.fullmatch(
        batch.page_name(tmp_path / "é x.mp4", suffix).removesuffix(suffix)
    )


@pytest.mark.parametrize(
    ("folder", "suffix"),
    [("html", ".html"), ("html", None), ("annotate", ".mp4"), ("annotate", ".png")],
)
def test_a_folder_in_the_place_of_what_is_to_be_written_is_refused(tmp_path, files, folder, suffix):
    name = batch.page_name(files[1], suffix) if suffix else batch.INDEX
    (tmp_path / "out" / name).mkdir(parents=True)
    judge = Judge(Path("m.onnx"), **{folder: tmp_path / "out"})
    with pytest.raises(UserError, match=f"{name}: a folder, where a file is to be written; "):
        outputs.check(judge.targets(files), files)
    (tmp_path / "out" / name).rmdir()
    outputs.check(judge.targets(files), files)


@pytest.mark.parametrize(
    ("stress", "annotate", "each"), [(False, False, 54), (True, False, 27), (True, True, 18)]
)
def test_what_comes_after_a_verdict_has_time_of_its_own(
    tmp_path, monkeypatch, stress, annotate, each
):
    """Else a worker that is stopped in the middle of it would lose the verdict too."""
    detector, annotated = Mock(), Mock(side_effect=MediaError("took longer"))
    detector.predict.return_value = Report("a.mp4", "ab" * 32, "video", "REAL")
    detector.contract, detector.sha256 = contract_terms(), "cd" * 32
    monkeypatch.setattr(batch, "_detector", lambda *_: detector)
    monkeypatch.setattr(annotation, "annotated", annotated)
    judge = Judge(
        Path("m.onnx"), stress=stress, annotate=tmp_path if annotate else None, seconds=60
    )
    told = judge(Path("a.mp4"))
    assert (told["verdict"], len(told["warnings"])) == ("REAL", int(annotate))
    given = [detector.predict.call_args.kwargs["limits"]]
    given += [call.args[2] for call in annotated.call_args_list]
    assert [limits.work for limits in given] == [pytest.approx(each)] * (1 + annotate)


@pytest.mark.parametrize(
    "name", ["clip.mp4", "../a b/ü.mp4", "-x.mp4", "\n", "." * 200, "é" * 100, "con\udcff.mp4"]
)
def test_a_page_gets_a_plain_name_of_its_own(name):
    made = batch.page_name(Path("folder") / name)
    assert made.isascii()
    assert "/" not in made
    assert not made.startswith((".", "-"))
    assert made.endswith(".html")
    assert len(made) < 110
    assert made != batch.page_name(Path("other") / name)
