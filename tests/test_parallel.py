"""Worker processes: results in order, and what goes wrong with one task costs that task only."""

import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from deepfake_detector.parallel import Outcome, available_cores, run

PROJECT = Path(__file__).resolve().parent.parent


def power(base: int, exponent: int) -> int:
    time.sleep(0.2 if base == 0 else 0)  # the first task ends last
    return base**exponent


def meet(place: Path, name: str, people: int) -> int:
    """Wait until so many tasks run at once; return the process number."""
    (place / name).touch()
    until = time.monotonic() + 30
    while len(list(place.iterdir())) < people:
        assert time.monotonic() < until, "nobody else came"
        time.sleep(0.05)
    return os.getpid()


def exit_for(number: int, bad: int) -> int:
    if number == bad:
        os._exit(7)
    return number


def hang_for(number: int, bad: int) -> int:
    if number == bad:
        time.sleep(60)
    return number


def fail(kind: type[Exception]) -> None:
    raise kind("a bug")


def test_results_come_in_the_order_of_the_tasks():
    outcomes = list(run(power, [(base, 2) for base in range(6)], workers=2, seconds=60))
    assert outcomes == [Outcome(result=base**2) for base in range(6)]


def test_as_many_tasks_run_at_once_as_there_are_workers_each_in_its_own_process(tmp_path):
    processes = [outcome.result for outcome in run(meet, [(tmp_path, name, 3) for name in "abc"], 3, 60)]
    assert len({os.getpid(), *processes}) == 4


def test_no_tasks_give_nothing():
    assert list(run(power, [], workers=2, seconds=60)) == []


def test_0_workers_are_one_per_core():
    assert available_cores() >= 1
    assert list(run(power, [(2, 3)], workers=0, seconds=60)) == [Outcome(result=8)]


def test_a_worker_that_dies_fails_its_own_task_only():
    outcomes = list(run(exit_for, [(number, 1) for number in range(4)], workers=2, seconds=60))
    assert [outcome.result for outcome in outcomes] == [0, None, 2, 3]
    assert [outcome.failure for outcome in outcomes] == [None, "crashed its worker (exit code 7)", None, None]


def test_a_task_over_the_time_limit_fails_alone():
    outcomes = list(run(hang_for, [(number, 0) for number in range(4)], workers=2, seconds=3))
    assert [outcome.result for outcome in outcomes] == [None, 1, 2, 3]
    assert [outcome.failure for outcome in outcomes] == ["took longer than 3 s", None, None, None]


@pytest.mark.parametrize("kind", [ZeroDivisionError, OSError, TimeoutError])
def test_an_exception_of_the_function_is_raised(kind):
    with pytest.raises(kind, match="a bug"):
        list(run(fail, [(kind,), (kind,)], workers=1, seconds=60))


def test_whoever_stops_listening_stops_the_workers():
    started = time.monotonic()
    outcomes = run(hang_for, [(0, 1), (1, 1)], workers=2, seconds=60)
    assert next(outcomes).result == 0
    outcomes.close()
    assert time.monotonic() - started < 30


def test_workers_end_when_their_parent_is_killed():
    """They hold standard output open, so that the end of the output is the end of the last of them."""
    work = "import time; print(1, flush=True); time.sleep(60)"
    program = f"from deepfake_detector.parallel import run; list(run(exec, [({work!r},)], 1, 60))"
    parent = subprocess.Popen(
        [sys.executable, "-c", program],
        env=os.environ | {"PYTHONPATH": str(PROJECT)},
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
    )
    assert parent.stdout.readline() == b"1\n"
    parent.kill()
    assert parent.communicate(timeout=20) == (b"", None)
