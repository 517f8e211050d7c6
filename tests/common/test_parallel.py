"""Worker processes: results in order, and what goes wrong with one task costs that task only."""

import os
import resource
import subprocess
import sys
import textwrap
import time
from pathlib import Path

import cv2
import numpy as np
import pytest
from patience import HANG

from deepfake_detector import UserError
from deepfake_detector.common import parallel
from deepfake_detector.common.parallel import Outcome, run
from deepfake_detector.common.settings import Parallel

pytestmark = pytest.mark.slow  # starts processes

PROJECT = Path(__file__).resolve().parents[2]


def local(workers: int, seconds: float = 2 * HANG, memory: float = 0) -> Parallel:
    return Parallel(workers=workers, seconds_per_item=seconds, memory_per_item=memory)


def power(base: int, exponent: int) -> int:
    time.sleep(0.2 if base == 0 else 0)  # the first task ends last
    return base**exponent


def meet(place: Path, name: str, people: int) -> int:
    """Wait until so many tasks run at once; return the process number."""
    (place / name).touch()
    until = time.monotonic() + HANG
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
        time.sleep(2 * HANG)
    return number


def fail(kind: type[Exception]) -> None:
    raise kind("a bug")


def test_results_come_in_the_order_of_the_tasks():
    outcomes = list(run(power, [(base, 2) for base in range(6)], local(2)))
    assert outcomes == [Outcome(result=base**2) for base in range(6)]


def test_as_many_tasks_run_at_once_as_there_are_workers_each_in_its_own_process(tmp_path):
    processes = [
        outcome.result for outcome in run(meet, [(tmp_path, name, 3) for name in "abc"], local(3))
    ]
    assert len({os.getpid(), *processes}) == 4


def test_no_tasks_give_nothing():
    assert list(run(power, [], local(2))) == []


def test_0_workers_are_one_per_core():
    assert list(run(power, [(2, 3)], local(0))) == [Outcome(result=8)]


def test_a_worker_that_dies_fails_its_own_task_only():
    outcomes = list(run(exit_for, [(number, 1) for number in range(4)], local(2)))
    assert [outcome.result for outcome in outcomes] == [0, None, 2, 3]
    assert [outcome.failure for outcome in outcomes] == [
        None,
        "crashed its worker (exit code 7)",
        None,
        None,
    ]


def test_a_task_over_the_time_limit_fails_alone():
    outcomes = list(run(hang_for, [(number, 0) for number in range(4)], local(2, seconds=3)))
    assert [outcome.result for outcome in outcomes] == [None, 1, 2, 3]
    assert [outcome.failure for outcome in outcomes] == ["took longer than 3 s", None, None, None]


def take(gib: float) -> int:
    return len(np.ones(int(gib * 2**30), np.uint8))


def take_by_opencv(gib: float) -> int:
    return len(
        cv2.copyMakeBorder(
            np.ones((1, 1), np.uint8), 0, int(gib * 2**10), 0, 2**20, cv2.BORDER_REPLICATE
        )
    )


@pytest.mark.parametrize("function", [take, take_by_opencv])
def test_a_task_that_needs_more_memory_than_it_may_fails_alone(function):
    outcomes = list(run(function, [(gib,) for gib in (0.1, 3, 0.2)], local(1, memory=1)))
    assert [bool(outcome.result) for outcome in outcomes] == [True, False, True]
    assert outcomes[1].failure == "needs more than 1 GiB of memory"


def out_of_memory() -> None:
    raise MemoryError


def test_without_a_limit_it_is_the_machine_that_has_too_little_memory():
    (outcome,) = run(out_of_memory, [()], local(1, memory=0))
    assert outcome.failure == "needs more than the memory there is"


held = []


def keep(gib: float) -> int:
    held.append(np.ones(int(gib * 2**30), np.uint8))
    return len(held)


def test_what_a_worker_still_holds_of_earlier_tasks_is_not_the_need_of_the_next():
    outcomes = list(run(keep, [(0.4,)] * 4 + [(1.1,)], local(1, memory=1)))
    assert [outcome.result for outcome in outcomes] == [1, 2, 3, 4, None]
    assert outcomes[4].failure == "needs more than 1 GiB of memory"


def limits_after(most: int, asked: int) -> tuple[int, int]:
    resource.setrlimit(resource.RLIMIT_DATA, (most, most))
    parallel._limit_memory(asked)
    return resource.getrlimit(resource.RLIMIT_DATA)


@pytest.mark.parametrize(("asked", "allowed"), [(1 << 30, 1 << 30), (8 << 30, 4 << 30)])
def test_a_limit_that_the_user_has_is_kept(asked, allowed):
    (outcome,) = run(limits_after, [(4 << 30, asked)], local(1))
    assert outcome.result == (allowed, 4 << 30)


@pytest.mark.parametrize("kind", [ZeroDivisionError, OSError, TimeoutError])
def test_an_exception_of_the_function_is_raised(kind):
    with pytest.raises(kind, match="a bug"):
        list(run(fail, [(kind,), (kind,)], local(1)))


def test_whoever_stops_listening_stops_the_workers():
    started = time.monotonic()
    outcomes = run(hang_for, [(0, 1), (1, 1)], local(2))
    assert next(outcomes).result == 0
    outcomes.close()
    assert time.monotonic() - started < HANG


def test_a_worker_that_is_still_starting_when_the_run_is_stopped_says_nothing(tmp_path):
    """The second to start goes on after the run was stopped, while the first computes where no
    signal to end reaches it."""
    first, busy, stopped = (str(tmp_path / name) for name in ("first", "busy", "stopped"))
    late = f"""
        import os, sys, time
        if "spawn_main" in " ".join(sys.orig_argv):
            try:
                os.mkdir({first!r})
            except FileExistsError:
                while not os.path.exists({stopped!r}):
                    time.sleep(0.05)
                time.sleep(0.5)
    """
    program = f"""
        import os, time
        from deepfake_detector.common.parallel import run
        from deepfake_detector.common.settings import Parallel
        long = "import hashlib, os; os.mkdir({busy!r}); hashlib.pbkdf2_hmac('sha256', b'', b'', 20_000_000)"
        outcomes = run(exec, [("",), (long,)], Parallel(workers=2, seconds_per_item={2 * HANG}, memory_per_item=0))
        next(outcomes)
        while not os.path.exists({busy!r}):
            time.sleep(0.05)
        os.mkdir({stopped!r})
        outcomes.close()
    """
    (tmp_path / "sitecustomize.py").write_text(textwrap.dedent(late))
    path = os.pathsep.join([str(tmp_path), str(PROJECT)])
    command = [sys.executable, "-c", textwrap.dedent(program)]
    done = subprocess.run(
        command, env=os.environ | {"PYTHONPATH": path}, capture_output=True, text=True, timeout=HANG
    )
    assert (done.returncode, done.stderr) == (0, "")


def test_workers_end_when_their_parent_is_killed():
    """They hold standard output open, so its end is the end of the last of them."""
    work = f"import time; print(1, flush=True); time.sleep({2 * HANG})"
    program = (
        "from deepfake_detector.common.parallel import run\n"
        "from deepfake_detector.common.settings import Parallel\n"
        f"list(run(exec, [({work!r},)], Parallel(workers=1, seconds_per_item={2 * HANG}, "
        "memory_per_item=0)))"
    )
    parent = subprocess.Popen(
        [sys.executable, "-c", program],
        env=os.environ | {"PYTHONPATH": str(PROJECT)},
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
    )
    assert parent.stdout.readline() == b"1\n"
    parent.kill()
    assert parent.communicate(timeout=HANG) == (b"", None)


def test_a_cluster_without_ray_is_refused_with_the_remedy(monkeypatch):
    monkeypatch.setitem(sys.modules, "ray", None)
    said = "^Ray is not installed; pip install -r requirements-cluster.txt$"
    with pytest.raises(UserError, match=said):
        list(run(power, [(2, 3)], Parallel(executor="ray")))
