"""Which quality of a face a model was checked on: limits fitted on validation clips and corrupted
copies of them, and what lies outside.

Pure functions. A clip's measure is the median over the faces that it was judged by.
"""

import math
from collections.abc import Mapping, Sequence
from typing import Literal, get_args

import numpy as np
import pandas as pd
from scipy.special import stdtrit

from deepfake_detector.common.settings import StrictModel

Measure = Literal["sharpness_ratio", "flatness"]  # faces.degradation says what each is
MEASURES: tuple[Measure, ...] = get_args(Measure)
DIGITS = 4  # of measures and limits: what is compared is what is shown
# Less flatness is more detail: a better picture, or noise, which the sharpness ratio shows.
WITHOUT_LEAST = frozenset({"flatness"})
TOLERANCE = 1e-9  # for rounding


class Limit(StrictModel):
    """The `least` and the `most` of a measure with which a clip is judged; None: no such end."""

    least: float | None
    most: float | None


WITHOUT_LIMIT = Limit(least=None, most=None)
Limits = dict[Measure, Limit]


def clip_measures(faces: Sequence[Mapping[str, float]]) -> dict[Measure, float]:
    """The measures of a clip: the median of each over its faces, at least one, to four digits after
    the point."""
    return {
        name: round(float(np.median([face[name] for face in faces])), DIGITS) for name in MEASURES
    }


def fit_limits(clips: pd.DataFrame, error: float, clean_outside: float) -> Limits:
    """The limits of each measure, in the order of MEASURES: copies that lie outside the limits of
    one do not count for the next.

    `clips` has a row for every validation clip and for every corrupted copy of one: the measures,
    `clean`, and `wrong` where there is a verdict (else NaN). Each end apart: all clean clips
    but the fraction `clean_outside` are within, and as many of those to come. From the last of
    these the limit is moved outwards over copies for as long as that pays: a right verdict gains
    `error`, a wrong one costs 1 - `error`, so that of those let in last at most the fraction
    `error` is wrong. It lies half-way to the next copy, or at the furthest where it pays to let all
    copies in: nothing was checked beyond.
    """
    limits = {}
    for name in MEASURES:
        below, most = (
            _most(sign * clips[name], clips["clean"], clips["wrong"], error, clean_outside)
            for sign in (-1, 1)
        )
        # no measure is below 0
        least = None if below > 0 or name in WITHOUT_LEAST else 0.0 - below
        limits[name] = Limit(least=least, most=most)
        clips = clips[clips["clean"] | clips[name].between(*_range(limits[name]))]
    return limits


def outside(measures: Mapping[Measure, float], limits: Limits) -> str:
    """What lies outside the limits, with its limit, in words; empty where nothing does."""
    excesses = []
    for name, limit in limits.items():
        value, (least, most) = measures[name], _range(limit)
        if value < least:
            excesses.append(f"{_words(name)} {value:g}, checked from {least:g}")
        if value > most:
            excesses.append(f"{_words(name)} {value:g}, checked up to {most:g}")
    return "; ".join(excesses)


def in_words(limits: Limits) -> str:
    """The limits for a person: `sharpness ratio from 0.5 up to 0.7; flatness up to 0.4`."""
    ranges = []
    for name, limit in limits.items():
        ends = [
            f"{word} {value:g}"
            for word, value in (("from", limit.least), ("up to", limit.most))
            if value is not None
        ]
        ranges.append(f"{_words(name)} {' '.join(ends) or 'of any value'}")
    return "; ".join(ranges)


def _range(limit: Limit) -> tuple[float, float]:
    return (
        -math.inf if limit.least is None else limit.least,
        math.inf if limit.most is None else limit.most,
    )


def _words(name: str) -> str:
    return name.replace("_", " ")


def _edge(clean: np.ndarray, outside: float) -> float:
    """The value that at most the fraction `outside` of clean clips (sorted) exceeds. Too few of
    them to show it do not show either how far others go: then at least the end of the prediction
    interval for the next one, of a normal distribution."""
    count = len(clean)
    seen = float(clean[count - 1 - int(outside * count + TOLERANCE)])
    if count < 2 or outside * count >= 1 or not outside:
        return seen
    reach = float(stdtrit(count - 1, 1 - outside)) * math.sqrt(1 + 1 / count)
    expected = float(clean.mean() + reach * clean.std(ddof=1))
    return max(seen, math.ceil(expected * 10**DIGITS - TOLERANCE) / 10**DIGITS)


def _most(
    values: pd.Series, clean: pd.Series, wrong: pd.Series, error: float, clean_outside: float
) -> float:
    """The upper limit."""
    edge = _edge(np.sort(values[clean]), clean_outside)
    beyond = pd.DataFrame({"value": values, "wrong": wrong})[~clean & (values > edge)].dropna()
    by_value = (error - beyond["wrong"].astype(float)).groupby(beyond["value"]).sum()
    gained = np.append(0.0, by_value.cumsum())
    last = int(np.flatnonzero(gained >= gained.max() - TOLERANCE)[-1])
    passed = np.append(edge, by_value.index)
    if last in (0, len(passed) - 1):
        return float(passed[last])
    return math.ceil((passed[last] + passed[last + 1]) / 2 * 10**DIGITS - TOLERANCE) / 10**DIGITS
