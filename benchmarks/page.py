"""From dropping a clip in the page to its verdict in the browser, against the command on the same
clip, both from a cold start.

    python -m benchmarks.page [--rounds 5]      (needs Chromium)

The clip is drawn: 10 s at 1920 x 1080. Each round serves the page again; its time begins when the
open page is given the file and ends when the verdict is seen. The command's is that of its whole
process. They take turns, the medians count.
"""

import argparse
import re
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from playwright.sync_api import Browser

from benchmarks import goals
from benchmarks.browser import chromium
from benchmarks.score_clip import DRAWN, drawn, saved
from benchmarks.served_page import served
from deepfake_detector.training import network

HEIGHT = 1080
MOST = 1.3  # times what the command takes
VERDICT = re.compile("REAL|FAKE|INCONCLUSIVE")  # other statuses say what is being done


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--rounds", type=int, default=5, help="(default: %(default)s)")
    rounds = parser.parse_args().rounds
    with tempfile.TemporaryDirectory() as scratch, chromium() as browser:
        folder = Path(scratch)
        clip = drawn(folder, HEIGHT, DRAWN[HEIGHT][0])
        model = saved(folder, network.FaceClassifier("resnet18").eval(), "fp32", 224, "haar")
        taken = [
            (_page(browser, folder, clip, model), _command(clip, model)) for _ in range(rounds)
        ]
    page, command = (statistics.median(times) for times in zip(*taken, strict=True))
    print(f"first verdict in the page: {page:.2f} s; by the command: {command:.2f} s")
    goals.at_most(
        "first verdict in the page on a 1080p clip of 10 s, against the command",
        page / command,
        MOST,
        "x",
    )


def _page(browser: Browser, folder: Path, clip: Path, model: Path) -> float:
    with served(folder, DEEPFAKE_MODEL=str(model)) as address:
        page = browser.new_page()
        page.goto(address)
        page.get_by_text("Forget what was judged").wait_for(
            state="attached"
        )  # the last thing to come
        started = time.perf_counter()
        page.locator("input[type=file]").set_input_files(clip)
        page.get_by_test_id("stMain").get_by_role("status").filter(has_text=VERDICT).wait_for(
            timeout=120_000
        )
        taken = time.perf_counter() - started
        page.close()
    return taken


def _command(clip: Path, model: Path) -> float:
    started = time.perf_counter()
    command = [
        sys.executable,
        "-m",
        "deepfake_detector",
        "predict",
        str(clip),
        "--model",
        str(model),
    ]
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
    return time.perf_counter() - started


if __name__ == "__main__":
    main()
