"""Damage thousands of files and let them be judged as in production: what breaks, hangs, lies or is
left behind is told.

    make fuzz N=20000
    PYTHONPATH=tests python -m fuzz.run [--inputs 20000] [--seed 1] [--keep FOLDER]

Every input is a function of the seed and its number, so a finding can be made again. Ends with 1
where there is one.
"""

import argparse
import os
import re
import resource
import sys
import tempfile
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import made
import numpy as np
from fuzz.mutations import mutated
from fuzz.seeds import seeds

from deepfake_detector.common.console import progress
from deepfake_detector.common.settings import Parallel
from deepfake_detector.serving.batch import Judge, judge_all
from deepfake_detector.serving.inference import FAULT

AT_ONCE = 2000  # files that lie on the disk
SECONDS, GIBIBYTES = 20.0, 3.0  # of one file
NO_MEMORY = "GiB of memory"


@dataclass
class Found:
    """What became of the inputs: how often each outcome came, what should not be, what was left
    behind, and the largest memory of a process that judged."""

    outcomes: Counter = field(default_factory=Counter)
    findings: list[str] = field(default_factory=list)
    left: list[str] = field(default_factory=list)
    megabytes: float = 0.0


def fuzz(inputs: int, seed: int, workers: int, keep: Path | None = None) -> Found:
    """Judge so many damaged files by worker processes; `keep`: where files behind findings go."""
    found, refused = Found(), list[int]()
    with tempfile.TemporaryDirectory() as root:
        folder, temporary = Path(root) / "inputs", Path(root) / "temporary"
        for one in (folder, temporary):
            one.mkdir()
        judge = Judge(made.write_model(Path(root) / "model.onnx"), threads=1)
        execution = Parallel(workers=workers, seconds_per_item=SECONDS, memory_per_item=GIBIBYTES)
        with _temporary_files_in(temporary):
            for path, report in progress(
                _judged(folder, range(inputs), seed, judge, execution), inputs, "fuzz", "file"
            ):
                _examine(path, report, found, keep)
                if NO_MEMORY in (report["error"] or ""):
                    refused.append(int(path.name.partition(".")[0]))
                path.unlink()
            for number in refused:  # once more, each by a worker of its own
                ((path, report),) = _judged(folder, [number], seed, judge, execution)
                if NO_MEMORY not in (report["error"] or ""):
                    found.findings.append(f"{path.name}: refused for memory that others took")
                path.unlink()
        found.left = sorted(
            str(path.relative_to(root)) for one in (folder, temporary) for path in one.rglob("*")
        )
    found.megabytes = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1024
    return found


def damaged(number: int, seed: int) -> tuple[str, bytes]:
    """Name and bytes of one input; one in ten has the name of another format."""
    rng = np.random.default_rng([seed, number])
    suffixes = sorted(seeds())
    suffix = claimed = suffixes[rng.integers(len(suffixes))]
    if rng.random() < 0.1:
        claimed = suffixes[rng.integers(len(suffixes))]
    return f"{number:06d}.{claimed}", mutated(seeds()[suffix], suffix, rng)


def findings(report: dict) -> list[str]:
    """What must not be said of any input."""
    verdict, error = report["verdict"], report["error"] or ""
    rules = {
        "a verdict without a face": verdict in ("REAL", "FAKE") and not report["frames_with_face"],
        "a score in spite of an error": verdict == "ERROR"
        and report["fake_probability"] is not None,
        "an error without a reason": verdict == "ERROR" and not error,
        "its process died": "crashed its worker" in error,
        "it took too long": "took longer" in error,
        "a fault of the program": error == FAULT,
    }
    return [said for said, holds in rules.items() if holds]


def tell(found: Found, inputs: int) -> None:
    for what, times in found.outcomes.most_common():
        print(f"{times:7d}  {what}")
    for one in found.findings:
        print(f"finding: {one}")
    for name in found.left:
        print(f"left behind: {name}")
    print(
        f"{inputs} files: {len(found.findings)} findings, {len(found.left)} files left behind, "
        "largest process "
        f"{found.megabytes:.0f} MB"
    )


def _judged(
    folder: Path, numbers: Sequence[int], seed: int, judge: Judge, execution: Parallel
) -> Iterator[tuple[Path, dict]]:
    for start in range(0, len(numbers), AT_ONCE):
        paths = []
        for number in numbers[start : start + AT_ONCE]:
            name, data = damaged(number, seed)
            (folder / name).write_bytes(data)
            paths.append(folder / name)
        yield from zip(paths, judge_all(paths, judge, execution), strict=True)


def _examine(path: Path, report: dict, found: Found, keep: Path | None) -> None:
    said = report["error"] or report["reason"]
    kind = re.sub(r"\d+(\.\d+)?", "N", re.sub(r"0x[0-9a-f]+", "N", said))
    found.outcomes[f"{report['verdict']}: {kind}" if kind else report["verdict"]] += 1
    wrong = findings(report)
    found.findings += [f"{path.name}: {one} ({report['verdict']}, {said})" for one in wrong]
    if wrong and keep:
        keep.mkdir(parents=True, exist_ok=True)
        (keep / path.name).write_bytes(path.read_bytes())


@contextmanager
def _temporary_files_in(folder: Path) -> Iterator[None]:
    """Where this process's children put their temporary files."""
    before = os.environ.get("TMPDIR")
    os.environ["TMPDIR"] = str(folder)
    try:
        yield
    finally:
        os.environ.pop("TMPDIR")
        if before is not None:
            os.environ["TMPDIR"] = before


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--inputs", type=int, default=20_000, help="(default: %(default)s)")
    parser.add_argument("--seed", type=int, default=1, help="(default: %(default)s)")
    parser.add_argument(
        "--workers", type=int, default=0, help="processes; 0: one per core (default: %(default)s)"
    )
    parser.add_argument(
        "--keep", type=Path, metavar="FOLDER", help="where the files behind findings are saved"
    )
    arguments = parser.parse_args()
    found = fuzz(arguments.inputs, arguments.seed, arguments.workers, arguments.keep)
    tell(found, arguments.inputs)
    return 1 if found.findings or found.left else 0


if __name__ == "__main__":
    sys.exit(main())
