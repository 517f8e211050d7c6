"""The scratch store: finished archives kept for the next run, so that what has not changed is not
made again.

It lies in `$DVC_ROOT/.cache/items`, outside every stage's outputs: `dvc repro` deletes those before
it runs a stage. An entry is named by a hash of all it was made from (content of the media, params,
code); it is an archive of pictures and the table rows that belong to it. Archives are hard-linked
into the outputs where the file system can, so they cost no space twice.

    python -m deepfake_detector prune
"""

import hashlib
import json
import os
import shutil
import time
from dataclasses import dataclass
from pathlib import Path

from deepfake_detector.storage.archive import write_archive
from deepfake_detector.storage.files import write_json

STAGES = {  # whose archives are kept, and the folder of each
    "extract_frames": "frames",
    "crop_faces": "faces",
}
LOCKS = Path(".cache")  # of these stages, in the folder that they work in
GB = 1e9
UNFINISHED_SECONDS = 3600  # what is half written for longer was left by a run that was killed


@dataclass(frozen=True)
class Made:
    """What a worker makes of one pack: rows by table, and the members of its archive (none: no
    archive)."""

    rows: dict[str, list[dict]]
    members: dict[str, bytes]


def root() -> Path:
    """The store's folder: in the project DVC was called in, also while a copy of it runs an
    experiment."""
    return Path(os.environ.get("DVC_ROOT", ".")).absolute() / ".cache" / "items"


def key_of(*parts: object) -> str:
    """A name for what is made from `parts` alone, plain values as JSON has them: 32 hex digits."""
    text = json.dumps(parts, sort_keys=True, ensure_ascii=True, allow_nan=True)
    return hashlib.sha256(text.encode()).hexdigest()[:32]


class Store:
    """Entries of one stage. Several processes may write: an entry appears whole or not at all."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def put(self, key: str, made: Made) -> None:
        """Keep what was made under `key`."""
        rows, archive = self._paths(key)
        stamp = None
        if made.members:
            write_archive(archive, made.members)
            stamp = _stamp(archive)
        # last: an entry without it does not count
        write_json(rows, {"rows": made.rows, "archive": stamp})

    def has(self, key: str) -> bool:
        """Whether there is an entry, its archive being the one that was written."""
        return self._entry(key) is not None

    def take(self, key: str, target: Path) -> dict[str, list[dict]] | None:
        """Put the entry's archive, if it has one, at `target`, and return its rows by table; None
        where it is not there.

        The archive becomes a hard link, or a copy where the file system has none.
        """
        entry = self._entry(key)
        if entry is None:
            return None
        rows, archive = self._paths(key)
        target.unlink(missing_ok=True)
        try:
            if entry["archive"]:
                target.parent.mkdir(parents=True, exist_ok=True)
                _link(archive, target)
            os.utime(rows)  # when it was used last
        except FileNotFoundError:  # another process pruned it
            return None
        return entry["rows"]

    def mark(self, used: dict[str, str]) -> None:
        """Note which entries the outputs in this folder use, and no other ones: key -> archive,
        which may not be there (its entry has none). An archive that goes later, as when DVC brings
        back an earlier run's outputs, ends its entry's use."""
        folder = Path.cwd()
        archives = {
            key: archive if (folder / archive).exists() else "" for key, archive in used.items()
        }
        write_json(
            self.folder / "used_by" / f"{key_of(str(folder))}.json",
            {"folder": str(folder), "archives": archives},
        )

    def prune(self) -> tuple[int, int]:
        """Drop every entry that no outputs use, and what killed runs left half written.

        Returns how many entries were dropped, and their size in bytes.
        """
        in_use = self._in_use()
        unused = [(key, size) for _, key, size in self._entries() if key not in in_use]
        for key, _ in unused:
            self._drop(key)
        for path in [*self.folder.glob("??/*.zip"), *self.folder.glob("??/.*.part")]:
            unfinished = path.suffix == ".part" or not path.with_suffix(".json").exists()
            status = _status(path)
            if unfinished and status and time.time() - status.st_mtime > UNFINISHED_SECONDS:
                path.unlink(missing_ok=True)
        return len(unused), sum(size for _, size in unused)

    def shrink(self, max_bytes: float) -> None:
        """Drop entries until the store holds at most `max_bytes`: those used longest ago first,
        those in use last."""
        in_use = self._in_use()
        entries = sorted(self._entries(), key=lambda entry: (entry[1] in in_use, entry))
        total = sum(size for *_, size in entries)
        for _, key, size in entries:
            if total <= max_bytes:
                return
            self._drop(key)
            total -= size

    def _entry(self, key: str) -> dict | None:
        rows, archive = self._paths(key)
        try:
            entry = json.loads(rows.read_bytes())
            return (
                entry if entry["archive"] is None or entry["archive"] == _stamp(archive) else None
            )
        except (FileNotFoundError, ValueError, KeyError, TypeError):
            return None

    def _paths(self, key: str) -> tuple[Path, Path]:
        folder = self.folder / key[:2]
        return folder / f"{key}.json", folder / f"{key}.zip"

    def _in_use(self) -> set[str]:
        notes = [json.loads(path.read_bytes()) for path in self.folder.glob("used_by/*.json")]
        return {
            key
            for note in notes
            for key, archive in note["archives"].items()
            if Path(note["folder"], archive).exists()
        }

    def _entries(self) -> list[tuple[int, str, int]]:
        """When it was used last, its key and its size in bytes, of every entry."""
        paths = sorted(
            path for path in self.folder.glob("??/*.json") if not path.name.startswith(".")
        )
        return [
            (status.st_mtime_ns, path.stem, self._size(path.stem))
            for path in paths
            if (status := _status(path))
        ]

    def _size(self, key: str) -> int:
        return sum(status.st_size for path in self._paths(key) if (status := _status(path)))

    def _drop(self, key: str) -> None:
        for path in self._paths(key):  # the rows first: without them there is no entry
            path.unlink(missing_ok=True)


def _link(source: Path, target: Path) -> None:
    try:
        os.link(source, target)
    except FileNotFoundError:
        raise
    except OSError:  # another file system, or one without links
        part = target.with_name(f".{target.name}.part")
        shutil.copyfile(source, part)
        os.replace(part, target)


def _status(path: Path) -> os.stat_result | None:
    """Status of a file; None where another process has just deleted or renamed it."""
    try:
        return path.stat()
    except FileNotFoundError:
        return None


def _stamp(path: Path) -> list[int]:
    """Size and time of the last write: whoever writes into an archive, through a link or not,
    changes it."""
    status = path.stat()
    return [status.st_size, status.st_mtime_ns]
