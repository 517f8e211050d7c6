"""Files written whole or not at all, and hashes of files."""

import errno
import hashlib
import json
import os
import secrets
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeVar

from deepfake_detector import UserError

CHUNK = 1 << 20

Content = TypeVar("Content")


@contextmanager
def naming(path: str | os.PathLike) -> Iterator[None]:
    """Adds `path` to an error of the disk within that names no file."""
    try:
        yield
    except OSError as error:
        if error.errno is not None and error.filename is None:
            error.filename = os.fspath(path)
        raise


def write_whole(path: str | os.PathLike, data: bytes | Iterable[bytes | memoryview]) -> None:
    """Write `data`, or all its parts, to `path` so that a reader, or a crash, sees the old file or
    the new one and nothing between."""
    path = Path(path)
    if path.is_dir():  # named by its own name, and before all is written
        raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR), str(path))
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name[:40]}.{secrets.token_hex(8)}.part")
    try:
        with naming(path), open(temporary, "xb") as file:
            file.writelines([data] if isinstance(data, bytes) else data)
            file.flush()
            os.fsync(file.fileno())
        os.replace(temporary, path)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise


def write_json(path: str | os.PathLike, content: object) -> None:
    """JSON in one fixed format; numbers that are not finite are refused with ValueError."""
    write_whole(
        path, (json.dumps(content, indent=2, allow_nan=False, ensure_ascii=False) + "\n").encode()
    )


def read_json(path: str | os.PathLike) -> Any:
    """What a JSON file holds."""
    return json.loads(Path(path).read_text())


def read_made(
    path: str | os.PathLike, pick: Callable[[Path], Content], stage: str = "its stage"
) -> Content:
    """What `pick` makes of a file that `stage` wrote. Raises UserError where it is missing, empty
    or something else, as after a merge with conflicts."""
    try:
        return pick(Path(path))
    except FileNotFoundError as error:
        raise UserError(f"{path}: not there", "`dvc repro` makes it") from error
    except (ValueError, KeyError, TypeError) as error:
        raise UserError(f"{path}: not what {stage} writes", "run `dvc repro`") from error


def file_hash(path: str | os.PathLike, algorithm: str = "sha256") -> str:
    """Hexadecimal digest of a file's bytes."""
    digest = hashlib.new(algorithm, usedforsecurity=False)
    with open(path, "rb") as file:
        while chunk := file.read(CHUNK):
            digest.update(chunk)
    return digest.hexdigest()


def check_same(path: str | os.PathLike, md5: str) -> None:
    """Raises UserError where a file is not the one of this MD5 sum, or cannot be read now: what is
    wrong with it says nothing of the file that was listed."""
    try:
        same = file_hash(path, "md5") == md5
    except OSError as error:
        raise lost(path, error.strerror or str(error)) from error
    if not same:
        raise lost(path, "its content has changed")


def lost(path: str | os.PathLike, why: str) -> UserError:
    """Error of a file that cannot be read as it was when it was listed."""
    return UserError(
        f"{path}: not as it was listed: {why}",
        "bring it back, then run the same command again; what is finished is kept",
    )
