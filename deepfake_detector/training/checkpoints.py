"""The state of a run on disk: written whole, checked when read, the last two kept."""

import hashlib
import io
from pathlib import Path

import torch

from deepfake_detector.storage.files import write_whole

KEPT = 2
DIGEST = hashlib.sha256().digest_size


class Checkpoints:
    """Numbered states in a folder; one that is damaged is passed over for the one before."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def write(self, content: dict) -> None:
        """Save `content` (tensors and plain values) as the newest state and drop those before the
        last two."""
        buffer = io.BytesIO()
        torch.save(content, buffer)
        data = buffer.getbuffer()
        number = int(files[-1].stem) + 1 if (files := self._files()) else 0
        write_whole(self.folder / f"{number:06d}.pt", [hashlib.sha256(data).digest(), data])
        for old in self._files()[:-KEPT]:
            old.unlink()

    def latest(self) -> dict | None:
        """The newest state that is whole; None where there is none."""
        for path in reversed(self._files()):
            data = memoryview(path.read_bytes())
            if hashlib.sha256(data[DIGEST:]).digest() == data[:DIGEST]:
                return torch.load(io.BytesIO(data[DIGEST:]), map_location="cpu", weights_only=True)
            print(f"  {path} is damaged; resuming from the state before it")
        return None

    def _files(self) -> list[Path]:
        return sorted(self.folder.glob("[0-9]*.pt"))
