"""Data-set layouts: one file each, all with the same interface, from a root folder to rows of the
index.

docs/data-sets.md has the table of them. Labels in here: 0 real, 1 fake.
"""

import hashlib
import json
import re
from collections import Counter
from collections.abc import Callable, Collection, Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from fnmatch import fnmatchcase
from importlib import import_module
from pathlib import Path, PurePosixPath
from typing import Any

from deepfake_detector import UserError
from deepfake_detector.datasets.settings import AnyDataSet
from deepfake_detector.storage.files import file_hash
from deepfake_detector.storage.media_files import Listing, listing

SHOWN = 5  # names given in a note; the rest is counted
LONGEST_PART = 100  # characters of one part of an item's key


@dataclass(frozen=True)
class ScannedFile:
    """One video or image that a layout found.

    `name` is its path below the folder of its method, with extension; `original` is (method, name
    with or without extension) of the item that this one was made from; `sources` are ids of the
    people or videos in it, which tie it to others that have the same; `extra` are further columns
    of the index with their values.
    """

    path: Path
    kind: str
    label: int
    method: str
    name: str
    sources: tuple[str, ...] = ()
    original: tuple[str, str] | None = None
    official_split: str = ""
    extra: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True)
class Scan:
    """The files that a layout found below a root, with notes for a person, one sentence each.

    `others` says what makes other videos and images no part of it; `lists` are the places of files
    that it reads besides, as patterns of `fnmatch`.
    """

    files: list[ScannedFile]
    notes: list[str]
    others: str
    lists: tuple[str, ...] = ()


def scan(name: str, data_set: AnyDataSet) -> Scan:
    """Read the tree of the data set `name` as its layout says; what it leaves out is in the notes.

    Raises UserError where the tree holds nothing of the kind, a link to a folder, or a folder that
    cannot be looked into.
    """
    root = Path(data_set.root)
    if not root.is_dir():
        remedy = f"set data_sets.{name}.root to where {name} lies, or run `use-profile`"
        if data_set.layout == "demo":
            remedy = "`dvc repro` draws it"
        raise UserError(f"{root}: no such folder", remedy)
    tree = listing(root, follow_links=False)
    if tree.unreadable:
        raise UserError(
            f"{root}: folders that cannot be read: {shown([str(folder) for folder in tree.unreadable])}",
            "get permission to read them",
        )
    if tree.links:
        raise UserError(
            f"{root}: links to folders below it, where DVC sees no change: "
            + shown([f"{tree.place(link)} -> {link.resolve()}" for link in tree.links]),
            "put the folders themselves there, or name each as a data set of its own; a root may "
            "be a link",
        )
    result = _layout(data_set.layout)(name, tree, data_set)
    left_out = _left_out(tree, result)
    if not result.files:
        raise UserError(
            f"{root}: nothing in it has the layout {data_set.layout!r}"
            + (f" ({'; '.join(left_out)})" if left_out else ""),
            "docs/data-sets.md shows that layout",
        )
    result = replace(result, notes=result.notes + left_out)
    return _published_test(name, result) if data_set.use == "published_test" else result


def _published_test(name: str, result: Scan) -> Scan:
    """The test part of a published split alone, as figures of other papers are of it."""
    tested = [file for file in result.files if file.official_split == "test"]
    if not tested:
        raise UserError(
            f"data_sets.{name}.use is published_test, but no item is of a published test part",
            "put its list where docs/data-sets.md shows it, or set it to test: then all is measured",
        )
    note = f"{len(tested)} of {len(result.files)} items are of the published test part, and used"
    return replace(result, files=tested, notes=[*result.notes, note])


def index_rows(name: str, use: str, files: list[ScannedFile], hashed: bool = True) -> list[dict]:
    """Rows of the index for one data set of that `use`, with keys and, where they are to be
    `hashed`, with the md5 sums of the files, each of which is read whole for it.

    Raises UserError where two items get the same key, or a name cannot be written into a table.
    """
    keys = _keys(name, files)
    key_of: dict[tuple[str, str], str] = {}  # by name with and without extension
    for file, key in zip(files, keys, strict=True):
        key_of[file.method, file.name] = key
        key_of.setdefault((file.method, stem(file.name)), key)
    sums = _md5_sums(files) if hashed else [""] * len(files)
    return [
        {
            "item": key,
            "data_set": name,
            "kind": file.kind,
            "path": file.path.as_posix(),
            "label": file.label,
            "method": file.method,
            "sources": ";".join(file.sources),
            "original": key_of.get(file.original, _key(name, *file.original))
            if file.original
            else "",
            "official_split": file.official_split,
            "use": "train" if use == "train" else "test",
            "md5": md5,
            **dict(file.extra),
        }
        for file, key, md5 in zip(files, keys, sums, strict=True)
    ]


def _keys(name: str, files: list[ScannedFile]) -> list[str]:
    """The key of each file, without its extension where that is enough to tell it from others."""
    for file in files:
        _refuse_undecodable(file.path)
    short = [_key(name, file.method, stem(file.name)) for file in files]
    counts = Counter(short)
    keys = [
        key if counts[key] == 1 else _key(name, file.method, file.name)
        for key, file in zip(short, files, strict=True)
    ]
    for key, count in Counter(keys).items():
        if count > 1:
            paths = [
                str(file.path) for file, other in zip(files, keys, strict=True) if other == key
            ]
            raise UserError(
                f"{key}: key of more than one file: {', '.join(paths)}", "rename one of them"
            )
    return keys


def _md5_sums(files: list[ScannedFile]) -> list[str]:
    with ThreadPoolExecutor() as pool:
        return list(pool.map(lambda file: file_hash(file.path, "md5"), files))


def read_json(path: Path) -> Any:
    """What a list of a data set holds, with the mark before it that Windows writes or without.
    Raises ValueError where it is no JSON."""
    return json.loads(path.read_text(encoding="utf-8-sig"))


def stem(place: str) -> str:
    """A path without its suffix, which lists of data sets compare: whoever converts the clips keeps
    their names."""
    return str(PurePosixPath(place).with_suffix(""))


def name_parts(path: Path, pattern: str, data_set: str) -> tuple[str, ...]:
    """The groups of `pattern`, which the file's whole name without its suffix must match.

    Raises UserError where it does not: the `data_set` gives no such names.
    """
    match = re.fullmatch(pattern, path.stem)
    if not match:
        raise UserError(
            f"{path}: not a name that {data_set} gives",
            "move the file out of the data set's folder",
        )
    return match.groups()


def counted(text: str, places: Collection[str]) -> list[str]:
    """A note that counts `places` and names the first of them; none where there are none."""
    return [f"{len(places)} {text}: {shown(sorted(places))}"] if places else []


def shown(names: list[str]) -> str:
    """The first names in a line, with a sign where there are more."""
    return ", ".join(names[:SHOWN]) + (", …" if len(names) > SHOWN else "")


def _left_out(tree: Listing, result: Scan) -> list[str]:
    """Notes of what lies below the root and is no part of the data set."""
    media = set(tree.media) - {tree.place(file.path) for file in result.files}
    others = [
        path
        for path in tree.files
        if tree.place(path) not in tree.media
        and not any(fnmatchcase(tree.place(path), pattern) for pattern in result.lists)
    ]
    suffixes = Counter(path.suffix.lower() or "without suffix" for path in others)
    subject = "videos and images are left out, as they are"
    notes = (
        counted(f"{subject} {result.others}", media)
        if len(media) <= SHOWN
        else [f"{len(media)} {subject} {result.others}: {_by_folder(media)}"]
    )
    notes += counted(
        "paths are left out, as links to nothing, pipes or devices",
        [tree.place(path) for path in tree.others],
    )
    if others:
        counts = ", ".join(f"{count} {suffix}" for suffix, count in _most_frequent(suffixes))
        notes.append(f"{_files(len(others))} left out, as no videos or images: {counts}")
    return notes


def _refuse_undecodable(path: Path) -> None:
    try:
        str(path).encode()
    except UnicodeEncodeError as error:
        raise UserError(f"{str(path)!r}: a name that is not UTF-8", "rename the file") from error


def _files(count: int) -> str:
    return "1 file is" if count == 1 else f"{count} files are"


def _by_folder(places: Iterable[str]) -> str:
    counts = Counter(PurePosixPath(place).parent.as_posix() for place in places)
    return shown([f"{count} in {folder}" for folder, count in _most_frequent(counts)])


def _most_frequent(counts: Counter[str]) -> list[tuple[str, int]]:
    """The most frequent first, then by name."""
    return sorted(counts.items(), key=lambda entry: (-entry[1], entry[0]))


def _layout(name: str) -> Callable[[str, Listing, AnyDataSet], Scan]:
    """The module of that name in this folder scans it."""
    return import_module(f"{__name__}.{name}").scan


def _key(data_set: str, method: str, name: str) -> str:
    return "/".join([data_set, _safe(method), *(_safe(part) for part in PurePosixPath(name).parts)])


def _safe(part: str) -> str:
    """A part of a key that every file system takes, and that is no name of an archive, in which
    those of another item lie; what was changed gets 8 digits of its md5."""
    clean = re.sub(r"[^A-Za-z0-9._-]", "_", part)[:LONGEST_PART]
    if clean == part and not part.startswith((".", "_", "-")) and not part.endswith(".zip"):
        return part
    return f"x{clean}-{hashlib.md5(part.encode('utf-8', 'surrogateescape'), usedforsecurity=False).hexdigest()[:8]}"
