"""Switch params.yaml to a profile: the defaults of all settings with that profile's differences."""

import os
import subprocess
from collections.abc import Mapping
from pathlib import Path

from deepfake_detector import UserError, params
from deepfake_detector.storage.files import write_whole

FOLDER = Path("profiles")
SCANS = Path("data/scan")
HEAD = (
    "Every setting of the pipeline, one section per stage. Unknown keys and impossible values are "
    "refused.",
    "Written by `python -m deepfake_detector use-profile {name}`; change values here, or with `dvc "
    "exp run -S`.",
)


def names() -> list[str]:
    """The names of the profiles, sorted."""
    return sorted(path.stem for path in FOLDER.glob("*.yaml"))


def use(name: str, roots: Mapping[str, str]) -> list[str]:
    """Make profile `name` the project's params.yaml, with the data sets' folders given as `roots`,
    and delete the scans of data sets that it does not name.

    Returns the names of its data sets. Raises UserError where a root is missing or none of its own,
    and where params.yaml holds changes that would be lost.
    """
    chosen = load(name)
    outside = {key for key, data_set in chosen.data_sets.items() if data_set.layout != "demo"}
    if wrong := set(roots) - outside:
        raise UserError(
            f"--root {wrong.pop()}=…: profile {name} takes "
            f"{', '.join(sorted(outside)) or 'no roots'}",
            "drop it, or choose another profile",
        )
    if missing := sorted(outside - set(roots)):
        raise UserError(
            f"profile {name} needs the folder of {missing[0]}",
            f"add --root {missing[0]}=/absolute/path",
        )
    for key, root in roots.items():
        if not os.path.isdir(os.path.abspath(root)):
            raise UserError(f"--root {key}={root}: no such folder", "check the path")
    _refuse_loss()
    write_whole(params.PARAMS_FILE, text(name, roots).encode())
    for scan in SCANS.glob("*.csv"):
        if scan.stem not in chosen.data_sets:
            scan.unlink()
    return list(chosen.data_sets)


def load(name: str) -> params.Params:
    """The settings of profile `name`."""
    if not (known := names()):
        raise UserError(f"{FOLDER}: no profile in this folder", f"`git checkout {FOLDER}`")
    if name not in known:
        raise UserError(f"{_file(name)}: no such profile", f"there are {', '.join(known)}")
    return params.load_differences(_file(name))


def text(name: str, roots: Mapping[str, str]) -> str:
    """The params file of profile `name` with the data sets' folders given as `roots`."""
    chosen = load(name)
    placed = {
        key: data_set.model_copy(
            update={"root": os.path.abspath(roots[key])} if key in roots else {}
        )
        for key, data_set in chosen.data_sets.items()
    }
    lines = _file(name).read_text().splitlines()
    about = [
        line.removeprefix("# ")
        for line in lines[: next(i for i, line in enumerate(lines) if line[:1] != "#")]
    ]
    head = [line.format(name=name) for line in HEAD]
    return params.rendered(chosen.model_copy(update={"data_sets": placed}), [*about, *head])


def _refuse_loss() -> None:
    """Raises UserError unless params.yaml is as committed, or a profile in which only roots were
    set."""
    current = params.PARAMS_FILE
    if not current.exists() or _is_a_profile(current):
        return
    try:
        status = subprocess.run(
            ["git", "status", "--porcelain", "--", str(current)],
            capture_output=True,
            text=True,
            check=True,
        )
    except (FileNotFoundError, subprocess.CalledProcessError) as error:
        raise UserError(
            f"without Git nobody can say whether {current} has uncommitted changes",
            "keep a copy of it elsewhere and remove it",
        ) from error
    if status.stdout:
        raise UserError(
            f"{current} has changes that are not committed",
            f"commit them, or `git checkout {current}`",
        )


def _is_a_profile(path: Path) -> bool:
    try:
        current = _without_roots(params.load(path))
    except UserError:
        return False
    return any(current == _without_roots(load(name)) for name in names())


def _without_roots(settings: params.Params) -> dict:
    content = settings.model_dump()
    for data_set in content["data_sets"].values():
        del data_set["root"]
    return content


def _file(name: str) -> Path:
    return FOLDER / f"{name}.yaml"
