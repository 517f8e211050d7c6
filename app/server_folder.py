"""Files that lie on the server already, in the folder that DEEPFAKE_FOLDER names: whoever serves
the page decides whether there is one. Visitors see what lies below it, never where it is.
"""

import errno
import os
import stat
from collections import Counter
from functools import partial
from pathlib import Path, PurePosixPath

import streamlit as st

from app.arrival import Arrival
from app.refused import too_large
from app.words import plain
from deepfake_detector import UserError
from deepfake_detector.storage.media_files import listing

KEPT_SECONDS = 10  # of a listing: every click on the page asks for it again


def folder() -> Path | None:
    """The folder that DEEPFAKE_FOLDER names; None without that. Raises UserError where it is no
    folder."""
    named = os.environ.get("DEEPFAKE_FOLDER")
    if not named:
        return None
    if not Path(named).is_dir():
        raise UserError("the folder that DEEPFAKE_FOLDER names is not there", "name another")
    return Path(named)


def chosen(root: Path, most_bytes: int) -> list[Arrival]:
    """The file, or those of the folder, below `root` that the visitor asks for now. One that is
    larger than `most_bytes` cannot be read."""
    places, unreadable = _media_below(root)
    counts = Counter(str(above) for place in places for above in PurePosixPath(place).parents)
    with st.expander("Or judge files on the server"):
        if unreadable:
            which = "One folder" if unreadable == 1 else f"{unreadable:,} folders"
            st.caption(f"{which} on the server cannot be read.")
        if not counts:
            st.caption("There are no images or videos in its folder now.")
            return []
        within = st.selectbox(
            "Folder or file",
            [*sorted(counts), *places],
            format_func=lambda place: (
                f"{'everything' if place == '.' else plain(place)} ({_files(counts[place])})"
                if place in counts
                else plain(place)
            ),
        )
        wanted = [
            place for place in places if within in (place, *map(str, PurePosixPath(place).parents))
        ]
        if not st.button(f"Judge {_files(len(wanted))}", icon=":material/play_circle:"):
            return []
    return [
        Arrival(f"server/{place}", place, partial(_read, root / place, most_bytes))
        for place in wanted
    ]


@st.cache_data(ttl=KEPT_SECONDS, max_entries=1, show_spinner="Looking for files …")
def _media_below(root: Path) -> tuple[list[str], int]:
    """The places of images and videos, and how many folders cannot be looked into."""
    below = listing(root, follow_links=False)
    return list(below.media), len(below.unreadable)


def _read(path: Path, most_bytes: int) -> bytes:
    """The bytes of a file, and of nothing that only looks like one: a pipe would never end."""
    facts = path.stat()
    if not stat.S_ISREG(facts.st_mode):
        raise OSError(errno.EINVAL, "no ordinary file")
    with path.open("rb") as file:
        data = file.read(most_bytes + 1)
    if len(data) > most_bytes:
        raise OSError(errno.EFBIG, too_large(facts.st_size, most_bytes))
    return data


def _files(count: int) -> str:
    return "1 file" if count == 1 else f"{count:,} files"
