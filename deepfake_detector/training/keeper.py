"""Saving and resuming a training run, and what a signal or a dead loader process means for it."""

import signal
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from deepfake_detector import Stopped, UserError
from deepfake_detector.training.checkpoints import Checkpoints
from deepfake_detector.training.crops import JUDGE_BATCH, Batches
from deepfake_detector.training.devices import in_any_process, mean_over_processes
from deepfake_detector.training.learner import Learner
from deepfake_detector.training.progress import Progress, restored

# steps between two questions to the other processes whether to save: asking takes time
AGREE_EVERY = 10
Watch = Callable[[Batches, int, str, int], Batches]


def resume(learner: Learner, checkpoints: Checkpoints) -> Progress:
    """Put `learner` into the newest whole state on disk, the same in all processes; returns how far
    that run had come, or a progress of nothing where there is no state.

    Raises UserError where the state is of another network.
    """
    fabric = learner.fabric
    saved = fabric.broadcast(checkpoints.latest() if fabric.is_global_zero else None)
    if not saved:
        return Progress()
    learner.restore(saved["learner"])
    progress = restored(saved["progress"])
    fabric.print(f"  resuming in epoch {len(progress.history) + 1}, after step {progress.step}")
    return progress


class Keeper:
    """Saves the state of a run when it is time to, and ends the run when a signal has come."""

    def __init__(
        self,
        learner: Learner,
        progress: Progress,
        checkpoints: Checkpoints,
        minutes: float,
        received: list[int],
    ) -> None:
        self.learner, self.progress, self.checkpoints, self.received = (
            learner,
            progress,
            checkpoints,
            received,
        )
        self.seconds, self.saved, self.asked = minutes * 60, time.monotonic(), 0

    def is_due(self) -> bool:
        """Whether the state is to be saved now, the same answer in all processes of the run; asked
        once per step."""
        due = bool(self.received) or time.monotonic() - self.saved >= self.seconds
        self.asked += 1
        if self.learner.fabric.world_size > 1 and self.asked % AGREE_EVERY:
            return False
        return in_any_process(self.learner.fabric, due)

    def save(self) -> None:
        """Save the state; raises Stopped where a signal has come to any process of the run."""
        fabric = self.learner.fabric
        stopping = in_any_process(fabric, bool(self.received))
        # one process writes; after a resume all go on from what it wrote
        self.progress.loss = mean_over_processes(fabric, self.progress.loss)
        if fabric.is_global_zero:
            self.checkpoints.write(
                {"learner": self.learner.state(), "progress": self.progress.state()}
            )
        self.saved = time.monotonic()
        if stopping:
            done = f"epoch {len(self.progress.history) + 1}, after step {self.progress.step}"
            stopped = Stopped(
                f"stopped in {done}; the same command goes on from there",
                max(self.received, default=2),
            )
            raise stopped if fabric.is_global_zero else SystemExit  # reported once

    def interruptible(self, watch: Watch) -> Callable[[Batches, int], Batches]:
        """A `watch` for validation, at each of whose batches a signal can end the run; of several
        processes only one validates, so there a signal waits."""

        def watched(batches: Batches, total: int) -> Batches:
            for batch in watch(batches, total, "validation", JUDGE_BATCH):
                if self.learner.fabric.world_size == 1 and self.received:
                    self.save()
                yield batch

        return watched


@contextmanager
def signals() -> Iterator[list[int]]:
    """Collects SIGINT and SIGTERM meanwhile; a second one ends the process at once."""
    received: list[int] = []

    def handle(number: int, _frame: object) -> None:
        if received:
            raise KeyboardInterrupt
        received.append(number)

    before = {number: signal.signal(number, handle) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield received
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


@contextmanager
def loader_death_as_error(received: list[int]) -> Iterator[None]:
    """Raises, where a process that loads faces dies meanwhile, Stopped if a signal is in
    `received`, else UserError."""
    try:
        yield
    except RuntimeError as error:  # torch raises it wherever the main process happens to be
        if "DataLoader worker" not in str(error):
            raise
        # a signal to all processes of the run has ended the loaders before a state could be saved
        if received:
            raise Stopped(
                "stopped; the same command goes on from the last saved state", received[0]
            ) from error
        raise UserError(
            f"a process that loads faces died ({error})",
            "where memory is short lower runtime.loader_workers. The same command goes on from "
            "the last saved state",
        ) from error
