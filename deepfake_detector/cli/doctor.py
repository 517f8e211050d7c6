"""What this machine and the data sets of a params file lack, found before anything runs.

Usage:

    python -m deepfake_detector doctor [--params FILE]
"""

import json
import os
import platform
import re
import shutil
import subprocess
import sys
from collections import Counter
from collections.abc import Callable, Generator, Iterable, Iterator, Mapping, Set
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import av
import pandas as pd
from dvc.schema import COMPILED_LOCKFILE_SCHEMA
from ruamel.yaml import YAML
from ruamel.yaml.error import YAMLError
from voluptuous import Invalid

from deepfake_detector import UserError, params
from deepfake_detector.cli.published_weights import published_weights
from deepfake_detector.common import arithmetic, cores, packages
from deepfake_detector.common.console import printable
from deepfake_detector.datasets import layouts, splitting
from deepfake_detector.datasets.synthesis.clips import METHODS
from deepfake_detector.faces.detection import detector_file
from deepfake_detector.faces.settings import CropFaces
from deepfake_detector.media.frame_sampling import sample_frames
from deepfake_detector.media.reading import MediaError, reason
from deepfake_detector.storage import assets, tables
from deepfake_detector.storage.tables import CLASSES
from deepfake_detector.training.settings import Train

# by FFmpeg's names
DECODERS = {"H.264": "h264", "HEVC": "hevc", "VP9": "vp9", "AV1": "libdav1d", "MPEG-4": "mpeg4"}
FILLED = {"data": "data", "DVC cache": ".dvc/cache", "scratch store": ".cache"}  # by runs
# bytes per pixel, measured on FaceForensics++ c23 and DFDC (jpeg: quality 95)
FRAME = {"jpeg": 0.25, "png": 0.92}
CROP = 1.23  # bytes per pixel of a face, measured on the same clips at 256 pixels a side
# of a pair, of a frame, bytes a second; measured
DRAWN_CLIPS, DRAWN_PIXELS, DRAWN_SECOND = (8, 100_000, 125_000)
ASK_FOR_GPU = """
import json, torch
there = torch.cuda.is_available()
print(json.dumps([torch.cuda.get_device_name(), *torch.cuda.mem_get_info()] if there else None))
"""
ACTIVATE = "activate the project's environment: `. .venv/bin/activate` (`make repro` makes it)"
CONFLICT = re.compile(rb"^<<<<<<< ", re.MULTILINE)
COPIES = 3  # in the working folder, in DVC's cache and in the scratch store
# bytes: weights and exported model, each twice, and the checkpoint of a running training
MODELS = 360e6


Level = Literal["ok", "note", "problem"]


@dataclass(frozen=True)
class Finding:
    """What a check of `subject` found, and what to do about it (never empty for a problem)."""

    level: Level
    subject: str
    text: str
    remedy: str = ""


@dataclass(frozen=True)
class Listed:
    """What is known of a data set by its names: its classes, its forgery methods, the bytes that
    its frames and faces will take, and its rows of the index without MD5 sums (None: not known
    yet)."""

    labels: Set[str]
    methods: Set[str]
    stored: float
    rows: list[dict] | None = None


def examine(settings: params.Params) -> Iterator[Finding]:
    """Yield findings as they are made: listing a large data set takes a while."""
    yield from _repository()
    yield from _torn()
    yield from _line_ends()
    yield _packages()
    yield _device(settings.train)
    yield _decoder()
    yield from _files(settings.crop_faces, settings.train)
    listed = {}
    for name in settings.data_sets:
        listed[name] = yield from _data_set(name, settings)
    yield from _split(listed, settings)
    yield _disk(MODELS + COPIES * sum(data_set.stored for data_set in listed.values()))


def _split(listed: Mapping[str, Listed], settings: params.Params) -> Iterator[Finding]:
    """What will stop the stage `split`, or leave the model unproven, as far as names show it: which
    files are the same or look alike is found later."""
    learned = [
        listed[name] for name, data_set in settings.data_sets.items() if data_set.use == "train"
    ]
    labels = set().union(*(data_set.labels for data_set in learned))
    for label in sorted(set(CLASSES) - labels):
        remedy = (
            f"add {label} clips to one, or set data_sets.NAME.use to train where there are some"
        )
        yield Finding(
            "problem", "data sets", f"no data set with use: train has a {label} item", remedy
        )
    methods = set().union(*(data_set.methods for data_set in learned))
    try:
        splitting.refuse_unknown_methods(settings.split.hold_out.unseen, methods)
        rows_of_sets = [data_set.rows for data_set in listed.values()]
        if labels >= set(CLASSES) and None not in rows_of_sets:
            yield _validation([row for rows in rows_of_sets for row in rows or ()], settings)
    except UserError as error:
        yield _refusal("split", error)


def _validation(rows: list[dict], settings: params.Params) -> Finding:
    """How many items validation will have of these rows of the index, and whether they are enough.
    Raises UserError where they cannot be split."""
    index = pd.DataFrame(rows).sort_values("item", ignore_index=True)
    near = tables.make([], tables.NEAR_DUPLICATES)
    group = splitting.groups(index, near)
    items = index.assign(group=index["item"].map(group))
    if settings.split.policy != "official":
        splitting.refuse_one_group(index, near, group, items)
    items, _, _ = splitting.placed(items, settings.split)
    splitting.refuse_one_class(items, settings.split.policy, settings.train.fakes == "all")
    calibrate = settings.calibrate
    few = splitting.few_to_validate(items, calibrate.least_clips, calibrate.min_groups)
    if few:
        return Finding("note", "split", few, splitting.MORE_TO_VALIDATE)
    return Finding("ok", "split", splitting.validation_in_words(items))


def print_findings(findings: Iterable[Finding]) -> int:
    """Print a line for each finding as it comes, its remedy on the next; the number of problems."""
    problems = 0
    for finding in findings:
        problems += finding.level == "problem"
        level = finding.level.upper() if finding.level == "problem" else finding.level
        lines = [f"{level:<9}{finding.subject:<23} {finding.text}", f"{'':<9}-> {finding.remedy}"]
        for line in lines if finding.remedy else lines[:1]:
            print(printable(line), flush=True)  # names hold anything
    print(f"{problems or 'no'} problem{'' if problems == 1 else 's'}")
    return problems


def _repository() -> Iterator[Finding]:
    """DVC refuses to run in a folder that is no Git repository, such as a downloaded archive."""
    if not _git("rev-parse", "--git-dir"):
        yield Finding(
            "problem",
            "Git",
            "this folder is no Git repository, or git is not installed, and DVC refuses to run",
            "clone the project, or here: `git init && git add --all && git commit -m start`",
        )


def _torn() -> Iterator[Finding]:
    """Files that DVC writes in place: if it is killed, or runs out of disk, while it does, it
    refuses to run afterwards."""
    restore = (
        "`git checkout HEAD -- dvc.lock`, or remove it; then `dvc repro`: what is finished comes "
        "from DVC's cache"
    )
    files: dict[Path, tuple[Callable[[bytes], object], str]] = {
        Path("dvc.lock"): (
            lambda text: COMPILED_LOCKFILE_SCHEMA(YAML(typ="safe").load(text)),
            restore,
        ),
        Path(".dvc/tmp/rwlock"): (json.loads, "make sure that no dvc runs here, and remove it"),
    }
    for path, (read, remedy) in files.items():
        if not path.exists():
            continue
        content = path.read_bytes()
        if CONFLICT.search(content):
            yield Finding("problem", str(path), "holds a merge conflict", remedy)
            continue
        try:
            read(content)
        except (YAMLError, Invalid, ValueError):
            yield Finding(
                "problem", str(path), "truncated: DVC was interrupted while writing it", remedy
            )


def _line_ends() -> Iterator[Finding]:
    """DVC hashes bytes: files that Git has checked out with CRLF make stages show as modified."""
    lines = [line.split("\t", 1) for line in _git("ls-files", "--eol").splitlines()]
    wrong = [name for facts, name in lines if {"w/crlf", "w/mixed"} & set(facts.split())]
    if wrong:
        yield Finding(
            "problem",
            "line endings",
            f"{len(wrong)} files of the project have CRLF, such as {wrong[0]}: stages show as "
            "modified",
            "commit or stash your changes; then `git config core.autocrlf false`, `git rm -rq "
            "--cached .` and `git reset --hard`",
        )
    elif _git("config", "--type=bool", "core.autocrlf").strip() == "true":
        yield Finding(
            "note",
            "line endings",
            "Git's core.autocrlf is on; .gitattributes keeps LF in this project's files",
            "`git config core.autocrlf false`",
        )


def _git(*command: str) -> str:
    """Git's output; empty where there is no git, or no repository."""
    with suppress(FileNotFoundError):
        return subprocess.run(["git", *command], capture_output=True, text=True, check=False).stdout
    return ""


def _packages() -> Finding:
    python = f"Python {platform.python_version()}"
    try:
        pins = packages.pinned(Path())
    except FileNotFoundError as error:
        return Finding(
            "note",
            "packages",
            f"{python}; {error.filename} is not there, so versions are not checked",
        )
    if not (wrong := packages.wrong(pins)):
        return Finding(
            "ok", "packages", f"{python}, {len(pins)} packages as pinned in requirements.txt"
        )
    lacking = f"{python} lacks what requirements.txt pins: {', '.join(wrong)}"
    return Finding("problem", "packages", lacking, ACTIVATE)


def _device(train: Train) -> Finding:
    if train.arithmetic == "portable":
        return _portable_device()
    try:
        gpu = _gpu() if train.accelerator != "cpu" else None
    except UserError as error:
        return _refusal("device", error)
    if gpu:
        return _gpu_device(train, *gpu)
    if train.accelerator == "cuda":
        remedy = "check the driver (`nvidia-smi`), or set train.accelerator to auto"
        return Finding(
            "problem", "device", "train.accelerator: cuda, but torch finds no GPU", remedy
        )
    remedy = (
        "if there is an NVIDIA GPU, check its driver (`nvidia-smi`); else use one, with "
        f"train.accelerator auto or cuda (it is {train.accelerator})"
    )
    return Finding(
        "note",
        "device",
        f"CPU, {_cores()}: training on a real data set is slow",
        remedy,
    )


def _gpu_device(train: Train, name: str, free: int, total: int) -> Finding:
    text = f"{name}, {_size(free)} of {_size(total)} free"
    if free >= 4e9:
        return Finding("ok", "device", text)
    remedy = f"lower train.micro_batch_size (it is {train.micro_batch_size}) if memory runs out"
    return Finding("note", "device", text, remedy)


def _cores() -> str:
    seen, available = cores.visible(), cores.available()
    limited = f" of {seen}, by the quota of this container (cpu.max)" if available < seen else ""
    return f"{available} cores{limited}"


def _portable_device() -> Finding:
    text = f"CPU, {_cores()}: train.arithmetic is portable, a GPU is not used"
    if arithmetic.is_portable_here():
        return Finding("ok", "device", text)
    lacking = (
        "this is no Linux on an x86-64 processor with AVX2, so results may differ from others'"
    )
    return Finding("note", "device", f"{text}; {lacking}", "set train.arithmetic to fastest")


def _gpu() -> tuple[str, int, int] | None:
    """Name, free and total bytes of the GPU, None where there is none; asked in another process, as
    the command line itself needs no torch. Raises UserError where torch cannot be asked."""
    done = subprocess.run(
        [sys.executable, "-c", ASK_FOR_GPU], capture_output=True, text=True, check=False
    )
    if done.returncode:
        why = (done.stderr.strip() or f"exit code {done.returncode}").splitlines()[-1]
        raise UserError(f"torch cannot be asked for a GPU: {why}", ACTIVATE)
    return json.loads(done.stdout)


def _decoder() -> Finding:
    version = f"FFmpeg {av.ffmpeg_version_info}"
    missing = [name for name, codec in DECODERS.items() if codec not in av.codecs_available]
    if not missing:
        return Finding("ok", "decoder", f"{version} decodes {', '.join(DECODERS)}")
    remedy = f"`pip install --force-reinstall --no-deps --only-binary av av=={av.__version__}`"
    level: Level = "problem" if "H.264" in missing else "note"
    return Finding(level, "decoder", f"{version} does not decode {', '.join(missing)}", remedy)


def _files(crop: CropFaces, train: Train) -> Iterator[Finding]:
    yield _located(
        "face detector",
        crop.detector,
        lambda: detector_file(crop.detector, crop.detector_sha256),
    )
    if train.init == "imagenet":
        yield _located(
            "ImageNet weights",
            train.network,
            lambda: assets.locate(published_weights([train.network])[0], train.imagenet_sha256),
        )
    elif train.init != "random":
        yield _file(
            "initial weights",
            Path(train.init),
            "set train.init to imagenet, random or a file of weights",
        )


def _file(subject: str, path: Path, remedy: str) -> Finding:
    if path.is_file():
        return Finding("ok", subject, str(path))
    return Finding("problem", subject, f"{path}: not there", remedy)


def _located(subject: str, name: str, locate: Callable[[], Path]) -> Finding:
    try:
        return Finding("ok", subject, f"{name}: {locate()}")
    except UserError as error:
        return _refusal(subject, error)


def _data_set(name: str, settings: params.Params) -> Generator[Finding, None, Listed]:
    subject, data_set = f"data set {name}", settings.data_sets[name]
    if data_set.layout == "demo":
        drawn = settings.synthesize[name]
        yield Finding("ok", subject, f"drawn by `synthesize`: {drawn.pairs} pairs of people")
        clip = drawn.seconds * DRAWN_SECOND + _video_bytes(DRAWN_PIXELS, settings)
        return Listed(set(CLASSES), set(METHODS), drawn.pairs * DRAWN_CLIPS * clip)
    try:
        result = layouts.scan(name, data_set)
        counts = Counter((item.label, item.method) for item in result.files)
        listed = ", ".join(f"{many} {method}" for (_, method), many in sorted(counts.items()))
        count = len(result.files)
        yield Finding("ok", subject, f"{count} item{'s' * (count != 1)}: {listed}")
        yield from (Finding("note", subject, note) for note in result.notes)
        labels = {CLASSES[item.label] for item in result.files}
        methods = {item.method for item in result.files if item.label}
        stored = yield from _stored(subject, result.files, settings)
        rows = layouts.index_rows(name, data_set.use, result.files, hashed=False)
        return Listed(labels, methods, stored, rows)
    except (UserError, OSError) as error:
        yield _refusal(subject, error)
        # what is in it is not known, and one problem is enough
        return Listed(set(CLASSES), settings.split.hold_out.unseen, 0.0)


def _stored(
    subject: str, found: list[layouts.ScannedFile], settings: params.Params
) -> Generator[Finding, None, float]:
    """The bytes that frames and faces will take, estimated by the first item of each method."""
    groups: dict[tuple[str, str], list[layouts.ScannedFile]] = {}
    for item in found:
        groups.setdefault((item.kind, item.method), []).append(item)
    total, pixels = 0.0, 1280 * 720  # of a video's frame, until one could be opened
    for (kind, _), items in groups.items():
        path = items[0].path
        try:
            image = next(sample_frames(path, 1)).image
            pixels = image.size // 3
        except (MediaError, OSError) as error:
            yield Finding(
                "note", subject, f"{path}: {reason(error)}", "download it again; a run skips it"
            )
        each = (
            _video_bytes(pixels, settings)
            if kind == "video"
            else settings.crop_faces.crop_size**2 * CROP
        )
        files = sum(item.path.stat().st_size for item in items) if kind == "image" else 0
        total += len(items) * each + files
    return total


def _video_bytes(pixels: int, settings: params.Params) -> float:
    extract = settings.extract_frames
    return extract.frames * (
        pixels * FRAME[extract.format] + settings.crop_faces.crop_size**2 * CROP
    )


def _disk(needed: float) -> Finding:
    free, used = shutil.disk_usage(".").free, _used()
    already = ", ".join(f"{name} {_size(size)}" for name, size in used.items()) or "nothing"
    text = f"a run from scratch stores about {_size(needed)}, {_size(free)} free; there already: {already}"
    level: Level = (
        "ok" if needed <= free else "note" if needed <= free + sum(used.values()) else "problem"
    )
    remedy = "lower extract_frames.frames, set extract_frames.format to jpeg, or use another disk"
    return Finding(level, "disk", text, "" if level == "ok" else remedy)


def _used() -> dict[str, int]:
    """The bytes of each folder of FILLED that holds 1 MB or more; a file linked into several counts
    in the first."""
    sizes: Counter[str] = Counter()
    seen: set[tuple[int, int]] = set()
    for name, folder in FILLED.items():
        for parent, _, files in os.walk(folder):
            for file in files:
                with suppress(FileNotFoundError):  # a run at the same time renames its files
                    facts = os.lstat(os.path.join(parent, file))
                    sizes[name] += 0 if (facts.st_dev, facts.st_ino) in seen else facts.st_size
                    seen.add((facts.st_dev, facts.st_ino))
    return {name: size for name, size in sizes.items() if size >= 1e6}


def _size(count: float) -> str:
    return f"{count / 1e6:.0f} MB" if count < 1e9 else f"{count / 1e9:.{int(count < 1e10)}f} GB"


def _refusal(subject: str, error: UserError | OSError) -> Finding:
    """The finding of an error; without a remedy of its own, the file is to be fixed or removed."""
    problem, remedy = (
        (error.problem, error.remedy) if isinstance(error, UserError) else (str(error), "")
    )
    if isinstance(error, PermissionError):
        remedy = "get permission to read it"
    return Finding("problem", subject, problem, remedy or "fix or remove it (docs/data-sets.md)")
