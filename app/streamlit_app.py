"""The page: drop images or clips, read the verdicts and what they rest on.

Usage:

    python -m streamlit run app/streamlit_app.py     (from the project's folder; `make app` does it)
"""

import gc
import threading
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import NoReturn, cast

import streamlit as st
from streamlit import runtime
from streamlit.runtime.scriptrunner import ScriptRunContext, get_script_run_ctx

from app import judging, models, own_clips, progress, results, server_folder, sidebar, uploads
from app.arrival import Arrival
from app.history import MOST_ROWS, Judged
from app.visits import Visit, Visits
from app.words import plain
from app.work import Order
from deepfake_detector import UserError
from deepfake_detector.serving import engine, limits
from deepfake_detector.serving.inference import Detector

VISIT = "visit"  # names the token in the page's address
NAMED = 5  # files that a sentence names


def main() -> None:
    st.set_page_config(page_title="Deepfake detector", layout="centered")
    st.title("Is this face real?")
    paths = engine.offered()
    try:
        page_limits = limits.read(st.get_option("server.maxUploadSize"))
        on_server = server_folder.folder()
        visit = open_visit(page_limits.visitors_at_once)
    except UserError as error:
        stop(error, limits.file())
    path = visit.model = sidebar.choose_model(paths, visit.model)
    detector = load(path, page_limits.visitors_at_once, visit)
    history, work, state = visit.history, visit.work, st.session_state
    if detector:
        sidebar.show_facts(detector.contract, detector.sha256, path.name)
    sidebar.show_what_happens(partial(forget_all, page_limits.visitors_at_once))
    banner = detector.banner if detector else ""
    if banner:
        st.warning(banner, icon=":material/science:")
        own_clips.link("own-clips")

    def refuse(name: str, why: str) -> None:
        if detector:
            state.shown = judging.refuse(history, detector, path.name, name, why)
        else:  # no model has anything to do with a row
            st.toast(plain(f"{name}: {why}"), icon=":material/error:")

    arrivals, withdrawn = uploads.arrived(page_limits, not history.rows(), refuse)
    if on_server:
        arrivals += server_folder.chosen(on_server, page_limits.upload_bytes)
    judges = models.engine(page_limits.visitors_at_once)
    order = partial(judging.order, history=history, engine=judges, limits=page_limits.of_a_file)

    def test_firmness(judged: Judged) -> None:
        again = Arrival(f"firm-{judged.number}", judged.report.input, lambda: judged.file)
        same_model = next((each for each in paths if each.name == judged.model), path)
        work.withdraw({again.key})  # of two clicks one counts
        work.add([order(again, model=same_model, stressed=True)], next_in_line=True)
        st.toast("The test comes next.", icon=":material/repeat:")

    orders = [order(arrival, model=path) for arrival in arrivals]
    work.withdraw(withdrawn)
    if orders:
        take_on(visit, orders)
    keep(visit)
    # asked once: a file that is done between two answers would show nothing and end all looks
    busy = work.busy
    choose(visit, busy)
    # each in its own container: else what comes and goes above has all below it drawn again
    with st.container():
        say_what_is_missing(visit)
    with st.container():
        progress.show(work, busy, waits_for_first=state.shown is None)
    with st.container():
        results.show(history, busy, banner, test_firmness)
    if visit.empty:
        invite(detector is not None and detector.contract.trained_on.demonstration)


def stop(error: UserError, path: Path) -> NoReturn:
    """The page ends with an error, which names no folder that `path` lies in."""
    message = engine.without_folder(str(error), path)
    st.error(f"The page cannot start: {plain(message)}", icon=":material/error:")
    st.stop()


def load(path: Path, at_once: int, visit: Visit) -> Detector | None:
    """The model at `path`; None where it cannot be used, which is shown. Where there is nothing to
    show without it, the page ends."""
    try:
        return models.load(path, at_once)
    except UserError as error:
        if visit.empty:
            stop(error, path)
        message = engine.without_folder(str(error), path)
        st.error(
            f"The model cannot be used now: {plain(message)}. What was judged stays here, and what "
            "you drop waits.",
            icon=":material/error:",
        )
        return None


def invite(demonstration: bool) -> None:
    """What to do first; a `demonstration` gives no verdict on what is dropped."""
    pick = ", or pick an example" if uploads.examples() else ""
    promised = (
        "The demo's own files get a verdict, what its score means, and the faces it rests on; any "
        "other file gets no verdict."
        if demonstration
        else "You get a verdict, what its score means, and the faces it rests on."
    )
    st.info(
        f"Drop images or clips above{pick}. {promised} Files go to the computer that serves this "
        "page, and nowhere else.",
        icon=":material/info:",
    )


def open_visit(at_once: int) -> Visit:
    """The visit under the token in the address, else a new one; it knows that its page is open. An
    unknown token is removed from the address."""
    state = st.session_state
    if "visit" not in state:
        token = st.query_params.get(VISIT)
        visit = visits().opened(token, at_once)
        state.update(visit=visit, taken=set(), round=0, example=None, shown=None)
        state.over = token not in (None, visit.token)
        if state.over:
            del st.query_params[VISIT]
    elif state.visit.history.forgotten:
        begin_anew(at_once)  # what is in the uploader stays: it may be dropped just now
        st.toast("What was judged was forgotten in another tab.", icon=":material/delete:")
    session = cast(ScriptRunContext, get_script_run_ctx()).session_id
    state.visit.work.watch(session, partial(runtime.get_instance().is_active_session, session))
    return state.visit


@st.cache_resource(max_entries=1)
def visits() -> Visits:
    """The visits of this server."""
    kept = Visits()
    # Streamlit collects garbage after every run: through the libraries that takes 0.1 s each time
    gc.freeze()
    threading.Thread(target=kept.expire_forever, daemon=True).start()
    return kept


def take_on(visit: Visit, orders: Sequence[Order]) -> None:
    """Have files judged that were dropped."""
    if not visit.work.waiting:
        visit.history.repeated.clear()
    if visit.work.add(orders):
        # the verdict on another file must not stand below a file that is being judged
        st.session_state.shown = None


def keep(visit: Visit) -> None:
    """Keep a visit that is not empty, for a reload of the page."""
    if visit.empty:
        return
    visits().keep(visit)
    if st.query_params.get(VISIT) != visit.token:
        st.query_params[VISIT] = visit.token


def choose(visit: Visit, busy: bool) -> None:
    """Which file is shown, and so is kept: of those dropped together the first that is judged,
    until another is chosen."""
    state, history, work = st.session_state, visit.history, visit.work
    if not history.row(state.shown):
        rows = results.in_order(history.rows())
        if work.first is not None:
            state.shown = work.first
        elif not busy and rows:
            state.shown = rows[0].number
        else:
            state.shown = None
    history.shown = state.shown


def say_what_is_missing(visit: Visit) -> None:
    """Notes on files that are no longer kept, were dropped, were judged before, or do not fit."""
    if visit.empty and st.session_state.over:
        st.info(
            "What was judged under this address is no longer kept: it goes half an hour after the "
            "page is left, when it is forgotten, and when the server is restarted. Drop the files "
            "again to have them judged.",
            icon=":material/history_toggle_off:",
        )
    if visit.work.lost:
        st.warning(
            f"{named(visit.work.lost)} not judged before the page was left. Drop what is missing "
            "again; the table below keeps what was judged.",
            icon=":material/refresh:",
        )
    if repeated := visit.history.repeated:
        st.info(
            f"{named(repeated)} judged before: same name and content. Each such file has one row.",
            icon=":material/content_copy:",
        )
    if not visit.history.room:
        waiting = visit.work.waiting
        files = "the file that waits" if waiting == 1 else f"the {waiting} files that wait"
        again = (
            f" That also drops {files}: judge what is missing again afterwards." if waiting else ""
        )
        st.warning(
            f"{MOST_ROWS:,} files are listed, and no more fit. Download the reports, then click "
            f"“Forget what was judged”.{again}",
            icon=":material/inventory_2:",
        )


def named(names: Sequence[str]) -> str:
    """The first few files by name, and how many more there were."""
    shown = ", ".join(plain(name) for name in names[:NAMED])
    more = f" and {len(names) - NAMED} more" if len(names) > NAMED else ""
    return f"{shown}{more} {'was' if len(names) == 1 else 'were'}"


def forget_all(at_once: int) -> None:
    """Drop what was judged and what waits, and begin another visit."""
    visits().forget(st.session_state.visit)
    uploads.begin_anew()
    begin_anew(at_once)


def begin_anew(at_once: int) -> None:
    """Begin another visit, which judges so many files at once."""
    state = st.session_state
    st.query_params.pop(VISIT, None)
    state.update(visit=visits().opened(None, at_once), shown=None, over=False)
    state.pop("drawn", None)


main()
