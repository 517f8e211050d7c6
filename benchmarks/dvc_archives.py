"""What DVC takes for pictures in archives, as the stages write them, and for the same pictures as
loose files.

    python -m benchmarks.dvc_archives [--rounds 5]

Three cases: 1,000 and 3,000 videos of 32 frames (an archive each) and 12,000 stills (256 archives).
Timed are `dvc commit` of new outputs and a `dvc repro` that has nothing to do, each in a repository
of its own; the two kinds take turns, the median counts. DVC's own start is in every figure and
decides the small ones; `dvc version`, timed last, says how long it is.
"""

import argparse
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from benchmarks import goals
from deepfake_detector.storage.archive import archive_of, member_of, write_archive

BYTES = 8_000  # of a picture
CASES = (
    ("1,000 videos", "video", 1000, 32),
    ("12,000 stills", "image", 12_000, 1),
    ("3,000 videos", "video", 3000, 32),
)
GOALS = 1000, 12_000  # items of the cases that have one
STAGE = "stages:\n  make:\n    cmd: echo made\n    outs:\n      - data\n"


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--rounds", type=int, default=5, help="(default: %(default)s)")
    rounds = parser.parse_args().rounds
    for case, kind, items, frames in CASES:
        taken: dict[bool, list[tuple[float, float]]] = {True: [], False: []}
        for _ in range(rounds):
            for packed, times in taken.items():
                times.append(_timed(kind, items, frames, packed))
        (commit, idle), (loose_commit, loose_idle) = (
            [statistics.median(times) for times in zip(*taken[packed], strict=True)]
            for packed in (True, False)
        )
        print(
            f"{case}: commit {commit:.1f} s in archives, {loose_commit:.1f} s loose "
            f"({loose_commit / commit:.1f} x); "
            f"nothing to do {idle:.1f} s and {loose_idle:.1f} s ({loose_idle / idle:.1f} x)"
        )
        if items in GOALS:
            goals.at_most(f"DVC commit of {case} in archives", commit, 3, "s")
            goals.at_least(
                f"DVC commit of {case}, faster than loose files", loose_commit / commit, 6, "x"
            )
            goals.at_most(f"DVC with nothing to do, {case} in archives", idle, 2, "s")
            goals.at_least(
                f"DVC with nothing to do, {case}, faster than loose files",
                loose_idle / idle,
                6,
                "x",
            )
    print(
        "`dvc version` alone: "
        f"{statistics.median(_seconds(Path.cwd(), 'version') for _ in range(rounds)):.1f} s"
    )


def _timed(kind: str, items: int, frames: int, packed: bool) -> tuple[float, float]:
    """Seconds of a commit and of a run with nothing to do."""
    with tempfile.TemporaryDirectory() as folder:
        project = Path(folder)
        subprocess.run(["git", "init", "-q"], cwd=project, check=True)
        _seconds(project, "init", "-q")
        (project / "dvc.yaml").write_text(STAGE)
        for archive, members in _archives(kind, items, frames):
            if packed:
                write_archive(project / "data" / archive, members)
            else:
                _write_loose(project / "data" / archive.removesuffix(".zip"), members)
        return _seconds(project, "commit", "-q", "-f"), _seconds(project, "repro", "-q")


def _archives(kind: str, items: int, frames: int) -> Iterator[tuple[str, dict[str, bytes]]]:
    """Archives by name, each with its members."""
    noise = np.random.default_rng(1)
    found: dict[str, dict[str, bytes]] = {}
    for number in range(items):
        item = f"bench/real/{number:05d}"
        members = found.setdefault(archive_of(item, kind), {})
        for frame in range(frames):
            members[member_of(item, kind, f"{frame:06d}.jpg")] = noise.bytes(BYTES)
    yield from found.items()


def _write_loose(folder: Path, members: dict[str, bytes]) -> None:
    for name, data in members.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(data)


def _seconds(folder: Path, *command: str) -> float:
    started = time.perf_counter()
    subprocess.run(
        [sys.executable, "-m", "dvc", *command], cwd=folder, check=True, stdout=subprocess.DEVNULL
    )
    return time.perf_counter() - started


if __name__ == "__main__":
    main()
