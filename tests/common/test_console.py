"""What one sees at a terminal: progress, help, a line for an error, and nothing left running."""

import errno
import io
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from patience import HANG

from deepfake_detector import UserError
from deepfake_detector.common import console

PROJECT = Path(__file__).resolve().parents[2]


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def python(*arguments: str, folder: Path = PROJECT) -> subprocess.CompletedProcess:
    return subprocess.run(
        [sys.executable, *arguments],
        cwd=folder,
        env=os.environ | {"PYTHONPATH": str(PROJECT)},
        capture_output=True,
        text=True,
        check=False,
        timeout=HANG,
    )


def test_progress_yields_every_item_and_says_so_in_plain_lines_off_a_terminal(monkeypatch, capsys):
    monkeypatch.setattr(console, "LINE_SECONDS", 0)
    assert list(console.progress(iter("abc"), 3, "reading", "clip")) == ["a", "b", "c"]
    printed = capsys.readouterr()
    assert printed.out == ""
    lines = [line.split(", ") for line in printed.err.splitlines()]
    assert [line[0] for line in lines] == ["reading: 1 of 3 clips", "reading: 2 of 3 clips"]
    for _, rate, left in lines:
        assert rate.endswith(" a second")
        assert left.startswith("about ")


@pytest.mark.parametrize(
    ("seconds", "said"), [(0.2, "1 s"), (45, "45 s"), (200, "3 min"), (9000, "2.5 h")]
)
def test_the_time_left_is_told_in_round_numbers(seconds, said):
    assert console.time_left(seconds) == f"about {said} left"


@pytest.mark.parametrize(
    ("seconds", "said"), [(0.02, "50 a second"), (1, "1 a second"), (17.9, "17.9 s each")]
)
def test_the_speed_is_told_as_what_is_more_than_one(seconds, said):
    assert console.speed(seconds) == said


def test_progress_counts_what_is_in_an_item(monkeypatch, capsys):
    monkeypatch.setattr(console, "LINE_SECONDS", 0)
    list(console.progress(iter("ab"), 2, "epoch 1 of 3", "face", 64))
    assert capsys.readouterr().err.startswith("epoch 1 of 3: 64 of 128 faces, ")


@pytest.mark.parametrize(("seconds", "said"), [(0, "a clip: 25%\na clip: 100%\n"), (1000, "")])
def test_steps_of_a_long_item_are_told(monkeypatch, capsys, seconds, said):
    monkeypatch.setattr(console, "LINE_SECONDS", seconds)
    on_step = console.steps("a clip")
    on_step(1, 4)
    on_step(4, 4)
    assert capsys.readouterr().err == said


def test_progress_is_silent_where_it_is_soon_over(capsys):
    assert list(console.progress(range(50), 50, "reading")) == list(range(50))
    assert capsys.readouterr().err == ""


def test_progress_shows_a_bar_on_a_terminal(monkeypatch):
    terminal = Terminal()
    monkeypatch.setattr(sys, "stderr", terminal)
    assert list(console.progress(iter("abc"), 3, "reading", "clip")) == ["a", "b", "c"]
    assert "reading: 100%" in terminal.getvalue()
    assert "3/3" in terminal.getvalue()


def test_guarded_gives_back_the_result():
    assert console.guarded(lambda: 7) == 7


@pytest.mark.parametrize(
    ("error", "code", "said"),
    [
        (UserError("no such folder"), 1, "error: no such folder\n"),
        (UserError("a.csv: not there", "run b"), 1, "error: a.csv: not there; run b\n"),
        (KeyboardInterrupt(), 130, "stopped\n"),
        (
            OSError(errno.ENOSPC, "No space left on device", "a.zip"),
            1,
            "error: a.zip: No space left on device; free some space on that disk, then run the "
            "same command again\n",
        ),
        (
            OSError(errno.EROFS, "Read-only file system"),
            1,
            "error: writing a file: Read-only file system; make it writable, then run the same "
            "command again\n",
        ),
        (
            OSError(errno.EISDIR, "Is a directory", "a.html"),
            1,
            "error: a.html: Is a directory; rename or remove that folder, then run the same "
            "command again\n",
        ),
        (
            OSError(errno.ENAMETOOLONG, "File name too long", "aaa.json"),
            1,
            "error: aaa.json: File name too long; use a shorter name, then run the same command "
            "again\n",
        ),
    ],
)
def test_guarded_ends_with_a_line_and_a_code(capsys, error, code, said):
    def work():
        raise error

    with pytest.raises(SystemExit) as stopped:
        console.guarded(work)
    assert stopped.value.code == code
    assert capsys.readouterr() == ("", said)


PRINTS_MUCH = """
from deepfake_detector.common.console import guarded
guarded(lambda: [print(number, flush=True) for number in range(100_000)])
"""


def test_a_reader_that_is_gone_ends_it_quietly():
    with subprocess.Popen(
        [sys.executable, "-c", PRINTS_MUCH], stdout=subprocess.PIPE, stderr=subprocess.PIPE
    ) as writing:
        assert writing.stdout.readline() == b"0\n"
        writing.stdout.close()
        assert writing.wait(HANG) == 128 + signal.SIGPIPE
        assert writing.stderr.read() == b""


def test_guarded_lets_errors_of_the_program_through():
    with pytest.raises(ZeroDivisionError):
        console.guarded(lambda: 1 // 0)


@pytest.mark.slow
def test_help_of_a_stage_names_what_it_reads_and_makes():
    done = python("-m", "stages.index", "--help")
    assert done.returncode == 0
    assert done.stdout.startswith("usage: python -m stages.index")
    assert "reads   data/scan/NAME.csv" in done.stdout
    assert "makes   data/index.csv" in done.stdout


@pytest.mark.slow
def test_help_of_a_stage_names_its_argument():
    assert "usage: python -m stages.scan [-h] name" in python("-m", "stages.scan", "--help").stdout


@pytest.mark.slow
def test_a_stage_that_cannot_run_says_why_in_one_line_without_traceback(tmp_path):
    done = python("-m", "stages.index", folder=tmp_path)
    assert done.returncode == 1
    assert done.stderr.startswith("error: params.yaml")
    assert done.stderr.count("\n") == 1


@pytest.mark.slow
def test_a_stage_refuses_an_argument_it_does_not_have():
    done = python("-m", "stages.index", "surplus")
    assert done.returncode == 2
    assert "unrecognized arguments: surplus" in done.stderr


def test_a_stage_ends_when_the_dvc_that_started_it_is_killed():
    """The stage holds standard output open, so the end of the output is the end of the stage."""
    stage = "import time; import stages; print(1, flush=True); "
    started = subprocess.Popen(
        [
            sys.executable,
            "-c",
            f"import subprocess; subprocess.run([{sys.executable!r}, '-c', {stage!r} "
            f"'time.sleep({2 * HANG})'])",
        ],
        env=os.environ | {"PYTHONPATH": str(PROJECT), "DVC_STAGE": "index"},
        stdout=subprocess.PIPE,
    )
    assert started.stdout.readline() == b"1\n"
    started.kill()
    assert started.communicate(timeout=HANG) == (b"", None)
