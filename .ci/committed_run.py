"""Compare the run that lies here with the committed one.

    python .ci/committed_run.py      (after `make repro`)

Every output must be the same bytes, and Git must see no change in what it tracks. A machine that
cannot hold its libraries to portable arithmetic trains another network, as another seed would.
There what is made before training must be the same bytes; each figure must be within 0.05 of the
committed one, or its 95 % interval overlap the committed one's; and each ROC-AUC, on validation and
test, must be at least 0.95. Exit code 1 where something does not hold.
"""

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

from ruamel.yaml import YAML

sys.path.insert(0, ".")  # run as a file, Python looks beside it
from deepfake_detector.common import arithmetic

FIGURES = "metrics/evaluation.json"
LEVELS = [(part, level) for part in ("val", "test") for level in ("frame", "video")]
NEAR, LOWEST_ROC_AUC = 0.05, 0.95
TRAINED = {  # stages whose outputs depend on weights
    "train",
    "training_results",
    "calibrate",
    "quality",
    "evaluate",
    "export",
    "robustness",
    "report",
}


def main() -> int:
    committed, here = _hashes(_git("show", "HEAD:dvc.lock")), _hashes(Path("dvc.lock").read_text())
    changed = sorted(out for out in committed | here if committed.get(out) != here.get(out))
    print(f"{len(committed) - len(changed)} of {len(committed)} outputs are the committed bytes")
    if arithmetic.is_portable_here():
        wrong = [f"{path} of {stage} differs" for stage, path in changed]
        wrong += [
            f"git status: {line}"
            for line in _git("status", "--porcelain", "--untracked-files=no").splitlines()
        ]
    else:
        wrong = [f"{path} of {stage} differs" for stage, path in changed if stage not in TRAINED]
        wrong += figures_apart(
            json.loads(_git("show", f"HEAD:{FIGURES}")), json.loads(Path(FIGURES).read_text())
        )
    for one in wrong:
        print(f"  {one}")
    return int(bool(wrong))


def figures_apart(committed: dict, here: dict) -> list[str]:
    """What is too far from the committed figures, or too low."""
    found = dict(_with_interval(here))
    apart = [
        f"{name}: committed {value} ({low} to {high}), here {found.get(name)}"
        for name, (value, low, high) in _with_interval(committed)
        if name not in found or _far((value, low, high), found[name])
    ]
    for part, level in LEVELS:
        roc_auc, before = here[part][level]["roc_auc"], committed[part][level]["roc_auc"]
        if roc_auc < LOWEST_ROC_AUC or abs(roc_auc - before) > NEAR:
            apart.append(f"{part}.{level}.roc_auc: committed {before}, here {roc_auc}")
    return apart


def _with_interval(part: dict, path: str = "") -> Iterator[tuple[str, tuple[float, float, float]]]:
    """Every figure that has an interval, with its two ends."""
    for name, value in part.items():
        if isinstance(value, dict):
            yield from _with_interval(value, f"{path}{name}.")
        elif f"{name}_low" in part:
            yield f"{path}{name}", (value, part[f"{name}_low"], part[f"{name}_high"])


def _far(one: tuple[float, float, float], other: tuple[float, float, float]) -> bool:
    return abs(one[0] - other[0]) > NEAR and (one[1] > other[2] or other[1] > one[2])


def _hashes(lock: str) -> dict[tuple[str, str], str]:
    """(stage, path) of every output -> its hash."""
    stages = YAML(typ="safe").load(lock)["stages"]
    return {
        (name, out["path"]): out["md5"] for name, stage in stages.items() for out in stage["outs"]
    }


def _git(*arguments: str) -> str:
    return subprocess.run(["git", *arguments], capture_output=True, check=True, text=True).stdout


if __name__ == "__main__":
    sys.exit(main())
