"""Judging many files: the journal brings a stopped run back, and what is written is in order, whole
and one row per input."""

import csv
import errno
import fcntl
import json
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import replace
from pathlib import Path
from unittest.mock import Mock, patch

import pytest
from made import contract_terms, write_model

from deepfake_detector import UserError
from deepfake_detector.cli import outputs
from deepfake_detector.common.parallel import OPENCV_NO_MEMORY
from deepfake_detector.media.reading import MediaError
from deepfake_detector.serving import annotation, batch
from deepfake_detector.serving.batch import Journal, Judge
from deepfake_detector.serving.inference import FAULT, Detector, FaceFrame, FaceTrack, Report
from deepfake_detector.serving.report_model import as_json

TERMS = {"model": "ab", "kind": "auto", "html": "None"}


def found(name: str, verdict: str = "REAL") -> dict:
    """The report on a picture with one person."""
    face = FaceFrame(0, 0.0, (0.0, 0.0, 64.0, 64.0), 0.25, None, None)
    person = FaceTrack(0, verdict, "", 0.25, (face,))
    report = Report(
        name,
        "ab" * 32,
        "image",
        verdict,
        fake_probability=0.25,
        decided_by=0,
        frames_sampled=1,
        frames_with_face=1,
        faces=(person,),
        seconds=0.1,
    )
    return as_json(report, contract_terms(), "cd" * 32)


@pytest.fixture
def files(tmp_path) -> list[Path]:
    paths = [tmp_path / name for name in ("b.jpg", "a.jpg", "gone.jpg")]
    for path in paths[:2]:
        path.write_bytes(b"x")
    return paths


@pytest.fixture
def begun(tmp_path, files) -> Path:
    """A journal that was stopped after two files; gives the file it belongs to."""
    target = tmp_path / "out" / "all.json"
    journal = Journal(target, TERMS)
    with journal.written(resume=False):
        for path in (files[2], files[0]):
            journal.add(path, found(str(path)))
    return target


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


@contextmanager
def resumed(target: Path, terms: dict = TERMS) -> Iterator[Journal]:
    journal = Journal(target, terms)
    with journal.written(resume=True):
        yield journal


def known(target: Path, files: list[Path]) -> list[bool]:
    with resumed(target) as journal:
        return [journal.has(path) for path in files]


def test_a_stopped_run_knows_what_it_has_judged(begun, files):
    with resumed(begun) as journal:
        assert [journal.has(path) for path in files] == [True, False, True]
        journal.add(files[1], found(str(files[1]), "FAKE"))
        names = [one["input"]["name"] for one in journal.reports(files)]
        assert names == [str(path) for path in files]
        journal.end()
    assert not journal.path.exists()


@pytest.mark.parametrize(
    ("kept", "lost"), [([0, 1, 2], None), ([0, 2], None), ([0], None), ([1, 2], 0), ([], 0)]
)
def test_a_run_with_other_inputs_does_not_throw_away_what_was_judged(begun, files, kept, lost):
    """Of a file that is gone since there is nothing to lose."""
    with resumed(begun) as journal:
        paths = [files[at] for at in kept]
        if lost is None:
            journal.check_inputs(paths)
        else:
            with pytest.raises(UserError, match=rf"1 of those judged .* as {files[lost]}"):
                journal.check_inputs(paths)


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


def test_the_table_of_pages_tells_what_a_test_of_the_verdict_came_to(tmp_path):
    plain, tested = found("a.jpg"), found("b.jpg")
    tested["stress"] = {"verdict": "REAL", "turned_by": None, "copies": []}
    tested["firmness"] = "Firm: all copies have the same verdict."
    batch.write_index(tmp_path / "index.html", [plain, tested], {"REAL": 2}, "")
    assert (tmp_path / "index.html").read_text().count(tested["firmness"]) == 1
    assert "Firmness not tested" not in (tmp_path / "index.html").read_text()


def test_what_could_not_be_judged_is_judged_again(begun, files):
    with resumed(begun) as journal:
        journal.add(files[1], found(str(files[1])) | {"verdict": "ERROR"})
    assert known(begun, files) == [True, False, True]


def test_one_run_at_a_time_writes_a_journal(begun, files):
    taken = Mock(side_effect=BlockingIOError(errno.EAGAIN, "taken"))
    with (
        patch("fcntl.flock", taken),
        pytest.raises(UserError, match="all.json.partial: another run is writing it; wait"),
        resumed(begun),
    ):
        pytest.fail("two runs write it")
    assert known(begun, files) == [True, False, True]


def test_a_journal_is_locked_while_it_is_written(begun):
    with patch("fcntl.flock") as lock, resumed(begun):
        lock.assert_called_once()
        assert lock.call_args.args[1] == fcntl.LOCK_EX | fcntl.LOCK_NB


@pytest.mark.parametrize(("number", "bears_it"), [(errno.ENOLCK, True), (errno.EIO, False)])
def test_a_drive_without_locks_takes_a_journal(begun, files, number, bears_it):
    refusing = patch("fcntl.flock", side_effect=OSError(number, "no"))
    expected = nullcontext() if bears_it else pytest.raises(OSError, match="no")
    with refusing, expected:
        assert known(begun, files) == [True, False, True]


def test_a_journal_that_cannot_be_written_is_named(begun, files):
    with resumed(begun) as journal:
        journal.path = Path("/dev/full")
        with pytest.raises(OSError, match="No space left on device: '/dev/full'"):
            journal.add(files[1], found(str(files[1])))


@pytest.mark.parametrize("torn", [1, 20, 100])
def test_a_line_that_was_not_written_whole_does_not_count(begun, files, torn):
    path = begun.with_name("all.json.partial")
    path.write_bytes(path.read_bytes()[:-torn])
    with resumed(begun) as journal:
        assert [journal.has(one) for one in files] == [False, False, True]
        journal.add(files[0], found(str(files[0])))
        assert [journal.has(one) for one in files] == [True, False, True]
    assert known(begun, files) == [True, False, True]


def test_a_file_that_changes_meanwhile_has_its_report_all_the_same(begun, files):
    with resumed(begun) as journal:
        journal.add(files[1], found(str(files[1])))
        files[1].write_bytes(b"other bytes than before")
        names = [one["input"]["name"] for one in journal.reports(files)]
        assert names == [str(path) for path in files]
    assert not known(begun, files)[1]


def test_a_file_that_has_changed_is_judged_anew(begun, files):
    files[0].write_bytes(b"something longer")
    files[2].write_bytes(b"it is there now")
    assert known(begun, files) == [False, False, False]


def test_a_file_that_has_changed_and_kept_its_size_is_judged_anew(begun, files):
    before = known(begun, files)
    facts = files[0].stat()
    os.utime(files[0], ns=(facts.st_atime_ns, facts.st_mtime_ns + 10**9))
    assert before[0]
    assert not known(begun, files)[0]


@pytest.mark.parametrize(
    ("terms", "resume", "said"),
    [
        (
            TERMS,
            False,
            "all.json.partial: left by a run that was stopped; go on with --resume, or delete it",
        ),
        (
            TERMS | {"model": "cd"},
            True,
            "all.json.partial: not of a run with this model and these options",
        ),
        (
            TERMS | {"kind": "face"},
            True,
            "all.json.partial: not of a run with this model and these options",
        ),
    ],
    ids=["not asked to go on", "another model", "other options"],
)
def test_another_run_does_not_go_on_with_it(begun, terms, resume, said):
    before = begun.with_name("all.json.partial").read_bytes()
    with pytest.raises(UserError, match=said), Journal(begun, terms).written(resume):
        pytest.fail("it goes on with it")
    assert begun.with_name("all.json.partial").read_bytes() == before


@pytest.mark.parametrize(
    "text", ["no JSON\n", "\xff\n", "[]\n", '{"terms": 1}\n', "{}\n{}\n"], ids=repr
)
@pytest.mark.parametrize("with_head", [False, True])
def test_what_is_no_journal_is_refused_and_left(tmp_path, text, with_head):
    target, path = tmp_path / "all.json", tmp_path / "all.json.partial"
    if with_head:
        with Journal(target, TERMS).written(resume=False):
            pass
    before = (path.read_bytes() if with_head else b"") + text.encode("latin-1")
    path.write_bytes(before)
    refused = r"all\.json\.partial: not of a run with this model"
    with pytest.raises(UserError, match=refused), resumed(target):
        pytest.fail("it goes on with it")
    assert path.read_bytes() == before


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


def test_a_run_that_wrote_another_format_of_reports_does_not_go_on(begun, monkeypatch):
    monkeypatch.setattr(batch, "FORMAT", "deepfake-detector-report/1")
    refused = "all.json.partial: not of a run with this"
    with pytest.raises(UserError, match=refused), resumed(begun):
        pytest.fail("it goes on with it")


def test_to_resume_what_never_began_is_to_begin(tmp_path, files):
    assert not any(known(tmp_path / "new.json", files))


def test_json_is_one_list(tmp_path):
    many = [found("a"), found("b\n\udcff", "FAKE")]
    batch.write_json_list(tmp_path / "x.json", iter(many))
    assert json.loads((tmp_path / "x.json").read_text()) == many
    batch.write_json_list(tmp_path / "x.json", iter([]))
    assert json.loads((tmp_path / "x.json").read_text()) == []


def test_csv_has_a_row_for_each_input_whatever_its_name(tmp_path):
    names = ["a.jpg", 'b,"c"\n.jpg', "c\r.jpg", "é.jpg", "con\udcff.jpg"]
    batch.write_csv(tmp_path / "x.csv", map(found, names))
    with open(tmp_path / "x.csv", newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    assert [row["input"] for row in rows] == [*names[:-1], "con\\udcff.jpg"]
    assert rows[0] == {
        "input": "a.jpg",
        "verdict": "REAL",
        "fake_probability": "0.25",
        "reason": "",
        "in_words": "No sign of face manipulation found.",
        "warnings": "",
        "firmness": "Firmness not tested.",
        "error": "",
        "people": "1",
        "decided_by": "1",
        "frames_sampled": "1",
        "frames_with_face": "1",
        "kind": "image",
        "sha256": "ab" * 32,
        "seconds": "0.1",
        "model_sha256": found("a.jpg")["model"]["sha256"],
        "page": "",
    }
    batch.write_csv(tmp_path / "x.csv", map(found, names), pages=True)
    with open(tmp_path / "x.csv", newline="", encoding="utf-8") as file:
        pages = [row["page"] for row in csv.DictReader(file)]
    assert pages == [batch.page_name(Path(name)) for name in names]
    batch.write_csv(tmp_path / "x.csv", iter([]))
    assert (tmp_path / "x.csv").read_text().startswith("input,verdict,")


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


def test_tables_say_what_a_report_warns_of(tmp_path):
    warned = found("a.mp4") | {"warnings": ["Mind this.", "The file is cut off.", "And odd."]}
    batch.write_csv(tmp_path / "x.csv", iter([warned]))
    with open(tmp_path / "x.csv", newline="", encoding="utf-8") as file:
        (row,) = csv.DictReader(file)
    assert row["warnings"] == "Mind this. The file is cut off. And odd."
    batch.write_index(tmp_path / "index.html", iter([warned]), {"REAL": 1}, "Mind this.")
    page = (tmp_path / "index.html").read_text()
    assert "No sign of face manipulation found. The file is cut off. And odd." in page
    assert page.count("Mind this.") == 1  # of the model: it stands above


@pytest.mark.parametrize(
    ("counts", "said"),
    [
        ({}, "0 inputs: "),
        ({"REAL": 1}, "1 input: 1 REAL"),
        ({"ERROR": 2, "FAKE": 1, "REAL": 0}, "3 inputs: 1 FAKE, 2 ERROR"),
    ],
)
def test_verdicts_are_counted_in_words(counts, said):
    assert batch.summary(counts) == said


def test_names_are_text_in_the_table_of_pages(tmp_path):
    names = ["<script>alert(1)</script>.jpg", 'a" onclick="b.jpg', "con\udcff.mp4"]
    batch.write_index(tmp_path / "index.html", map(found, names), {"REAL": 3}, "Mind this.")
    assert "Mind this." in (tmp_path / "index.html").read_text()
    page = (tmp_path / "index.html").read_text()
    assert page.count("<script>") == 1
    assert 'onclick="b' not in page
    assert "con?.mp4" in page
    assert "3 inputs: 3 REAL." in page


def test_what_fails_while_it_is_written_leaves_the_file_before(tmp_path):
    def half():
        yield found("a")
        raise OSError("disk full")

    (tmp_path / "x.json").write_text("before")
    with pytest.raises(OSError, match="disk full"):
        batch.write_json_list(tmp_path / "x.json", half())
    assert (tmp_path / "x.json").read_text() == "before"
    assert [path.name for path in tmp_path.iterdir()] == ["x.json"]


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
