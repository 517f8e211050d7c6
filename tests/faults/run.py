"""Kill every stage at random moments, and fill the disk below it: the next `dvc repro` has to end
at the same bytes.

    make faults N=60
    PYTHONPATH=tests python -m faults.run [--kills 60] [--full 12] [--seed 1]

Works on a toy-sized copy of the project, which runs through once undisturbed. Where DVC was stopped
while it wrote a file of its own and refuses to run, the remedy that `doctor` names is taken, and
told. Full disks need a small file system of their own to be mounted, which only root may do. Ends
with 1 where a run did not recover.
"""

import argparse
import os
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from conftest import TOY, copy_project, descendants, forget, outputs, run
from made import change_params
from patience import HANG

DISK = "4g"
MOST_FREE = 64_000  # bytes left on a full disk
TORN = (
    "dvc.lock",
    ".dvc/tmp/rwlock",
)  # what DVC writes in place, and cannot read after it was stopped while it did
Outputs = dict[str, dict[str, str]]  # stage -> path -> hash


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "--kills", type=int, default=60, help="over all stages (default: %(default)s)"
    )
    parser.add_argument(
        "--full", type=int, default=12, help="runs on a full disk (default: %(default)s)"
    )
    parser.add_argument(
        "--seed", type=int, default=1, help="of moments, victims and places (default: %(default)s)"
    )
    arguments = parser.parse_args()
    chance = random.Random(arguments.seed)
    with tempfile.TemporaryDirectory() as folder, _small_disk(Path(folder), arguments.full) as disk:
        project = copy_project(disk / "project")
        change_params(project / "params.yaml", TOY)
        done = run(project, "dvc", "repro")
        if done.returncode:
            print(done.stdout + done.stderr)
            return 1
        wanted = outputs(project)
        killed = kill(project, arguments.kills, chance)
        print(
            f"{sum(killed.values())} kills: "
            f"{', '.join(f'{what} {times}' for what, times in sorted(killed.items()))}"
        )
        after_kills = _compared(wanted, outputs(project))
        refused = fill(project, disk, arguments.full, chance)
        print(f"{arguments.full} runs on a full disk, {refused} of them stopped by it")
        return 0 if _compared(wanted, outputs(project)) and after_kills else 1


def kill(project: Path, times: int, chance: random.Random) -> Counter:
    """Run every stage anew, killing something of it at a random moment, and after each time
    undisturbed; how often what was killed."""
    stages, killed = list(outputs(project)), Counter()
    for number, stage in enumerate(stages):
        forget(project, [stage])
        seconds = _seconds(project, stage)
        for _ in range(times * (number + 1) // len(stages) - times * number // len(stages)):
            what = None
            while what is None:
                forget(project, [stage])
                what = _killed(project, stage, chance, chance.uniform(0.2, seconds))
            killed[what] += 1
            _recover(project, stage)
            print(
                f"kill {sum(killed.values())} of {times}: {what} of {stage}, recovered", flush=True
            )
    return killed


def fill(project: Path, disk: Path, times: int, chance: random.Random) -> int:
    """Run a stage while its disk is nearly full, then with room; how many runs that stopped."""
    stages, stopped = list(outputs(project)), 0
    for number in range(times):
        stage = stages[number % len(stages)]
        forget(project, [stage])
        ballast = disk / "ballast"
        with ballast.open("wb") as file:
            os.posix_fallocate(
                file.fileno(), 0, shutil.disk_usage(disk).free - chance.randrange(MOST_FREE)
            )
        full = run(project, "dvc", "repro", "-s", stage)
        ballast.unlink()
        stopped += full.returncode != 0
        lines = (full.stdout + full.stderr).splitlines()
        said = [line for line in lines if "space" in line.lower()] or lines[-3:]
        print(f"full disk: {stage} ended with {full.returncode} {' / '.join(said)}", flush=True)
        _recover(project, stage)
    return stopped


def _compared(wanted: Outputs, found: Outputs) -> bool:
    """Whether every output is as wanted; those that are not are told."""
    different = [
        f"{stage}: {path} is another one"
        for stage, made in wanted.items()
        for path, md5 in made.items()
        if found.get(stage, {}).get(path) != md5
    ]
    print("\n".join(different) or "every output is the same", flush=True)
    return not different


def _seconds(project: Path, stage: str) -> float:
    """How long DVC takes for a stage that is not disturbed."""
    started = time.monotonic()
    _recover(project, stage)
    return time.monotonic() - started


def _recover(project: Path, stage: str) -> None:
    done = run(project, "dvc", "repro")
    for torn in TORN:
        if done.returncode and torn in done.stdout + done.stderr:
            print(f"{torn} was torn at {stage}; removed, as doctor says", flush=True)
            (project / torn).unlink()
            done = run(project, "dvc", "repro")
    if done.returncode:
        raise SystemExit(f"{stage} did not recover:\n{done.stdout}{done.stderr}")


def _killed(project: Path, stage: str, chance: random.Random, moment: float) -> str | None:
    """Start a stage and kill DVC, the stage or one of its processes after so many seconds; None
    where it had ended."""
    dvc = subprocess.Popen(
        ["dvc", "repro", "-s", stage],
        cwd=project,
        env=os.environ | {"PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    time.sleep(moment)
    if dvc.poll() is not None:
        return None
    others = descendants(dvc.pid)
    what, victims = chance.choice([("dvc alone", [dvc.pid]), ("all at once", [dvc.pid, *others])])
    if others and chance.random() < 0.5:
        what, victims = "a process of the stage", [chance.choice(others)]
    for victim in victims:
        _end(victim)
    dvc.wait(timeout=HANG)
    return what


def _end(process: int) -> None:
    try:
        os.kill(process, signal.SIGKILL)
    except ProcessLookupError:
        return  # it ended by itself just now


@contextmanager
def _small_disk(folder: Path, wanted: int) -> Iterator[Path]:
    """A file system of its own where full disks are wanted; else the folder."""
    if not wanted:
        yield folder
        return
    subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={DISK}", "tmpfs", str(folder)], check=True)
    try:
        yield folder
    finally:
        subprocess.run(["umount", "--lazy", str(folder)], check=True)


if __name__ == "__main__":
    sys.exit(main())
