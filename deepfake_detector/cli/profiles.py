"""Switch params.yaml between the complete files in profiles/: other data, other values, captions kept."""

import io
import subprocess
from pathlib import Path

from ruamel.yaml import YAML

from deepfake_detector import UserError, params
from deepfake_detector.storage.files import write_whole

FOLDER = Path("profiles")
SCANS = Path("data/scan")


def names() -> list[str]:
    """The profiles there are."""
    return sorted(path.stem for path in FOLDER.glob("*.yaml"))


def use(name: str, roots: dict[str, str]) -> list[str]:
    """Make profile `name` the project's params.yaml, with the data sets' folders given as `roots`.

    Returns the names of its data sets. Raises UserError where a root is missing, or where params.yaml holds changes that
    would be lost; scans of data sets that are no longer named are removed.
    """
    path = FOLDER / f"{name}.yaml"
    if name not in names():
        raise UserError(f"{path}: no such profile; there are {', '.join(names())}")
    yaml = _yaml()
    content = yaml.load(path)
    outside = {set_name for set_name, data_set in content["data_sets"].items() if data_set["layout"] != "demo"}
    if wrong := set(roots) - outside:
        raise UserError(f"--root {wrong.pop()}=…: profile {name} takes {', '.join(sorted(outside)) or 'no roots'}")
    if missing := sorted(outside - set(roots)):
        raise UserError(f"profile {name} needs the folder of {missing[0]}: add --root {missing[0]}=/absolute/path")
    for set_name, root in roots.items():
        if not Path(root).is_dir():
            raise UserError(f"--root {set_name}={root}: no such folder")
        content["data_sets"][set_name]["root"] = str(Path(root).absolute())
    _refuse_loss()
    buffer = io.BytesIO()
    yaml.dump(content, buffer)
    write_whole(params.PARAMS_FILE, buffer.getvalue())
    for scan in SCANS.glob("*.csv"):
        if scan.stem not in content["data_sets"]:
            scan.unlink()
    return list(params.load(params.PARAMS_FILE).data_sets)


def _refuse_loss() -> None:
    """params.yaml may be replaced where it is the committed one, or a profile in which only roots were set."""
    current = params.PARAMS_FILE
    if not current.exists():
        return
    if any(_without_roots(current) == _without_roots(FOLDER / f"{name}.yaml") for name in names()):
        return
    status = subprocess.run(
        ["git", "status", "--porcelain", "--", str(current)], capture_output=True, text=True, check=False
    )
    if status.returncode or status.stdout:
        raise UserError(f"{current} has changes that are not committed; commit them, or `git checkout {current}`")


def _without_roots(path: Path) -> dict | None:
    """The content of a params file but for its roots; None where it is not one."""
    try:
        content = params.load(path).model_dump()
    except UserError:
        return None
    for data_set in content["data_sets"].values():
        del data_set["root"]
    return content


def _yaml() -> YAML:
    yaml = YAML()
    yaml.width = 200
    yaml.preserve_quotes = True
    return yaml
