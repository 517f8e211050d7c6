"""The page in a real browser: upload a clip, read the verdict."""

import os
import shutil
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator

import made
import pytest

sync_api = pytest.importorskip("playwright.sync_api", reason="needs playwright (requirements-dev.txt)")
CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
pytestmark = pytest.mark.skipif(not CHROMIUM, reason="needs the system's Chromium (Debian: apt install chromium)")
PATIENCE = 60_000  # milliseconds


@pytest.fixture(scope="module")
def address(toy_project, tmp_path_factory) -> Iterator[str]:
    """Where the page of the toy project is served."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = [sys.executable, "-m", "streamlit", "run", "app/streamlit_app.py", "--server.port", str(port)]
    with (tmp_path_factory.mktemp("page") / "server.log").open("w") as log:
        server = subprocess.Popen(command, cwd=toy_project, stdout=log, stderr=subprocess.STDOUT, env=dict(os.environ))
        try:
            _wait_for(f"http://127.0.0.1:{port}/_stcore/health")
            yield f"http://127.0.0.1:{port}"
        finally:
            server.terminate()
            server.wait(timeout=20)


def _wait_for(url: str) -> None:
    for _ in range(120):
        try:
            urllib.request.urlopen(url, timeout=2).close()
            return
        except OSError:
            time.sleep(0.5)
    raise TimeoutError(url)


@pytest.fixture
def page(address) -> Iterator["sync_api.Page"]:
    with sync_api.sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        page = browser.new_page(viewport={"width": 1100, "height": 1500})
        page.set_default_timeout(PATIENCE)
        page.goto(address)
        page.get_by_text("Is this face real?").wait_for()
        yield page
        browser.close()


def test_a_clip_of_the_demo_gets_its_verdict(page, toy_project, tmp_path):
    clip = sorted((toy_project / "models/examples").glob("*.mp4"))[0]
    page.locator("input[type=file]").set_input_files(clip)
    page.get_by_text("Probability of fake", exact=True).wait_for()
    page.locator("img").first.wait_for()  # the faces come last
    body = page.inner_text("body")
    assert any(verdict in body for verdict in ("REAL", "FAKE", "INCONCLUSIVE"))
    assert "Through the clip" in body
    with page.expect_download() as download:
        page.get_by_text("Download the report (JSON)").click()
    download.value.save_as(tmp_path / "report.json")
    assert '"verdict"' in (tmp_path / "report.json").read_text()


def test_an_example_can_be_picked(page):
    page.locator("[data-testid=stButtonGroup] button").first.click()
    page.get_by_text("Probability of fake", exact=True).wait_for()


def test_a_strangers_clip_gets_no_verdict_and_says_why(page, tmp_path):
    (tmp_path / "stranger.mp4").write_bytes(made.person_clip())
    page.locator("input[type=file]").set_input_files(tmp_path / "stranger.mp4")
    page.get_by_text("It judges nothing but the demo's own files").wait_for()
    assert page.get_by_text("Probability of fake", exact=True).count() == 0


def test_a_broken_file_is_named_as_such(page, tmp_path):
    (tmp_path / "broken.mp4").write_bytes(b"no video")
    page.locator("input[type=file]").set_input_files(tmp_path / "broken.mp4")
    page.get_by_text("This file cannot be judged").wait_for()
