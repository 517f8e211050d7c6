"""The way from a demonstration to verdicts on one's own clips, from the README."""

import re
from pathlib import Path

import streamlit as st

README = Path(__file__).resolve().parents[1] / "README.md"
TITLE = "Your own clips"


def link(key: str) -> None:
    """A line that opens the README's section."""
    if st.button(
        "How to get verdicts on your own clips",
        type="tertiary",
        icon=":material/menu_book:",
        key=key,
    ):
        _explain()


@st.dialog(TITLE, width="large")
def _explain() -> None:
    st.markdown(section(README.read_text()))


def section(readme: str) -> str:
    """The text below the heading TITLE, in which links to other files are plain text. Raises
    ValueError where there is no such heading."""
    match = re.search(rf"^## {TITLE}\n(.*?)(?=^## |\Z)", readme, re.MULTILINE | re.DOTALL)
    if not match:
        raise ValueError(f"{README.name} has no section {TITLE!r}")
    return re.sub(r"\[([^\]]+)\]\((?!https?:)[^)]+\)", r"`\1`", match.group(1).strip())
