"""Which files below a folder are videos and images, by their names."""

import os
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from operator import attrgetter
from pathlib import Path, PurePath

# by container, so that it is seen why each of them can be read
VIDEO_SUFFIXES = frozenset(
    {
        *(".mp4", ".m4v", ".mp4v", ".mov", ".qt", ".3gp", ".3gpp", ".3g2", ".3gp2", ".f4v"),
        *(".insv", ".360"),  # MP4 of cameras that look all round
        *(".mkv", ".mk3d", ".webm", ".avi", ".divx", ".gif"),
        *(".mpg", ".mpeg", ".mpe", ".m2p", ".vob", ".mod"),  # programme streams
        *(".ts", ".mts", ".m2ts", ".m2t", ".tod", ".trp"),  # transport streams
    }
)
IMAGE_SUFFIXES = frozenset(
    {
        *(".jpg", ".jpeg", ".jpe", ".jfif", ".jif", ".png", ".apng", ".webp", ".bmp", ".dib"),
        *(".tif", ".tiff", ".heic", ".heif", ".hif", ".avif"),
    }
)
# what network storage and desktops leave behind; hidden names, as `._*` and `.Trash*`, besides
LEFTOVERS = frozenset(
    {
        *("@eadir", "@tmp", "@recycle", "@recently-snapshot", "#recycle", "#snapshot"),
        *("@transcode", "~snapshot", "network trash folder", "recycler"),
        *("$recycle.bin", "system volume information", "lost+found", "__macosx"),
        *("thumbs.db", "ehthumbs.db", "desktop.ini", "icon\r"),
    }
)


@dataclass(frozen=True)
class Listing:
    """What lies below a folder, sorted: `files`, the `links` to folders that were not followed,
    `others`, which cannot be read as a file: links to nothing or to themselves, pipes, devices; and
    the `unreadable` folders, the one itself perhaps, which cannot be looked into.

    Hidden names and what systems leave behind are in none of them.
    """

    folder: Path
    files: tuple[Path, ...]
    links: tuple[Path, ...]
    others: tuple[Path, ...]
    unreadable: tuple[Path, ...]

    @cached_property
    def media(self) -> dict[str, str]:
        """Videos and images: `place` of each -> its `media_kind`."""
        return {self.place(path): kind for path in self.files if (kind := media_kind(path))}

    def place(self, path: Path) -> str:
        """The path of a file relative to the folder, with `/` between its parts."""
        return path.relative_to(self.folder).as_posix()

    def videos_in(self, folder: Path) -> list[Path]:
        """The videos directly in `folder`, sorted; none where it has none."""
        return self._videos.get(folder, [])

    @cached_property
    def _videos(self) -> dict[Path, list[Path]]:
        videos: dict[Path, list[Path]] = {}
        for path in self.files:
            if media_kind(path) == "video":
                videos.setdefault(path.parent, []).append(path)
        return videos


def listing(folder: Path, follow_links: bool) -> Listing:
    """The files below `folder`, which may be a link itself.

    Links to folders below it are followed, each folder once so that loops end, or only listed.
    """
    files: list[Path] = []
    links: list[Path] = []
    others: list[Path] = []
    unreadable: list[Path] = []
    todo, seen = deque([folder]), set()
    while todo:
        parent = todo.pop()
        try:
            if (identity := _identity(parent)) in seen:
                continue
            seen.add(identity)
            with os.scandir(parent) as listed:
                entries = sorted(listed, key=attrgetter("name"))
        except OSError:
            unreadable.append(parent)
            continue
        for entry in entries:
            path = parent / entry.name
            if _is_leftover(entry.name):
                continue
            if not _leads_to(entry.is_dir):
                (files if _leads_to(entry.is_file) else others).append(path)
            elif not entry.is_symlink():
                todo.append(path)
            elif follow_links:
                todo.appendleft(path)  # last: a folder is found by its own name, if it can be
            else:
                links.append(path)
    kinds = (files, links, others, unreadable)
    return Listing(folder, *(tuple(sorted(paths)) for paths in kinds))


def media_kind(path: PurePath) -> str | None:
    """`video` or `image` by the file's suffix, in any case; None for anything else."""
    suffix = path.suffix.lower()
    return "video" if suffix in VIDEO_SUFFIXES else "image" if suffix in IMAGE_SUFFIXES else None


def _is_leftover(name: str) -> bool:
    return name.startswith(".") or name.lower() in LEFTOVERS


def _leads_to(is_kind: Callable[[], bool]) -> bool:
    """What `is_kind` of a directory entry answers; a link to itself leads to nothing."""
    try:
        return is_kind()
    except OSError:
        return False


def _identity(folder: Path) -> tuple[int, int]:
    facts = folder.stat()
    return facts.st_dev, facts.st_ino
