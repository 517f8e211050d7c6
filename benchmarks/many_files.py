"""Two hundred files dropped in the page at once, with a second visitor and a reload of the page in
the middle: rows, order, time against the command and memory.

    python -m benchmarks.many_files [--files 200]      (needs Chromium; Linux)

Drawn clips and stills take turns; five of the files are broken, two are larger than the page takes.
"""

import argparse
import csv
import os
import re
import subprocess
import sys
import threading
import time
from collections import Counter
from pathlib import Path
from tempfile import TemporaryDirectory

from playwright.sync_api import Browser, Page

from app.words import ORDER
from benchmarks import goals
from benchmarks.browser import chromium
from benchmarks.load import children, resident
from benchmarks.score_clip import saved
from benchmarks.served_page import PROJECT, served
from deepfake_detector.datasets.synthesis.clips import Clip, produce
from deepfake_detector.training import network

BROKEN, LARGE, PEOPLE = 5, 2, 8
UPLOAD_MB = 5
LIMITS = (
    f"upload_mb = {UPLOAD_MB}\nclip_seconds = 60\nmegapixels = 64\nseconds_per_clip = 120\n"
    "visitors_at_once = 2\nuploads_at_once = 2\n"
)
JUDGED = "Number(document.body.innerText.match(/Judged (\\d+) of/)?.[1])"  # as the page shows
PATIENCE = 3_600_000  # milliseconds
MOST_MB = 1024  # more than before, besides the uploads
MOST = 1.3  # times the seconds of the command


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--files", type=int, default=200, help="(default: %(default)s)")
    count = parser.parse_args().files
    with TemporaryDirectory() as scratch, chromium() as browser:
        folder = Path(scratch)
        model = saved(folder, network.FaceClassifier("resnet18").eval(), "fp32", 224, "haar")
        (folder / "limits.toml").write_text(LIMITS)
        files = drawn(folder / "in", count)
        environment = {"DEEPFAKE_MODEL": str(model), "DEEPFAKE_LIMITS": str(folder / "limits.toml")}
        with served(folder, **environment) as address:
            page = browser.new_page()
            page.set_default_timeout(PATIENCE)
            page.goto(address)
            page.get_by_text("Forget what was judged").wait_for(state="attached")
            taken = measure(browser, page, files, folder / "table.csv")
        goals.at_most(
            f"the page with {count} files: seconds a file, against the command",
            taken / _by_the_command(folder / "in", model),
            MOST,
            "x",
        )


def drawn(folder: Path, count: int) -> list[Path]:
    """So many files, clips and stills in turn, the broken and the large among them."""
    folder.mkdir()
    clips = [produce(Clip(person, 0), 1, 1.0, (0.2, 0.3)) for person in range(PEOPLE)]
    stills = [produce(Clip(person, 2), 1, 1.0, (0.2, 0.3)) for person in range(PEOPLE)]
    files = []
    for at in range(count):
        data = (clips if at % 2 else stills)[at // 2 % PEOPLE]
        if at < BROKEN:
            data = data[: len(data) // 3]
        elif at < BROKEN + LARGE:
            data = bytes((UPLOAD_MB << 20) + 1)
        files.append(folder / f"{at:03d}.{'mp4' if at % 2 else 'jpg'}")
        files[-1].write_bytes(data)
    return files


def _by_the_command(folder: Path, model: Path) -> float:
    """Seconds that `predict` takes for the same files."""
    judge = [sys.executable, "-m", "deepfake_detector", "predict"]
    command = [*judge, str(folder), "--model", str(model)]
    environment = os.environ | {"PYTHONPATH": str(PROJECT)}
    started = time.monotonic()
    done = subprocess.run(command, cwd=folder.parent, env=environment, capture_output=True)
    taken = time.monotonic() - started
    if done.returncode != 1:  # the broken ones
        raise RuntimeError(done.stderr.decode())
    print(f"`predict` on the same files: {taken:.0f} s")
    return taken


def _another_visitor(browser: Browser, address: str, file: Path) -> float:
    """Seconds until somebody else has the verdict on one file."""
    page = browser.new_page()
    page.set_default_timeout(PATIENCE)
    page.goto(address)
    page.get_by_text("Forget what was judged").wait_for(state="attached")
    started = time.monotonic()
    page.locator("input[type=file]").set_input_files(file)
    page.get_by_text("Details for experts").wait_for()
    taken = time.monotonic() - started
    page.close()
    return taken


def measure(browser: Browser, page: Page, files: list[Path], table: Path) -> float:
    """Drops the files and prints the results; the seconds until all were judged."""
    memory = Memory()
    started = time.monotonic()
    page.locator("input[type=file]").set_input_files(files)
    page.get_by_text(re.compile(rf"^Judged \d+ of {len(files) - LARGE}, about")).wait_for()
    page.wait_for_function(f"{JUDGED} >= {len(files) // 2}")
    waited = _another_visitor(browser, page.url.partition("?")[0], files[-2])
    before = page.evaluate(JUDGED)
    page.reload()
    kept = int(page.get_by_text(" files: ").inner_text().split()[0])
    page.get_by_text(f"{len(files)} files: ").wait_for()
    page.get_by_text("Stop", exact=True).wait_for(state="detached")
    taken = time.monotonic() - started
    with page.expect_download() as download:
        page.get_by_role("button", name="Table of all (CSV)").click()
    download.value.save_as(table)
    grown = memory.end()
    with table.open(newline="") as file:
        verdicts = [row["verdict"] for row in csv.DictReader(file)]
    counted = Counter(verdicts)
    print(", ".join(f"{counted[verdict]} {verdict}" for verdict in ORDER if counted[verdict]))
    print(
        f"{len(verdicts)} rows; {before} files were judged when the page was reloaded, {kept} rows "
        "there then; the others were judged on"
    )
    print(f"in order: {verdicts == sorted(verdicts, key=ORDER.index)}")
    print(f"{taken:.0f} s, {taken / len(files):.2f} s a file")
    print(f"another visitor's one still meanwhile: {waited:.1f} s")
    print(f"memory of the server: {memory.before:.0f} MB before, {memory.most:.0f} MB at most")
    uploads = sum(path.stat().st_size for path in files) / 1e6
    quantity = f"the page with {len(files)} files: memory besides the uploads"
    goals.at_most(quantity, grown - uploads, MOST_MB, "MB")
    return taken


class Memory:
    """Resident memory of the server, in MB, looked at every half second until the end."""

    def __init__(self) -> None:
        (self._server,) = [pid for pid in children() if b"streamlit" in command(pid)]
        self.before = self.most = resident(self._server) / 1e6
        self._ended = threading.Event()
        self._watch = threading.Thread(target=self._look, daemon=True)
        self._watch.start()

    def end(self) -> float:
        """How much it was at most above what it was before."""
        self._ended.set()
        self._watch.join()
        return self.most - self.before

    def _look(self) -> None:
        while not self._ended.wait(0.5):
            self.most = max(self.most, resident(self._server) / 1e6)


def command(pid: str) -> bytes:
    """The command line of a process, its arguments ended by zero bytes."""
    return Path(f"/proc/{pid}/cmdline").read_bytes()


if __name__ == "__main__":
    main()
