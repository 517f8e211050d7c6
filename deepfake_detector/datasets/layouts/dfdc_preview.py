"""DFDC preview: originals and two methods, all listed in `dataset.json`.

`<root>/{original_videos,method_A,method_B}/<subject>/**/*.mp4`; `dataset.json` gives label, set
and, where it names them, the subjects whose faces were swapped: all of them tie a clip to others.
https://arxiv.org/abs/1910.08854
"""

import re
from pathlib import Path

from deepfake_detector import UserError
from deepfake_detector.datasets.layouts import Scan, ScannedFile, counted, read_json
from deepfake_detector.datasets.settings import DataSet
from deepfake_detector.storage.media_files import Listing

LABELS = {"real": 0, "fake": 1}
SETS = {"train": "train", "test": "test"}
SUBJECT = re.compile(r"\d{3,}")  # of the subjects' numbers in names of folders and files
LIST = "dataset.json"


def scan(name: str, tree: Listing, data_set: DataSet) -> Scan:
    """The videos that dataset.json lists, with their published part.

    Raises UserError where the list is missing or damaged, and for a video in none of the set's
    folders.
    """
    facts = _facts(tree.folder / LIST)
    videos = {place for place, kind in tree.media.items() if kind == "video"}
    present = sorted(videos & set(facts))
    notes = [f"found {len(present)} of {len(facts)} videos of {LIST}"]
    notes += counted(f"files of {LIST} are not on disk", set(facts) - videos)
    files = [_found(place, tree.folder / place, facts[place]) for place in present]
    return Scan(files, notes, f"no videos of {LIST}", (LIST,))


def _facts(path: Path) -> dict[str, dict]:
    if not path.exists():
        raise UserError(
            f"{path}: not there, and the DFDC preview set says in it what is real",
            "fetch it with the set",
        )
    try:
        facts = read_json(path)
        wrong = [
            place
            for place, fact in facts.items()
            if fact["label"] not in LABELS or fact["set"] not in SETS
        ]
    except (ValueError, TypeError, KeyError, AttributeError) as error:
        raise UserError(
            f"{path}: not the preview set's table ({error})", "fetch it again"
        ) from error
    if wrong:
        raise UserError(
            f"{path}: {wrong[0]} is {facts[wrong[0]]}",
            "label is real or fake, set is train or test",
        )
    return facts


def _found(place: str, path: Path, fact: dict) -> ScannedFile:
    top, _, below = place.partition("/")
    if not below:
        raise UserError(
            f"{path}: in none of the preview set's folders", "put it back where the set has it"
        )
    label = LABELS[fact["label"]]
    subjects = set(SUBJECT.findall(Path(below).parts[0]))
    subjects |= {str(fact[key]) for key in ("target_id", "swapped_id") if fact.get(key)}
    return ScannedFile(
        path=path,
        kind="video",
        label=label,
        method=top if label else "real",
        name=below,
        sources=tuple(f"dfdc_preview:{subject}" for subject in sorted(subjects)),
        official_split=SETS[fact["set"]],
    )
