"""The page: drop an image or a clip, read the verdict and what it rests on.

python -m streamlit run app/streamlit_app.py     (from the project's folder; `make app` does it)
"""

import json
import os
from pathlib import Path

import altair as alt
import pandas as pd
import streamlit as st

from deepfake_detector import UserError
from deepfake_detector.inference import DEMONSTRATION, Detector, Report
from deepfake_detector.media import IMAGE_SUFFIXES, VIDEO_SUFFIXES

MODEL = Path(os.environ.get("DEEPFAKE_MODEL", "models/detector.onnx"))
EXAMPLES = Path("models/examples")
UPLOAD_MB = 200
FACES_SHOWN = 12
BLUE, ORANGE, GREY = "#0072b2", "#d55e00", "#6b6b6b"  # told apart by colour-blind readers too
SAID = {
    "REAL": ("No sign of face manipulation found", "blue", ":material/check_circle:"),
    "FAKE": ("Signs of face manipulation found", "orange", ":material/warning:"),
    "INCONCLUSIVE": ("No verdict", "gray", ":material/help:"),
    "ERROR": ("This file cannot be judged", "gray", ":material/error:"),
}
EXPLAINED = {
    "no face": "No face was found in any frame that was looked at. The detector judges faces only.",
    "faces too small": "Faces were found, but all are too small to judge.",
    "too few faces": "A face was found in too few of the frames that were looked at to judge the clip.",
    "score in the inconclusive band": "The score lies where the detector was wrong too often on clips it was checked on.",
    "demonstration model": "A demonstration model has seen drawn people only. It judges nothing but the demo's own files.",
    "cannot be read": "The file is empty, damaged, or of a kind that cannot be read.",
}


@st.cache_resource(max_entries=1, show_spinner="Loading the model …")
def load_model(path: str, changed: float) -> Detector:
    return Detector.load(path)


def main() -> None:
    st.set_page_config(page_title="Deepfake detector", page_icon=":material/face:", layout="centered")
    st.title("Is this face real?")
    try:
        detector = load_model(str(MODEL), MODEL.stat().st_mtime if MODEL.exists() else 0.0)
    except UserError as error:
        st.error(f"No model can be loaded: {error}", icon=":material/error:")
        st.stop()
    show_model(detector)
    if detector.contract.trained_on.demonstration:
        st.warning(DEMONSTRATION, icon=":material/science:")
    chosen = choose()
    if chosen is None:
        st.info("Drop an image or a clip above, or pick an example. Nothing is kept or sent anywhere.")
        return
    name, data = chosen
    report = judge(detector, name, data)
    show_verdict(report, detector)
    show_evidence(report, detector)


def choose() -> tuple[str, bytes] | None:
    """The name and bytes of the upload, else of the example picked."""
    suffixes = sorted(suffix.removeprefix(".") for suffix in IMAGE_SUFFIXES | VIDEO_SUFFIXES)
    upload = st.file_uploader(
        "An image or a video with a face",
        type=suffixes,
        max_upload_size=UPLOAD_MB,
        help="Read in memory, then forgotten.",
    )
    if upload is not None:
        return upload.name, upload.getvalue()
    examples = sorted(path for path in EXAMPLES.glob("*") if path.suffix in IMAGE_SUFFIXES | VIDEO_SUFFIXES)
    if not examples:
        return None
    names = {path.stem.replace("_", " "): path for path in examples}
    picked = st.pills("Or an example (drawn people the model has not learned from)", list(names))
    return (names[picked].name, names[picked].read_bytes()) if picked else None


def judge(detector: Detector, name: str, data: bytes) -> Report:
    """The report on an input, kept while the same input stays on the page."""
    key = (detector.sha256, name, hash(data))
    if st.session_state.get("key") == key:
        return st.session_state["report"]
    with st.status("Looking for faces …", expanded=True) as status:
        bar = st.progress(0.0, "Reading")
        report = detector.predict(
            data, name, watch=lambda done, total: bar.progress(min(done / total, 1.0), f"Frame {done} of {total}")
        )
        bar.progress(1.0, f"{report.frames_with_face} of {report.frames_sampled} frames show a face")
        status.update(label=f"Done in {report.seconds:.1f} s", state="complete", expanded=False)
    st.session_state.update(key=key, report=report)
    return report


def show_verdict(report: Report, detector: Detector) -> None:
    words, colour, icon = SAID[report.verdict]
    with st.container(border=True):
        st.badge(report.verdict, color=colour, icon=icon)
        st.subheader(words)
        if report.reason:
            st.write(explained(report))
        if report.fake_probability is not None:
            st.metric("Probability of fake", f"{report.fake_probability:.0%}")
            st.progress(report.fake_probability)
            st.caption(f"{limits(detector)} A sign, not a proof: look at the evidence below.")


def limits(detector: Detector) -> str:
    """Where REAL ends and FAKE begins, in words."""
    low, high = detector.contract.decision.band_low, detector.contract.decision.band_high
    if low == high:
        return f"FAKE from {high:.0%}, REAL below."
    return f"FAKE from {high:.0%}, REAL up to {low:.0%}; in between there is no verdict."


def explained(report: Report) -> str:
    text = next((words for start, words in EXPLAINED.items() if report.reason.startswith(start)), report.reason)
    return f"{text} ({report.error})" if report.error else text


def show_evidence(report: Report, detector: Detector) -> None:
    trusted = report.fake_probability is not None
    if report.faces and trusted:
        show_timeline(report, detector)
        show_faces(report)
    with st.expander("Details"):
        st.caption(f"{report.input} · sha256 {report.sha256}")
        if report.faces and not trusted:
            st.caption("Scores without a verdict behind them:")
            show_faces(report)
        st.json(report.as_json(), expanded=1)
    st.download_button(
        "Download the report (JSON)",
        json.dumps(report.as_json(), indent=2),
        file_name=f"{Path(report.input).stem}.report.json",
        mime="application/json",
        icon=":material/download:",
    )


def show_timeline(report: Report, detector: Detector) -> None:
    rows = pd.DataFrame(
        [
            {"second": one.time, "probability of fake": one.fake_probability, "person": f"person {track.track + 1}"}
            for track in report.faces
            for one in track.frames
        ]
    )
    if rows["second"].nunique() < 2:
        return
    st.subheader("Through the clip")
    decision = detector.contract.decision
    band = (
        alt.Chart(pd.DataFrame([{"low": decision.band_low, "high": decision.band_high}]))
        .mark_rect(color=GREY, fillOpacity=0.15, stroke=GREY, strokeWidth=2)
        .encode(y=alt.Y("low:Q", title="probability of fake"), y2="high:Q")
    )
    line = (
        alt.Chart(rows)
        .mark_line(point=True)
        .encode(
            x=alt.X("second:Q", title="second"),
            y=alt.Y("probability of fake:Q", scale=alt.Scale(domain=[0, 1]), axis=alt.Axis(format="%")),
            color=alt.Color("person:N", scale=alt.Scale(range=[BLUE, ORANGE, "#009e73", "#cc79a7"]), title=None),
            tooltip=["second", alt.Tooltip("probability of fake", format=".1%"), "person"],
        )
    )
    st.altair_chart(band + line, width="stretch")
    st.caption("Each dot is one face in one frame; grey is where REAL ends and FAKE begins.")


def show_faces(report: Report) -> None:
    st.subheader("Faces, the most suspicious first")
    faces = sorted((one for track in report.faces for one in track.frames), key=lambda one: -one.fake_probability)
    columns = st.columns(4)
    for position, one in enumerate(faces[:FACES_SHOWN]):
        columns[position % 4].image(
            one.crop, caption=f"{one.fake_probability:.0%} fake, at {one.time:.1f} s", width="stretch"
        )
    if len(faces) > FACES_SHOWN:
        st.caption(f"{FACES_SHOWN} of {len(faces)} faces; the report has the scores of all.")


def show_model(detector: Detector) -> None:
    terms = detector.contract
    with st.sidebar:
        st.header("The model")
        for name, counts in terms.trained_on.data_sets.items():
            st.write(f"Learned from **{name}**: " + ", ".join(f"{count} {method}" for method, count in counts.items()))
        st.write(f"Faces found by **{terms.detection.name}**, {terms.frames} frames looked at in a video.")
        st.caption(f"sha256 {detector.sha256[:16]}…")
        st.header("What it cannot do")
        st.write(
            "It judges faces, nothing else in a picture. It knows the kinds of manipulation it has seen; on others, and "
            "on heavily compressed clips, it is wrong more often. Never take its verdict as the only evidence against a person."
        )


main()
