"""FaceForensics++ with DeepFakeDetection (DFD): the official tree, or the flat mirror of one
compression.

Fakes are `<target>_<source>`: both identities tie a clip to others. Splits are lists of pairs in
`splits/*.json`. `raw` and `c0` are the same compression; masks are never read.
https://github.com/ondyari/FaceForensics
"""

import re
from pathlib import Path

from deepfake_detector import UserError
from deepfake_detector.datasets.layouts import Scan, ScannedFile, counted, name_parts, read_json
from deepfake_detector.datasets.settings import FaceForensicsSet
from deepfake_detector.storage.media_files import Listing

NAME = "FaceForensics++"
METHODS = ("Deepfakes", "Face2Face", "FaceSwap", "NeuralTextures", "FaceShifter")
EXPECTED = {"original": 1000, "actors": 363, "DeepFakeDetection": 3068} | dict.fromkeys(
    METHODS, 1000
)
SAME = {"raw": ("raw", "c0"), "c0": ("c0", "raw")}  # compressions that are one and the same
FLAT = "original"  # the folder of reals in the flat mirror
REALS, FAKES = "original_sequences", "manipulated_sequences"
PAIRS = "splits/{}.json"
CONVERSION = "conversion_dict.json"


def scan(name: str, tree: Listing, data_set: FaceForensicsSet) -> Scan:
    """The videos of one compression, with their published part where the lists are there.

    Raises UserError where an official tree lacks that compression, for a name that FaceForensics++
    does not give, and for a damaged list.
    """
    root = tree.folder
    is_official = any(place.startswith((f"{REALS}/", f"{FAKES}/")) for place in tree.media)
    folders = _official(tree, data_set.compression) if is_official else _flat(tree)
    splits, videos = _splits(root), _youtube_videos(root / CONVERSION)
    files, notes = [], []
    if folders and not is_official and data_set.compression != "c23":
        notes.append(f"these folders do not tell whether they are {data_set.compression}")
    for group, folder in folders.items():
        paths = tree.videos_in(folder)
        files += [_found(group, path, splits, videos) for path in paths]
        if group == FLAT:
            notes += counted(
                "originals are not named by three digits, and no fake is tied to them",
                {path.name for path in paths if not re.fullmatch(r"\d{3}", path.stem)},
            )
        notes.append(f"found {len(paths)} of {EXPECTED[group]} {group}")
    if missing := [group for group in (FLAT, *METHODS) if group not in folders]:
        notes.append(f"found no video of {', '.join(missing)} in {data_set.compression}")
    return Scan(
        files,
        notes + _missing_originals(files),
        f"no videos of compression {data_set.compression} in a folder of this layout",
        (PAIRS.format("*"), CONVERSION),
    )


def _flat(tree: Listing) -> dict[str, Path]:
    """Group -> its folder, of those that hold videos."""
    folders = {group: tree.folder / group for group in (FLAT, *METHODS, "DeepFakeDetection")}
    return {group: folder for group, folder in folders.items() if tree.videos_in(folder)}


def _official(tree: Listing, compression: str) -> dict[str, Path]:
    """What `_flat` returns, of the official tree."""
    root = tree.folder
    homes = {FLAT: f"{REALS}/youtube", "actors": f"{REALS}/actors"}
    homes |= {method: f"{FAKES}/{method}" for method in (*METHODS, "DeepFakeDetection")}
    folders = {}
    for group, home in homes.items():
        for level in SAME.get(compression, (compression,)):
            if tree.videos_in(root / home / level / "videos"):
                folders[group] = root / home / level / "videos"
                break
    if not folders:
        compressions = {
            path.parent.name for path in root.glob("*_sequences/*/*/videos") if path.is_dir()
        }
        raise UserError(
            f"{root}: no videos of compression {compression!r}",
            f"folders as {REALS}/youtube/{compression}/videos are needed; there are those of: "
            f"{', '.join(sorted(compressions - {'masks'})) or 'none'}",
        )
    return folders


def _found(group: str, path: Path, splits: dict[str, str], videos: dict[str, str]) -> ScannedFile:
    if group == "actors":
        actor, _, _ = path.stem.partition("__")
        return ScannedFile(path, "video", 0, "real", path.name, (_actor(actor),))
    if group == "DeepFakeDetection":
        return _dfd_fake(path)
    if group == FLAT:
        sources = _sources((path.stem,), videos)
        return ScannedFile(
            path, "video", 0, "real", path.name, sources, None, splits.get(path.stem, "")
        )
    target, source = name_parts(path, r"(\d{3})_(\d{3})", NAME)
    return ScannedFile(
        path=path,
        kind="video",
        label=1,
        method=group,
        name=path.name,
        sources=_sources((target, source), videos),
        original=("real", target),
        official_split=splits.get(target, ""),
    )


def _dfd_fake(path: Path) -> ScannedFile:
    target, source, scene = name_parts(path, r"(\d+)_(\d+)__(.+)__[A-Za-z0-9]{8}", NAME)
    sources = (_actor(target), _actor(source))
    return ScannedFile(
        path, "video", 1, "DeepFakeDetection", path.name, sources, ("real", f"{target}__{scene}")
    )


def _sources(numbers: tuple[str, ...], videos: dict[str, str]) -> tuple[str, ...]:
    """The sequences, and the YouTube videos they were cut from: some gave several."""
    cut_from = [f"faceforensics:youtube:{videos[number]}" for number in numbers if number in videos]
    return tuple(dict.fromkeys([*(f"faceforensics:{number}" for number in numbers), *cut_from]))


def _actor(number: str) -> str:
    return f"faceforensics:actor{number}"


def _splits(root: Path) -> dict[str, str]:
    """Sequence number -> published split; empty where the lists are not there."""
    splits: dict[str, str] = {}
    for split in ("train", "val", "test"):
        path = root / PAIRS.format(split)
        if not path.exists():
            continue
        try:
            pairs = read_json(path)
            splits |= {number: split for first, second in pairs for number in (first, second)}
        except (ValueError, TypeError) as error:
            raise UserError(
                f"{path}: not a JSON list of pairs", "fetch it again from the FaceForensics++ site"
            ) from error
    return splits


def _youtube_videos(path: Path) -> dict[str, str]:
    """Sequence number -> YouTube id; empty where that table is not there."""
    if not path.exists():
        return {}
    try:
        return {number: name.rsplit(" ", 1)[0] for number, name in read_json(path).items()}
    except (ValueError, AttributeError) as error:
        raise UserError(
            f"{path}: not FaceForensics++'s conversion table", "fetch it again"
        ) from error


def _missing_originals(files: list[ScannedFile]) -> list[str]:
    reals = {(file.method, Path(file.name).stem) for file in files if file.label == 0}
    missing = {file.original[1] for file in files if file.original and file.original not in reals}
    return counted("originals are not here, with fakes made from them", missing)
