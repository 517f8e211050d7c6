"""Compare the run that lies here with the committed one.

    python .ci/golden_figures.py      (after `make repro`)

What is made before training must be the same bytes on any machine. Another processor adds numbers up in another order, and
trains another network, as another seed would: of that one every figure must be within 0.05 of the committed one, or its 95 %
interval overlap the committed one's. Exit code 1 where something does not hold.
"""

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

from ruamel.yaml import YAML

FIGURES, NEAR = "metrics/evaluation.json", 0.05
TRAINED = {
    "train",
    "training_results",
    "calibrate",
    "evaluate",
    "export",
    "robustness",
    "report",
}  # stages whose outputs depend on weights


def main() -> int:
    committed, here = _hashes(_committed("dvc.lock")), _hashes(Path("dvc.lock").read_text())
    changed = sorted(
        out for out in committed.keys() | here.keys() if committed.get(out) != here.get(out)
    )
    wrong = [f"{path} of {stage} differs" for stage, path in changed if stage not in TRAINED]
    print(
        f"dvc.lock: {len(committed)} outputs, {len(committed) - len(changed)} of them the same bytes"
    )
    figures, found = (
        dict(_figures(json.loads(text)))
        for text in (_committed(FIGURES), Path(FIGURES).read_text())
    )
    for name, (value, low, high) in figures.items():
        if name not in found or _apart((value, low, high), found[name]):
            wrong.append(f"{name}: committed {value} ({low} to {high}), here {found.get(name)}")
    print(f"{FIGURES}: {len(figures)} figures with an interval; findings in all: {len(wrong)}")
    for one in wrong:
        print(f"  {one}")
    return int(bool(wrong))


def _committed(path: str) -> str:
    return subprocess.run(
        ["git", "show", f"HEAD:{path}"], capture_output=True, check=True, text=True
    ).stdout


def _hashes(lock: str) -> dict[tuple[str, str], str]:
    """(stage, path) of every output -> its hash."""
    stages = YAML(typ="safe").load(lock)["stages"]
    return {
        (name, out["path"]): out["md5"] for name, stage in stages.items() for out in stage["outs"]
    }


def _figures(part: dict, path: str = "") -> Iterator[tuple[str, tuple[float, float, float]]]:
    """Every figure that has an interval, with its two ends."""
    for name, value in part.items():
        if isinstance(value, dict):
            yield from _figures(value, f"{path}{name}.")
        elif f"{name}_low" in part:
            yield f"{path}{name}", (value, part[f"{name}_low"], part[f"{name}_high"])


def _apart(one: tuple[float, float, float], other: tuple[float, float, float]) -> bool:
    return abs(one[0] - other[0]) > NEAR and (one[1] > other[2] or other[1] > one[2])


if __name__ == "__main__":
    sys.exit(main())
