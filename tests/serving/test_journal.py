"""The journal brings a stopped run back, with what it has judged and nothing else."""

import errno
import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from pathlib import Path
from unittest.mock import Mock, patch

import pytest

from deepfake_detector import UserError
from deepfake_detector.serving import journal as journals
from deepfake_detector.serving.journal import Journal

TERMS = {"model": "ab", "kind": "auto", "html": "None"}


def report_on(path: Path, verdict: str = "REAL") -> dict:
    """What a journal looks at of a report."""
    return {"input": {"name": str(path)}, "verdict": verdict}


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
            journal.add(path, report_on(path))
    return target


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
        journal.add(files[1], report_on(files[1], "FAKE"))
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


def test_what_could_not_be_judged_is_judged_again(begun, files):
    with resumed(begun) as journal:
        journal.add(files[1], report_on(files[1], "ERROR"))
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
            journal.add(files[1], report_on(files[1]))


@pytest.mark.parametrize("torn", [1, 20, 100])
def test_a_line_that_was_not_written_whole_does_not_count(begun, files, torn):
    path = begun.with_name("all.json.partial")
    path.write_bytes(path.read_bytes()[:-torn])
    with resumed(begun) as journal:
        assert [journal.has(one) for one in files] == [False, False, True]
        journal.add(files[0], report_on(files[0]))
        assert [journal.has(one) for one in files] == [True, False, True]
    assert known(begun, files) == [True, False, True]


def test_a_file_that_changes_meanwhile_has_its_report_all_the_same(begun, files):
    with resumed(begun) as journal:
        journal.add(files[1], report_on(files[1]))
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


def test_a_run_that_wrote_another_format_of_reports_does_not_go_on(begun, monkeypatch):
    monkeypatch.setattr(journals, "FORMAT", "deepfake-detector-report/1")
    refused = "all.json.partial: not of a run with this"
    with pytest.raises(UserError, match=refused), resumed(begun):
        pytest.fail("it goes on with it")


@pytest.mark.parametrize("resume", [False, True])
def test_a_run_that_was_stopped_before_it_had_written_its_terms_begins_again(
    tmp_path, files, resume
):
    target = tmp_path / "all.json"
    journal = Journal(target, TERMS)
    with journal.written(resume=False):
        pass
    journal.path.write_bytes(journal.path.read_bytes()[:-5])
    with Journal(target, TERMS).written(resume):
        pass
    assert known(target, files) == [False] * 3


def test_to_resume_what_never_began_is_to_begin(tmp_path, files):
    assert not any(known(tmp_path / "new.json", files))
