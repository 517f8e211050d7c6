"""The table of many files in a browser: it sorts, filters and leads on, and asks for nothing."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from patience import BROWSER_HANG

from deepfake_detector.pages import html_page
from deepfake_detector.pages.html_page import Badge
from deepfake_detector.pages.table_page import Cell, Row, render

if TYPE_CHECKING:
    from playwright.sync_api import Page

pytestmark = pytest.mark.slow
HEADS = ("verdict", "file", "probability")
ROWS = [
    Row(Badge("REAL"), (Cell("b.mp4", link="b.html"), Cell("9.0%", 0.09))),
    Row(Badge("ERROR"), (Cell("c.mp4", link="c.html"), Cell(""))),
    Row(Badge("FAKE"), (Cell("a <i>.mp4", link="a.html"), Cell("75.0%", 0.75))),
    Row(Badge("REAL"), (Cell("d.mp4", link="d.html"), Cell("10.0%", 0.1))),
]


@pytest.fixture(scope="module")
def written(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("table")
    (folder / "index.html").write_bytes(b"".join(render("Files", ["About."], HEADS, ROWS)))
    (folder / "a.html").write_text("the page of a")
    return folder / "index.html"


@pytest.fixture
def page(written, browser) -> Iterator["Page"]:
    opened, asked = browser.new_page(), []
    opened.set_default_timeout(BROWSER_HANG)
    opened.on("request", lambda request: asked.append(request.url))
    opened.goto(written.as_uri())
    yield opened
    opened.close()
    assert [url for url in asked if not url.startswith(written.parent.as_uri())] == []


def files(page: "Page") -> list[str]:
    """First letters of the names that are shown, from the top."""
    rows = page.locator("tbody tr:visible td:nth-child(2)").all_inner_texts()
    return [name[0] for name in rows]


def test_it_is_shown_as_it_was_written(page):
    assert files(page) == ["b", "c", "a", "d"]
    assert page.get_by_text("4 of 4 shown").is_visible()
    assert page.get_by_role("link", name="a <i>.mp4").is_visible()


LONG = Row(Badge("REAL"), (Cell("a" * 200, link="a.html"), Cell("9.0%", 0.09)))


@pytest.mark.parametrize(
    "made",
    [b"".join(render("Files", [], HEADS, [*ROWS, LONG])), html_page.render("a" * 200, [], [])],
    ids=["table", "heading"],
)
def test_no_name_makes_it_wider_than_the_window(browser, made):
    page = browser.new_page(viewport={"width": 1280, "height": 900})
    page.set_content(made.decode())
    for place in page.locator("html, .table").all():
        assert place.evaluate("one => one.scrollWidth <= one.clientWidth")
    page.close()


@pytest.mark.parametrize(
    ("head", "up", "down"),
    [("file", "abcd", "dcba"), ("probability", "cbda", "adbc"), ("verdict", "cabd", "bdac")],
)
def test_a_column_sorts_up_and_down(page, head, up, down):
    for way, order in (("ascending", up), ("descending", down)):
        page.get_by_role("button", name=re.compile(head)).click()
        assert "".join(files(page)) == order
        assert page.locator(f"th[aria-sort={way}]").inner_text().startswith(head)


def test_it_filters_by_verdict_and_text(page):
    page.get_by_label("REAL").uncheck()
    assert files(page) == ["c", "a"]
    page.get_by_label("with the text").fill("A <I>")
    assert files(page) == ["a"]
    assert page.get_by_text("1 of 4 shown").is_visible()
    page.get_by_label("with the text").fill("")
    page.get_by_label("REAL").check()
    assert files(page) == ["b", "c", "a", "d"]


def test_a_file_leads_to_its_page(page):
    page.get_by_role("link", name="a <i>.mp4").click()
    assert "the page of a" in page.inner_text("body")
