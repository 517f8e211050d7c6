"""DFDC: training parts, the sample set, the validation and the test set, as they were given out.

Parts say in `metadata.json` what is fake and from which original; the other two sets say 1 = fake
in `labels.csv`, and name no originals. Nobody is named: items are tied by their original.
https://ai.meta.com/datasets/dfdc/
"""

from collections.abc import Collection
from pathlib import Path

import pandas as pd

from deepfake_detector import UserError
from deepfake_detector.datasets.layouts import Scan, ScannedFile, counted, read_json
from deepfake_detector.datasets.settings import DataSet
from deepfake_detector.storage.media_files import Listing

LABELS = {"REAL": 0, "FAKE": 1}
METADATA, TABLE = "metadata.json", "labels.csv"
VALIDATION = ("validation", "val")  # names of the folder of that set
NO_ORIGINALS = (
    "the validation and the test set name no originals, so their fakes are tied to no real clip: "
    "split.policy shares would learn from some and test on others; official keeps them apart"
)
OTHERS = f"in no {METADATA} or {TABLE} of their folder"


def scan(name: str, tree: Listing, data_set: DataSet) -> Scan:
    """The videos that a metadata.json or a labels.csv lists, at any depth below the root.

    Raises UserError for a list that is damaged or has unknown labels.
    """
    files: list[ScannedFile] = []
    notes: list[str] = []
    tables = _files_called(TABLE, tree)
    for metadata in _files_called(METADATA, tree):
        facts = _facts(metadata)
        if _is_of_a_table(facts):  # the test set's own, which says less than its table
            continue
        part = metadata.parent
        label = "part" if part == tree.folder else tree.place(part)
        names = {path.name: path for path in tree.videos_in(part)}
        present = sorted(set(names) & set(facts))
        files += [_found(label, names[video], facts[video]) for video in present]
        notes.append(f"found {len(present)} of {len(facts)} videos of {label}")
        notes += counted(f"files of {metadata} are not on disk", set(facts) - set(names))
    for table in tables:
        tested, table_notes = _labelled_set(tree, table, {file.path for file in files})
        files, notes = files + tested, notes + table_notes
    if data_set.use == "train" and any(file.official_split != "train" for file in files):
        notes.append(NO_ORIGINALS)
    lists = (METADATA, TABLE)
    return Scan(files, notes, OTHERS, (*lists, *(f"*/{name}" for name in lists)))


def _files_called(name: str, tree: Listing) -> list[Path]:
    return [path for path in tree.files if path.name == name]


def _is_of_a_table(facts: dict[str, dict]) -> bool:
    return bool(facts) and all("label" not in fact and "is_fake" in fact for fact in facts.values())


def _facts(path: Path) -> dict[str, dict]:
    try:
        facts = read_json(path)
        if _is_of_a_table(facts):
            return facts
        wrong = [video for video, fact in facts.items() if fact["label"] not in LABELS]
        if not all(isinstance(fact.get("original") or "", str) for fact in facts.values()):
            raise TypeError("an original that is no name of a file")
    except (ValueError, TypeError, KeyError, AttributeError) as error:
        raise UserError(f"{path}: not DFDC's metadata ({error})", "fetch the part again") from error
    if wrong:
        raise UserError(
            f"{path}: {wrong[0]} has label {facts[wrong[0]]['label']!r}",
            "only REAL and FAKE are known",
        )
    return facts


def _found(part: str, path: Path, fact: dict) -> ScannedFile:
    label = LABELS[fact["label"]]
    origin = Path(fact.get("original") or path.name).stem if label else path.stem
    return ScannedFile(
        path=path,
        kind="video",
        label=label,
        method="fake" if label else "real",
        name=f"{part}/{path.name}",
        sources=(f"dfdc:{origin}",),
        original=("real", f"{part}/{origin}") if label and fact.get("original") else None,
        official_split="train",
    )


def _labelled_set(
    tree: Listing, labels: Path, taken: Collection[Path]
) -> tuple[list[ScannedFile], list[str]]:
    """The validation or the test set: videos beside `labels.csv`, or in `videos/` or `test/` there,
    without those `taken` by another list."""
    table = _labels(labels)
    home = labels.parent
    split = "val" if home.name.casefold() in VALIDATION else "test"
    place = "test" if home == tree.folder else tree.place(home)
    names = {
        path.name: path
        for folder in (home, home / "videos", home / "test")
        for path in tree.videos_in(folder)
        if path not in taken
    }
    present = sorted(set(names) & set(table))
    files = [
        ScannedFile(
            path=names[video],
            kind="video",
            label=table[video],
            method="fake" if table[video] else "real",
            name=f"{place}/{video}",
            sources=(f"dfdc:{Path(video).stem}",),
            official_split=split,
        )
        for video in present
    ]
    set_name = "validation" if split == "val" else "test"
    notes = [f"found {len(present)} of {len(table)} videos of the {set_name} set"]
    notes += counted(f"files of {labels} are not on disk", set(table) - set(names))
    return files, notes


def _labels(path: Path) -> dict[str, int]:
    try:
        table = pd.read_csv(path, dtype={"filename": str, "label": int})
        if table["filename"].isna().any():
            raise ValueError("a line without a filename")
        wrong = set(table["label"]) - {0, 1}
        labels = dict(zip(table["filename"], table["label"].astype(int), strict=True))
    except (ValueError, KeyError) as error:
        raise UserError(f"{path}: not a table of filename,label", "fetch it again") from error
    if wrong:
        raise UserError(f"{path}: label {wrong.pop()}", "only 0 (real) and 1 (fake) are known")
    return labels
