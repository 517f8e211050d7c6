"""The figures of a run: by what it was measured on and by level, with intervals; by data set, by
method, and by what the faces look like.

Tables in, plain values out. A table of scored rows has the columns split (what it was measured on:
`val`, `test`, or a place of `datasets.held_out`, which is never pooled with these), label,
data_set, method, group, logit and fake_probability (both empty where nothing could be judged), one
row per frame or per video. Its figures are those of `scoring.metrics`, of what could be judged, and
those of OF_ROWS, which need more than labels and probabilities.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from deepfake_detector.common.verdicts import Reason
from deepfake_detector.datasets.held_out import rows_at
from deepfake_detector.scoring.decision import (
    LEAST_CLIPS,
    Decision,
    Judgement,
    judge,
    judge_clip,
    judge_person,
)
from deepfake_detector.scoring.intervals import WITH_INTERVAL, Scores, intervals
from deepfake_detector.scoring.metrics import (
    METRICS,
    Aspect,
    Figure,
    expected_calibration_error,
    figures,
)
from deepfake_detector.scoring.quality import (
    MEASURES,
    Limits,
    clip_measures,
    outside,
)
from deepfake_detector.scoring.scores import probability, with_details
from deepfake_detector.storage.tables import DOMINANT

OF_ITEMS = ("split", "item", "data_set", "label", "method", "group", "frames_with_face")
IN_SET = ("val", "test")  # parts of the data sets that training saw another part of
# what rows are cut into slices by
FACTS = ("face_size", "sharpness", "brightness", "frames_with_face")
SLICES = 3  # of each fact, equally many videos in each
MAIN = "roc_auc"  # the chief figure that has its interval too


@dataclass(frozen=True)
class RowFigure(Figure):
    """A figure of a table of scored rows. `value` gives None where it is undefined; tables without
    the `column` do not have the figure."""

    value: Callable[[pd.DataFrame], float | None]
    column: str = "logit"


def _coverage(rows: pd.DataFrame) -> float | None:
    """The fraction of the rows that could be judged."""
    return float(rows["logit"].notna().mean()) if len(rows) else None


def _calibration_error(rows: pd.DataFrame) -> float | None:
    judged = rows.dropna(subset="logit")
    return expected_calibration_error(judged["label"], judged["fake_probability"])


def _calibration_error_before_scaling(rows: pd.DataFrame) -> float | None:
    judged = rows.dropna(subset="logit")
    return expected_calibration_error(judged["label"], probability(judged["logit"].to_numpy(), 1.0))


def _inconclusive(rows: pd.DataFrame) -> float | None:
    """The fraction of the rows that is called neither REAL nor FAKE."""
    return 1 - float((rows["verdict"] != "INCONCLUSIVE").mean()) if len(rows) else None


def _decided_accuracy(rows: pd.DataFrame) -> float | None:
    """The fraction of the verdicts REAL and FAKE that is right."""
    decided = rows[rows["verdict"] != "INCONCLUSIVE"]
    right = (decided["verdict"] == "FAKE") == (decided["label"] == 1)
    return float(right.mean()) if len(decided) else None


OF_ROWS = (  # in the order of metrics/evaluation.json
    RowFigure("coverage", "coverage", Aspect.VERDICTS, _coverage, chief=True),
    RowFigure("ece", "calibration error", Aspect.PROBABILITIES, _calibration_error),
    RowFigure(
        "ece_before_scaling",
        "calibration error before scaling",
        Aspect.PROBABILITIES,
        _calibration_error_before_scaling,
    ),
    RowFigure("inconclusive", "inconclusive", Aspect.VERDICTS, _inconclusive, "verdict"),
    RowFigure(
        "decided_accuracy",
        "accuracy of the decided",
        Aspect.VERDICTS,
        _decided_accuracy,
        "verdict",
    ),
)
FIGURES: tuple[Figure, ...] = tuple(sorted((*METRICS, *OF_ROWS), key=lambda figure: figure.aspect))
HEADLINE = {figure.name: figure.title for figure in FIGURES if figure.headline}
CHIEF = {figure.name: figure.title for figure in FIGURES if figure.chief}
CHIEF_COLUMNS = tuple(
    column
    for name in CHIEF
    for column in ((name, f"{name}_low", f"{name}_high") if name == MAIN else (name,))
)


@dataclass(frozen=True)
class Slice:
    """The figures of the rows whose `fact` lies from `low` to `high`; `few`: they are of fewer than
    20 videos. A figure is None where it is undefined."""

    fact: str
    low: float
    high: float
    count: int
    videos: int
    few: bool
    roc_auc: float | None
    roc_auc_low: float | None
    roc_auc_high: float | None
    accuracy: float | None


def with_verdicts(clips: pd.DataFrame, decision: Decision) -> pd.DataFrame:
    """Clips (columns logit, reason and people) with the columns fake_probability, verdict and the
    reason of each that is INCONCLUSIVE."""
    judged = [
        judge(None if np.isnan(logit) else logit, reason, decision, people)
        for logit, reason, people in zip(
            clips["logit"], clips["reason"], clips["people"], strict=True
        )
    ]
    return clips.assign(
        fake_probability=np.array([judgement.fake_probability for judgement in judged], float),
        verdict=[judgement.verdict for judgement in judged],
        reason=[judgement.reason for judgement in judged],
    )


def within_limits(
    clips: pd.DataFrame, faces: pd.DataFrame, decision: Decision, limits: Limits
) -> pd.DataFrame:
    """Clips of `with_verdicts` (columns item, track, people and frames_sampled too) with the
    verdicts that remain with the limits of face quality, as the page gives them: where the person
    who decides lies outside the limits, a clip is FAKE if another person within them is, and
    otherwise INCONCLUSIVE.

    `faces` (columns item, track, logit and the measures) has a row for each face that was judged.
    """
    people: dict[str, dict[int, pd.DataFrame]] = {}
    for (item, track), rows in faces.groupby(["item", "track"]):
        people.setdefault(item, {})[track] = rows
    judged = [
        _within_limits(clip, people.get(clip.item, {}), decision, limits)
        for clip in clips.itertuples()
    ]
    return clips.assign(
        verdict=[verdict for verdict, _ in judged], reason=[reason for _, reason in judged]
    )


def _within_limits(
    clip: Any, people: Mapping[int, pd.DataFrame], decision: Decision, limits: Limits
) -> tuple[str, str]:
    """The verdict on a clip, and the reason where it is INCONCLUSIVE."""
    if pd.isna(clip.track):
        return clip.verdict, clip.reason
    beyond = {track: _outside(rows, limits) for track, rows in people.items()}
    judged, _ = judge_clip(
        Judgement(clip.verdict, clip.reason, clip.fake_probability),
        clip.track,
        {
            track: _judge_person(rows["logit"], clip, decision, beyond[track])
            for track, rows in people.items()
        },
    )
    is_unseen = judged.reason == Reason.BAD_QUALITY
    return judged.verdict, with_details(judged.reason, beyond[clip.track] if is_unseen else "")


def _judge_person(logits: pd.Series, clip: Any, decision: Decision, beyond: str) -> Judgement:
    judged, _ = judge_person(logits.to_list(), clip.frames_sampled, decision, clip.people, beyond)
    return judged


def _outside(faces: pd.DataFrame, limits: Limits) -> str:
    return outside(clip_measures(faces[list(MEASURES)].to_dict("records")), limits)


def places(table: pd.DataFrame) -> list[str]:
    """What a table was measured on: validation and in-set test, then what is held out by name."""
    measured = set(table["split"])
    return [*(part for part in IN_SET if part in measured), *sorted(measured - set(IN_SET))]


def title(place: str) -> str:
    """The name that reports give to one of the `places`."""
    return {"val": "val", "test": "test (in-set)"}.get(place, f"{place} (held out)")


def levels_of(
    frames: pd.DataFrame, clips: pd.DataFrame, temperature: float
) -> dict[str, pd.DataFrame]:
    """The tables of both levels: `frame` with the face of the dominant track in each sampled frame,
    and `video` with the clips, both with probabilities and with FACTS. A frame without that face is
    a row without a logit."""
    faces = frames[frames["track"] == DOMINANT]
    faces = faces.assign(
        fake_probability=probability(faces["logit"].to_numpy(), temperature),
        face_size=faces[["width", "height"]].max(axis=1),
        frames_with_face=faces["item"].map(clips.set_index("item")["frames_with_face"]),
    )
    typical = faces.groupby("item")[["face_size", "sharpness", "brightness"]].median().reset_index()
    faceless = clips["frames_sampled"] - clips["item"].map(faces.groupby("item").size()).fillna(0)
    unseen = clips.loc[
        clips.index.repeat(faceless.astype(int)), [name for name in OF_ITEMS if name in clips]
    ]
    return {
        "frame": pd.concat([faces, unseen], ignore_index=True),
        "video": clips.merge(typical, on="item", how="left"),
    }


def all_figures(levels: dict[str, pd.DataFrame], measured: Sequence[str], threshold: float) -> dict:
    """All figures of the `places` that were `measured`, nested by these names:

    <val or test>.<level>.<figure>; held_out.<place>.<level>.<figure>, where there is such a place;
    then the chief figures: data_sets.<name>.<val or test>.<level>.<figure>, where there are
    several, and methods.<data set>/<name>.<place>.<level>.<figure>.
    """
    in_set: dict = {}
    held_out: dict = {}
    sets: dict = {}
    methods: dict = {}
    for place in measured:
        for level, table in levels.items():
            rows = rows_at(table, place)
            into = in_set if place in IN_SET else held_out
            into.setdefault(place, {})[level] = of(rows, threshold)
            for name, chief_figures in by_method(rows, threshold).items():
                methods.setdefault(name, {}).setdefault(place, {})[level] = chief_figures
            if place in IN_SET:
                for name, chief_figures in by_data_set(rows, threshold).items():
                    sets.setdefault(name, {}).setdefault(place, {})[level] = chief_figures
    return (
        in_set
        | ({"held_out": held_out} if held_out else {})
        | ({"data_sets": sets} if len(sets) > 1 else {})
        | {"methods": methods}
    )


def summary(figures: Mapping) -> dict[str, float | str]:
    """The figures of `all_figures` that DVC's tables show: at most eight names of at most eight
    letters, so that a table of them is no wider than a terminal.

    By video: ROC-AUC and log loss on validation, ROC-AUC on in-set test with its interval, and the
    lowest ROC-AUC of what is held out with its name. Figures that were not measured, or are
    undefined, are left out.
    """
    held_out = {
        name: levels["video"][MAIN]
        for name, levels in figures.get("held_out", {}).items()
        if levels["video"][MAIN] is not None
    }
    worst = min(held_out, key=lambda name: held_out[name], default=None)
    val, test = (figures.get(part, {}).get("video", {}) for part in IN_SET)
    shown = {
        "val_auc": val.get(MAIN),
        "val_loss": val.get("log_loss"),
        "test_auc": test.get(MAIN),
        "test_lo": test.get(f"{MAIN}_low"),
        "test_hi": test.get(f"{MAIN}_high"),
        "held_auc": held_out.get(worst),
        "held_set": worst,
    }
    return {name: value for name, value in shown.items() if value is not None}


def of(rows: pd.DataFrame, threshold: float, with_interval: Sequence[str] = WITH_INTERVAL) -> dict:
    """Every figure of `rows` by name, rounded to six decimals; those `with_interval` have its ends
    as <name>_low and <name>_high.

    Where there are no intervals, `interval_reason` says why.
    """
    scored = rows.dropna(subset="logit")
    labels, probabilities = scored["label"].to_numpy(int), scored["fake_probability"].to_numpy()
    values: dict = figures(labels, probabilities, threshold)
    values |= {figure.name: figure.value(rows) for figure in OF_ROWS if figure.column in rows}
    defined = [name for name in with_interval if values[name] is not None]
    bootstrap = intervals(
        labels, Scores(probabilities, threshold), scored["group"].to_numpy(), defined
    )
    for name, (low, high) in bootstrap.ends.items():
        values |= {f"{name}_low": low, f"{name}_high": high}
    if bootstrap.reason:
        values["interval_reason"] = bootstrap.reason
    if bootstrap.exact:
        values["interval_exact"] = " ".join(bootstrap.exact)
    if bootstrap.undefined:
        values["interval_undefined_draws"] = bootstrap.undefined
    return {
        name: round(value, 6) if isinstance(value, float) else value
        for name, value in values.items()
    }


def by_method(rows: pd.DataFrame, threshold: float) -> dict[str, dict]:
    """The chief figures by `<data set>/<method>`: that method's fakes against all reals of their
    data set."""
    by_name = {}
    for data_set, of_set in rows.groupby("data_set"):
        for method in sorted(set(of_set.loc[of_set["label"] == 1, "method"])):
            against = of_set[(of_set["label"] == 0) | (of_set["method"] == method)]
            by_name[f"{data_set}/{method}"] = chief(against, threshold)
    return by_name


def by_data_set(rows: pd.DataFrame, threshold: float) -> dict[str, dict]:
    """The chief figures by data set."""
    return {name: chief(of_set, threshold) for name, of_set in rows.groupby("data_set")}


def chief(rows: pd.DataFrame, threshold: float) -> dict:
    """The figures of CHIEF_COLUMNS; without an interval its ends are absent."""
    values = of(rows, threshold, [MAIN])
    return {name: values[name] for name in CHIEF_COLUMNS if name in values}


def by_slice(rows: pd.DataFrame, facts: tuple[str, ...], threshold: float) -> list[Slice]:
    """The slices of `rows` by each of the `facts` (columns): three ranges with equally many rows,
    fewer where values repeat."""
    slices = []
    for fact in facts:
        known = rows.dropna(subset=[fact, "logit"])
        edges = (
            np.unique(np.quantile(known[fact], np.linspace(0, 1, SLICES + 1)))
            if len(known)
            else np.array([])
        )
        place = np.searchsorted(edges[1:-1], known[fact], side="right")
        for number in np.unique(place):
            low, high = edges[number], edges[min(number + 1, len(edges) - 1)]
            slices.append(_slice(known[place == number], fact, float(low), float(high), threshold))
    return slices


def _slice(rows: pd.DataFrame, fact: str, low: float, high: float, threshold: float) -> Slice:
    figures_of = of(rows, threshold, [MAIN])
    videos = rows["item"].nunique()
    return Slice(
        fact=fact,
        low=low,
        high=high,
        count=len(rows),
        videos=videos,
        few=videos < LEAST_CLIPS,
        roc_auc=figures_of["roc_auc"],
        roc_auc_low=figures_of.get("roc_auc_low"),
        roc_auc_high=figures_of.get("roc_auc_high"),
        accuracy=figures_of["accuracy"],
    )
