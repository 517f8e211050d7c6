"""The pictures of the README, from the demo's own model and figures.

    make pictures      (after `make repro`; needs Chromium)

makes   docs/page.png, docs/roc.png
"""

import json
import subprocess
import sys
import tempfile
from pathlib import Path

import vl_convert

from app.uploads import examples
from benchmarks.browser import chromium
from benchmarks.served_page import PROJECT, served

HERE = Path(__file__).parent


def main() -> None:
    draw_roc(HERE / "roc.png")
    with tempfile.TemporaryDirectory() as folder:
        (Path(folder) / "models").symlink_to(PROJECT / "models")
        with served(Path(folder)) as address:
            photograph_page(HERE / "page.png", address)


def draw_roc(path: Path) -> None:
    """The ROC plot as `dvc plots show` draws it."""
    drawn = subprocess.run(
        [sys.executable, "-m", "dvc", "plots", "show", "plots/roc.csv", "--show-vega"],
        capture_output=True,
        check=True,
    )
    path.write_bytes(vl_convert.vegalite_to_png(json.loads(drawn.stdout), scale=1))


def photograph_page(path: Path, address: str) -> None:
    """The page with the verdict on a forged example."""
    with chromium() as browser:
        page = browser.new_page(viewport={"width": 1060, "height": 1560})
        page.goto(address)
        forged = next(
            label for label, path in examples().items() if path.stem.endswith("swap_video")
        )
        page.locator("[data-testid=stButtonGroup] button").filter(has_text=forged).first.click()
        page.locator("img").first.wait_for()
        page.wait_for_timeout(2000)  # the chart is drawn after the faces
        page.screenshot(path=path)


if __name__ == "__main__":
    main()
