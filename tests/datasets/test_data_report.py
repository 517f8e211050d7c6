"""The page about the data says what was found, names what was dropped, and runs nothing that a file
name holds."""

import re

import numpy as np
import pandas as pd
import pytest

from deepfake_detector.datasets import data_report
from deepfake_detector.datasets.shortcuts import Carrier, Shortcut
from deepfake_detector.pages import html_page
from deepfake_detector.pages.html_page import Section
from deepfake_detector.storage import tables

GREY = np.full((20, 30, 3), 128, np.uint8)
NOWHERE = pd.Series({}, dtype=float, name="filled_in").rename_axis("item")


def text_of(page: bytes) -> str:
    return re.sub(r"<[^>]+>", " ", page.decode())


def index(*items: tuple[str, int, str]) -> pd.DataFrame:
    rows = [
        {
            "item": item,
            "data_set": "d",
            "kind": "video",
            "path": item,
            "label": label,
            "method": method,
            "use": "train",
            "md5": "0" * 32,
        }
        for item, label, method in items
    ]
    return tables.make(rows, tables.INDEX)


def frames(*items: str) -> pd.DataFrame:
    return tables.make(
        [{"item": i, "frame": n, "status": "ok"} for i in items for n in range(3)], tables.FRAMES
    )


def verified(**reasons: str) -> pd.DataFrame:
    rows = [{"item": item, "keep": int(not why), "reason": why} for item, why in reasons.items()]
    return tables.make(rows, tables.VERIFIED)


def test_the_page_needs_nothing_else_and_starts_with_what_stops_the_run():
    page = html_page.render(
        "The data", ["no fake item is left"], [Section("One", ["two"], [{"a": 1}], b"jpeg")]
    )
    assert b'src="data:image/jpeg;base64,anBlZw=="' in page
    assert not re.search(rb"(src|href)=\"(?!data:)", page)
    text = text_of(page)
    assert text.index("no fake item is left") < text.index("One") < text.index("two")


def test_names_are_shown_and_never_run():
    page = html_page.render(
        "x", [], [Section("t", ["<script>alert(1)</script>"], [{"<b>": "<i>"}])]
    )
    assert b"<script" not in page
    assert b"&lt;script&gt;" in page
    assert b"<i>" not in page


def test_methods_stand_side_by_side_with_their_files_facts():
    items = index(("a", 0, "real"), ("b", 0, "real"), ("c", 1, "swap"))
    media = [
        {
            "item": "a",
            "bytes": 1,
            "codec": "h264",
            "width": 640,
            "height": 480,
            "duration": 2.0,
            "bitrate": 1e6,
        },
        {
            "item": "b",
            "bytes": 1,
            "codec": "hevc",
            "width": 320,
            "height": 240,
            "duration": 4.0,
            "bitrate": 2e6,
        },
        {"item": "c", "bytes": 1},
    ]
    faces = [
        {"item": "a", "frame": 0, "track": 0, "status": "ok"},
        {"item": "a", "frame": 0, "track": 1, "status": "face too small"},
        {"item": "a", "frame": 1, "status": "no face"},
        {"item": "b", "frame": 0, "track": 0, "status": "ok"},
        {"item": "c", "status": "empty file"},
    ]
    section = data_report.what_there_is(
        items,
        verified(a="", b="", c="unreadable: empty file"),
        tables.make(media, tables.MEDIA),
        tables.make(faces, tables.FACES),
        pd.Series({"a": 0.5, "b": 0.0}, name="filled_in").rename_axis("item"),
    )
    assert section.text[0] == (
        "3 items (2 real, 1 fake) of d; 2 (2 real, 0 fake) are kept. Dropped: 1 unreadable."
    )
    real, swap = section.rows
    assert real["method"] == "real"
    assert (real["items"], real["kept"], real["frames with a face"]) == (2, 2, "75.0%")
    assert (real["crop outside the picture"], swap["crop outside the picture"]) == ("25.0%", "")
    assert (real["width"], real["seconds"], real["Mbit/s"], real["codecs"]) == (
        "480",
        "3.0",
        "1.50",
        "h264, hevc",
    )
    assert (swap["kept"], swap["frames with a face"], swap["width"], swap["codecs"]) == (
        0,
        "",
        "",
        "",
    )


def test_where_nothing_is_dropped_that_is_said():
    nothing = [tables.make([], schema) for schema in (tables.MEDIA, tables.FACES)]
    section = data_report.what_there_is(
        index(("a", 0, "real"), ("b", 1, "swap")), verified(a="", b=""), *nothing, NOWHERE
    )
    assert section.text[0] == "2 items (1 real, 1 fake) of d; all are kept."


def test_every_reason_has_its_section_with_the_middle_frames():
    asked = []

    def picture(item: str, frame: int) -> np.ndarray:
        asked.append((item, frame))
        return GREY

    found = verified(a="", b="dark", c="duplicate of a", d="dark", e="unreadable: empty file")
    sections = data_report.dropped(found, frames("a", "b", "c", "d"), picture)
    assert [section.title for section in sections] == [
        "Dropped: dark (2)",
        "Dropped: duplicate (1)",
        "Dropped: unreadable (1)",
    ]
    assert [bool(section.jpeg) for section in sections] == [True, True, False]
    assert asked == [("b", 1), ("d", 1), ("c", 1)]
    assert sections[2].rows == [{"item": "e", "reason": "unreadable: empty file"}]


def test_long_lists_are_cut_and_say_so():
    many = verified(**{f"i{number:03d}": "dark" for number in range(30)})
    (section,) = data_report.dropped(many, frames(), lambda *_: GREY)
    assert (len(section.rows), section.text) == (20, ["The first 20 are named."])


def test_nothing_dropped_is_said():
    (section,) = data_report.dropped(verified(a=""), frames("a"), lambda *_: GREY)
    assert section.text == ["Nothing."]


def test_look_alikes_stand_side_by_side_and_tell_how_many_cross_the_classes():
    items = index(("a", 0, "real"), ("b", 1, "swap"), ("c", 0, "real"))
    rows = [
        {"item": "a", "other": other, "frames": 3, "distance": 1, "correlation": 0.99}
        for other in "bc"
    ]
    near = tables.make(rows, tables.NEAR_DUPLICATES)
    section = data_report.look_alikes(near, items, frames("a", "b", "c"), lambda *_: GREY)
    assert section.text[0].startswith("2 pairs, 1 of them of a real and a fake item.")
    assert section.jpeg
    assert not data_report.look_alikes(near.head(0), items, frames(), lambda *_: GREY).rows


@pytest.mark.parametrize(
    ("found", "said", "rows"),
    [
        (Shortcut(None, "too few items", (), 5), "Not examined: too few items.", 0),
        (
            Shortcut(0.95, "", (Carrier("bitrate", 0.94, 0.93, 2e6, 1e6),), 80),
            "ROC-AUC of 0.950 on items it has not seen (80",
            1,
        ),
        (Shortcut(0.95, "", (), 80, among="video"), "(80 items of kind video;", 0),
    ],
)
def test_the_shortcut_audit_is_told_in_words(found, said, rows):
    section = data_report.shortcut(found, 0.9)
    assert said in section.text[0]
    assert len(section.rows) == rows


def test_odd_files_are_counted_with_examples():
    section = data_report.odd_files(
        {"variable frame rate": ["a", "b", "c", "d"], "to be turned": []}
    )
    assert section.rows == [{"what": "variable frame rate", "items": 4, "for example": "a, b, c"}]
    assert data_report.odd_files({"to be turned": []}).text == ["None."]
