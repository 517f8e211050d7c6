"""Files that lie on the server already, in the folder that DEEPFAKE_FOLDER names: whoever serves the
page decides whether there is one. Visitors see what lies below it, never where it is.
"""

import os
from collections import Counter
from collections.abc import Callable
from functools import partial
from pathlib import Path, PurePosixPath

import streamlit as st

from app.arrival import Arrival
from app.refused import too_large
from app.words import plain
from deepfake_detector import UserError
from deepfake_detector.storage.media_files import listing

KEPT_SECONDS = 10  # of a listing: every click on the page draws it anew


def folder() -> Path | None:
    """The one named, or None. Raises UserError where it is none."""
    named = os.environ.get("DEEPFAKE_FOLDER")
    if not named:
        return None
    if not Path(named).is_dir():
        raise UserError("the folder that DEEPFAKE_FOLDER names is not there", "name another")
    return Path(named)


def chosen(root: Path, most_bytes: int, on_refused: Callable[[str, str], None]) -> list[Arrival]:
    """The files of the folder below `root` that the visitor asks for now; of one that is larger than
    `most_bytes`, `on_refused` hears name and reason."""
    places = _media_below(root)
    counts = Counter(str(above) for one in places for above in PurePosixPath(one).parents)
    with st.expander("Or judge files on the server"):
        if not counts:
            st.caption("There are no images or videos in its folder now.")
            return []
        within = st.selectbox(
            "Folder",
            sorted(counts),
            format_func=lambda one: (
                f"{'everything' if one == '.' else plain(one)} ({_files(counts[one])})"
            ),
        )
        if not st.button(f"Judge {_files(counts[within])}", icon=":material/play_circle:"):
            return []
    wanted = [one for one in places if within in map(str, PurePosixPath(one).parents)]
    return _small_enough(root, wanted, most_bytes, on_refused)


@st.cache_data(ttl=KEPT_SECONDS, max_entries=1, show_spinner="Looking for files …")
def _media_below(root: Path) -> list[str]:
    return list(listing(root, follow_links=False).media)


def _small_enough(
    root: Path, places: list[str], most_bytes: int, on_refused: Callable[[str, str], None]
) -> list[Arrival]:
    arrivals = []
    for place in places:
        path = root / place
        size = path.stat().st_size if path.exists() else 0  # gone meanwhile: told when it is read
        if size > most_bytes:
            on_refused(place, too_large(size, most_bytes))
        else:
            arrivals.append(Arrival(f"server/{place}", place, partial(Path.read_bytes, path)))
    return arrivals


def _files(count: int) -> str:
    return "1 file" if count == 1 else f"{count:,} files"
