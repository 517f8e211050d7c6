"""One's own material: `<root>/real/…` and `<root>/fake/…` at any depth, `fake/<method>/…` names the
method.

An optional `<root>/metadata.csv` (columns `path,label` and any of `method,sources,original,split`)
overrides what the folders say: `label` is `real` or `fake`, `sources` are ids separated by `;`,
`original` is the path of the real item a fake was made from, or its name without folder and
extension.
"""

from os.path import splitext
from pathlib import Path, PurePosixPath

import pandas as pd

from deepfake_detector import UserError
from deepfake_detector.datasets.layouts import Found, Scan, counted, files_below, media_kind
from deepfake_detector.datasets.settings import FolderSet

LABELS = {"real": 0, "fake": 1}
COLUMNS = {"path", "label", "method", "sources", "original", "split"}


def scan(name: str, root: Path, data_set: FolderSet) -> Scan:
    below = {path.relative_to(root).as_posix(): path for path in files_below(root)}
    kinds = {place: kind for place, path in below.items() if (kind := media_kind(path))}
    files = {place: below[place] for place in kinds}
    listed = _metadata(root / "metadata.csv")
    labelled = {
        place: path
        for place, path in files.items()
        if place in listed or place.split("/")[0] in LABELS
    }
    names = _originals(labelled, listed)
    found = [
        _found(
            name,
            place,
            path,
            listed.get(place, {}),
            names,
            "face" if data_set.kind == "face" else kinds[place],
        )
        for place, path in labelled.items()
    ]
    notes = [
        *counted(
            "files are neither below real/ or fake/ nor in metadata.csv, and are left out",
            set(files) - set(labelled),
        ),
        *counted("files are in metadata.csv but not on disk", set(listed) - set(files)),
        *(
            counted(
                "files are not in metadata.csv; their folder gives the label",
                set(labelled) - set(listed),
            )
            if listed
            else []
        ),
        *counted(
            "originals in metadata.csv are no real item, or the name of more than one",
            {facts["original"] for facts in listed.values() if facts.get("original")} - set(names),
        ),
    ]
    return Scan(found, notes)


def _found(
    data_set: str,
    place: str,
    path: Path,
    facts: dict[str, str],
    names: dict[str, tuple[str, str]],
    kind: str,
) -> Found:
    try:
        place.encode()
    except UnicodeEncodeError as error:
        raise UserError(f"{place!r}: a name that is not UTF-8", "rename the file") from error
    label = _label(place, facts)
    method, below = _method(place, label, facts)
    if label == 1 and method == "real":
        raise UserError(
            f"{path}: a fake's method cannot be called real",
            "rename its folder, or change metadata.csv",
        )
    original = None
    if label == 1 and facts.get("original"):
        given = facts["original"]
        original = names.get(given) or ("real", splitext(given.removeprefix("real/"))[0])
    return Found(
        path=path,
        kind=kind,
        label=label,
        method=method,
        name=below,
        sources=tuple(
            f"{data_set}:{source.strip()}"
            for source in facts.get("sources", "").split(";")
            if source.strip()
        ),
        original=original,
        official_split=facts.get("split", ""),
    )


def _label(place: str, facts: dict[str, str]) -> int:
    return LABELS[facts["label"] if facts else place.split("/")[0]]


def _method(place: str, label: int, facts: dict[str, str]) -> tuple[str, str]:
    """The method's name and the path below its folder."""
    parts = place.split("/")
    top = parts[0] if parts[0] in LABELS else None
    below = parts[1:] if top else parts
    if label == 0:
        return "real", "/".join(below)
    if top == "fake" and len(below) > 1:
        return facts.get("method") or below[0], "/".join(below[1:])
    return facts.get("method") or "fake", "/".join(below)


def _originals(
    labelled: dict[str, Path], listed: dict[str, dict[str, str]]
) -> dict[str, tuple[str, str]]:
    """Every way to name a real item -> (method, name); names that fit two items are left out."""
    ways: dict[str, set[tuple[str, str]]] = {}
    for place in labelled:
        facts = listed.get(place, {})
        if _label(place, facts) == 1:
            continue
        method, below = _method(place, 0, facts)
        target = (method, below)
        for way in (
            place,
            str(PurePosixPath(place).with_suffix("")),
            PurePosixPath(place).name,
            PurePosixPath(place).stem,
        ):
            ways.setdefault(way, set()).add(target)
    return {way: targets.pop() for way, targets in ways.items() if len(targets) == 1}


def _metadata(path: Path) -> dict[str, dict[str, str]]:
    """path -> the other columns, of a metadata.csv that need not be there."""
    if not path.exists():
        return {}
    try:
        table = pd.read_csv(path, dtype=str, keep_default_na=False)
    except (ValueError, OSError) as error:
        raise UserError(f"{path}: not a CSV table that can be read ({error})") from error
    if not {"path", "label"} <= set(table.columns) <= COLUMNS:
        raise UserError(
            f"{path}: its columns are {', '.join(table.columns)}",
            "wanted path,label and any of method,sources,original,split",
        )
    if wrong := sorted(set(table["label"]) - set(LABELS)):
        raise UserError(f"{path}: label {wrong[0]!r}", "only `real` and `fake` are known")
    if "split" in table and (wrong := sorted(set(table["split"]) - {"", "train", "val", "test"})):
        raise UserError(f"{path}: split {wrong[0]!r}", "only train, val, test or nothing are known")
    if table["path"].duplicated().any():
        twice = table["path"][table["path"].duplicated()].iloc[0]
        raise UserError(f"{path}: {twice} is listed more than once", "keep one line")
    return table.set_index("path").to_dict("index")
