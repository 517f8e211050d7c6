"""The benchmarks with goals, one after the other; what they print becomes docs/benchmarks.md.

    python -m benchmarks [--clips FOLDER] [--several CLIP ...] [--crops FOLDER] [--only NAME ...]

`make bench` does it; it takes more than an hour. Benchmarks of learning and of verdicts have no
goals and are run one by one: border_leak, calibration, heat_map, int8_across_sets,
reference_recipe, several_people, verdict_errors.

Each compares with its rival within its own run, so that ratios hold where seconds do not: run it on
an idle machine. With --only, the page keeps the sections of the others; each section names the
machine that it was measured on. The names of the folders are not written down.
"""

import argparse
import importlib
import os
import platform
import subprocess
import sys
from importlib.metadata import version
from pathlib import Path

import torch

from benchmarks import goals
from deepfake_detector.common import cores
from deepfake_detector.storage.files import write_whole
from deepfake_detector.training import devices

PAGE = Path("docs/benchmarks.md")
LIBRARIES = ("torch", "torchvision", "onnxruntime", "opencv-python-headless", "av", "dvc", "numpy")
HEAD = """# Benchmarks

Written by `make bench`, which takes more than an hour. Each section names the machine that it was
measured on. Ratios are within one run, so they can be compared where seconds cannot.

## The goals

"""


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "--clips",
        default="",
        help="a folder of real clips; faces are then found with YuNet (default: clips are drawn)",
    )
    parser.add_argument(
        "--several", nargs="*", default=[], metavar="CLIP", help="passed on to benchmarks.people"
    )
    parser.add_argument(
        "--crops", default="", help="a folder of real faces to train on (default: faces are drawn)"
    )
    parser.add_argument(
        "--only", nargs="+", default=[], metavar="NAME", help="these benchmarks, as page and repro"
    )
    arguments = parser.parse_args()
    detector = "--detector yunet" if arguments.clips else ""
    precisions = dict.fromkeys(["fp32", devices.fastest_precision(torch.cuda.is_available())])
    runs = [
        ("score_clip", detector, ""),
        ("score_clip", f"--height 720 {detector}", ""),
        ("score_clip", f"--repeat 60 --keyframes 1 --rounds 1 {detector}", ""),
        ("extract_crop", detector, arguments.clips),
        ("growth", "", ""),
        ("load", detector, ""),
        ("api", "", ""),
        ("dvc_archives", "", ""),
        ("training_step", f"--precision {' '.join(precisions)}", arguments.crops),
        ("training_memory", "", ""),
        ("precision", "", ""),
        ("beside_other_work", "", ""),
        ("interval_coverage", "", ""),
        ("page", "", ""),
        ("many_files", "", ""),
        ("repro", "", ""),
    ]
    if arguments.clips:  # they need real faces
        people = f"--several {' '.join(arguments.several)}" if arguments.several else ""
        runs += [("face_size", "", arguments.clips), ("people", people, arguments.clips)]
    if unknown := sorted(set(arguments.only) - {name for name, _, _ in runs}):
        parser.error(f"no benchmark of that name: {', '.join(unknown)}")
    sections = _sections_on_page() if arguments.only else {}
    for name, options, folder in runs:
        if not arguments.only or name in arguments.only:
            command = _shown(f"benchmarks.{name}", options, folder)
            sections[command] = _section(f"benchmarks.{name}", options, folder, command)
            _write(sections)  # what is measured is kept, whatever becomes of the next
    print(f"written: {PAGE}")
    return 0


def _write(sections: dict[str, str]) -> None:
    goals_met = "\n".join(goals.table("\n".join(sections.values())))
    write_whole(PAGE, "\n".join([HEAD + goals_met, "", *sections.values()]).encode())


def _sections_on_page() -> dict[str, str]:
    """The command and the text of each section of the page."""
    page = PAGE.read_text() if PAGE.exists() else ""
    sections = [f"## {section}" for section in page.removeprefix(HEAD).split("\n## ")[1:]]
    return {section.split("\n$ ")[1].split("\n")[0]: section for section in sections}


def _shown(module: str, options: str, folder: str) -> str:
    return " ".join(
        filter(None, ["python -m", module, "FOLDER" if folder else "", options.strip()])
    )


def _section(module: str, options: str, folder: str, shown: str) -> str:
    """What a benchmark is about, its command as `shown`, what it printed. An error ends the run."""
    print(f"$ {shown}", flush=True)
    command = [sys.executable, "-m", module, *filter(None, [folder]), *options.split()]
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True)
    print(done.stdout, flush=True)
    title = " ".join((importlib.import_module(module).__doc__ or "").partition("\n\n")[0].split())
    return f"## {title}\n\n{_here()}\n\n```console\n$ {shown}\n{done.stdout.rstrip()}\n```\n"


def _here() -> str:
    """Processor with the instructions that PyTorch uses of it, cores this process may use, memory
    (Linux), and the versions that count."""
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    libraries = ", ".join(f"{library} {version(library)}" for library in LIBRARIES)
    return (
        f"- {cores.processor()} ({torch.backends.cpu.get_cpu_capability()}), "
        f"{cores.available()} cores, {memory:.0f} GiB of memory, "
        f"{platform.system()} {platform.release()}\n"
        f"- Python {platform.python_version()}, {libraries}"
    )


if __name__ == "__main__":
    sys.exit(main())
