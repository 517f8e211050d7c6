"""Map a function over items, in processes of this machine or on a Ray cluster: a bad item costs its
own result only.

Whatever the executor, each call runs in a worker's process with a limit of time and memory, and
what becomes of it is reported in the same words. A cluster shares the project's folder and the
media with this machine (docs/scaling.md).
"""

import os
import resource
import signal
import socket
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future
from concurrent.futures import TimeoutError as FutureTimeout
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from multiprocessing import active_children, get_context, resource_tracker
from pathlib import Path
from typing import Any, Generic, TypeVar

from pebble import ProcessExpired, ProcessPool

from deepfake_detector import UserError
from deepfake_detector.common import cores
from deepfake_detector.common.settings import Parallel

Result = TypeVar("Result")
OPENCV_NO_MEMORY = -4
STATM = Path("/proc/self/statm")
CONNECT_SECONDS = 10
RAY_RETRIES = 5  # of a task whose node was lost
# what workers on other machines need of this one's environment
INHERITED = ("DEEPFAKE_ASSETS", "DVC_ROOT")


@dataclass(frozen=True)
class Outcome(Generic[Result]):
    """What became of one call: its result, or the reason why there is none."""

    result: Result | None = None
    failure: str | None = None


def run(
    function: Callable[..., Result], tasks: Sequence[tuple], execution: Parallel
) -> Iterator[Outcome[Result]]:
    """Yield what became of `function(*task)` for each of `tasks`, in their order.

    A worker that dies, takes longer or needs more memory than it may fails its own task only. Other
    exceptions that `function` raises are errors of the program, not of the item, and are raised
    here.
    """
    if not tasks:
        return iter(())
    return (
        _on_ray(function, tasks, execution)
        if execution.executor == "ray"
        else _local(function, tasks, execution)
    )


def _local(
    function: Callable[..., Result], tasks: Sequence[tuple], execution: Parallel
) -> Iterator[Outcome[Result]]:
    others = set(active_children())
    with _pool(min(execution.workers or cores.available(), len(tasks))) as pool:
        with _no_interrupts_for_workers():
            futures = [_scheduled(pool, function, task, execution) for task in tasks]
        try:
            for future in futures:
                yield _outcome(future, execution)
        finally:
            pool.stop()  # first: it starts another worker for each that ends
            # one still starting would miss locks that the pool removes
            for worker in set(active_children()) - others:
                worker.kill()


def _on_ray(
    function: Callable[..., Result], tasks: Sequence[tuple], execution: Parallel
) -> Iterator[Outcome[Result]]:
    try:
        import ray
    except ImportError as error:
        raise UserError(
            "Ray is not installed",
            "pip install -r requirements-cluster.txt",
        ) from error
    _check_address(os.environ.get("RAY_ADDRESS", ""))
    folder = str(Path.cwd())
    environment = {name: os.environ[name] for name in INHERITED if name in os.environ}
    environment["PYTHONPATH"] = os.pathsep.join(
        filter(None, [folder, os.environ.get("PYTHONPATH")])
    )
    ray.init(log_to_driver=False, configure_logging=False, runtime_env={"env_vars": environment})
    try:
        remote: Any = ray.remote(num_cpus=1, max_retries=RAY_RETRIES)(_in_folder)
        for answer in [remote.remote(folder, function, task, execution) for task in tasks]:
            try:
                yield ray.get(answer)
            except ray.exceptions.RayTaskError as error:
                # an error of the program, wrapped with its remote traceback
                raise error.cause from error
            except (ray.exceptions.WorkerCrashedError, ray.exceptions.OutOfMemoryError) as error:
                yield Outcome(
                    failure=f"lost with {RAY_RETRIES + 1} workers of the cluster ({type(error).__name__})"
                )
    finally:
        ray.shutdown()


def _check_address(address: str) -> None:
    """Ray itself would start a cluster of its own without an address, and wait for minutes at a
    wrong one."""
    if not address:
        raise UserError(
            "RAY_ADDRESS is not set",
            "set RAY_ADDRESS to the address of a running cluster (docs/scaling.md)",
        )
    host, _, port = address.removeprefix("ray://").rpartition(":")
    try:
        socket.create_connection((host, int(port)), timeout=CONNECT_SECONDS).close()
    except (OSError, ValueError) as error:
        raise UserError(
            f"RAY_ADDRESS {address}: no cluster there ({error})", "it is written as host:port"
        ) from error


def _in_folder(
    folder: str, function: Callable[..., Result], task: tuple, execution: Parallel
) -> Outcome[Result]:
    """On a node of the cluster: one call in its own process, started in the project's folder."""
    os.chdir(folder)
    return _outcome(_scheduled(_own_process(), function, task, execution), execution)


@cache
def _own_process() -> ProcessPool:
    """Started once in each of Ray's workers, which live on for many calls."""
    return _pool(1)


def _pool(count: int) -> ProcessPool:
    return ProcessPool(
        max_workers=count,
        context=get_context("spawn"),
        initializer=_start_worker,
        initargs=(os.getpid(),),
    )


def _scheduled(
    pool: ProcessPool, function: Callable[..., Result], task: tuple, execution: Parallel
) -> Future[Result]:
    return pool.schedule(
        _called,
        args=(execution.memory_per_item, function, *task),
        timeout=execution.seconds_per_item,
    )


@contextmanager
def _no_interrupts_for_workers() -> Iterator[None]:
    """Processes and threads started meanwhile never see Ctrl-C, which a terminal sends to all: this
    process ends them.

    One that is still importing would else print a traceback.
    """
    resource_tracker.ensure_running()  # started meanwhile, it would unblock the signal
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def _called(memory: float, function: Callable[..., Result], *task: object) -> Result:
    if memory:
        # beyond what the worker holds: what tasks before have left is not this one's need
        _limit_memory(_held() + int(memory * 2**30))
    try:
        return function(*task)
    except Exception as error:
        if out_of_memory(error):
            raise MemoryError from error
        raise


def out_of_memory(error: Exception) -> bool:
    """Whether memory ran out; OpenCV has no exception of its own for it."""
    return isinstance(error, MemoryError) or getattr(error, "code", None) == OPENCV_NO_MEMORY


def _outcome(future: Future, execution: Parallel) -> Outcome:
    try:
        return Outcome(result=future.result())
    except FutureTimeout as error:
        if error.__cause__ is not None:  # raised by the function
            raise
        return Outcome(failure=f"took longer than {execution.seconds_per_item:g} s")
    except MemoryError:
        limit = execution.memory_per_item
        most = f"{limit:g} GiB of memory" if limit else "the memory there is"
        return Outcome(failure=f"needs more than {most}")
    except ProcessExpired as error:
        return Outcome(failure=f"crashed its worker (exit code {error.exitcode})")


def _limit_memory(limit: int) -> None:
    """Allow this process so many bytes of data, or as many as its own user may have at most."""
    _, most = resource.getrlimit(resource.RLIMIT_DATA)
    limit = limit if most == resource.RLIM_INFINITY else min(limit, most)
    resource.setrlimit(resource.RLIMIT_DATA, (limit, most))


def _held() -> int:
    """Bytes of data that this process holds (Linux), as the limit counts them."""
    if not STATM.exists():
        return 0
    return int(STATM.read_text().split()[5]) * resource.getpagesize()


def _start_worker(parent: int) -> None:
    """One thread per worker, and no worker without its parent."""
    import cv2  # costs half a second, and only workers need it here

    cv2.setNumThreads(1)

    def watch() -> None:
        while os.getppid() == parent:
            time.sleep(1)
        os._exit(1)

    threading.Thread(target=watch, daemon=True).start()
