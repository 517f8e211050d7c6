"""What was judged: how many got which verdict, a table of all files to choose from, the reports of
all to take away, and of the file chosen what its verdict rests on."""

import io
import json
import re
import time
import zipfile
from collections import Counter
from collections.abc import Callable, Mapping, Sequence

import pandas as pd
import streamlit as st

from app import downloads, evidence, own_clips
from app.history import History, Judged, Row, model_names
from app.words import ORDER, badge, file_beside, in_table, plain, verdict_as_html
from deepfake_detector.common.console import printable
from deepfake_detector.common.percent import percent
from deepfake_detector.common.verdicts import Reason
from deepfake_detector.pages.looks import LOOKS, rgb
from deepfake_detector.serving import result_files
from deepfake_detector.serving.batch import INDEX

TABLE, CHOICE = "table", "choice"
ROWS_SEEN, ROW_PIXELS = 10, 35
NEVER_0 = 0.001  # nor 1: what the table's one digit can show
FOLLOWED_EVERY = 1.5  # seconds between two looks for files that were judged meanwhile
SENT_BACK_WITHIN = 5.0  # seconds after which the browser has the mark that replaced another
GONE = (
    "The faces that this verdict rests on are no longer kept: there is room for those of the newest "
    "files alone. Drop the file again to see them."
)


def show(
    history: History, busy: bool, banner: str, test_firmness: Callable[[Judged], None]
) -> None:
    """The table of several files, which is kept up to date while files are judged (`busy`), and
    below it the evidence of the file chosen; `test_firmness` has its verdict tested."""
    below = st.session_state.shown
    if busy:
        st.fragment(_follow_all, run_every=FOLLOWED_EVERY)(history, below, banner)
    else:
        st.fragment(_show_all)(history, below, banner, busy)
    if row := history.row(below):
        _show_one(row, history, banner, test_firmness, busy)


def _follow_all(history: History, below: int | None, banner: str) -> None:
    """Draws the table while files are judged. It is another function than `_show_all`, so that the
    page no longer has this fragment once all is judged: a fragment that asks to be drawn again
    while the page is drawn makes Streamlit lose the end of the page."""
    _show_all(history, below, banner, busy=True)


def _show_all(history: History, below: int | None, banner: str, busy: bool) -> None:
    """`below` is the file that is shown below the table."""
    if history.forgotten:
        st.rerun()  # the whole page says so
    rows = history.rows()
    if len(rows) < 2:
        return
    _show_counts(rows)
    listed = _wanted(rows)
    models = model_names(rows)
    _show_table(listed, models)
    _offer_choice(listed, models)
    _offer_all(history, rows, banner, busy)
    if st.session_state.shown != below:
        st.rerun()


def in_order(rows: Sequence[Row]) -> list[Row]:
    """The rows in the order of the table: what needs to be looked at first comes first, FAKE by
    falling probability."""
    return sorted(
        rows,
        key=lambda row: (ORDER.index(row.verdict), -(row.fake_probability or 0), row.number),
    )


def _show_counts(rows: Sequence[Row]) -> None:
    counts = Counter(row.verdict for row in rows)
    each = " ".join(
        f"{badge(verdict)} **{counts[verdict]}**" for verdict in ORDER if counts[verdict]
    )
    st.header("Files", anchor=False)
    st.markdown(f"{_files(rows)}: {each}")


def _files(rows: Sequence[Row]) -> str:
    """How many there are; one that several models judged counts once. One that never arrived is
    known by its row alone."""
    files = len({(row.name, row.sha256 or row.number) for row in rows})
    counted = "1 file" if files == 1 else f"{files} files"
    return counted if files == len(rows) else f"{counted}, {len(rows)} verdicts by several models"


def _wanted(rows: Sequence[Row]) -> list[Row]:
    """The rows that the visitor asks for, in order."""
    with st.container(horizontal=True, vertical_alignment="bottom"):
        verdicts = st.pills("Only", ORDER, selection_mode="multi", key="verdicts")
        text = st.text_input("With this in name or reason", key="text", width=260).lower()
    return [
        row
        for row in in_order(rows)
        if (not verdicts or row.verdict in verdicts)
        and (text in row.name.lower() or text in row.said.lower())
    ]


def _show_table(rows: Sequence[Row], models: Mapping[str, str]) -> None:
    state = st.session_state
    state.listed = [row.number for row in rows]
    marked = [state.listed.index(state.shown)] if state.shown in state.listed else []
    state.marks = replaced_marks(state.get("marks", []), marked, time.monotonic())
    state[TABLE] = {"selection": {"rows": marked, "columns": [], "cells": []}}
    st.dataframe(
        as_frame(rows, models).style.map(_look, subset=["verdict"]),
        height=ROW_PIXELS * (1 + min(max(len(rows), 2), ROWS_SEEN)) + 3,
        row_height=ROW_PIXELS,
        hide_index=True,
        placeholder="",
        key=TABLE,
        on_select=_chosen,
        selection_mode=["single-row", "single-cell"],
        alt="Judged files. Space or Enter in the first column shows what a verdict rests on.",
        column_config={
            "verdict": st.column_config.TextColumn(width=130),
            "file": st.column_config.TextColumn(width=220),
            "probability of fake": st.column_config.NumberColumn(format="%.1f%%", width=130),
            "in words": st.column_config.TextColumn(width=320),
            "people": st.column_config.NumberColumn(width=70),
            "length (s)": st.column_config.NumberColumn(format="%.1f"),
            "sha256": st.column_config.TextColumn(width=130),
        },
    )


def _offer_choice(rows: Sequence[Row], models: Mapping[str, str]) -> None:
    """The same choice for those to whom a drawn table gives none: by keyboard, or read out."""
    state, names = st.session_state, labels(rows, models)
    wanted = state.shown if state.shown in names else None
    if state.get(CHOICE) != wanted:  # what is set closes the list on whoever is choosing
        state[CHOICE] = wanted

    def chosen() -> None:
        state.shown = state[CHOICE]

    st.selectbox(
        "Shown below",
        list(names),
        # with None it can be emptied, too; a browser that missed what was set begins with this one
        index=None if wanted is None else list(names).index(wanted),
        format_func=names.__getitem__,
        placeholder="Choose a file here or in the table" if rows else "No file matches",
        key=CHOICE,
        on_change=chosen,
    )


def labels(rows: Sequence[Row], models: Mapping[str, str]) -> dict[int, str]:
    """The label of each row in a list, by number: equal ones with the name of their model
    (`models`: by sha256) and number, as a list cannot tell equal labels apart."""
    by_number = {row.number: f"{in_table(row.verdict)}  {printable(row.name)}" for row in rows}
    counts = Counter(by_number.values())
    beside = {
        row.number: f" ({printable(models[row.model_sha256])}, file {row.number})" for row in rows
    }
    return {
        number: label + (beside[number] if counts[label] > 1 else "")
        for number, label in by_number.items()
    }


def replaced_marks(
    marks: Sequence[tuple[list[int], float]], marked: list[int], now: float
) -> list[tuple[list[int], float]]:
    """The rows marked now, last, and those that were lately, each with the time when it was last
    the one: the browser may still send these back as if they had been chosen, among other files."""
    lately = [(rows, until) for rows, until in marks if now - until <= SENT_BACK_WITHIN]
    return [*((rows, until) for rows, until in lately if rows != marked), (marked, now)]


def _chosen() -> None:
    state = st.session_state
    selected = state[TABLE].selection
    if not selected.cells and selected.rows in [rows for rows, _ in state.marks]:
        return
    if places := [*(row for row, _ in selected.cells), *selected.rows]:
        state.shown = state.listed[places[0]]


def as_frame(rows: Sequence[Row], models: Mapping[str, str]) -> pd.DataFrame:
    """The rows as they are shown, one for each file and model, which has its name by its sha256;
    the probability in percent."""
    return pd.DataFrame(
        {
            "verdict": [in_table(row.verdict) for row in rows],
            "file": [printable(row.name) for row in rows],
            "probability of fake": pd.array(
                [
                    None
                    if row.fake_probability is None
                    else 100 * min(max(row.fake_probability, NEVER_0), 1 - NEVER_0)
                    for row in rows
                ],
                "Float64",
            ),
            "in words": [printable(row.said) for row in rows],
            "people": [row.people for row in rows],
            "length (s)": pd.array([row.duration for row in rows], "Float64"),
            "model": [printable(models[row.model_sha256]) for row in rows],
            "sha256": [row.sha256 or "" for row in rows],
        }
    )


def _look(shown: str) -> str:
    look = next(look for verdict, look in LOOKS.items() if shown.endswith(verdict))
    red, green, blue = rgb(look.text)
    return f"background-color: rgba({red}, {green}, {blue}, 0.25)"  # on a dark page, too


def _offer_all(history: History, rows: Sequence[Row], banner: str, busy: bool) -> None:
    with st.container(horizontal=True):
        downloads.offer(
            "Table of all (CSV)",
            history.unless_forgotten(lambda: table_of(rows)),
            "deepfake-detector.csv",
            "text/csv",
            ":material/table:",
            "all-csv",
            busy,
        )
        downloads.offer(
            "All reports (ZIP)",
            history.unless_forgotten(lambda: archive_of(rows, banner)),
            "deepfake-detector.zip",
            "application/zip",
            ":material/folder_zip:",
            "all-zip",
            busy,
        )


def table_of(rows: Sequence[Row]) -> bytes:
    """The CSV of `predict --csv`, with the name of the model."""
    ordered = in_order(rows)
    models = [row.model for row in ordered]
    return b"".join(result_files.csv_lines((row.report for row in ordered), models=models))


def archive_of(rows: Sequence[Row], banner: str) -> bytes:
    """A ZIP of the table as CSV and as a page, and of the JSON report on each file."""
    ordered, buffer = in_order(rows), io.BytesIO()
    counts = Counter(row.verdict for row in rows)
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("table.csv", table_of(rows))
        models = [row.model for row in ordered]
        page = result_files.index_parts(
            (row.report for row in ordered), counts, banner, models=models
        )
        archive.writestr(INDEX, b"".join(page))
        for row in ordered:
            name = re.sub(r'[\\/:*?"<>|]', "_", file_beside(row.name, ".json"))
            archive.writestr(f"reports/{row.number:04d}.{name}", json.dumps(row.report, indent=2))
    return buffer.getvalue()


def _show_one(
    row: Row, history: History, banner: str, test_firmness: Callable[[Judged], None], busy: bool
) -> None:
    model = model_names(history.rows()).get(row.model_sha256, row.model)
    if judged := history.evidence(row.number):
        evidence.show(judged, model, history, banner, test_firmness, busy)
        return
    with st.container(border=True):
        st.html(verdict_as_html(row.verdict))
        st.markdown(f"{plain(row.name)}: {plain(row.said)}")
        if row.fake_probability is not None:
            st.markdown(f"Probability of fake: {percent(row.fake_probability)}, by {plain(model)}.")
        st.caption(GONE)
    if row.report["reason"].startswith(Reason.NOT_JUDGED):
        own_clips.link("own-clips-of-row")
    st.download_button(
        "Report for programs (JSON)",
        json.dumps(row.report, indent=2),
        file_name=file_beside(row.name, ".report.json"),
        mime="application/json",
        icon=":material/data_object:",
        on_click="ignore",
        key=f"json-{row.number}",
    )
