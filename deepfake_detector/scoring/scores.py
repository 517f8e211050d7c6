"""From frame logits to a clip's logit, and from a logit to the probability of fake.

Pure functions. A logit is the fake output minus the real output of the network's last layer, so its
sigmoid is the softmax probability of fake.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import overload

import numpy as np
import pandas as pd

from deepfake_detector.common import statuses
from deepfake_detector.common.verdicts import Reason

FURTHEST = 500  # of a logit over the temperature, whose exponential is still a number


@dataclass(frozen=True)
class ClipScore:
    """A clip's logit and the track it comes from; both None, with the reason, where nobody can be
    judged. It is the highest of so many `people`.

    `details` are the numbers behind the reason, where it has some.
    """

    logit: float | None
    track: int | None
    reason: str = ""
    details: str = ""
    people: int = 0


def score_clip(
    tracks: Mapping[int, Sequence[float]],
    sampled: int,
    min_faces: int,
    too_small: int = 0,
    seen: int = 0,
) -> ClipScore:
    """The clip's logit: the highest mean frame logit among tracks with enough faces.

    `tracks` maps a track number to the logits of its frames. Enough is `min_faces`, or half of the
    `sampled` frames where that is fewer. `too_small` faces were found but are not to be judged. In
    `seen` frames there is a face to judge, whoever it is: a detail of the reason where nobody was
    seen often enough, if that is more than of any one person.
    """
    enough = max(1, min(min_faces, math.ceil(sampled / 2)))
    means = {
        track: track_logit(logits) for track, logits in tracks.items() if len(logits) >= enough
    }
    if means:
        track = max(means, key=lambda number: (means[number], -number))
        return ClipScore(means[track], track, people=len(means))
    most = max((len(logits) for logits in tracks.values()), default=0)
    if most < seen:
        counted = f"a face in {seen} frames, one person in {most} of at least {enough}"
        return ClipScore(None, None, Reason.NOBODY, counted)
    if most:
        return ClipScore(None, None, Reason.TOO_FEW, f"{most} of at least {enough}")
    return ClipScore(None, None, Reason.TOO_SMALL if too_small else Reason.NO_FACE)


def with_details(reason: str, details: str) -> str:
    """A reason and the numbers behind it, if any, as tables and reports have them."""
    return f"{reason}: {details}" if details else reason


def track_logit(logits: Sequence[float]) -> float:
    """The logit of one person: the mean over the frames, at least one."""
    return float(np.mean(logits))


def score_clips(faces: pd.DataFrame, logits: pd.DataFrame, min_faces: int) -> pd.DataFrame:
    """`score_clip` for every item of the table `faces`: columns item, logit, track, reason,
    people, frames_sampled, frames_with_face.

    `logits` (columns item, track, logit) has a row for each face that was judged.
    """
    tracks: dict[str, dict[int, list[float]]] = {}
    for row in logits.itertuples():
        tracks.setdefault(row.item, {}).setdefault(row.track, []).append(row.logit)
    rows = []
    for item, rows_of_item in faces.groupby("item"):
        sampled, seen = (
            rows_of_item["frame"].nunique(),
            statuses.ok(rows_of_item)["frame"].nunique(),
        )
        score = score_clip(
            tracks.get(item, {}),
            sampled,
            min_faces,
            int((rows_of_item["status"] == statuses.TOO_SMALL).sum()),
            seen,
        )
        facts = {"people": score.people, "frames_sampled": sampled, "frames_with_face": seen}
        reason = with_details(score.reason, score.details)
        judged = {"item": item, "logit": score.logit, "track": score.track, "reason": reason}
        rows.append(judged | facts)
    return pd.DataFrame(rows).astype({"logit": float, "track": "Int64"})


@overload
def probability(logit: float, temperature: float) -> float: ...
@overload
def probability(logit: np.ndarray, temperature: float) -> np.ndarray: ...
def probability(logit: float | np.ndarray, temperature: float) -> float | np.ndarray:
    """Probability of fake: softmax of both outputs over the temperature (Guo et al. 2017)."""
    return 1 / (1 + np.exp(-np.clip(np.asarray(logit, float) / temperature, -FURTHEST, FURTHEST)))


def logit(fake_probability: float, temperature: float) -> float:
    """The inverse of `probability`; of 0 and 1 as far as that goes."""
    if 0 < fake_probability < 1:
        return temperature * (math.log(fake_probability) - math.log1p(-fake_probability))
    return math.copysign(FURTHEST, fake_probability - 0.5) * temperature
