"""Data-set layouts: one file each, all with the same interface, from a root folder to rows of the
index.

| layout | what it reads | label comes from |
|---|---|---|
| demo | the clips that `synthesize` draws | folder: `real`, else a method |
| folder | `real/` and `fake/` of videos, images or face crops, optional `metadata.csv` | metadata, else folder |
| faceforensics | FaceForensics++ and DFD, official tree or flat mirror | folder |
| celebdf | Celeb-DF v1 and v2 | folder; in the official list 1 is real |
| dfdc | DFDC parts, sample set, official test set | `metadata.json`: FAKE, REAL; `labels.csv`: 1 is fake |
| dfdc_preview | DFDC preview | `dataset.json`: real, fake |

Labels in here: 0 real, 1 fake.
"""

import hashlib
import os
import re
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path, PurePosixPath

from deepfake_detector import UserError
from deepfake_detector.datasets.settings import AnyDataSet
from deepfake_detector.media.reading import IMAGE_SUFFIXES, VIDEO_SUFFIXES
from deepfake_detector.storage.files import file_hash

SHOWN = 5  # names given in a note; the rest is counted
LONGEST_PART = 100  # characters of one part of an item's key


@dataclass(frozen=True)
class Found:
    """One video or image that a layout found.

    `name` is its path below the folder of its method, with extension; `original` is (method, name
    with or without extension) of the item a fake was made from; `sources` are ids of the people or
    videos in it, shared by whatever shares them.
    """

    path: Path
    kind: str
    label: int
    method: str
    name: str
    sources: tuple[str, ...] = ()
    original: tuple[str, str] | None = None
    official_split: str = ""


@dataclass(frozen=True)
class Scan:
    """What a layout found below a root, and what a person should know about it (one sentence each)."""

    found: list[Found]
    notes: list[str]


def scan(name: str, data_set: AnyDataSet) -> Scan:
    """Read the tree of the data set `name` as its layout says. Raises UserError where it holds
    nothing of the kind."""
    root = Path(data_set.root)
    if not root.is_dir():
        raise UserError(
            f"{root}: no such folder",
            f"set data_sets.{name}.root to where {name} lies, or run `use-profile`",
        )
    result = _layout(data_set.layout)(name, root, data_set)
    if not result.found:
        raise UserError(
            f"{root}: nothing in it has the layout {data_set.layout!r}",
            "docs/data-sets.md shows that layout",
        )
    return result


def index_rows(name: str, use: str, found: list[Found]) -> list[dict]:
    """Rows of the index for one data set, with keys and md5 sums. Raises UserError where two items
    get the same key."""
    stems = Counter(_key(name, one.method, _stem(one.name)) for one in found)
    keys = [
        stem
        if stems[stem := _key(name, one.method, _stem(one.name))] == 1
        else _key(name, one.method, one.name)
        for one in found
    ]
    for key, count in Counter(keys).items():
        if count > 1:
            paths = [str(one.path) for one, other in zip(found, keys, strict=True) if other == key]
            raise UserError(
                f"{key}: key of more than one file: {', '.join(paths)}", "rename one of them"
            )
    key_of: dict[tuple[str, str], str] = {}  # by name with and without extension
    for one, key in zip(found, keys, strict=True):
        key_of[one.method, one.name] = key
        key_of.setdefault((one.method, _stem(one.name)), key)
    with ThreadPoolExecutor() as pool:
        sums = list(pool.map(lambda one: file_hash(one.path, "md5"), found))
    return [
        {
            "item": key,
            "data_set": name,
            "kind": one.kind,
            "path": one.path.as_posix(),
            "label": one.label,
            "method": one.method,
            "sources": ";".join(one.sources),
            "original": key_of.get(one.original, _key(name, *one.original)) if one.original else "",
            "official_split": one.official_split,
            "use": use,
            "md5": md5,
        }
        for one, key, md5 in zip(found, keys, sums, strict=True)
    ]


def media_kind(path: Path) -> str | None:
    """`video` or `image` by the file's extension; None for anything else."""
    suffix = path.suffix.lower()
    return "video" if suffix in VIDEO_SUFFIXES else "image" if suffix in IMAGE_SUFFIXES else None


def files_below(folder: Path) -> list[Path]:
    """All files below `folder`, sorted, hidden ones left out; links to folders are followed."""
    found = []
    for parent, folders, names in os.walk(folder, followlinks=True):
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        found += [Path(parent, name) for name in names if not name.startswith(".")]
    return sorted(found)


def counted(text: str, places: set[str]) -> list[str]:
    """A note that counts `places` and names the first of them; none where there are none."""
    if not places:
        return []
    shown = ", ".join(sorted(places)[:SHOWN])
    return [f"{len(places)} {text}: {shown}{', …' if len(places) > SHOWN else ''}"]


def _layout(name: str) -> Callable[[str, Path, AnyDataSet], Scan]:
    """The module of that name in this folder scans it."""
    return import_module(f"{__name__}.{name}").scan


def _stem(name: str) -> str:
    return str(PurePosixPath(name).with_suffix(""))


def _key(data_set: str, method: str, name: str) -> str:
    return "/".join([data_set, _safe(method), *(_safe(part) for part in PurePosixPath(name).parts)])


def _safe(part: str) -> str:
    """A part of a key that every file system takes; what had to be changed gets 8 digits of its
    md5."""
    clean = re.sub(r"[^A-Za-z0-9._-]", "_", part)[:LONGEST_PART]
    if clean == part and not part.startswith((".", "_", "-")):
        return part
    return f"x{clean}-{hashlib.md5(part.encode('utf-8', 'surrogateescape'), usedforsecurity=False).hexdigest()[:8]}"
