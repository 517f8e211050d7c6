"""What the table of judged files and the list beside it call each file."""

import re
from dataclasses import replace
from types import SimpleNamespace

import pytest

from app import results
from app.history import Row, model_names
from app.results import labels
from app.words import ORDER, in_table

ROW = Row(1, "a.mp4", "FAKE", 0.9, "", 1, 2.0, "ab" * 32, "detector.onnx", "cd" * 32, b"")


def test_no_two_files_are_called_the_same():
    rows = [
        ROW,
        replace(ROW, number=2),
        replace(ROW, number=3, model="other.onnx", model_sha256="ef" * 32),
        replace(ROW, number=4, verdict="REAL"),
        replace(ROW, number=5, name="b.mp4"),
    ]
    assert labels(rows, model_names(rows)) == {
        1: "▲ FAKE  a.mp4 (detector.onnx, file 1)",
        2: "▲ FAKE  a.mp4 (detector.onnx, file 2)",
        3: "▲ FAKE  a.mp4 (other.onnx, file 3)",
        4: "● REAL  a.mp4",
        5: "▲ FAKE  b.mp4",
    }


def test_models_of_one_name_are_told_apart_by_their_hash():
    rows = [
        ROW,
        replace(ROW, number=2, model_sha256="ef" * 32),
        replace(ROW, number=3, model="other.onnx", model_sha256="12" * 32),
    ]
    names = ["detector.onnx cdcdcdcd", "detector.onnx efefefef", "other.onnx"]
    assert list(results.as_frame(rows, model_names(rows)).model) == names
    assert list(labels(rows, model_names(rows)).values()) == [
        f"▲ FAKE  a.mp4 ({name}, file {number})" for number, name in enumerate(names, 1)
    ]


@pytest.mark.parametrize("verdict", ORDER)
def test_a_verdict_is_coloured_so_that_it_can_be_read_on_a_dark_page_too(verdict):
    """The page's own letters on a tint that lets its ground through."""
    assert re.fullmatch(
        r"background-color: rgba\(\d+, \d+, \d+, 0\.[1-3]\d*\)", results._look(in_table(verdict))
    )


def test_what_needs_to_be_looked_at_comes_first():
    rows = [
        SimpleNamespace(number=number, verdict=verdict, fake_probability=probability)
        for number, (verdict, probability) in enumerate(
            [("REAL", 0.1), ("FAKE", 0.8), ("ERROR", None), ("FAKE", 0.9), ("FAKE", 0.8)]
        )
    ]
    order = [row.number for row in results.in_order(rows)]
    assert order[:3] == [3, 1, 4]
    assert [rows[number].verdict for number in order] == sorted(
        (row.verdict for row in rows), key=ORDER.index
    )


class State(dict):
    """What Streamlit keeps for a session, whose keys are attributes too."""

    __getattr__, __setattr__ = dict.__getitem__, dict.__setitem__


@pytest.fixture
def state(monkeypatch):
    """The fifth of six files was marked, until a sixth came that is listed before it."""
    marks = results.replaced_marks(results.replaced_marks([], [4], 0.0), [5], 1.0)
    found = State(listed=[10, 11, 12, 13, 14, 15], shown=15, marks=marks)
    monkeypatch.setattr(results.st, "session_state", found)
    return found


def choose(state: State, rows: list[int], cells: list[tuple[int, str]]) -> int:
    state[results.TABLE] = SimpleNamespace(selection=SimpleNamespace(rows=rows, cells=cells))
    results._chosen()
    return state.shown


@pytest.mark.parametrize(
    ("rows", "cells", "shown"),
    [
        ([4], [], 15),  # the mark that the browser had, sent back late
        ([5], [], 15),
        ([3], [], 13),
        ([], [(4, "file")], 14),  # only somebody who clicks chooses a cell
        ([], [], 15),
    ],
)
def test_a_mark_that_the_browser_sends_back_chooses_no_other_file(state, rows, cells, shown):
    assert choose(state, rows, cells) == shown


def test_after_a_while_a_row_that_was_marked_can_be_chosen(state):
    state.marks = results.replaced_marks(state.marks, [5], 1.1 + results.SENT_BACK_WITHIN)
    assert choose(state, [4], []) == 14
