"""The words of a verdict, and which of them decide."""

from typing import Literal, TypeGuard, get_args

Decided = Literal["REAL", "FAKE"]
Verdict = Literal[Decided, "INCONCLUSIVE"]  # on a person
FileVerdict = Literal[Verdict, "ERROR"]  # on a file: ERROR is one that cannot be judged
VERDICTS: tuple[FileVerdict, ...] = get_args(FileVerdict)


def decided(verdict: str) -> TypeGuard[Decided]:
    return verdict in get_args(Decided)
