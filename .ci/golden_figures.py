"""Compare the figures of the run that lies here with the committed ones.

    python .ci/golden_figures.py      (after `make repro`)

On the machine that made the committed run they are the same bytes. Other processors add numbers up in another order, so
shares may differ by 0.05 and losses by 0.1; counts may not differ at all. Exit code 1 where one does.
"""

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

FILE = "metrics/evaluation.json"
COUNTED = ("true_real", "false_fake", "false_real", "true_fake", "interval_undefined_draws")  # follow from the scores
TOLERANCE, OF_LOSSES = 0.05, 0.1
BOUNDS = ("_low", "_high")  # ends of intervals move further than the figure itself


def main() -> int:
    shown = subprocess.run(["git", "show", f"HEAD:{FILE}"], capture_output=True, check=True)
    committed = dict(_figures(json.loads(shown.stdout)))
    found = dict(_figures(json.loads(Path(FILE).read_text())))
    wrong = [name for name, value in committed.items() if not _alike(name, value, found.get(name))]
    same = sum(found.get(name) == value for name, value in committed.items())
    print(f"{FILE}: {len(committed)} figures, {same} the same, {len(wrong)} beyond tolerance")
    for name in wrong:
        print(f"  {name}: committed {committed[name]}, here {found.get(name)}")
    return int(bool(wrong))


def _figures(part: dict, path: str = "") -> Iterator[tuple[str, float]]:
    for name, value in part.items():
        if isinstance(value, dict):
            yield from _figures(value, f"{path}{name}.")
        elif isinstance(value, int | float) and name not in COUNTED and not name.endswith(BOUNDS):
            yield f"{path}{name}", value


def _alike(name: str, committed: float, found: float | None) -> bool:
    if found is None:
        return False
    allowed = 0 if name.endswith("count") else OF_LOSSES if name.endswith("log_loss") else TOLERANCE
    return abs(found - committed) <= allowed


if __name__ == "__main__":
    sys.exit(main())
