"""Extracting frames and cropping faces of 1, 4 and 16 times as many clips: what a clip costs, and
the memory it takes.

    python -m benchmarks.growth [--clips 8] [--workers 2]

Clips are drawn, and copied with a few bytes of their own, so that none is taken for another that is
finished. Each number of clips is worked on by a process of its own, whose largest memory counts.
"""

import argparse
import json
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from benchmarks import goals
from benchmarks.extract_crop import clips_below, execution, extract_and_crop
from deepfake_detector.datasets.synthesis.clips import Clip, produce

TIMES = 1, 4, 16


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--clips", type=int, default=8, help="to begin with (default: %(default)s)")
    parser.add_argument("--workers", type=int, default=2, help="(default: %(default)s)")
    parser.add_argument(
        "--measure", type=Path, metavar="FOLDER", help="measure one folder and print JSON"
    )
    arguments = parser.parse_args()
    if arguments.measure:
        print(json.dumps(_measured(arguments.measure, arguments.workers)))
        return
    print("  clips  seconds  s a clip  MB, main process  MB, largest worker")
    measured = []
    with tempfile.TemporaryDirectory() as scratch:
        drawn = [produce(Clip(person, 0), 1, 4.0, (0.2, 0.3)) for person in range(arguments.clips)]
        for times in TIMES:
            folder = Path(scratch) / str(times)
            folder.mkdir()
            for number in range(times * len(drawn)):
                own = b"\0\0\0\x0cfree" + number.to_bytes(4)
                (folder / f"{number:05d}.mp4").write_bytes(drawn[number % len(drawn)] + own)
            own_process = [
                sys.executable,
                "-m",
                "benchmarks.growth",
                "--workers",
                str(arguments.workers),
            ]
            done = subprocess.run(
                [*own_process, "--measure", folder], check=True, stdout=subprocess.PIPE
            )
            seconds, main_mb, worker_mb = json.loads(done.stdout)
            count = times * len(drawn)
            measured.append((seconds / count, main_mb, worker_mb))
            print(
                f"{count:7d}  {seconds:7.1f}  {seconds / count:8.3f}  {main_mb:16.0f}  "
                f"{worker_mb:18.0f}",
                flush=True,
            )
    names = "time a clip", "memory of the main process", "memory of a worker"
    for name, few, many in zip(names, measured[0], measured[-1], strict=True):
        goals.at_most(
            f"extract and crop: {name}, {TIMES[-1]} times the clips against once",
            many / few,
            1.1,
            "x",
        )


def _measured(folder: Path, workers: int) -> tuple[float, float, float]:
    """Seconds, and MB of this process and of its largest worker at their most."""
    started = time.perf_counter()
    extract_and_crop(clips_below(folder), "haar", execution(workers))
    seconds = time.perf_counter() - started
    own, children = (
        resource.getrusage(kind).ru_maxrss / 1024
        for kind in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)
    )
    return seconds, own, children


if __name__ == "__main__":
    main()
