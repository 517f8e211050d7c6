"""The page: drop images or clips, read the verdicts and what they rest on.

python -m streamlit run app/streamlit_app.py     (from the project's folder; `make app` does it)
"""

import hashlib
import math
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import streamlit as st
from streamlit.runtime.scriptrunner import get_script_run_ctx
from streamlit.runtime.uploaded_file_manager import UploadedFile

from app import evidence, models, sidebar
from app.history import MOST, History, Judged
from app.words import badge, plain
from deepfake_detector import UserError
from deepfake_detector.serving import engine, limits
from deepfake_detector.serving.inference import Report
from deepfake_detector.storage.media_files import IMAGE_SUFFIXES, VIDEO_SUFFIXES

EXAMPLES = Path("models/examples")
# seconds between two words on progress: the browser draws each, often on the same processor
TOLD_EVERY = 0.2


@dataclass(frozen=True)
class Arrival:
    """An input that is still to be judged."""

    name: str
    data: bytes
    done: Callable[[], None]


def main() -> None:
    st.set_page_config(page_title="Deepfake detector", layout="centered")
    st.title("Is this face real?")
    paths = engine.offered()
    try:
        page_limits = limits.read(st.get_option("server.maxUploadSize"))
        path = sidebar.choose_model(paths)
        detector = models.load(path, page_limits.visitors_at_once)
    except UserError as error:
        st.error(
            f"The page cannot work: {plain(engine.without_folder(str(error), paths[0]))}",
            icon=":material/error:",
        )
        st.stop()
    sidebar.show_facts(detector.contract, detector.sha256, path.name, forget_all)
    if detector.banner:
        st.warning(detector.banner, icon=":material/science:")
    state = st.session_state
    if "history" not in state:
        state.update(
            history=History(),
            judged=set(),
            round=0,
            example=None,
            shown=None,
            newest=None,
            busy=False,
        )
    arrivals = arrived(page_limits)
    if state.newest:
        state.shown, state.newest = state.newest, None
    elif arrivals and not state.busy:
        state.shown = (
            None  # the verdict on another file must not stand below a file that is being judged
        )
    state.busy = bool(arrivals)
    working, results = st.container(), st.empty()
    if arrivals and state.shown is None:
        results.empty()
    else:
        with results.container():
            show_results(state.history, detector.banner)
    if arrivals:
        with working:
            one = judge(arrivals, state.history, path, page_limits)
        if state.shown is None:
            state.newest = one.number  # shown from the next run on: the list is on the page already
        st.rerun()


def arrived(page_limits: limits.ServingLimits) -> list[Arrival]:
    """What was dropped or picked and is still to be judged."""
    state = st.session_state
    uploads = st.file_uploader(
        "Images or videos with a face",
        type=sorted(suffix.removeprefix(".") for suffix in IMAGE_SUFFIXES | VIDEO_SUFFIXES),
        accept_multiple_files=True,
        max_upload_size=page_limits.upload_mb,
        key=f"uploads-{state.round}",
        help="Judged in memory, forgotten when you leave.",
    )
    arrivals = [
        Arrival(one.name, one.getvalue(), partial(forget, one))
        for one in uploads
        if one.file_id not in state.judged
    ]
    if example := picked_example(unfolded=not arrivals and not state.history.numbers()):
        arrivals.append(
            Arrival(example.name, example.read_bytes(), partial(state.update, example=None))
        )
    return arrivals


def forget(upload: UploadedFile) -> None:
    """Drop the bytes of an upload, which Streamlit would keep, twice, until the visitor has gone."""
    state, context = st.session_state, get_script_run_ctx()
    state.judged.add(upload.file_id)
    context.uploaded_file_mgr.remove_file(session_id=context.session_id, file_id=upload.file_id)
    for kept in state[f"uploads-{state.round}"]:
        if kept.file_id == upload.file_id and isinstance(kept, UploadedFile):
            kept.truncate(0)  # the uploader hands out copies of what it keeps


def picked_example(unfolded: bool) -> Path | None:
    """The example picked last, until it is judged."""
    examples = {
        path.stem.replace("_", " "): path
        for path in sorted(EXAMPLES.glob("*"))
        if path.suffix in IMAGE_SUFFIXES | VIDEO_SUFFIXES
    }
    if not examples:
        return None
    wanted = st.session_state.example
    with st.expander("Or try an example", expanded=unfolded and not wanted):
        st.pills(
            "Drawn people that the model has not learned from",
            list(examples),
            key="pill",
            on_change=pick,
        )
    return examples.get(wanted)


def pick() -> None:
    """Let the pill spring back, so that it can be picked again."""
    st.session_state.example, st.session_state.pill = st.session_state.pill, None


def judge(
    arrivals: list[Arrival], history: History, path: Path, page_limits: limits.ServingLimits
) -> Judged:
    """Judge the first, when its turn has come; what was judged before by the same model is not
    judged again."""
    arrival, others = arrivals[0], len(arrivals) - 1
    detector = models.load(path, page_limits.visitors_at_once)
    sha256 = hashlib.sha256(arrival.data).hexdigest()
    one = history.find(arrival.name, sha256, detector.sha256)
    if one is None:
        after = f" ({others} more to come)" if others else ""
        with st.status(f"{plain(arrival.name)}{after}", expanded=True):
            found = judged_in_turn(arrival, sha256, path, page_limits)
        one = history.add(found, detector.contract, detector.sha256, path.name, arrival.data)
    arrival.done()
    return one


def judged_in_turn(
    arrival: Arrival, sha256: str, path: Path, page_limits: limits.ServingLimits
) -> Report:
    """Every input waits in line anew, so that somebody with many does not keep the others waiting."""
    step = st.empty()

    def waiting(before: int) -> None:
        ahead = {0: "You are next.", 1: "One visitor is before you."}.get(
            before, f"{before} visitors are before you."
        )
        step.progress(0.0, f"Waiting for your turn. {ahead}")

    with models.engine(page_limits.visitors_at_once).turn(path, waiting) as detector:
        step.progress(0.0, f"Reading {len(arrival.data) / 1e6:.1f} MB")
        told = -math.inf

        def looked_at(done: int, total: int) -> None:
            nonlocal told
            now, ends = time.monotonic(), done >= total
            if not ends and now - told < TOLD_EVERY:
                return
            told = now
            if ends:
                step.progress(1.0, "Judging the faces found")
            else:
                step.progress(done / total, f"Looking for faces: frame {done} of {total}")

        return detector.predict(
            arrival.data,
            arrival.name,
            watch=looked_at,
            limits=page_limits.of_a_file,
            sha256=sha256,
            keep_frames=True,
        )


def choose_judged(history: History) -> Judged | None:
    """The input whose verdict is shown; where there are several, they are listed to choose from."""
    numbers, state = history.numbers(), st.session_state
    if state.shown not in numbers:
        state.shown = numbers[0] if numbers else None
    if len(numbers) > 1:
        st.radio(
            "Judged in this visit",
            numbers,
            format_func=lambda number: listed(history.get(number)),
            key="shown",
            help=f"The last {MOST} are kept.",
        )
    return history.get(state.shown)


def listed(judged: Judged) -> str:
    found = judged.report
    score = f", {found.fake_probability:.0%} fake" if judged.trusted else ""
    return f"{badge(found.verdict)} {plain(found.input)}{score}"


def forget_all() -> None:
    state = st.session_state
    for upload in state[f"uploads-{state.round}"]:
        forget(upload)
    state.history, state.shown, state.round, state.example = History(), None, state.round + 1, None
    state.pop("drawn", None)


def show_results(history: History, banner: str) -> None:
    shown = choose_judged(history)
    if shown:
        evidence.show(shown, banner)
        return
    st.info(
        "Drop images or clips above, or pick an example. You get a verdict, what its score means, "
        "and the faces it rests on. "
        "Nothing is kept or sent anywhere.",
        icon=":material/info:",
    )


main()
