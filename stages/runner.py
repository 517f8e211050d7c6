"""What runs every stage: its command line, its errors, and a watch over its inputs.

Params by value, inputs by size, time and inode are noted before a stage starts and compared when it
has ended. Where they differ it fails, so that DVC records nothing: DVC itself would take the
results for those of the new params and inputs.
"""

import argparse
import csv
import gc
import inspect
import re
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML

from deepfake_detector import UserError, params
from deepfake_detector.common import console, input_stamps

PIPELINE = Path("dvc.yaml")
INDEX = Path("data/index.csv")  # whose md5 column stands for the media that it lists
NAMED = 5  # changes named in the error
PLACEHOLDER = re.compile(r"\$\{(\w+)(?:\.(\w+))?\}")
WAY_BACK = (
    "correct that, or `git checkout params.yaml`; `dvc checkout` brings back outputs that DVC "
    "removed before this stage started"
)
_afterwards: list[Callable[[], object]] = []


@dataclass(frozen=True)
class Definition:
    """What dvc.yaml says that a stage depends on: files and folders, keys of params.yaml."""

    paths: tuple[Path, ...]
    keys: tuple[str, ...]


def run(stage: Callable[..., str], doc: str, **arguments: str) -> None:
    """Run a stage script: its docstring as `--help`, its return value as the summary line, exit 1
    on a UserError.

    `arguments` names the positional arguments of the stage, with their help texts.
    """
    module = inspect.getmodule(stage)
    name = module.__spec__.name if module and module.__spec__ else "stage"
    parser = argparse.ArgumentParser(
        prog=f"python -m {name}",
        description=doc,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    for argument, text in arguments.items():
        parser.add_argument(argument, help=text)
    values = vars(parser.parse_args())
    short = name.removeprefix("stages.")
    started = time.monotonic()
    with _loaded_for_good():
        summary = console.guarded(lambda: watched(short, stage, **values))
    print(f"{short}: {summary} ({time.monotonic() - started:.1f} s)")


@contextmanager
def _loaded_for_good() -> Iterator[None]:
    """Python looks for garbage in what comes now, not in what is loaded, and at the end not at all:
    with torch that takes longer than many a stage works."""
    gc.freeze()
    gc.enable()
    try:
        yield
    finally:
        gc.disable()
        gc.unfreeze()  # else a library complains of what is still there at the end


def watched(name: str, stage: Callable[..., str], /, **values: str) -> str:
    """Call a stage. Raises UserError where params.yaml is wrong, or where something that the stage
    depends on is not as it was when the stage ends."""
    try:
        params.load()
    except UserError as error:
        if not params.PARAMS_FILE.exists():
            raise  # another folder: nothing was removed here
        remedy = f"{error.remedy}; {WAY_BACK}" if error.remedy else WAY_BACK
        raise UserError(error.problem, remedy) from error
    depends = definition(name, *values.values())
    paths = (*depends.paths, *(_listed_media() if INDEX in depends.paths else ()))
    chosen, files = _values(depends.keys), input_stamps.stamps(paths)
    _afterwards.clear()
    summary = stage(**values)
    if changed := [
        *_other_values(chosen, _values(depends.keys)),
        *input_stamps.changes(files, input_stamps.stamps(paths)),
    ]:
        more = f" and {len(changed) - NAMED} more" if len(changed) > NAMED else ""
        raise UserError(
            f"changed while {name} ran: {', '.join(changed[:NAMED])}{more}",
            "its results belong to what was there before; run `dvc repro` again",
        )
    for action in _afterwards:
        action()
    return summary


def afterwards(action: Callable[[], object]) -> None:
    """Call `action` once the stage has ended and what it depends on was found unchanged: what a
    failed stage would go on from may go then."""
    _afterwards.append(action)


def definition(name: str, key: str = "") -> Definition:
    """What dvc.yaml says of a stage; `key` chooses among those of a `foreach`."""
    entry = YAML(typ="safe").load(PIPELINE)["stages"][name]
    scope: dict[str, Any] = {}
    if "foreach" in entry:
        section = entry["foreach"].strip("${}")
        scope = {"key": key, "item": params.declared(section, key)}
        if scope["item"] is None:
            return Definition((), ())  # the stage names what there is instead
        entry = entry["do"]

    def filled(text: str) -> str:
        return PLACEHOLDER.sub(lambda m: scope[m[1]][m[2]] if m[2] else scope[m[1]], text)

    return Definition(
        tuple(Path(filled(path)) for path in entry["deps"]),
        tuple(filled(key_name) for key_name in entry.get("params", ())),
    )


def _listed_media() -> list[Path]:
    if not INDEX.exists():
        return []
    with open(INDEX, encoding="utf-8", newline="") as file:
        return [Path(row["path"]) for row in csv.DictReader(file) if row.get("path")]


def _values(keys: tuple[str, ...]) -> Mapping[str, object]:
    content = params.declared()
    return {key: _value(content, key.split(".")) for key in keys}


def _value(content: object, key: list[str]) -> object:
    for part in key:
        content = content.get(part) if isinstance(content, dict) else None
    return content


def _other_values(before: Mapping[str, object], after: Mapping[str, object]) -> list[str]:
    return [f"{params.PARAMS_FILE}: {key}" for key, value in before.items() if after[key] != value]
