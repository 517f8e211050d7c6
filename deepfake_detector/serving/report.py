"""A report as one HTML page of evidence that needs nothing else, and what of it is shown.

Example:

    from deepfake_detector.serving.report import as_html

    report = detector.predict(Path("clip.mp4"))
    Path("clip.html").write_bytes(as_html(report, detector.contract, detector.sha256))
"""

from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pandas as pd

from deepfake_detector.common.packages import installed, own_version
from deepfake_detector.common.percent import percent
from deepfake_detector.contract import Contract
from deepfake_detector.media.jpeg import as_jpeg
from deepfake_detector.pages.html_page import Badge, Chart, Picture, Section, render
from deepfake_detector.scoring.quality import in_words as in_words_of_quality
from deepfake_detector.scoring.scores import with_details
from deepfake_detector.serving import marking, seen_frames, sentences
from deepfake_detector.serving.inference import FaceFrame, FaceTrack, Report
from deepfake_detector.serving.seen_frames import SeenFrame

FACES_SHOWN = 8
MOMENTS_SHOWN = 4
CROP_QUALITY = 90  # of the JPEG of a face
PACKAGES = "onnxruntime", "opencv-python-headless", "av"
WHO_DECIDES = "Whoever has the highest probability among those seen often enough decides."
TIMELINE = (
    "Each point is a face in a frame: FAKE in the orange, REAL in the blue, neither in the grey."
)
FACTS = {  # of a file: name -> its title on the page, and how its value is written
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


def as_html(report: Report, terms: Contract, model_sha256: str) -> bytes:
    """The evidence as one page; the same report gives the same bytes."""
    sections = [_verdict(report, terms), Section("Limits", sentences.LIMITS)]
    if report.fake_probability is not None:
        sections += [_people(report), *_moments(report), _faces(report, terms)]
    sections += [
        _firmness(report, terms),
        _facts("The file", _input_facts(report)),
        _facts("The model", _model_facts(terms, model_sha256)),
        _facts("This report", _own_facts(report)),
    ]
    return render(
        f"Deepfake detector: {Path(report.input).name}",
        report.warnings,
        sections,
        Badge(report.verdict),
    )


def firmness_rows(report: Report) -> list[dict[str, str]]:
    """Rows of a table of the changed copies, the mildest first: copy, verdict and probability."""
    return [
        {
            "copy": outcome.words,
            "verdict": outcome.verdict + (f" ({outcome.reason})" if outcome.reason else ""),
            "probability of fake": _percent(outcome.fake_probability),
        }
        for outcome in (report.firmness.outcomes if report.firmness else ())
    ]


def file_facts(report: Report) -> dict[str, str]:
    """The facts of the file by title, in words and with units; what is not known is left out."""
    facts = {name: value for name, value in report.facts.items() if value not in (None, "")}
    size = {"width": f"{facts['width']} x {facts['height']}"} if "width" in facts else {}
    in_words = {
        title: form.format((facts | size)[name])
        for name, (title, form) in FACTS.items()
        if name in facts
    }
    return in_words | ({"note": " ".join(report.notes)} if report.notes else {})


def timeline(report: Report) -> pd.DataFrame:
    """A row for every face judged: second, fake_probability, person (from 1), frame."""
    rows = [
        {
            "second": face.time,
            "fake_probability": face.fake_probability,
            "person": track.person,
            "frame": face.frame,
        }
        for track in report.faces
        for face in track.frames
    ]
    return pd.DataFrame(rows, columns=["second", "fake_probability", "person", "frame"])


def most_suspicious(report: Report) -> list[tuple[int, FaceFrame]]:
    """Every face judged with its person's number (from 1), the highest fake probability first;
    after all others those of people who were seen too seldom to have a score."""
    faces = [(track, face) for track in report.faces for face in track.frames]

    def order(pair: tuple[FaceTrack, FaceFrame]) -> tuple:
        track, face = pair
        return not track.scored, -face.fake_probability, face.frame, track.person

    return [(track.person, face) for track, face in sorted(faces, key=order)]


def most_suspicious_frames(report: Report) -> list[SeenFrame]:
    """The frames that were kept and have a face, the highest probability of fake first."""
    kept = {seen.frame: seen for seen in report.frames}
    order = dict.fromkeys(face.frame for _, face in most_suspicious(report))
    return [kept[frame] for frame in order if frame in kept]


def _verdict(report: Report, terms: Contract) -> Section:
    """The verdict with the reason or the score behind it, and the charts of that score."""
    from deepfake_detector.pages import (
        svg,  # the drawing library costs a second that JSON need not pay
    )

    text, charts = [sentences.in_words(report)] if report.reason else [], []
    if report.fake_probability is not None:
        low, high = terms.decision.band_low, terms.decision.fake_from(report.people)
        charts.append(Chart(svg.gauge(report.fake_probability, low, high)))
        moments = timeline(report)
        if moments["second"].nunique() > 1:
            charts.append(Chart(svg.timeline(moments, low, high), TIMELINE))
        score, limits = sentences.score_in_words(report, terms.decision)
        text += [f"Probability of fake: {score}. {limits}", sentences.meaning(report, terms)]
    return Section(sentences.SAID[report.verdict], text, charts=charts)


def _facts(title: str, facts: Mapping[str, object]) -> Section:
    rows = [{"fact": name, "value": value} for name, value in facts.items()]
    return Section(title, rows=rows)


def _moments(report: Report) -> list[Section]:
    """Whole frames, where the report has any."""
    pictures = []
    for seen in most_suspicious_frames(report)[:MOMENTS_SHOWN]:
        scores = [
            f"person {track.person} {percent(face.fake_probability)}"
            for track in report.faces
            for face in track.frames
            if face.frame == seen.frame
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
    text = sentences.firmness_in_words(report, terms.firmness)
    return Section("Firmness", [text], firmness_rows(report))


def _faces(report: Report, terms: Contract) -> Section:
    shown = most_suspicious(report)[:FACES_SHOWN]
    pictures = []
    for person, face in shown:
        regions = marking.regions_marked(face.crop, face.activation, terms, report.people)
        both = np.hstack([face.crop, regions])
        when = f"{face.time:.1f} s, " if report.kind == "video" else ""
        caption = f"person {person}, {when}{percent(face.fake_probability)}{sentences.not_counted(report, person)}"
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


def _model_facts(terms: Contract, model_sha256: str) -> dict[str, object]:
    learned = [
        f"{name}: {', '.join(f'{count} {method}' for method, count in counts.items())}"
        for name, counts in terms.trained_on.data_sets.items()
    ]
    return {
        "sha256": model_sha256,
        "network": terms.network,
        "variant": terms.variant,
        "learned from": "; ".join(learned),
        "split": terms.trained_on.split,
        "faces found by": terms.detection.name,
        "checked on": sentences.checked_in_words(terms.decision),
        "verdicts": sentences.limits_in_words(terms.decision, people=1),
        "face quality it judges": in_words_of_quality(terms.quality),
    }


def _own_facts(report: Report) -> dict[str, str]:
    """When it was judged, and by which versions."""
    when = {"judged": report.judged_at} if report.judged_at else {}
    return (
        when
        | {"deepfake-detector": own_version()}
        | {name: version for name in PACKAGES if (version := installed(name))}
    )


def _percent(fake_probability: float | None) -> str:
    return "–" if fake_probability is None else percent(fake_probability)
