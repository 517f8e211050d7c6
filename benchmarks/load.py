"""Prediction after prediction for minutes: how much memory the workers hold, and whether that
grows.

    python -m benchmarks.load [CLIP ...] [--minutes 10] [--workers 4] [--detector yunet]

Without a CLIP, some are drawn. Memory is the resident size of all worker processes (Linux), looked
at every second; the slope is a least-squares line through what came after the first quarter.
"""

import argparse
import tempfile
import threading
import time
from collections.abc import Iterator
from itertools import cycle, islice
from pathlib import Path

import numpy as np

from benchmarks import goals
from benchmarks.score_clip import saved
from deepfake_detector.common.settings import Parallel
from deepfake_detector.datasets.synthesis.clips import Clip, produce
from deepfake_detector.faces.detection import DETECTORS
from deepfake_detector.serving.batch import Judge, judge_all
from deepfake_detector.training import network

MOST = 100_000  # predictions asked for; the time ends before
DRAWN = 8
PAGE = 4096  # bytes


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "clips", nargs="*", type=Path, metavar="CLIP", help="(default: some are drawn)"
    )
    parser.add_argument("--minutes", type=float, default=10, help="(default: %(default)s)")
    parser.add_argument("--workers", type=int, default=4, help="(default: %(default)s)")
    parser.add_argument(
        "--detector", choices=sorted(DETECTORS), default="haar", help="(default: %(default)s)"
    )
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        clips = arguments.clips or list(drawn(Path(folder)))
        model = saved(
            Path(folder), network.FaceClassifier("resnet18").eval(), "fp32", 224, arguments.detector
        )
        execution = Parallel(workers=arguments.workers, seconds_per_item=300.0, memory_per_item=0.0)
        samples: list[tuple[float, float]] = []
        ended = threading.Event()
        watching = threading.Thread(target=_watch, args=(samples, ended))
        watching.start()
        done, errors, until = 0, 0, time.monotonic() + 60 * arguments.minutes
        for report in judge_all(
            list(islice(cycle(clips), MOST)), Judge(model, threads=1), execution
        ):
            done, errors = done + 1, errors + (report["verdict"] == "ERROR")
            if time.monotonic() > until:
                break
        ended.set()
        watching.join()
    _print(np.array(samples), done, errors, arguments.minutes, arguments.workers)


def drawn(folder: Path) -> Iterator[Path]:
    """Writes eight drawn clips of 4 s into a folder; their paths."""
    for person in range(DRAWN):
        path = folder / f"{person}.mp4"
        path.write_bytes(produce(Clip(person, 0), 1, 4.0, (0.2, 0.3)))
        yield path


def _watch(samples: list[tuple[float, float]], ended: threading.Event) -> None:
    """Add (seconds, MB) every second."""
    started = time.monotonic()
    while not ended.wait(1):
        samples.append((time.monotonic() - started, sum(resident(pid) for pid in children()) / 1e6))


def children() -> list[str]:
    """The ids of the processes that this one's threads have started."""
    return " ".join(path.read_text() for path in Path("/proc/self/task").glob("*/children")).split()


def resident(pid: str) -> int:
    """The resident memory of a process in bytes; 0 where it has ended."""
    try:
        return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * PAGE
    except (OSError, IndexError):
        return 0


def _print(samples: np.ndarray, done: int, errors: int, minutes: float, workers: int) -> None:
    steady = samples[len(samples) // 4 :]
    slope, _ = np.polyfit(steady[:, 0] / 60, steady[:, 1], 1)
    quarters = [part[:, 1].mean() for part in np.array_split(samples, 4)]
    print(f"{done} predictions by {workers} workers in {minutes:g} minutes, {errors} errors")
    print(
        "MB by quarter: "
        + ", ".join(f"{mean:.0f}" for mean in quarters)
        + f"; largest {samples[:, 1].max():.0f}"
    )
    share = 100 * slope / steady[:, 1].mean()
    print(f"slope after the first quarter: {slope:+.2f} MB a minute ({share:+.3f} % a minute)")
    goals.at_most(
        f"growth of the memory of {workers} workers that judge clip after clip",
        share,
        0.1,
        "% a minute",
    )


if __name__ == "__main__":
    main()
