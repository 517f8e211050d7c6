"""Training steps of one process, and of two at once, with idle threads that wait as briefly as a
stage's, and as OpenMP has it.

    python -m benchmarks.beside_other_work [--size 80] [--batch 16]

Images per second of each process: forward, backward and update in fp32 on tensors in memory. The
cases take turns, the median counts. Two at once can have half of the speed each.
"""

import argparse
import os
import statistics
import subprocess
import sys

from benchmarks import goals
from benchmarks.precision import stepper, steps_a_second
from deepfake_detector.common import cores

ROUNDS = 5
WAITS = {"briefly": cores.BRIEFLY, "as OpenMP has it": {}}


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--size", type=int, default=80, help="pixels a side")
    parser.add_argument("--batch", type=int, default=16, help="images per step")
    parser.add_argument("--steps", action="store_true", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.steps:
        step = stepper("fp32", arguments.size, arguments.batch)
        print(arguments.batch * steps_a_second(step))
        return
    options = ("--size", f"{arguments.size}", "--batch", f"{arguments.batch}")
    rates: dict[tuple[str, int], list[float]] = {}
    for _ in range(ROUNDS):
        for name, waits in WAITS.items():
            for processes in (1, 2):
                speeds_now = _images_a_second(options, waits, processes)
                rates.setdefault((name, processes), []).extend(speeds_now)
    speeds = {case: statistics.median(of_case) for case, of_case in rates.items()}
    for (name, processes), speed in speeds.items():
        print(f"{processes} at once, threads wait {name}: {speed:.1f} images/s each")
    alone, shared = speeds["briefly", 1], speeds["briefly", 2]
    goals.at_least(
        "training, two at once: the speed of each, of one alone", shared / alone, 0.4, ""
    )
    goals.at_least(
        "training alone, threads that wait briefly, of the speed as OpenMP has it",
        alone / speeds["as OpenMP has it", 1],
        0.95,
        "",
    )


def _images_a_second(options: tuple[str, ...], waits: dict[str, str], count: int) -> list[float]:
    """The speed of each of `count` processes at once. OpenMP reads how to wait when it is
    loaded."""
    running = [
        subprocess.Popen(
            [sys.executable, "-m", "benchmarks.beside_other_work", "--steps", *options],
            env=os.environ | waits,
            stdout=subprocess.PIPE,
            text=True,
        )
        for _ in range(count)
    ]
    return [float(process.communicate()[0]) for process in running]


if __name__ == "__main__":
    main()
