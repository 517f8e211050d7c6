"""The words of a verdict, which of them decide, and the reasons why there is none."""

from enum import StrEnum
from typing import Literal, TypeGuard, get_args

Decided = Literal["REAL", "FAKE"]
Verdict = Literal[Decided, "INCONCLUSIVE"]  # on a person
FileVerdict = Literal[Verdict, "ERROR"]  # on a file: ERROR is one that cannot be judged
VERDICTS: tuple[FileVerdict, ...] = get_args(FileVerdict)


class Reason(StrEnum):
    """Why there is no verdict on a person or a file, as tables and reports have it."""

    NO_FACE = "no face"
    TOO_SMALL = "faces too small"
    TOO_FEW = "too few faces"
    BRIEF_FAKE = "fake by its score, but seen in too few frames"
    NOBODY = "nobody seen long enough"
    IN_BAND = "score in the inconclusive band"
    OF_SEVERAL = "high for one person, but not for the highest of several"
    DISAGREE = "people disagree: one looks real, the score of another lies in the inconclusive band"
    NOT_ALL = "looks real, but somebody else in it could not be judged"
    IN_PART = "looks real, but a part of it could not be looked at"
    BAD_QUALITY = "quality outside what this model was checked on"
    NOT_FIRM = "not firm"
    NOT_JUDGED = "demonstration model"
    UNPROVEN = "unproven model"
    UNREADABLE = "cannot be read"


def decided(verdict: str) -> TypeGuard[Decided]:
    """Whether a verdict is REAL or FAKE."""
    return verdict in get_args(Decided)
