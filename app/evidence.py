"""What the page shows of one input: the verdict, what its score means, who decided it, and the
faces it rests on."""

import json
import threading
from collections.abc import Callable
from dataclasses import replace

import pandas as pd
import streamlit as st

from app import charts, downloads, own_clips, player
from app.history import WITH_FILE, History, Judged, pixels, unpacked
from app.words import badge, file_beside, plain, verdict_as_html
from deepfake_detector.common.percent import percent
from deepfake_detector.common.verdicts import Reason, decided
from deepfake_detector.media.variants import VARIANTS
from deepfake_detector.serving import marking, report, sentences
from deepfake_detector.serving.inference import FaceFrame, FaceTrack
from deepfake_detector.serving.report_model import as_json

PEOPLE_SHOWN = 6
FACES_SHOWN = 12
REGIONS = "Regions that raised the score"
FACE_PIXELS, CARD_PIXELS = 148, 164  # four beside each other on a screen, two on a phone
_DRAWING = threading.Lock()  # the drawing library has one set of settings for all threads


@st.fragment
def show(
    judged: Judged,
    model: str,
    history: History,
    banner: str,
    test_firmness: Callable[[Judged], None],
    busy: bool,
) -> None:
    """Everything about one input, unless its `history` was forgotten. `model` is the name of the
    model that judged it, `banner` a warning that the page shows already; `test_firmness` has the
    verdict tested on changed copies. While files are judged (`busy`), downloads that have to be
    made first are not available."""
    if history.forgotten:
        st.rerun()  # the whole page says so
    for warning in judged.report.warnings:
        if warning != banner:
            st.warning(warning, icon=":material/science:")
    _show_verdict(judged, model)
    _show_firmness(judged, test_firmness)
    if judged.trusted:
        people = _most_suspicious_people(judged)
        if len(judged.report.faces) > 1:
            _show_people(judged, people)
        _show_timeline(judged, people)
        if judged.report.kind == "image":
            _show_whole(judged, 0)
        _show_faces(judged)
    _show_downloads(judged, history, busy)
    _show_details(judged, model)


def _most_suspicious_people(judged: Judged) -> list[FaceTrack]:
    """People shown one by one: who decides, then the others by falling probability."""
    decides = judged.report.decided_by
    ordered = sorted(
        judged.report.faces,
        key=lambda track: (track.track != decides, -track.fake_probability, track.track),
    )
    return ordered[:PEOPLE_SHOWN]


def _show_verdict(judged: Judged, model: str) -> None:
    of_file, terms = judged.report, judged.terms
    with st.container(border=True):
        st.html(verdict_as_html(of_file.verdict))
        st.markdown(
            f"{plain(of_file.input)}: **{sentences.SAID[of_file.verdict]}.** "
            f"{plain(sentences.in_words(of_file))}"
        )
        if of_file.reason == Reason.NOT_JUDGED:
            own_clips.link(f"own-clips-{judged.number}")
        if of_file.fake_probability is None:
            return
        decision = terms.decision
        probability, limits = sentences.score_in_words(of_file, decision)
        if of_file.verdict == "INCONCLUSIVE":
            st.markdown(f"Probability of fake: {probability}")
        else:
            st.metric("Probability of fake", probability)
        st.altair_chart(
            charts.gauge(
                of_file.fake_probability,
                decision.band_low,
                decision.fake_from(of_file.people),
                _colours(),
            ),
            width="stretch",
            theme=None,
            alt=f"Probability of fake: {probability}. {limits}",
        )
        st.markdown(f"{limits} {plain(sentences.meaning(of_file, terms))}")
        firmness = plain(sentences.firmness_in_words(of_file, terms.firmness))
        st.caption(
            f"Judged by {plain(model)}. A sign, not a proof: look for yourself below. {firmness}"
        )


def _colours() -> charts.Colours:
    """Colours of the charts; a page that is not drawn yet has no theme."""
    return charts.COLOURS[st.context.theme.type or "light"]


def _show_firmness(judged: Judged, test_firmness: Callable[[Judged], None]) -> None:
    """What changed copies of the file came to, and a button to have that tested."""
    of_file = judged.report
    if of_file.firmness or decided(of_file.verdict):
        if judged.file:
            _offer_test(judged, test_firmness)
        elif not of_file.firmness:
            st.caption(
                "To test how stable the verdict is, drop the file again: it is no longer kept, as "
                f"the last {WITH_FILE} of a visit are."
            )
    if of_file.firmness:
        with st.expander("What changed copies of it came to", icon=":material/repeat:"):
            st.table(pd.DataFrame(report.firmness_rows(of_file)).set_index("copy"))


def _offer_test(judged: Judged, test_firmness: Callable[[Judged], None]) -> None:
    """A button that stays where it is once it was used: whoever works by keyboard would lose the
    place on the page with it."""
    again = " again" if judged.report.firmness else ""
    if st.button(
        f"Test{again} how stable the verdict is",
        icon=":material/repeat:",
        help="Judges changed copies of the file too: compressed again, as a messenger or a screen "
        f"recording has it, mirrored, small. That takes some {1 + len(VARIANTS)} times as long.",
        key=f"firm-{judged.number}",
    ):
        test_firmness(judged)
        st.rerun()


def _show_people(judged: Judged, people: list[FaceTrack]) -> None:
    everyone = judged.report.faces
    st.header("People")
    hidden = (
        f" The {len(people)} most suspicious of {len(everyone)} are shown."
        if len(people) < len(everyone)
        else ""
    )
    st.markdown(f"{report.WHO_DECIDES}{hidden}")
    with st.container(horizontal=True, gap="small"):
        for track in people:
            with st.container(border=True, width=CARD_PIXELS):
                _show_person(judged, track)


def _show_person(judged: Judged, track: FaceTrack) -> None:
    number = track.person
    face = max(track.frames, key=lambda seen: seen.fake_probability)
    st.image(pixels(face.crop), width="stretch", alt=f"Person {number}")
    st.markdown(f"**Person {number}** {badge(track.verdict)}")
    if track.scored:
        st.markdown(f"Probability of fake: {percent(track.fake_probability)}")
    if track.reason:
        st.caption(
            plain(
                sentences.in_words(
                    replace(judged.report, reason=track.reason, details=track.details)
                )
            )
        )
    if track.track == judged.report.decided_by:
        st.markdown("Decides the verdict")


def _show_timeline(judged: Judged, people: list[FaceTrack]) -> None:
    shown = [track.person for track in people]
    moments = report.timeline(judged.report)
    moments = moments[moments["person"].isin(shown)]
    seconds = dict(zip(moments["frame"], moments["second"], strict=True))
    if len(seconds) < 2:
        return
    slider, chart = f"moment-{judged.number}", f"timeline-{judged.number}"
    of_decider = moments[moments["person"] == _decider(judged)]
    worst = (of_decider if len(of_decider) else moments)["fake_probability"].idxmax()
    frame = st.session_state.get(slider, int(moments.loc[worst, "frame"]))
    st.session_state[slider] = frame  # set each time: a page that is drawn again may have missed it

    def point_chosen() -> None:
        if points := st.session_state[chart].selection[charts.POINT]:
            st.session_state[slider] = points[0]["frame"]

    st.header("Through the clip")
    low = judged.terms.decision.band_low
    high = judged.terms.decision.fake_from(judged.report.people)
    st.altair_chart(
        charts.timeline(moments, low, high, frame, _colours()),
        width="stretch",
        theme=None,
        key=chart,
        on_select=point_chosen,
        alt="Probability of fake of every face by second; the slider below shows the faces of one moment.",
    )
    _, limits = sentences.score_in_words(judged.report, judged.terms.decision)
    st.caption(f"Each point is a face in a frame; choose one to see it. {limits}")
    st.select_slider(
        "Moment in the clip", sorted(seconds), format_func=_labels(seconds).get, key=slider
    )
    whole, faces = st.columns([2, 1])
    with whole:
        _show_whole(judged, frame)
    with faces, st.container(horizontal=True, gap="small"):
        for track in people:
            for face in track.frames:
                if face.frame == frame:
                    _show_face(face, _caption(judged, track.person, face))
                    _show_regions(judged, face, REGIONS)
    player.show(judged, seconds[frame])


def _decider(judged: Judged) -> int | None:
    """The number of the person who decides; None where nobody does."""
    return next(
        (track.person for track in judged.report.faces if track.track == judged.report.decided_by),
        None,
    )


def _show_whole(judged: Judged, frame: int) -> None:
    """A frame with everybody's box and number, as long as it is kept."""
    for seen in judged.report.frames:
        if seen.frame == frame:
            people = [
                f"person {track.person}"
                for track in judged.report.faces
                if any(face.frame == frame for face in track.frames)
            ]
            st.image(
                marking.marked(judged.report, seen),
                width="stretch",
                caption="Each box has the person's number and what this face scored here",
                alt=f"The whole frame, with boxes around {', '.join(people)}",
            )


def _labels(seconds: dict[int, float]) -> dict[int, str]:
    """Each frame's second with so few digits that all differ: the slider cannot tell equal labels
    apart."""
    for digits in (1, 2, 3):
        labels = {frame: f"{second:.{digits}f} s" for frame, second in seconds.items()}
        if len(set(labels.values())) == len(labels):
            break
    return labels


def _show_faces(judged: Judged) -> None:
    faces = report.most_suspicious(judged.report)
    st.header("Faces, the most suspicious first" if len(faces) > 1 else "The face")
    marked = st.toggle(f"Mark in orange: {REGIONS.lower()}", key=f"marked-{judged.number}")
    with st.container(horizontal=True, gap="small"):
        for person, face in faces[:FACES_SHOWN]:
            caption = _caption(judged, person, face)
            if marked:
                _show_regions(judged, face, caption)
            else:
                _show_face(face, caption)
    if len(faces) > FACES_SHOWN:
        st.caption(
            f"{FACES_SHOWN} of {len(faces)} faces are shown; the JSON report has all scores."
        )


def _show_face(face: FaceFrame, caption: str) -> None:
    st.image(
        pixels(face.crop), caption=caption, width=FACE_PIXELS, alt=f"Face as judged: {caption}"
    )


def _show_regions(judged: Judged, face: FaceFrame, caption: str) -> None:
    marked = marking.regions_marked(
        pixels(face.crop), face.activation, judged.terms, judged.report.people
    )
    st.image(marked, caption=caption, width=FACE_PIXELS, alt=f"Face with {REGIONS.lower()}")


def _caption(judged: Judged, person: int, face: FaceFrame) -> str:
    who = f"person {person}, " if len(judged.report.faces) > 1 else ""
    when = f"{face.time:.1f} s, " if judged.report.kind == "video" else ""
    caption = f"{who}{when}{percent(face.fake_probability)} fake".capitalize()
    return caption + sentences.not_counted(judged.report, person)


def _show_downloads(judged: Judged, history: History, busy: bool) -> None:
    name = judged.report.input
    with st.container(horizontal=True):
        downloads.offer(
            "Report to print or pass on (HTML)",
            history.unless_forgotten(lambda: _html(judged)),
            file_beside(name, ".report.html"),
            "text/html",
            ":material/description:",
            f"html-{judged.number}",
            busy,
        )
        st.download_button(
            "Report for programs (JSON)",
            json.dumps(_json(judged), indent=2),
            file_name=file_beside(name, ".report.json"),
            mime="application/json",
            icon=":material/data_object:",
            on_click="ignore",
            key=f"json-{judged.number}",
        )
        player.offer(judged, history, busy)


def _show_details(judged: Judged, model: str) -> None:
    of_file = judged.report
    with st.expander("Details for experts"):
        st.markdown(
            "\n".join(
                f"- {title}: {plain(value)}" for title, value in _facts(judged, model).items()
            )
        )
        if of_file.faces and not judged.trusted:
            st.markdown("Scores with no verdict behind them:")
            with st.container(horizontal=True, gap="small"):
                for person, face in report.most_suspicious(of_file)[:FACES_SHOWN]:
                    _show_face(face, _caption(judged, person, face))
        st.json(_json(judged), expanded=1)


def _facts(judged: Judged, model: str) -> dict[str, str]:
    of_file = judged.report
    frames = {
        "frames looked at": f"{of_file.frames_sampled}, {of_file.frames_with_face} of them with a face"
    }
    if of_file.least_face:
        frames["smallest face that could be found"] = f"{of_file.least_face:.0f} pixels"
    return (
        report.file_facts(of_file)
        | frames
        | {"judged": f"in {of_file.seconds:.1f} s by {model}", "sha256": str(of_file.sha256)}
    )


def _json(judged: Judged) -> dict:
    return as_json(judged.report, judged.terms, judged.model_sha256)


def _html(judged: Judged) -> bytes:
    with _DRAWING:
        return report.as_html(unpacked(judged.report), judged.terms, judged.model_sha256)
