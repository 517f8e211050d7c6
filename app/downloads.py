"""Files to take away that are made when they are asked for."""

from collections.abc import Callable

import streamlit as st

NOT_NOW = "Available once judging has finished: wait, or press Stop."


def offer(
    label: str,
    make: Callable[[], bytes],
    name: str,
    media_type: str,
    icon: str,
    key: str,
    busy: bool,
) -> None:
    """A button for the file `name` that `make` makes. None while files are judged, that is while
    the page is `busy`: it is drawn again and again then, and Streamlit drops such a file at the
    second time, often before the browser has fetched it."""
    st.download_button(
        label,
        make,
        file_name=name,
        mime=media_type,
        icon=icon,
        on_click="ignore",
        key=key,
        disabled=busy,
        help=NOT_NOW if busy else None,
    )
