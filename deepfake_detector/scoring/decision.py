"""How a clip's logit becomes a verdict: temperature, threshold and band, and what they rest on."""

import bisect
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from pydantic import Field

from deepfake_detector.common.settings import StrictModel
from deepfake_detector.common.verdicts import Decided, Reason, Verdict
from deepfake_detector.scoring.scores import probability, score_clip, track_logit

LEAST_CLIPS = 20  # of a class, for figures of the form "of so many": one of them is 5 %
BRIEFLY = 3  # faces from which a score stands for more than a frame that went wrong
DIGITS = 6  # of validation's scores; one compared with them is rounded like them


class Validation(StrictModel):
    """How validation's clips scored: ascending probabilities of fake of its real and its fake
    clips, thinned to 200 of each class, and how many clips there were."""

    real_clips: int = Field(ge=0)
    fake_clips: int = Field(ge=0)
    inconclusive: int = Field(ge=0)  # of them, within the band
    wrong_outside_band: int = Field(ge=0)
    real_scores: tuple[float, ...]
    fake_scores: tuple[float, ...]

    def reals_as_high(self, fake_probability: float) -> float | None:
        """The fraction of real clips that score so high or higher; None where there were none."""
        if not self.real_scores:
            return None
        lower = bisect.bisect_left(self.real_scores, round(fake_probability, DIGITS))
        return 1 - lower / len(self.real_scores)

    def fakes_as_low(self, fake_probability: float) -> float | None:
        """The fraction of fake clips that score so low or lower; None where there were none."""
        if not self.fake_scores:
            return None
        as_low = bisect.bisect_right(self.fake_scores, round(fake_probability, DIGITS))
        return as_low / len(self.fake_scores)


class Decision(StrictModel):
    """How frame logits become a verdict (scores.py); probabilities of fake.

    One person is REAL up to `band_low`, never where that is 0, and FAKE from `band_high`, never
    where that is 1. The highest of 2, 3 … people is FAKE from the values of `several` (people.py),
    the last of which holds for more. `recalibrated` says on which of the user's clips the threshold
    was fitted, where it was. `unproven` says why there is no verdict on any file, where validation
    does not show that the model separates the classes.
    """

    min_faces: int = Field(gt=0)
    temperature: float = Field(gt=0)
    threshold: float = Field(ge=0, le=1)
    band_low: float = Field(ge=0, le=1)
    band_high: float = Field(ge=0, le=1)
    several: tuple[float, ...]
    recalibrated: str
    unproven: str
    validation: Validation

    @property
    def verdicts(self) -> tuple[Decided, ...]:
        """The verdicts that it gives at some score, where nothing else rules them out."""
        given: dict[Decided, bool] = {"REAL": self.band_low > 0, "FAKE": self.band_high < 1}
        return tuple(verdict for verdict, possible in given.items() if possible)

    def fake_from(self, people: int) -> float:
        """The probability from which the highest of so many judged people is FAKE."""
        known = (self.band_high, *self.several)
        return known[min(max(people, 1), len(known)) - 1]


@dataclass(frozen=True)
class Judgement:
    """A verdict, the reason where it is INCONCLUSIVE, and the probability of fake that it rests on
    (None where nothing could be scored)."""

    verdict: Verdict
    reason: str
    fake_probability: float | None


def judge(logit: float | None, reason: str, decision: Decision, people: int = 1) -> Judgement:
    """The verdict on a track of this logit, or on a clip of which it is the highest, where so many
    people are judged; `reason` says why there is no logit where it is None. A model that is
    unproven gives no verdict."""
    if logit is None:
        return Judgement("INCONCLUSIVE", reason, None)
    fake_probability = float(probability(logit, decision.temperature))
    if decision.unproven:
        return Judgement("INCONCLUSIVE", Reason.UNPROVEN, fake_probability)
    verdict = decide(fake_probability, decision.band_low, decision.fake_from(people))
    if verdict != "INCONCLUSIVE":
        return Judgement(verdict, "", fake_probability)
    alone = decide(fake_probability, decision.band_low, decision.band_high)
    return Judgement(
        verdict, Reason.OF_SEVERAL if alone == "FAKE" else Reason.IN_BAND, fake_probability
    )


def judge_person(
    logits: Sequence[float], sampled: int, decision: Decision, people: int, beyond: str
) -> tuple[Judgement, str]:
    """The judgement on one of so many judged `people`, with the numbers behind its reason.

    `logits` are those of this person's faces, one in a frame, of so many `sampled` frames; `beyond`
    says how the faces lie outside the limits of quality, and is empty where they lie within them.
    """
    score = score_clip({0: logits}, sampled, decision.min_faces)
    judged = judge(score.logit, score.reason, decision, people)
    if beyond:
        judged = withheld_for_quality(judged)
    elif judged.reason == Reason.TOO_FEW and len(logits) >= BRIEFLY:
        briefly = judge(track_logit(logits), "", decision, people)
        judged = replace(judged, reason=Reason.BRIEF_FAKE) if briefly.verdict == "FAKE" else judged
    return judged, beyond if judged.reason == Reason.BAD_QUALITY else score.details


def withheld_for_quality(judged: Judgement) -> Judgement:
    """The judgement on a person whose faces lie outside the limits of quality."""
    if judged.fake_probability is None:
        return judged
    return replace(judged, verdict="INCONCLUSIVE", reason=Reason.BAD_QUALITY)


def judge_clip(
    clip: Judgement, highest: int, people: Mapping[int, Judgement]
) -> tuple[Judgement, int | None]:
    """The verdict on a clip, and the track of whoever decides.

    `clip` is the judgement by the score of the `highest` person, `people` are those of
    `judge_person` on each. Where the highest was not seen well enough, the clip is FAKE if somebody
    who was is, and else nobody decides. It is REAL only where nobody was seen too badly, or is fake
    for a short while: what cannot be judged may be the forgery.
    """
    if people[highest].reason != Reason.BAD_QUALITY:
        if clip.verdict == "REAL" and any(in_doubt(person.reason) for person in people.values()):
            return replace(clip, verdict="INCONCLUSIVE", reason=Reason.NOT_ALL), highest
        return clip, highest
    fakes = {track: person for track, person in people.items() if person.verdict == "FAKE"}
    if not fakes:
        return Judgement("INCONCLUSIVE", Reason.BAD_QUALITY, None), None
    decides = max(fakes, key=lambda track: (fakes[track].fake_probability or 0.0, -track))
    return fakes[decides], decides


def in_doubt(reason: str) -> bool:
    """Whether a person without a verdict for this `reason` keeps a clip of others from being
    REAL."""
    return reason in (Reason.BAD_QUALITY, Reason.BRIEF_FAKE)


def ends_in_words(low: float, high: float, put: Callable[[float], str], of: str = "") -> str:
    """Where FAKE begins and REAL ends, outside a band from `low` to `high`; `put` writes a
    probability, `of` says whose score is meant."""
    fake = f"FAKE from {put(high)}{of}" if high < 1 else "never FAKE"
    real = f"REAL up to {put(low)}" if low > 0 else "never REAL"
    return f"{fake}, {real}"


def decide(fake_probability: float, band_low: float, band_high: float) -> Verdict:
    """FAKE from `band_high`, REAL up to `band_low`, INCONCLUSIVE between; FAKE where the two are
    one threshold. Never FAKE where the band ends at 1, nor REAL where it begins at 0: a very high
    or low logit has a probability that is rounded to these."""
    if is_fake(fake_probability, band_high):
        return "FAKE"
    return "REAL" if is_real(fake_probability, band_low) else "INCONCLUSIVE"


def is_fake(fake_probability: np.ndarray | float, band_high: np.ndarray | float) -> np.ndarray:
    """Whether one probability, or each of an array, is FAKE; of an array each may have its own
    `band_high`."""
    return (np.asarray(fake_probability) >= band_high) & (band_high < 1)


def is_real(fake_probability: np.ndarray | float, band_low: float) -> np.ndarray:
    """Whether one probability, or each of an array, is REAL where it is not FAKE; 1 never is."""
    probabilities = np.asarray(fake_probability)
    return (probabilities <= band_low) & (probabilities < 1) & (band_low > 0)
