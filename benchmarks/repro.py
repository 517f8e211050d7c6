"""The whole pipeline on the embedded demo, from nothing: what `make repro` takes after the
installation.

    python -m benchmarks.repro [--rounds 1]

A clone of the last commit, with a cache of its own, run with the packages of this environment.
"""

import argparse
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from benchmarks import goals

MINUTES = 6


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--rounds", type=int, default=1, help="(default: %(default)s)")
    rounds = parser.parse_args().rounds
    minutes = [_minutes() for _ in range(rounds)]
    print("minutes: " + ", ".join(f"{taken:.1f}" for taken in minutes))
    goals.at_most(
        "the whole pipeline on the demo, from nothing", statistics.median(minutes), MINUTES, "min"
    )


def _minutes() -> float:
    with tempfile.TemporaryDirectory() as scratch:
        clone = Path(scratch) / "clone"
        subprocess.run(["git", "clone", "-q", Path.cwd(), clone], check=True)
        started = time.perf_counter()
        subprocess.run(
            [sys.executable, "-m", "dvc", "repro"], cwd=clone, check=True, stdout=subprocess.DEVNULL
        )
        return (time.perf_counter() - started) / 60


if __name__ == "__main__":
    main()
