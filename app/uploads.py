"""What comes in: files that are dropped, examples that are picked. Streamlit keeps no bytes of
them: whoever asks takes them over."""

import hashlib
from collections.abc import Callable
from pathlib import Path
from typing import cast

import streamlit as st
from streamlit.runtime.memory_uploaded_file_manager import MemoryUploadedFileManager
from streamlit.runtime.scriptrunner import ScriptRunContext, get_script_run_ctx
from streamlit.runtime.uploaded_file_manager import UploadedFile

from app import refused
from app.arrival import Arrival
from app.words import READ
from deepfake_detector.serving.limits import ServingLimits
from deepfake_detector.storage.media_files import IMAGE_SUFFIXES, VIDEO_SUFFIXES

EXAMPLES = Path("models/examples")


def arrived(
    limits: ServingLimits, empty: bool, on_refused: Callable[[str, str], None]
) -> tuple[list[Arrival], set[str]]:
    """The files dropped or picked since the last call, and the keys of those taken out of the
    uploader. `on_refused` is called with name and reason of a file that the browser does not
    send."""
    state = st.session_state
    with st.container(gap="small"):
        # of any name: what a file is follows from its bytes
        uploads = st.file_uploader(
            "Images or videos with a face",
            accept_multiple_files=True,
            max_upload_size=limits.upload_mb,
            key=_uploader(),
        )
        refused.listen(limits.upload_bytes, len(uploads), on_refused)
        if empty and not uploads:
            st.caption(f"{READ} Up to {limits.clip_seconds:g} seconds each.")
    arrivals = [_taken(upload) for upload in uploads if upload.file_id not in state.taken]
    withdrawn = state.taken - {upload.file_id for upload in state[_uploader()]}
    state.taken -= withdrawn
    if picked := _picked(unfolded=empty and not arrivals):
        arrivals.append(picked)
    return arrivals, withdrawn


def begin_anew() -> None:
    """Empty the uploader."""
    st.session_state.round += 1
    st.session_state.update(taken=set(), example=None)


def examples() -> dict[str, Path]:
    """Example files of the demo; neither their labels nor their order gives the answer away."""
    paths = [path for path in EXAMPLES.glob("*") if path.suffix in IMAGE_SUFFIXES | VIDEO_SUFFIXES]
    paths.sort(key=lambda path: hashlib.sha256(path.name.encode()).hexdigest())
    return {f"Example {at}{path.suffix}": path for at, path in enumerate(paths, start=1)}


def _uploader() -> str:
    return f"uploads-{st.session_state.round}"


def _taken(upload: UploadedFile) -> Arrival:
    """The upload, whose bytes Streamlit would keep, twice, until the visitor has gone."""
    state, context = st.session_state, cast(ScriptRunContext, get_script_run_ctx())
    data = upload.getvalue()
    state.taken.add(upload.file_id)
    kept_in = cast(MemoryUploadedFileManager, context.uploaded_file_mgr)
    kept_in.remove_file(session_id=context.session_id, file_id=upload.file_id)
    for kept in state[_uploader()]:
        if kept.file_id == upload.file_id and isinstance(kept, UploadedFile):
            kept.truncate(0)  # the uploader hands out copies of what it keeps
    return Arrival(upload.file_id, upload.name, lambda: data)


def _picked(unfolded: bool) -> Arrival | None:
    """The example picked since it was last asked."""
    offered, state = examples(), st.session_state
    if not offered:
        return None
    wanted, state.example = state.example, None
    with st.expander("Or try an example", expanded=unfolded and not wanted):
        st.pills(
            "Drawn people that the model has not learned from",
            list(offered),
            key="pill",
            on_change=_pick,
        )
    return Arrival(wanted, wanted, offered[wanted].read_bytes) if wanted in offered else None


def _pick() -> None:
    """Let the pill spring back, so that it can be picked again."""
    st.session_state.example, st.session_state.pill = st.session_state.pill, None
