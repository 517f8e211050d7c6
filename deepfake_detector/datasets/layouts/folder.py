"""One's own material: `<root>/real/…` and `<root>/fake/…` at any depth, `fake/<method>/…` names the
method.

An optional `<root>/metadata.csv` (columns `path,label` and any of `method,sources,original,split`)
overrides what the folders say: `label` is `real` or `fake`, `sources` are ids separated by `;`,
`original` is the path of the item that this one was made from, or a real one's name without folder
and extension. Further columns are kept as `extra.<column>`. Paths may be written from the root or
whole, with `\\` or `./`, in another Unicode form, with the suffix in another case or with spaces
round them.
"""

import csv
import re
import unicodedata
from collections.abc import Collection, Iterator, Mapping
from os.path import splitext
from pathlib import Path, PurePosixPath

from deepfake_detector import UserError
from deepfake_detector.datasets.layouts import Scan, ScannedFile, counted, shown
from deepfake_detector.datasets.settings import FolderSet
from deepfake_detector.storage.media_files import Listing
from deepfake_detector.storage.tables import EXTRA

LABELS = {"real": 0, "fake": 1}
COLUMNS = ("path", "label", "method", "sources", "original", "split")
SPLITS = ("", "train", "val", "test")
PARTS = ("train", "training", "val", "valid", "validation", "test", "testing")  # as folders
METADATA = "metadata.csv"
AS_CSV = "CSV in UTF-8, its columns separated by commas"
MEND = "fix or remove it (docs/data-sets.md)"
OTHERS = f"neither below real/ or fake/ nor in {METADATA}"

Facts = Mapping[str, str]  # the cells of a line, by column


def scan(name: str, tree: Listing, data_set: FolderSet) -> Scan:
    """The videos and images below real/ and fake/ or in metadata.csv.

    Raises UserError for a metadata.csv that cannot be read or contradicts the tree, and for a tree
    that looks like another one than is described above.
    """
    listed = _listed(tree)
    labelled = [place for place in tree.media if place in listed or _top(place) in LABELS]
    videos = {place for place in labelled if tree.media[place] == "video"}
    if data_set.kind == "face" and videos:
        labelled = [place for place in labelled if place not in videos]
        _refuse_videos_alone(name, tree.folder, videos, labelled)
    names = _originals(labelled, listed)
    given = {facts["original"] for facts in listed.values() if facts.get("original")}
    unknown = {original for original in given if _normal(original) not in names}
    _refuse_lost_ties(tree.folder / METADATA, given, unknown, names)
    files = [
        _found(
            name,
            place,
            tree.folder / place,
            listed.get(place, {}),
            names,
            "face" if data_set.kind == "face" else tree.media[place],
        )
        for place in labelled
    ]
    _refuse_misspelled_class(tree.folder, files, set(tree.media) - set(labelled) - videos)
    unlisted = set(labelled) - set(listed) if listed else set()
    notes = [
        *counted(f"files are not in {METADATA}; their folder gives the label", unlisted),
        *counted(f"originals in {METADATA} are no item", unknown),
        *_doubtful_sources({source for file in files for source in file.sources}),
    ]
    others = f"videos, or {OTHERS}" if data_set.kind == "face" else OTHERS
    return Scan(files, notes, others, (METADATA,))


def _refuse_videos_alone(
    name: str, root: Path, videos: Collection[str], pictures: Collection[str]
) -> None:
    if not pictures:
        raise UserError(
            f"{root}: videos alone ({shown(sorted(videos))}), and data_sets.{name}.kind is face",
            "set it to media: face is for pictures that are face crops already",
        )


def _refuse_lost_ties(
    path: Path, given: Collection[str], unknown: Collection[str], names: Mapping[str, set]
) -> None:
    """A fake that is not tied to its original may be learned from where that is tested. Single
    originals may be missing from a collection; that all are is a mistake in how they are
    written."""
    doubtful = {original for original in given if len(names.get(_normal(original), ())) > 1}
    if doubtful:
        raise UserError(
            f"{path}: originals that are the name of more than one item: {shown(sorted(doubtful))}",
            "write their paths with folder and suffix",
        )
    if given and len(unknown) == len(given) and "real" in _methods(names):
        raise UserError(
            f"{path}: no original names an item: {shown(sorted(unknown))}",
            f"write their paths as below {path.parent}, or their names",
        )


def _methods(names: Mapping[str, set[tuple[str, str]]]) -> set[str]:
    return {method for targets in names.values() for method, _ in targets}


def _refuse_misspelled_class(
    root: Path, files: list[ScannedFile], left_out: Collection[str]
) -> None:
    """A class without items and a folder of almost its name: it is meant, and would be missed."""
    for word in {*LABELS} - {"fake" if file.label else "real" for file in files}:
        folders = {folder for place in left_out for folder in _folders_called(word, place)}
        if folders:
            raise UserError(
                f"{root}: no {word} item, but videos or images in {shown(sorted(folders))}",
                f"{word}/ is expected directly below the root, spelled so: rename or move the "
                f"folder, or list its files in {METADATA}",
            )


def _folders_called(word: str, place: str) -> Iterator[str]:
    """The folders on the way to `place` whose names begin with the word, or its plural."""
    for folder in PurePosixPath(place).parents:
        if re.match(rf"{word}s?(?![a-z])", folder.name.casefold()):
            yield f"{folder}/"


def _found(
    data_set: str,
    place: str,
    path: Path,
    facts: Facts,
    names: Mapping[str, set[tuple[str, str]]],
    kind: str,
) -> ScannedFile:
    label = _label(place, facts)
    method, below = _method(place, label, facts)
    if label == 1 and method == "real":
        raise UserError(
            f"{path}: a fake's method cannot be called real",
            f"rename its folder, or change {METADATA}",
        )
    if label == 1 and method.casefold() in PARTS:
        raise UserError(
            f"{path}: its folder would make {method} the name of a forgery method",
            f"move the methods' folders directly below fake/; {METADATA} may name the part, as "
            "`split`, and the method",
        )
    original = _original(facts.get("original", ""), names)
    if label == 1 and original == (method, below):
        raise UserError(
            f"{path}: {METADATA} calls it its own original",
            "name the item that it was made from, or none",
        )
    return ScannedFile(
        path=path,
        kind=kind,
        label=label,
        method=method,
        name=below,
        sources=tuple(
            _source(data_set, source.strip())
            for source in facts.get("sources", "").split(";")
            if source.strip()
        ),
        original=original,
        official_split=facts.get("split", ""),
        extra=tuple((column, facts[column]) for column in facts if column not in COLUMNS),
    )


def _original(given: str, names: Mapping[str, set[tuple[str, str]]]) -> tuple[str, str] | None:
    """(method, name) of the item that a line names as the original; None where it names none."""
    if not given:
        return None
    place = _normal(given)
    missing = ("real", splitext(place.removeprefix("real/"))[0])  # ties its fakes all the same
    (original,) = names.get(place, {missing})
    return original


def _top(place: str) -> str:
    return place.partition("/")[0]


def _label(place: str, facts: Facts) -> int:
    return LABELS[facts["label"] if facts else _top(place)]


def _method(place: str, label: int, facts: Facts) -> tuple[str, str]:
    """The method's name and the path below its folder; where a line names another method than the
    folder, that is none of a method, and stays in the path."""
    parts = place.split("/")
    top = parts[0] if parts[0] in LABELS else None
    below = parts[1:] if top else parts
    if label == 0:
        return "real", "/".join(below)
    folder = below[0] if top == "fake" and len(below) > 1 else ""
    method = facts.get("method") or folder or "fake"
    return method, "/".join(below[1:] if method == folder else below)


def _originals(
    labelled: Collection[str], listed: Mapping[str, Facts]
) -> dict[str, set[tuple[str, str]]]:
    """Every way to name an item, as `_normal` -> (method, name) of those it fits: a real one by
    path or name, and where none is meant a fake one by path. A path with its suffix is that item
    alone."""
    whole: dict[str, set[tuple[str, str]]] = {}
    short: tuple[dict[str, set], dict[str, set]] = {}, {}
    for place in labelled:
        facts = listed.get(place, {})
        label, path = _label(place, facts), PurePosixPath(place)
        target = _method(place, label, facts)
        whole.setdefault(_normal(place), set()).add(target)
        below = PurePosixPath(target[1])
        names = (path.name, path.stem, str(below), str(below.with_suffix("")))
        for way in (str(path.with_suffix("")), *(() if label else names)):
            short[label].setdefault(_normal(way), set()).add(target)
    reals, fakes = short
    return fakes | reals | whole


def _listed(tree: Listing) -> dict[str, Facts]:
    """Place of a file below the root -> its line of a metadata.csv that need not be there.

    Raises UserError for a line that names no file, or one that another line names: what it says of
    a file would be lost.
    """
    path = tree.folder / METADATA
    if path not in tree.files:
        _refuse_misspelled_list(tree)
        return {}
    places: dict[str, list[str]] = {}
    for place in tree.media:
        places.setdefault(_normal(place), []).append(place)
    listed: dict[str, Facts] = {}
    lost = []
    for line, facts in _lines(path):
        given = facts["path"]
        meant = [given] if given in tree.media else places.get(_normal(given), [])
        if len(meant) > 1:
            raise UserError(
                f"{path}: line {line}: {given} may be {' or '.join(meant)}", "name one as it is"
            )
        if not meant:
            lost.append(f"line {line} ({given})")
        elif meant[0] in listed:
            raise UserError(
                f"{path}: line {line}: {meant[0]} is listed more than once", "keep one line"
            )
        else:
            listed[meant[0]] = facts
    if lost:
        raise UserError(
            f"{path}: no video or image below {tree.folder}: {shown(lost)}",
            "correct the paths, or remove the lines",
        )
    return listed


def _refuse_misspelled_list(tree: Listing) -> None:
    """A list that cannot be read, or whose name has other capitals: what it says would be lost."""
    for path in (*tree.files, *tree.others):
        if path.parent == tree.folder and path.name.casefold() == METADATA:
            raise UserError(
                f"{path}: taken for the list {METADATA}, and not read",
                f"it is to be a file of the name {METADATA}: rename, replace or remove it",
            )


def _normal(place: str) -> str:
    """A path as it is compared: with `/`, without `.`, in Unicode's composed form, its suffix in
    small letters, no spaces round its parts."""
    parts = unicodedata.normalize("NFC", place).replace("\\", "/").split("/")
    path = PurePosixPath(*(part.strip() for part in parts if part.strip() not in ("", ".")))
    return str(path.with_suffix(path.suffix.lower())) if path.name else ""


def _lines(path: Path) -> Iterator[tuple[int, Facts]]:
    """The lines of a metadata.csv, checked, with the numbers that an editor gives them."""
    rows = _rows(path)
    columns = _columns(path, rows[0][1])
    for line, cells in rows[1:]:
        yield line, _facts(path, line, columns, cells)


def _rows(path: Path) -> list[tuple[int, list[str]]]:
    """Line numbers and cells, without spaces round them; at least one line, no blank ones."""
    try:
        with open(path, encoding="utf-8-sig", newline="") as file:
            reader = csv.reader(file, strict=True)
            rows = [(reader.line_num, [cell.strip() for cell in row]) for row in reader]
    except UnicodeDecodeError as error:
        raise UserError(f"{path}: not text in UTF-8", f"save it as {AS_CSV}") from error
    except (csv.Error, OSError) as error:
        raise UserError(f"{path}: not a CSV table that can be read ({error})", MEND) from error
    filled = [(line, cells) for line, cells in rows if any(cells)]
    if not filled:
        raise UserError(f"{path}: not a CSV table that can be read (it is empty)", MEND)
    return filled


def _facts(path: Path, line: int, columns: list[str], cells: list[str]) -> Facts:
    """The cells of a line by column, checked; label and split in small letters."""
    if any(cells[len(columns) :]):
        raise UserError(
            f"{path}: line {line} has more cells than there are columns",
            'put cells that hold a comma between ""',
        )
    cells = cells + [""] * (len(columns) - len(cells))
    facts = {column: cell for column, cell in zip(columns, cells, strict=False) if column}
    # of two Unicode forms of a name, or of two spaces, nobody means two people
    facts = {
        column: cell if column == "path" else unicodedata.normalize("NFC", " ".join(cell.split()))
        for column, cell in facts.items()
    }
    for column in facts.keys() & {"path", "original"}:
        facts[column] = facts[column].removeprefix(f"{path.parent}/")
    facts["label"] = facts["label"].casefold()
    if facts["label"] not in LABELS:
        raise UserError(
            f"{path}: line {line}: label {facts['label']!r}", "only `real` and `fake` are known"
        )
    if "split" in facts:
        facts["split"] = facts["split"].casefold()
    if facts.get("split", "") not in SPLITS:
        raise UserError(
            f"{path}: line {line}: split {facts['split']!r}",
            "only train, val, test or nothing are known",
        )
    return facts


def _columns(path: Path, head: list[str]) -> list[str]:
    """The columns by the names they have in the index; one without a name, as the running number
    that pandas writes, stays without."""
    columns = [
        small
        if (small := name.casefold()) in COLUMNS
        else name and EXTRA + name.removeprefix(EXTRA)
        for name in head
    ]
    named = [column for column in columns if column]
    if not {"path", "label"} <= set(named):
        raise UserError(
            f"{path}: its columns are {', '.join(head)}",
            f"save it as {AS_CSV}"
            if len(head) == 1 and ";" in head[0]
            else "name them path,label and any of method,sources,original,split; others are kept",
        )
    if len(set(named)) < len(named):
        raise UserError(f"{path}: a column is there twice: {', '.join(head)}", "rename one")
    return columns


def _source(data_set: str, written: str) -> str:
    """A person who is the same in every data set, or somebody of this one alone."""
    kind, _, name = written.replace("\N{FULLWIDTH COLON}", ":").partition(":")
    everywhere = kind.strip().casefold() == "person"
    return f"person:{name.strip()}" if everywhere else f"{data_set}:{written}"


def _doubtful_sources(sources: set[str]) -> list[str]:
    """Notes on ids that are likely to stand for the same person, or for several: nothing ties these
    then, and they may be learned from and tested on."""
    spelled: dict[str, list[str]] = {}
    for source in sorted(sources):
        spelled.setdefault(source.casefold(), []).append(source)
    return [
        *counted(
            f"sources in {METADATA} hold a comma or a bar; `;` separates people",
            {source for source in sources if re.search("[,|]", source)},
        ),
        *counted(
            f"sources in {METADATA} differ from another in capitals alone; they are taken for "
            "different people",
            {source for alike in spelled.values() for source in alike[1:]},
        ),
    ]
