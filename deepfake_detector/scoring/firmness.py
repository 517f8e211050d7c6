"""Whether a verdict is still the same on changed copies of its file."""

from collections.abc import Sequence
from dataclasses import dataclass

from pydantic import Field

from deepfake_detector.common.settings import StrictModel
from deepfake_detector.common.verdicts import Decided, FileVerdict


class VerdictsByFirmness(StrictModel):
    """How many of validation's verdicts were firm, how many were not, and how many of either were
    wrong. All 0: not measured, as after a threshold of one's own."""

    firm: int = Field(ge=0)
    firm_wrong: int = Field(ge=0)
    not_firm: int = Field(ge=0)
    not_firm_wrong: int = Field(ge=0)


NOT_MEASURED = VerdictsByFirmness(firm=0, firm_wrong=0, not_firm=0, not_firm_wrong=0)


@dataclass(frozen=True)
class Outcome:
    """What a changed copy came to: its verdict, with the reason where there is none, and the
    probability of fake. ERROR, with the reason, is one that could not be made or judged: it says
    nothing of the verdict."""

    variant: str  # its name, of media.variants
    words: str  # what was done to it
    verdict: FileVerdict
    reason: str = ""
    fake_probability: float | None = None


@dataclass(frozen=True)
class Firmness:
    """What the copies of a file came to, from the mildest to the harshest, and the file's own
    verdict before."""

    verdict: Decided
    outcomes: tuple[Outcome, ...]

    @property
    def judged(self) -> Sequence[Outcome]:
        """The copies that could be made and judged, the mildest first."""
        return [outcome for outcome in self.outcomes if outcome.verdict != "ERROR"]

    @property
    def turned_by(self) -> Outcome | None:
        """The mildest copy with another verdict, or none, than the file."""
        return next((outcome for outcome in self.judged if outcome.verdict != self.verdict), None)

    @property
    def holds(self) -> bool:
        """Whether the verdict stands: the mildest copy that could be judged has the same."""
        return not self.judged or self.turned_by is not self.judged[0]
