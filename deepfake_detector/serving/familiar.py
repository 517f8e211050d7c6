"""Whether a file is like those that the model has learned from: its codec, size and compression.

On others a detector is wrong more often: between lightly and hard compressed clips accuracy falls
by ten points and more (Rossler et al., FaceForensics++, ICCV 2019, table 2).
"""

from collections.abc import Mapping, Sequence
from typing import Any

from deepfake_detector.contract import Inputs
from deepfake_detector.media.facts import bits_per_pixel

NAMES = {"video": "videos", "image": "images"}


def unfamiliar(kind: str, facts: Mapping[str, Any], learned: Mapping[str, Inputs]) -> list[str]:
    """A sentence for each fact of a file that lies outside all that the model has learned from.

    `kind` is `video` or `image`, `facts` are those of the report; `learned` are the ranges of the
    contract by kind, empty where they are not known.
    """
    if not learned:
        return []
    if kind not in learned:
        return [f"The model has learned from no {NAMES[kind]}; on them it may be wrong more often."]
    known = learned[kind]
    differences = [
        _unlike_codec(facts.get("codec"), known.codecs),
        _unlike("pixels on the shorter side", _short_side(facts), known.short_side),
        _unlike("bits per pixel", bits_per_pixel(kind, facts), known.bits_per_pixel),
    ]
    return [
        f"Unlike all {NAMES[kind]} that the model has learned from: {difference}. It may be wrong more often."
        for difference in differences
        if difference
    ]


def _unlike_codec(codec: str | None, known: Sequence[str]) -> str:
    return f"{codec}, where it knows {', '.join(known)}" if codec and codec not in known else ""


def _short_side(facts: Mapping[str, Any]) -> float | None:
    width, height = facts.get("width"), facts.get("height")
    return min(width, height) if width and height else None


def _unlike(name: str, value: float | None, known: tuple[float, float] | None) -> str:
    if value is None or known is None or known[0] <= value <= known[1]:
        return ""
    own, low, high = (
        f"{number:,}" if isinstance(number, int) else f"{number:.2g}" for number in (value, *known)
    )
    return f"{own} {name}, where it knows {low} to {high}"
