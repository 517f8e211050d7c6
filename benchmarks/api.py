"""The API under eight clients at once for minutes: whether each gets the answer to what it sent,
and whether memory grows.

    python -m benchmarks.api [CLIP ...] [--minutes 5] [--clients 8] [--model FILE]

Without a CLIP, some are drawn; without a model, one of random weights judges. Every answer's hash
must be that of the bytes that were sent, and its report that of the command on the same file but
for the seconds. Memory is the resident size of the server (Linux), looked at every second.
"""

import argparse
import hashlib
import json
import os
import re
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import count
from pathlib import Path

import httpx2
import numpy as np

from benchmarks import goals
from benchmarks.load import drawn, resident
from benchmarks.score_clip import saved
from deepfake_detector.training import network

PATIENCE = 600  # seconds to wait for one answer
PROJECT = Path(__file__).resolve().parents[1]


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "clips", nargs="*", type=Path, metavar="CLIP", help="(default: some are drawn)"
    )
    parser.add_argument("--minutes", type=float, default=5, help="(default: %(default)s)")
    parser.add_argument("--clients", type=int, default=8, help="(default: %(default)s)")
    parser.add_argument("--model", type=Path, metavar="FILE", help="(default: random weights)")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        clips = [path.absolute() for path in arguments.clips] or list(drawn(folder))
        model = (
            arguments.model.absolute()
            if arguments.model
            else saved(folder, network.FaceClassifier("resnet18").eval(), "fp32", 224, "haar")
        )
        wanted = _by_command(clips, model, folder)
        with _served(model, folder) as (address, server):
            asked = _Asked(address, clips, wanted, 60 * arguments.minutes)
            samples = asked.by(arguments.clients, server.pid)
    _print(asked, samples, arguments.minutes, arguments.clients)


class _Asked:
    """What clients sent to an API for so many seconds, and what they got."""

    def __init__(
        self, address: str, clips: list[Path], wanted: dict[Path, dict], seconds: float
    ) -> None:
        self._address, self._clips, self._wanted, self._seconds = address, clips, wanted, seconds
        self._numbers = count()
        self.answers = self.mixed_up = self.different = self.again = 0
        self._counting = threading.Lock()

    def by(self, clients: int, server: int) -> np.ndarray:
        """Let so many ask at once; (seconds, MB of the server's memory) every second."""
        self._started = time.monotonic()
        threads = [threading.Thread(target=self._ask) for _ in range(clients)]
        for thread in threads:
            thread.start()
        samples = []
        while time.monotonic() - self._started < self._seconds:
            samples.append((time.monotonic() - self._started, resident(str(server)) / 1e6))
            time.sleep(1)
        for thread in threads:
            thread.join()
        return np.array(samples)

    def _ask(self) -> None:
        with httpx2.Client(timeout=PATIENCE) as client:
            while time.monotonic() - self._started < self._seconds:
                clip = self._clips[next(self._numbers) % len(self._clips)]
                data = clip.read_bytes()
                sent = {"file": (str(clip), data)}
                answer = client.post(f"{self._address}/v1/judge", files=sent)
                self._compare(answer, clip, hashlib.sha256(data).hexdigest())

    def _compare(self, answer: httpx2.Response, clip: Path, sha256: str) -> None:
        with self._counting:
            if answer.status_code == 503:
                self.again += 1
                return
            answer.raise_for_status()
            report = answer.json()
            self.answers += 1
            self.mixed_up += report["input"]["sha256"] != sha256
            self.different += report | {"seconds": 0} != self._wanted[clip] | {"seconds": 0}


def _by_command(clips: list[Path], model: Path, folder: Path) -> dict[Path, dict]:
    """The command's report on each clip."""
    command = ["predict", *map(str, clips), "--model", str(model), "--json", "reports.json"]
    done = subprocess.run(
        [sys.executable, "-m", "deepfake_detector", *command],
        cwd=folder,
        env=_environment(folder),
        stdout=subprocess.DEVNULL,
    )
    if done.returncode not in (0, 1):
        raise SystemExit(f"predict ended with {done.returncode}")
    return dict(zip(clips, json.loads((folder / "reports.json").read_text()), strict=True))


@contextmanager
def _served(model: Path, folder: Path) -> Iterator[tuple[str, subprocess.Popen]]:
    """The address of an API with that model, and its process."""
    command = ["serve", "--model", str(model), "--port", "0"]
    with subprocess.Popen(
        [sys.executable, "-m", "deepfake_detector", *command],
        cwd=folder,
        env=_environment(folder),
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    ) as server:
        try:
            line = server.stdout.readline() if server.stdout else ""
            yield re.findall(r"(http://\S+)/docs", line)[0], server
        finally:
            server.terminate()


def _environment(folder: Path) -> dict[str, str]:
    return os.environ | {"PYTHONPATH": str(PROJECT), "TMPDIR": str(folder)}


def _print(asked: _Asked, samples: np.ndarray, minutes: float, clients: int) -> None:
    seconds = samples[:, 0]
    after = {
        minute: samples[(seconds >= 60 * (minute - 1)) & (seconds < 60 * minute), 1].mean()
        for minute in range(1, int(minutes) + 1)
    }
    print(f"{asked.answers} answers to {clients} clients in {minutes:g} minutes")
    print(
        f"answers to another's file: {asked.mixed_up}; other than the command's: {asked.different}"
    )
    print(f"asked to come again: {asked.again}")
    print("MB by minute: " + ", ".join(f"{mean:.0f}" for mean in after.values()))
    print(f"largest {samples[:, 1].max():.0f} MB")
    goals.at_most("answers of the API to another client's file", asked.mixed_up, 0, "")
    goals.at_most("reports of the API other than the command's", asked.different, 0, "")


if __name__ == "__main__":
    main()
