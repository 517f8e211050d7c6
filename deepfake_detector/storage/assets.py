"""Files the project does not ship: where they lie, what they must hash to, how to get them.

    python -m deepfake_detector fetch-assets yunet [--from FOLDER]

They lie in `$DEEPFAKE_ASSETS`, by default `~/.cache/deepfake-detector`.
"""

import hashlib
import http.client
import os
import urllib.error
import urllib.request
from dataclasses import dataclass
from pathlib import Path

from deepfake_detector import UserError
from deepfake_detector.storage.files import file_hash, write_whole


@dataclass(frozen=True)
class Asset:
    """A file to fetch.

    name: what `fetch-assets` calls it.
    file: its name in the folder of assets.
    url: where it is published.
    sha256: of the published file, or its first digits; params or a model may want another.
    setting: the one in params.yaml that holds the whole SHA-256 of the file that is wanted.
    """

    name: str
    file: str
    url: str
    sha256: str
    setting: str


def folder() -> Path:
    """The folder of assets, whether it is there or not."""
    return Path(os.environ.get("DEEPFAKE_ASSETS") or Path.home() / ".cache" / "deepfake-detector")


def locate(asset: Asset, sha256: str) -> Path:
    """The asset's file, its hash checked. Raises UserError, with the remedy, where it is missing or
    another file."""
    path = folder() / asset.file
    if not path.exists():
        raise UserError(
            f"{path}: not there",
            f"with a network: `python -m deepfake_detector fetch-assets {asset.name}`; without "
            f"one, get {asset.file} elsewhere and add `--from FOLDER`",
        )
    digest = file_hash(path)
    if digest == sha256:
        return path
    published = digest.startswith(asset.sha256)
    raise UserError(
        f"{path}: sha256 is {digest}, but params.yaml or the model expects {sha256}",
        f"it is the published file: set {asset.setting} to its sha256, or put the file of the "
        "other one there"
        if published
        else f"delete it and run `python -m deepfake_detector fetch-assets {asset.name}`",
    )


def fetch(asset: Asset, source: Path | None = None) -> Path:
    """Put the asset in place, from the web or from the folder `source`, its hash checked. Returns
    where it lies."""
    target = folder() / asset.file
    if source and not source.is_dir():
        raise UserError(f"{source}: no such folder", f"name the folder that has {asset.file}")
    if target.exists() and file_hash(target).startswith(asset.sha256):
        return target
    try:
        data = (source / asset.file).read_bytes() if source else _download(asset.url)
    except (OSError, http.client.HTTPException) as error:
        why = getattr(error, "reason", None) or getattr(error, "strerror", None) or error
        raise UserError(
            f"{source / asset.file if source else asset.url}: {why}",
            f"get {asset.file} on a machine with a network and run `python -m deepfake_detector "
            f"fetch-assets {asset.name} --from FOLDER`",
        ) from error
    digest = hashlib.sha256(data).hexdigest()
    if not digest.startswith(asset.sha256):
        raise UserError(
            f"{asset.file} from {source or asset.url}: sha256 is {digest}, expected {asset.sha256}; "
            "not kept",
            "take the file from another source with --from FOLDER",
        )
    try:
        write_whole(target, data)
    except OSError as error:
        raise UserError(
            f"{folder()}: cannot be written ({error.strerror})",
            "set DEEPFAKE_ASSETS to a folder that can",
        ) from error
    return target


def _download(url: str) -> bytes:
    with urllib.request.urlopen(url, timeout=60) as answer:
        return answer.read()
