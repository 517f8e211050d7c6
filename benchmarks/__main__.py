"""Every benchmark, one after the other, and what they printed as a page: docs/benchmarks.md.

    python -m benchmarks [--clips "FOLDER --detector yunet"] [--crops FOLDER]      (`make bench` does it; half an hour)

Each compares with its rival within its own run, so the ratios hold where the seconds do not: run it with nothing beside.
"""

import argparse
import importlib
import os
import platform
import shlex
import subprocess
import sys
import time
from importlib.metadata import version
from pathlib import Path

from deepfake_detector.files import write_whole

PAGE = Path("docs/benchmarks.md")
LIBRARIES = ("torch", "torchvision", "onnxruntime", "opencv-python-headless", "av", "dvc", "numpy")
HEAD = """# Benchmarks

Written by `make bench`, which took {minutes:.0f} minutes here. Ratios are within one run of one machine.

- {machine}
- Python {python}, {libraries}
"""


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--clips", default="", help="arguments of benchmarks.extract_crop (default: clips are drawn)")
    parser.add_argument("--crops", default="", help="arguments of benchmarks.training_step (default: faces are drawn)")
    arguments = parser.parse_args()
    runs = {
        "extract_crop": arguments.clips,
        "growth": "",
        "score_clip": "",
        "load": "--minutes 2",
        "dvc_archives": "",
        "training_step": arguments.crops,
        "training_memory": "",
        "precision": "",
        "interval_coverage": "",
    }
    sections, minutes = [], 0.0
    for name, own in runs.items():
        section, seconds = _section(f"benchmarks.{name}", own)
        sections.append(section)
        minutes += seconds / 60
    libraries = ", ".join(f"{library} {version(library)}" for library in LIBRARIES)
    head = HEAD.format(minutes=minutes, machine=_machine(), python=platform.python_version(), libraries=libraries)
    write_whole(PAGE, "\n".join([head, *sections]).encode())
    print(f"written: {PAGE}")
    return 0


def _section(module: str, arguments: str) -> tuple[str, float]:
    """What a benchmark is about, its command and what it printed; and the seconds it took. An error ends the run."""
    command = f"python -m {module} {arguments}".strip()
    print(f"$ {command}", flush=True)
    started = time.monotonic()
    done = subprocess.run(
        [sys.executable, "-m", module, *shlex.split(arguments)], stdout=subprocess.PIPE, text=True, check=True
    )
    print(done.stdout, flush=True)
    title = importlib.import_module(module).__doc__.splitlines()[0]
    return f"## {title}\n\n```console\n$ {command}\n{done.stdout.rstrip()}\n```\n", time.monotonic() - started


def _machine() -> str:
    """Processor, cores this process may use, memory (Linux)."""
    model = next(
        line.partition(":")[2].strip()
        for line in Path("/proc/cpuinfo").read_text().splitlines()
        if "model name" in line
    )
    cores = len(os.sched_getaffinity(0))
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    return f"{model}, {cores} cores, {memory:.0f} GiB of memory, {platform.system()} {platform.release()}"


if __name__ == "__main__":
    sys.exit(main())
