"""Zip archives of pictures: where each item's pictures lie, an atomic write, a checked read.

Archives are stored uncompressed (pictures are compressed already) with fixed timestamps and sorted
members, so that the same pictures give the same bytes. One video is one archive; stills share 256
archives per data set, because DVC pays for every file.
"""

import hashlib
import io
import zipfile
import zlib
from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from threading import Lock

import cv2
import numpy as np
import pandas as pd

from deepfake_detector import UserError
from deepfake_detector.storage.files import write_whole

FRAMES, FACES = Path("data/frames"), Path("data/faces")  # where a run's archives lie
OPEN_ARCHIVES = 64  # file handles one reader keeps
PNG = [  # on face crops the fastest to write and read of all settings, and small
    *(cv2.IMWRITE_PNG_COMPRESSION, 1),
    *(cv2.IMWRITE_PNG_STRATEGY, cv2.IMWRITE_PNG_STRATEGY_RLE),
    *(cv2.IMWRITE_PNG_FILTER, cv2.IMWRITE_PNG_FILTER_UP),
]
JPEG_444 = [
    cv2.IMWRITE_JPEG_SAMPLING_FACTOR,
    cv2.IMWRITE_JPEG_SAMPLING_FACTOR_444,
    cv2.IMWRITE_JPEG_QUALITY,
]
_REMEDY = "delete {folder} and run `dvc checkout`, or `dvc repro` where the cache lacks it"


@dataclass(frozen=True)
class Item:
    """What the workers need of a row of the index: its name, its kind (`video`, `image`, or `face`
    for a ready crop) and the path of its file."""

    item: str
    kind: str
    path: str


@dataclass(frozen=True)
class Pack:
    """Items whose pictures share the archive `archive` (a path below the stage's output folder)."""

    archive: str
    items: tuple[Item, ...]


def archive_of(item: str, kind: str) -> str:
    """Path of the archive that holds an item's pictures, below the stage's output folder."""
    if kind == "video":
        return f"{item}.zip"
    data_set = PurePosixPath(item).parts[0]
    return f"{data_set}/_images/{hashlib.md5(item.encode(), usedforsecurity=False).hexdigest()[:2]}.zip"


def member_of(item: str, kind: str, name: str) -> str:
    """Name inside that archive of the item's picture `name`."""
    return name if kind == "video" else f"{item.partition('/')[2]}/{name}"


def pack(index: pd.DataFrame) -> list[Pack]:
    """The rows of the index as packs, sorted by archive."""
    packs: dict[str, list[Item]] = {}
    for row in index.itertuples():
        packs.setdefault(archive_of(row.item, row.kind), []).append(
            Item(row.item, row.kind, row.path)
        )
    return [Pack(archive, tuple(packs[archive])) for archive in sorted(packs)]


def encode(image: np.ndarray, suffix: str, jpeg_quality: int = 95) -> bytes:
    """An RGB uint8 picture as `png` (lossless) or `jpg` (4:4:4)."""
    options = PNG if suffix == "png" else [*JPEG_444, jpeg_quality]
    _, data = cv2.imencode(f".{suffix}", cv2.cvtColor(image, cv2.COLOR_RGB2BGR), options)
    return data.tobytes()


def write_archive(path: Path, members: Mapping[str, bytes]) -> None:
    """Write `members` (name -> bytes) to the archive `path`, whole or not at all."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_STORED) as archive:
        for name in sorted(members):
            entry = zipfile.ZipInfo(name, date_time=(1980, 1, 1, 0, 0, 0))
            entry.create_system = 3
            entry.external_attr = 0o644 << 16
            archive.writestr(entry, members[name])
    write_whole(path, buffer.getvalue())


def fingerprint(path: Path) -> list[tuple[str, int, int]]:
    """Name, checksum and size of every member, from the archive's directory alone. Raises UserError
    where it has none."""
    try:
        with zipfile.ZipFile(path) as archive:
            return [
                (member.filename, member.CRC, member.file_size) for member in archive.infolist()
            ]
    except (OSError, zipfile.BadZipFile) as error:
        raise UserError(
            f"{path}: cannot be read ({error})", _REMEDY.format(folder=path.parent)
        ) from error


class ArchiveReader:
    """Reads members of the archives below `folder`, keeping the archives used last open; threads
    may share it.

    A missing or damaged archive raises UserError, which names it.
    """

    def __init__(self, folder: str | Path) -> None:
        self.folder = Path(folder)
        self._open: OrderedDict[str, zipfile.ZipFile] = OrderedDict()
        self._lock = Lock()

    def read(self, archive: str, member: str) -> bytes:
        """The bytes of a member, its checksum checked."""
        try:
            with self._lock:
                return self._archive(archive).read(member)
        except (OSError, KeyError, EOFError, zipfile.BadZipFile, zlib.error, RuntimeError) as error:
            raise UserError(
                f"{self.folder / archive}: cannot read {member} ({error})",
                _REMEDY.format(folder=self.folder),
            ) from error

    def picture(self, archive: str, member: str) -> np.ndarray:
        """The member as (height, width, 3) RGB uint8. Raises UserError where it is none, too."""
        data = np.frombuffer(self.read(archive, member), np.uint8)
        # of no bytes at all OpenCV makes an error of its own
        picture = cv2.imdecode(data, cv2.IMREAD_COLOR_RGB) if data.size else None
        if picture is None:
            raise UserError(
                f"{self.folder / archive}: {member} is not a picture",
                _REMEDY.format(folder=self.folder),
            )
        return picture

    def close(self) -> None:
        """Close all archives; `read` opens them again."""
        while self._open:
            self._open.popitem()[1].close()

    def __enter__(self) -> "ArchiveReader":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def __reduce__(self) -> tuple:
        return ArchiveReader, (self.folder,)

    def _archive(self, name: str) -> zipfile.ZipFile:
        if name not in self._open:
            self._open[name] = zipfile.ZipFile(self.folder / name)
            if len(self._open) > OPEN_ARCHIVES:
                self._open.popitem(last=False)[1].close()
        self._open.move_to_end(name)
        return self._open[name]
