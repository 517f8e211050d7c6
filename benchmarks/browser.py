"""The system's Chromium, without a window: for benchmarks, tests and the README's pictures."""

import shutil
from collections.abc import Iterator
from contextlib import contextmanager

from playwright.sync_api import Browser, sync_playwright

# The headless shell first: it draws no windows of its own, which costs more than the pages do.
PROGRAMS = "chromium-headless-shell", "chromium", "chromium-browser", "google-chrome"
MISSING = "needs Chromium (Debian: apt install chromium-headless-shell)"


def program() -> str | None:
    """The path of the first Chromium that is installed."""
    return next(filter(None, map(shutil.which, PROGRAMS)), None)


@contextmanager
def chromium() -> Iterator[Browser]:
    """A browser of its own. Raises RuntimeError where no Chromium is installed."""
    if not (path := program()):
        raise RuntimeError(MISSING)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=["--no-sandbox"])
        yield browser
        browser.close()
