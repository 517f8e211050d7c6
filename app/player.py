"""The clip that was judged, played from the moment that is looked at, and with boxes drawn in where
that is asked for."""

import threading

import streamlit as st

from app import downloads
from app.history import WITH_FILE, History, Judged
from app.words import file_beside, plain
from deepfake_detector.media.reading import Limits, MediaError
from deepfake_detector.serving import annotation, limits

PLAYED = {  # container -> what browsers play, and the codecs of it that they know
    "mov": ("video/mp4", ("h264", "vp9", "av1")),
    "matroska": ("video/webm", ("vp8", "vp9", "av1")),
}
PIXELS = "yuv420p", "yuvj420p"
_DRAWING = threading.Lock()  # a clip takes all cores, so others wait


def show(judged: Judged, second: float) -> None:
    """The clip from that second on, as long as it is kept."""
    if not judged.file:
        st.caption(
            f"The clip is no longer kept: the last {WITH_FILE} of a visit are, where there is room. "
            "Drop it again to play it."
        )
        return
    kind = _kind(judged.report.facts)
    if not kind:
        facts = (judged.report.facts.get(name) for name in ("codec", "pixel_format", "container"))
        st.caption(
            f"Not every browser plays this file ({plain(', '.join(map(str, facts)))}); with boxes "
            "drawn in it becomes ordinary H.264."
        )
    drawn = st.toggle("Play it with boxes drawn in", key=f"drawn-{judged.number}")
    if not drawn and not kind:
        return
    data = _made_for_player(judged) if drawn else judged.file
    begins = 0.0 if drawn else judged.report.starts_at
    if data:
        st.video(data, format="video/mp4" if drawn else kind, start_time=int(begins + second))


def offer(judged: Judged, history: History, busy: bool) -> None:
    """A button that makes the annotated copy when asked; without faces it has no boxes."""
    if not judged.file or not judged.report.faces:
        return
    suffix, made = annotation.suffix(judged.report), _made_before(judged)
    of_a_file = _limits()
    kind = "Clip" if judged.report.kind == "video" else "Picture"
    downloads.offer(
        f"{kind} with boxes drawn in ({suffix[1:].upper()})",
        history.unless_forgotten(lambda: made or _annotated(judged, of_a_file)),
        file_beside(judged.report.input, f".annotated{suffix}"),
        annotation.MEDIA_TYPES[suffix],
        ":material/movie:",
        f"annotated-{judged.number}",
        busy,
    )


def _kind(facts: dict) -> str:
    """The media type by which browsers play the file; empty where they do not."""
    kind, codecs = PLAYED.get(facts.get("container", ""), ("", ()))
    known = facts.get("codec") in codecs and facts.get("pixel_format") in PIXELS
    return kind if known else ""


def _made_before(judged: Judged) -> bytes:
    number, data = st.session_state.get("drawn", (0, b""))
    return data if number == judged.number else b""


def _made_for_player(judged: Judged) -> bytes:
    """The annotated clip, the last of which the visit keeps; empty where it took too long."""
    if data := _made_before(judged):
        return data
    try:
        with st.spinner("Drawing boxes into every frame …"):
            data = _annotated(judged, _limits())
    except MediaError as error:
        st.error(f"The clip could not be drawn: {plain(str(error))}", icon=":material/error:")
        return b""
    st.session_state.drawn = judged.number, data
    return data


def _limits() -> Limits:
    return limits.read(st.get_option("server.maxUploadSize")).of_a_file


def _annotated(judged: Judged, of_a_file: Limits) -> bytes:
    with _DRAWING:
        return annotation.annotated(judged.file, judged.report, of_a_file)
