"""DFDC: training parts, the sample set and the official test set, as Kaggle gave them out.

Parts say in `metadata.json` what is fake and from which original; the test set says 1 = fake in
`labels.csv`. The set names no people: items are tied by their original.
https://ai.meta.com/datasets/dfdc/
"""

import json
from pathlib import Path

import pandas as pd

from deepfake_detector import UserError
from deepfake_detector.datasets.layouts import Found, Scan, counted
from deepfake_detector.datasets.settings import DataSet
from deepfake_detector.storage.media_files import Listing

LABELS = {"REAL": 0, "FAKE": 1}


METADATA, TEST_LABELS = "metadata.json", "labels.csv"
OTHERS = f"in no {METADATA} or {TEST_LABELS} of their folder"


def scan(name: str, tree: Listing, data_set: DataSet) -> Scan:
    found, notes = [], []
    for metadata in _files_called(METADATA, tree):
        part = metadata.parent
        facts = _facts(metadata)
        label = "part" if part == tree.folder else tree.place(part)
        names = {path.name: path for path in tree.videos_in(part)}
        here = sorted(set(names) & set(facts))
        found += [_found(label, names[one], facts[one]) for one in here]
        notes.append(f"found {len(here)} of {len(facts)} videos of {label}")
        notes += counted(f"files of {metadata} are not on disk", set(facts) - set(names))
    for labels in _files_called(TEST_LABELS, tree):
        tested, told = _test_set(tree, labels)
        found, notes = found + tested, notes + told
    lists = (METADATA, TEST_LABELS)
    return Scan(found, notes, OTHERS, (*lists, *(f"*/{name}" for name in lists)))


def _files_called(name: str, tree: Listing) -> list[Path]:
    """The file of that name in the root itself, or those in the folders in it."""
    there = [path for path in tree.files if path.name == name]
    own = [path for path in there if path.parent == tree.folder]
    return own or [path for path in there if path.parent.parent == tree.folder]


def _facts(path: Path) -> dict[str, dict]:
    try:
        facts = json.loads(path.read_text())
        wrong = [one for one, fact in facts.items() if fact["label"] not in LABELS]
    except (ValueError, TypeError, KeyError, AttributeError) as error:
        raise UserError(f"{path}: not DFDC's metadata ({error})", "fetch the part anew") from error
    if wrong:
        raise UserError(
            f"{path}: {wrong[0]} has label {facts[wrong[0]]['label']!r}",
            "only REAL and FAKE are known",
        )
    return facts


def _found(part: str, path: Path, fact: dict) -> Found:
    label = LABELS[fact["label"]]
    origin = Path(fact.get("original") or path.name).stem if label else path.stem
    return Found(
        path=path,
        kind="video",
        label=label,
        method="fake" if label else "real",
        name=f"{part}/{path.name}",
        sources=(f"dfdc:{origin}",),
        original=("real", f"{part}/{origin}") if label and fact.get("original") else None,
        official_split="train",
    )


def _test_set(tree: Listing, labels: Path) -> tuple[list[Found], list[str]]:
    """The official test set: videos beside `labels.csv`, or in `videos/` or `test/` there."""
    table = _labels(labels)
    homes = [labels.parent, labels.parent / "videos", labels.parent / "test"]
    names = {path.name: path for home in homes for path in tree.videos_in(home)}
    here = sorted(set(names) & set(table))
    found = [
        Found(
            path=names[one],
            kind="video",
            label=table[one],
            method="fake" if table[one] else "real",
            name=f"test/{one}",
            sources=(f"dfdc:{Path(one).stem}",),
            official_split="test",
        )
        for one in here
    ]
    notes = [f"found {len(here)} of {len(table)} videos of the test set"]
    notes += counted(f"files of {labels} are not on disk", set(table) - set(names))
    return found, notes


def _labels(path: Path) -> dict[str, int]:
    try:
        table = pd.read_csv(path, dtype={"filename": str, "label": int})
        wrong = set(table["label"]) - {0, 1}
        found = dict(zip(table["filename"], table["label"].astype(int), strict=True))
    except (ValueError, KeyError) as error:
        raise UserError(f"{path}: not a table of filename,label", "fetch it anew") from error
    if wrong:
        raise UserError(f"{path}: label {wrong.pop()}", "only 0 (real) and 1 (fake) are known")
    return found
