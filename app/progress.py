"""How far the files of a visit are, shown while they are judged, with a button to stop and one to
go on."""

import streamlit as st

from app.words import plain
from app.work import Work
from deepfake_detector.common.console import time_left

# seconds between two updates for a few files, and for many: the browser draws each of them, often
# on the same processor
DRAWN_EVERY, DRAWN_EVERY_OF_MANY = 0.3, 1.0
MANY = 5


def show(work: Work, busy: bool, waits_for_first: bool) -> None:
    """Shows how far the work is while it is `busy`, and has the whole page drawn again when it
    ends. `waits_for_first`: that is done when the first file is judged, too."""
    if busy:
        every = DRAWN_EVERY if work.waiting < MANY else DRAWN_EVERY_OF_MANY
        st.fragment(_follow, run_every=every)(work, waits_for_first)
    elif work.stopped and work.waiting:
        _show_stopped(work)


def _follow(work: Work, waits_for_first: bool) -> None:
    if not work.busy or (waits_for_first and work.first is not None):
        st.rerun()
    at = work.progress()
    total = at.done + at.waiting
    with st.container(horizontal=True, vertical_alignment="center", border=True):
        with st.container():
            if total > 1:
                estimate = f", {time_left(at.seconds / at.done * at.waiting)}" if at.done else ""
                st.progress(at.done / total, f"Judged {at.done} of {total}{estimate}")
            st.progress(at.share, f"{plain(at.name)}: {at.doing}")
        st.button("Stop", icon=":material/stop_circle:", on_click=work.stop)


def _show_stopped(work: Work) -> None:
    files = "1 file waits" if work.waiting == 1 else f"{work.waiting} files wait"
    if work.trouble:
        st.error(f"The model cannot be used: {plain(work.trouble)}", icon=":material/error:")
    with st.container(horizontal=True, vertical_alignment="center"):
        st.info(f"Stopped. {files} to be judged.", icon=":material/stop_circle:")
        st.button("Go on", icon=":material/play_circle:", on_click=work.go_on)
