"""What a report says in words, and as one HTML page of evidence that needs nothing else.

Example:

    from deepfake_detector.serving import report

    found = detector.predict(Path("clip.mp4"))
    Path("clip.html").write_bytes(report.as_html(found, detector.contract, detector.sha256))
"""

import math
from collections.abc import Sequence
from pathlib import Path
from typing import cast

import numpy as np
import pandas as pd

from deepfake_detector.common.packages import installed, own_version
from deepfake_detector.common.percent import digits_beside, percent
from deepfake_detector.common.verdicts import FileVerdict, Reason, decided
from deepfake_detector.contract import Contract, TrainedOn
from deepfake_detector.media.jpeg import as_jpeg
from deepfake_detector.pages.html_page import NO_PROOF, Badge, Chart, Picture, Section, render
from deepfake_detector.scoring.decision import (
    LEAST_CLIPS,
    Decision,
    ends_in_words,
)
from deepfake_detector.scoring.firmness import (
    NOT_MEASURED,
    Firmness,
    VerdictsByFirmness,
)
from deepfake_detector.scoring.quality import in_words as in_words_of_quality
from deepfake_detector.scoring.scores import (
    with_details,
)
from deepfake_detector.serving import marking, seen_frames
from deepfake_detector.serving.inference import (
    FaceFrame,
    FaceTrack,
    Report,
)
from deepfake_detector.serving.seen_frames import SeenFrame

FACES_SHOWN = 8
MOMENTS_SHOWN = 4
CROP_QUALITY = 90  # of the JPEG of a face
PACKAGES = "onnxruntime", "opencv-python-headless", "av"
WHO_DECIDES = "Whoever has the highest probability among those seen often enough decides."
TIMELINE = (
    "Each point is a face in a frame: FAKE in the orange, REAL in the blue, neither in the grey."
)
SAID: dict[FileVerdict, str] = {
    "REAL": "No sign of face manipulation found",
    "FAKE": "Signs of face manipulation found",
    "INCONCLUSIVE": "No verdict",
    "ERROR": "This file cannot be judged",
}
EXPLAINED: dict[str, str] = {  # by reason
    Reason.NO_FACE: "No face{least} was found in {where}. The detector judges faces only.",
    Reason.TOO_SMALL: "Faces were found, but all are too small to judge.",
    Reason.TOO_FEW: "A face was found in too few of the frames that were looked at to judge the clip.",
    Reason.BRIEF_FAKE: "The score is that of a fake, but the face was seen in too few of the frames that were looked at.",
    Reason.NOBODY: "Faces were found, but no one person in enough of the frames that were looked at.",
    Reason.IN_BAND: "The score lies where the detector was wrong too often on clips it was checked on.",
    Reason.OF_SEVERAL: "The highest of several people scores higher by chance. This would be FAKE for one person, "
    "not for that many.",
    Reason.DISAGREE: "The people in it got different results: one looks real, another's score lies where the "
    "detector is often wrong.",
    Reason.NOT_ALL: "Whoever could be judged looks real. Somebody else could not be judged, and may be forged.",
    Reason.IN_PART: "What could be looked at shows no sign of face manipulation, but a part is missing or damaged.",
    Reason.BAD_QUALITY: "The face is more blurred, compressed or noisy than what the model was checked on.",
    Reason.NOT_FIRM: "The verdict changes on the mildest copy of the file.",
    Reason.NOT_JUDGED: "A demonstration model has seen drawn people only. It judges nothing but the demo's own files.",
    Reason.UNPROVEN: "The model's own validation does not show that it tells real from fake.",
    Reason.UNREADABLE: "The file is empty, damaged, beyond a limit, or of a kind that cannot be read.",
}
NOT_COUNTED: dict[str, str] = {  # by reason, of one person among others
    Reason.TOO_FEW: "seen in too few frames",
    Reason.BRIEF_FAKE: "seen in too few frames",
    Reason.BAD_QUALITY: "too blurred, compressed or noisy",
}
FACTS = {  # how the facts of a file are told on the page
    "bytes": ("size", "{:,} bytes"),
    "container": ("container", "{}"),
    "codec": ("codec", "{}"),
    "width": ("resolution", "{}"),
    "duration": ("duration", "{:.2f} s"),
    "frame_rate": ("frames a second", "{:.2f}"),
    "frames_found": ("frames in it", "{}"),
    "bitrate": ("bits a second", "{:,.0f}"),
    "jpeg_quality": ("JPEG quality", "{:.0f}"),
    "pixel_format": ("pixel format", "{}"),
    "colour_profile": ("colour profile", "{}"),
    "encoder": ("written by", "{}"),
}
LIMITS = (
    "It judges faces, nothing else in a picture: not what was said, not who it is, not what "
    "surrounds them.",
    "It knows the kinds of manipulation it has seen. On others, and on repeatedly compressed clips, it "
    "is wrong more often.",
    "A face that is partly covered, masked or out of the picture may be called fake.",
    NO_PROOF,
)


def in_words(report: Report) -> str:
    """Why there is no verdict, for a person; empty where there is one."""
    if report.error:
        return f"{report.error[0].upper()}{report.error[1:].rstrip('.')}."
    text = EXPLAINED[report.reason].format(**_looked_for(report)) if report.reason else ""
    return f"{text} ({report.details})" if report.details else text


def _looked_for(report: Report) -> dict[str, str]:
    """What faces were looked for, and where, as an explanation may tell it."""
    least = f" of at least {report.least_face:.0f} pixels" if report.least_face else ""
    frames = f"any of the {report.frames_sampled} frames that were looked at"
    return {"least": least, "where": "the picture" if report.frames_sampled == 1 else frames}


def verdict_in_words(report: Report) -> str:
    """The verdict, and why there is none where that is so, for a person."""
    return " ".join(filter(None, (f"{SAID[report.verdict]}.", in_words(report))))


def limits_in_words(decision: Decision, people: int, digits: int = 1) -> str:
    """Where REAL ends and FAKE begins for the highest of so many people, in percent with so many
    digits."""
    if decision.unproven:
        return "It gives no verdict at any score."
    low, high = decision.band_low, decision.fake_from(people)
    of = f" for the highest of {people} people" if people > 1 else ""
    fitted = f" Fitted again: {decision.recalibrated}." if decision.recalibrated else ""

    def put(limit: float) -> str:
        return "100%" if limit == 1 else percent(limit, digits)

    if low == high < 1:
        return f"FAKE from {put(high)}{of}, REAL below.{fitted}"
    ends = ends_in_words(low, high, put, of)
    return f"{ends}; otherwise there is no verdict.{fitted}"


def score_in_words(report: Report, decision: Decision) -> tuple[str, str]:
    """The probability of fake, and where REAL ends and FAKE begins beside it: with so many digits
    that they can be told apart. Of a report that has a score."""
    score = cast(float, report.fake_probability)
    digits = digits_beside(score, (decision.band_low, decision.fake_from(report.people)))
    return percent(score, digits), limits_in_words(decision, report.people, digits)


def checked_in_words(decision: Decision) -> str:
    """On how many clips the model was checked, and how often its verdicts on them were wrong."""
    found = decision.validation
    reals = (
        f"{found.real_clips} real clips of its user's, on which it was fitted again,"
        if decision.recalibrated
        else f"{found.real_clips} real"
    )
    clips = f"{reals} and {found.fake_clips} fake clips that it had not learned from"
    if decision.unproven:
        return clips
    verdicts = found.real_clips + found.fake_clips - found.inconclusive
    none = f", and none on the other {found.inconclusive}" if found.inconclusive else ""
    return f"{clips}: {verdicts} verdicts, {found.wrong_outside_band} of them wrong{none}"


def meaning(report: Report, terms: Contract) -> str:
    """What the score means on clips that the model was checked on; empty without a score."""
    if report.fake_probability is None:
        return ""
    found = terms.decision.validation
    score = report.fake_probability
    refitted = "fitted again" if terms.decision.recalibrated else "checked"
    reals = _counted(
        found.reals_as_high(score),
        found.real_scores,
        found.real_clips,
        "real",
        "high or higher",
        refitted,
    )
    fakes = _counted(
        found.fakes_as_low(score), found.fake_scores, found.fake_clips, "fake", "low or lower"
    )
    unseen = _unseen_kinds(terms.trained_on)
    told = {"FAKE": (reals,), "REAL": (fakes, unseen)}.get(report.verdict, (reals, fakes))
    more = (
        f"With {report.people} people, the highest score is this high more often."
        if report.people > 1
        else ""
    )
    return " ".join(filter(None, (*told, more)))


def firmness_rows(report: Report) -> list[dict[str, str]]:
    """What each changed copy of the file came to, the mildest first."""
    return [
        {
            "copy": one.words,
            "verdict": one.verdict + (f" ({one.reason})" if one.reason else ""),
            "probability of fake": _percent(one.fake_probability),
        }
        for one in (report.firmness.outcomes if report.firmness else ())
    ]


def firmness_in_words(report: Report, known: VerdictsByFirmness) -> str:
    """Whether the verdict stays the same on changed copies of the file, as far as that was tested,
    and how often such verdicts of validation were wrong."""
    found = report.firmness
    if found is None:
        verdict = decided(report.verdict)
        return "Firmness not tested." if verdict else "Firmness not tested: there is no verdict."
    if not found.judged:
        return f"Firmness not tested: no copy could be judged ({found.outcomes[0].reason})."
    lost = len(found.outcomes) - len(found.judged)
    left_out = f" {lost} more could not be judged." if lost else ""
    return f"{_copies_in_words(found)}{left_out}{_wrong_so_often(found.holds, known)}"


def _copies_in_words(found: Firmness) -> str:
    turned = found.turned_by
    if turned is None:
        return f"Firm: {found.verdict} on all {len(found.judged)} changed copies, too."
    if found.holds:
        return (
            f"{found.verdict} on the mildest copy, too, but {turned.verdict} on the one "
            f"{turned.words}."
        )
    return f"Not firm: {found.verdict}, but {turned.verdict} on the mildest copy, {turned.words}."


def _wrong_so_often(holds: bool, known: VerdictsByFirmness) -> str:
    if known == NOT_MEASURED:
        return ""
    count, wrong = (
        (known.firm, known.firm_wrong) if holds else (known.not_firm, known.not_firm_wrong)
    )
    checked, did = (
        " Of the verdicts on clips that the model was checked on,",
        "stayed the same" if holds else "changed",
    )
    if count < LEAST_CLIPS:
        return f"{checked} only {count} {did} on the mildest copy: too few to say how often such a verdict is wrong."
    return (
        f"{checked} {count} {did} on the mildest copy, as this one did; {wrong} of them were wrong."
    )


def as_html(report: Report, terms: Contract, model_sha256: str) -> bytes:
    """The evidence as one page; the same report gives the same bytes."""
    from deepfake_detector.pages import (
        svg,  # the drawing library costs a second that JSON need not pay
    )

    trusted = report.fake_probability is not None
    charts, first = [], [in_words(report)] if report.reason else []
    if report.fake_probability is not None:
        decision = terms.decision
        high = decision.fake_from(report.people)
        charts.append(Chart(svg.gauge(report.fake_probability, decision.band_low, high)))
        score, limits = score_in_words(report, decision)
        first += [
            f"Probability of fake: {score}. {limits}",
            meaning(report, terms),
        ]
    moments = timeline(report)
    if trusted and moments["second"].nunique() > 1:
        high = terms.decision.fake_from(report.people)
        charts.append(Chart(svg.timeline(moments, terms.decision.band_low, high), TIMELINE))
    sections = [Section(SAID[report.verdict], first, charts=charts), Section("Limits", LIMITS)]
    if trusted:
        sections += [_people(report), *_moments(report), _faces(report, terms)]
    sections += [
        _firmness(report, terms),
        Section(
            "The file",
            rows=[{"fact": name, "value": value} for name, value in _input_facts(report).items()],
        ),
        Section(
            "The model",
            rows=[
                {"fact": name, "value": value} for name, value in _model_facts(terms, model_sha256)
            ],
        ),
        Section(
            "This report",
            rows=[{"fact": name, "value": value} for name, value in _own_facts(report).items()],
        ),
    ]
    return render(
        f"Deepfake detector: {Path(report.input).name}",
        report.warnings,
        sections,
        Badge(report.verdict),
    )


def file_facts(report: Report) -> dict[str, str]:
    """What the file says of itself, in words and with units; what is not known is left out."""
    facts = {name: value for name, value in report.facts.items() if value not in (None, "")}
    size = {"width": f"{facts['width']} x {facts['height']}"} if "width" in facts else {}
    told = {
        title: form.format((facts | size)[name])
        for name, (title, form) in FACTS.items()
        if name in facts
    }
    return told | ({"note": " ".join(report.notes)} if report.notes else {})


def timeline(report: Report) -> pd.DataFrame:
    """A row for every face judged: second, fake_probability, person (from 1), frame."""
    rows = [
        {
            "second": one.time,
            "fake_probability": one.fake_probability,
            "person": track.person,
            "frame": one.frame,
        }
        for track in report.faces
        for one in track.frames
    ]
    return pd.DataFrame(rows, columns=["second", "fake_probability", "person", "frame"])


def most_suspicious(report: Report) -> list[tuple[int, FaceFrame]]:
    """Every face judged with its person's number (from 1), the highest fake probability first;
    after all others those of people who were seen too seldom to have a score."""
    every = [(track, one) for track in report.faces for one in track.frames]
    every.sort(
        key=lambda found: (
            not found[0].scored,
            -found[1].fake_probability,
            found[1].frame,
            found[0].person,
        )
    )
    return [(track.person, one) for track, one in every]


def not_counted(report: Report, person: int) -> str:
    """Why a face does not count, to be said beside it; empty where it does, or where nothing is
    judged."""
    reason = next(track.reason for track in report.faces if track.person == person)
    return f", not counted: {NOT_COUNTED[reason]}" if reason in NOT_COUNTED else ""


def most_suspicious_frames(report: Report) -> list[SeenFrame]:
    """The frames that were kept and have a face, the highest probability of fake first."""
    kept = {one.frame: one for one in report.frames}
    order = dict.fromkeys(one.frame for _, one in most_suspicious(report))
    return [kept[frame] for frame in order if frame in kept]


def _moments(report: Report) -> list[Section]:
    """Whole frames, where the report has any."""
    pictures = []
    for seen in most_suspicious_frames(report)[:MOMENTS_SHOWN]:
        scores = [
            f"person {track.person} {percent(one.fake_probability)}"
            for track in report.faces
            for one in track.frames
            if one.frame == seen.frame
        ]
        when = f"{seen.time:.1f} s: " if report.kind == "video" else ""
        caption = f"{when}{', '.join(scores)}"
        whole = as_jpeg(marking.marked(report, seen), seen_frames.QUALITY)
        pictures.append(Picture(whole, caption, f"The whole frame, {caption}", wide=True))
    if not pictures:
        return []
    title = "The most suspicious moments" if report.kind == "video" else "The picture"
    text = (
        "The numbers are those of the people above, the percentage is of the face in this frame. "
        "FAKE has a whole line and a triangle, REAL corners and a dot, anything else dashes and "
        "a ring."
    )
    return [Section(title, [text], pictures=pictures)]


def _people(report: Report) -> Section:
    rows = [
        {
            "person": str(track.person)
            + (" (decides)" if track.track == report.decided_by else ""),
            "verdict": track.verdict
            + (f" ({with_details(track.reason, track.details)})" if track.reason else ""),
            "probability of fake": f"{percent(track.fake_probability)}",
        }
        | (_when(track) if report.kind == "video" else {})
        for track in report.faces
    ]
    return Section(
        "People",
        [WHO_DECIDES],
        rows,
    )


def _when(track: FaceTrack) -> dict[str, object]:
    first, last = track.frames[0].time, track.frames[-1].time
    return {"frames": len(track.frames), "seconds": f"{first:.1f} to {last:.1f}"}


def _firmness(report: Report, terms: Contract) -> Section:
    text = firmness_in_words(report, terms.firmness)
    return Section("Firmness", [text], firmness_rows(report))


def _faces(report: Report, terms: Contract) -> Section:
    shown = most_suspicious(report)[:FACES_SHOWN]
    pictures = []
    for person, one in shown:
        regions = marking.regions_marked(one.crop, one.activation, terms, report.people)
        both = np.hstack([one.crop, regions])
        when = f"{one.time:.1f} s, " if report.kind == "video" else ""
        caption = (
            f"person {person}, {when}{percent(one.fake_probability)}{not_counted(report, person)}"
        )
        pictures.append(
            Picture(
                as_jpeg(both, CROP_QUALITY),
                caption,
                f"Face as judged, and with the regions that raised the score: {caption}",
            )
        )
    text = (
        "Each as it was judged, and beside it in orange the regions that raised the score: on the "
        "same scale for all files, outlined where they alone would be fake."
    )
    return Section("The most suspicious faces", [text], pictures=pictures)


def _input_facts(report: Report) -> dict[str, object]:
    own = {"name": report.input, "sha256": report.sha256, "kind": report.kind}
    frames: dict[str, object] = {
        "frames looked at": report.frames_sampled,
        "of them with a face": report.frames_with_face,
    }
    if report.least_face:
        frames["smallest face that could be found"] = f"{report.least_face:.0f} pixels"
    return {
        name: value
        for name, value in (own | file_facts(report) | frames).items()
        if value is not None
    }


def _model_facts(terms: Contract, model_sha256: str) -> list[tuple[str, object]]:
    learned = [
        f"{name}: {', '.join(f'{count} {method}' for method, count in counts.items())}"
        for name, counts in terms.trained_on.data_sets.items()
    ]
    return [
        ("sha256", model_sha256),
        ("network", terms.network),
        ("variant", terms.variant),
        ("learned from", "; ".join(learned)),
        ("split", terms.trained_on.split),
        ("faces found by", terms.detection.name),
        ("checked on", checked_in_words(terms.decision)),
        ("verdicts", limits_in_words(terms.decision, people=1)),
        ("face quality it judges", in_words_of_quality(terms.quality)),
    ]


def _own_facts(report: Report) -> dict[str, str]:
    """When it was judged, and by which versions."""
    when = {"judged": report.judged_at} if report.judged_at else {}
    return (
        when
        | {"deepfake-detector": own_version()}
        | {name: version for name in PACKAGES if (version := installed(name))}
    )


def _counted(
    share: float | None,
    scores: Sequence[float],
    clips: int,
    label: str,
    how: str,
    did: str = "checked",
) -> str:
    """How many of the `clips` that the model was checked on, or as `did` says, scored so, from
    the `share` of the `scores` that are kept of them."""
    if share is None:
        return ""
    if clips < LEAST_CLIPS:
        return f"The model was {did} on {clips} {label} clips only: too few to say how rare such a score is."
    count = str(round(share * clips))
    if len(scores) < clips:
        count = f"about {count}" if share else f"fewer than {math.ceil(clips / len(scores))}"
    return f"Of {clips} {label} clips that the model was {did} on, {count} scored as {how}."


def _unseen_kinds(learned: TrainedOn) -> str:
    """What REAL says nothing of; `fake` is what a method without a name is called."""
    known = sorted({method for counts in learned.data_sets.values() for method in counts})
    named = [method for method in known if method not in ("real", "fake")]
    of = f" (it has seen: {', '.join(named)})" if named else ""
    return f"A kind of manipulation that it has not seen{of} may score as low."


def _percent(fake_probability: float | None) -> str:
    return "–" if fake_probability is None else percent(fake_probability)
