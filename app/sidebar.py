"""Beside the page: which model judges, what it has learned from, what it cannot do, and what
happens to files."""

from collections.abc import Callable
from pathlib import Path

import streamlit as st

from app import models
from app.history import WITH_FILE
from app.words import plain
from deepfake_detector.contract import Contract
from deepfake_detector.serving.sentences import LIMITS, checked_in_words, limits_in_words


def choose_model(paths: list[Path], before: Path | None) -> Path:
    """The model that judges from now on, at first the one that was chosen `before`; those that
    cannot be used are named with the reason."""
    if len(paths) == 1:
        return paths[0]
    reasons = {path: models.why_not(path) for path in paths}
    offered = [path for path in paths if not reasons[path]]
    if not offered:
        return paths[0]
    with st.sidebar:
        st.header("Model")
        chosen = offered[0]
        if len(offered) > 1:
            if before in offered:  # after a reload the choice is lost
                st.session_state.setdefault("model", before)
            chosen = st.selectbox(
                "Model for files dropped from now on",
                offered,
                format_func=lambda path: path.name,
                key="model",
            )
        for reason in filter(None, reasons.values()):
            st.caption(f":material/block: {plain(reason)}")
    return chosen


def show_facts(terms: Contract, sha256: str, name: str) -> None:
    """What the model in the file `name` has learned from, what it was checked on, and its
    limits."""
    with st.sidebar:
        st.header("What it learned from")
        for data_set, counts in terms.trained_on.data_sets.items():
            learned = ", ".join(f"{count:,} {plain(method)}" for method, count in counts.items())
            st.markdown(f"**{plain(data_set)}**: {learned}")
        st.markdown(f"Checked on {checked_in_words(terms.decision)}.")
        st.markdown(
            f"It looks at {terms.frames} frames of a video. {limits_in_words(terms.decision, people=1)}"
        )
        st.header("What it cannot do")
        st.markdown("\n".join(f"- {limit}" for limit in LIMITS))
        st.caption(
            f"{plain(name)}, {terms.variant}, faces found by {terms.detection.name}, sha256 "
            f"{sha256[:16]}…"
        )


def show_what_happens(forget: Callable[[], None]) -> None:
    """What happens to files, and a button that calls `forget`."""
    with st.sidebar:
        st.header("What happens to your files")
        st.markdown(
            "They are judged in the memory of the computer that serves this page. Verdicts and "
            "faces stay there until you forget them, or for half an hour after you leave the page, "
            f"and so do the last {WITH_FILE} files themselves and the one you look at, to be "
            "played. Anyone who has this page's full address can see them too. Nothing is sent "
            "anywhere else."
        )
        st.button("Forget what was judged", icon=":material/delete:", on_click=forget)
