"""Celeb-DF (v1 and v2): real celebrities, their swaps, and YouTube reals.

A fake `id<a>_id<b>_<nnnn>` is the clip `id<a>_<nnnn>` with the face of b put in: both identities
tie it to others. The official test list has no header, and in it 1 means real.
https://github.com/yuezunli/celeb-deepfakeforensics
"""

from pathlib import Path

from deepfake_detector import UserError
from deepfake_detector.datasets.layouts import Scan, ScannedFile, counted, name_parts, stem
from deepfake_detector.datasets.settings import DataSet
from deepfake_detector.storage.media_files import Listing

NAME = "Celeb-DF"
EXPECTED = {"Celeb-real": 590, "YouTube-real": 300, "Celeb-synthesis": 5639}  # of v2; v1 has fewer
TEST_LIST = "List_of_testing_videos.txt"
FAKES = "Celeb-synthesis"
OTHERS = f"no videos of {', '.join(EXPECTED)}"


def scan(name: str, tree: Listing, data_set: DataSet) -> Scan:
    """The clips of the three folders, with their published part where the official list is there.

    Raises UserError for a name that Celeb-DF does not give, and for a list that is damaged or has
    its labels the other way round.
    """
    test = _test_list(tree.folder / TEST_LIST)
    tested = {stem(place) for place in test}
    files, notes, seen = [], [], set()
    for folder, expected in EXPECTED.items():
        home = tree.folder / folder
        paths = [*tree.videos_in(home / "videos"), *tree.videos_in(home)]
        for path in paths:
            seen.add(place := f"{folder}/{path.stem}")
            split = "" if not test else "test" if place in tested else "train"
            files.append(_found(folder, path, split))
        notes.append(f"found {len(paths)} of {expected} {folder}")
    _check_labels(tree.folder / TEST_LIST, test)
    reals = {stem(file.name) for file in files if file.label == 0}
    lost = {
        f"{file.original[1]}.mp4"
        for file in files
        if file.original and file.original[1] not in reals
    }
    notes += counted("originals of fakes are not on disk", lost)
    missing = {place for place in test if stem(place) not in seen}
    notes += counted(f"files of {TEST_LIST} are not on disk", missing)
    return Scan(files, notes, OTHERS, (TEST_LIST,))


def _found(folder: str, path: Path, split: str) -> ScannedFile:
    if folder == "YouTube-real":
        video = f"celebdf:youtube{path.stem}"
        return ScannedFile(path, "video", 0, "real", f"{folder}/{path.name}", (video,), None, split)
    if folder == "Celeb-real":
        person, _ = name_parts(path, r"(id\d+)_(\d+)", NAME)
        return ScannedFile(
            path, "video", 0, "real", f"{folder}/{path.name}", (f"celebdf:{person}",), None, split
        )
    target, source, take = name_parts(path, r"(id\d+)_(id\d+)_(\d+)", NAME)
    original = ("real", f"Celeb-real/{target}_{take}")
    sources = (f"celebdf:{target}", f"celebdf:{source}")
    return ScannedFile(path, "video", 1, FAKES, path.name, sources, original, split)


def _test_list(path: Path) -> dict[str, str]:
    """`<folder>/<file>` -> label as written, of the official list; empty where it is not there."""
    if not path.exists():
        return {}
    try:
        text = path.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError:
        text = "not text"
    lines = [line.split() for line in text.splitlines() if line.strip()]
    if any(len(line) != 2 or line[0] not in ("0", "1") or "/" not in line[1] for line in lines):
        raise UserError(
            f"{path}: not lines of `<0 or 1> <folder>/<file>`",
            "fetch it again from the Celeb-DF site",
        )
    return {place: label for label, place in lines}


def _check_labels(path: Path, test: dict[str, str]) -> None:
    """In the list 1 is real: a list the other way round would be another set."""
    wrong = sorted(
        place for place, label in test.items() if (label == "1") == place.startswith(FAKES)
    )
    if wrong:
        raise UserError(
            f"{path}: {wrong[0]} has label {test[wrong[0]]}, and there 1 means real",
            "fetch the list again",
        )
