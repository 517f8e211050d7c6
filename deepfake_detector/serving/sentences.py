"""What a report says in words: the verdict and its reason, what the score means on clips that the
model was checked on, and how firm the verdict is."""

import math
from collections.abc import Sequence
from typing import cast

from deepfake_detector.common.percent import digits_beside, percent
from deepfake_detector.common.verdicts import FileVerdict, Reason, decided
from deepfake_detector.contract import Contract, TrainedOn
from deepfake_detector.pages.html_page import NO_PROOF
from deepfake_detector.scoring.decision import LEAST_CLIPS, Decision, ends_in_words
from deepfake_detector.scoring.firmness import NOT_MEASURED, Firmness, VerdictsByFirmness
from deepfake_detector.serving.inference import Report

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
    Reason.IN_BAND: "The clips that the detector was checked on do not show that it is seldom wrong at such a score.",
    Reason.OF_SEVERAL: "The highest of several people scores higher by chance. This would be FAKE for one person, "
    "not for that many.",
    Reason.DISAGREE: "The people in it got different results: one looks real, another has a score at which "
    "the detector is not shown to be seldom wrong.",
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
    """What faces were looked for, and where, for the gaps in EXPLAINED."""
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
    checked = decision.validation
    reals = (
        f"{checked.real_clips} real clips of its user's, on which it was fitted again,"
        if decision.recalibrated
        else f"{checked.real_clips} real"
    )
    clips = f"{reals} and {checked.fake_clips} fake clips that it had not learned from"
    if decision.unproven:
        return clips
    verdicts = checked.real_clips + checked.fake_clips - checked.inconclusive
    none = f", and none on the other {checked.inconclusive}" if checked.inconclusive else ""
    return f"{clips}: {verdicts} verdicts, {checked.wrong_outside_band} of them wrong{none}"


def meaning(report: Report, terms: Contract) -> str:
    """What the score means on clips that the model was checked on; empty without a score."""
    if report.fake_probability is None:
        return ""
    checked = terms.decision.validation
    score = report.fake_probability
    reals = _counted(
        checked.reals_as_high(score),
        checked.real_scores,
        checked.real_clips,
        "real",
        "high or higher",
        did="fitted again" if terms.decision.recalibrated else "checked",
    )
    fakes = _counted(
        checked.fakes_as_low(score),
        checked.fake_scores,
        checked.fake_clips,
        "fake",
        "low or lower",
    )
    unseen = _unseen_kinds(terms.trained_on)
    parts = {"FAKE": (reals,), "REAL": (fakes, unseen)}.get(report.verdict, (reals, fakes))
    of_several = (
        f"With {report.people} people, the highest score is this high more often."
        if report.people > 1
        else ""
    )
    return " ".join(filter(None, (*parts, of_several)))


def firmness_in_words(report: Report, known: VerdictsByFirmness) -> str:
    """Whether the verdict stays the same on changed copies of the file, as far as that was tested,
    and how often such verdicts of validation were wrong."""
    firmness = report.firmness
    if firmness is None:
        verdict = decided(report.verdict)
        return "Firmness not tested." if verdict else "Firmness not tested: there is no verdict."
    if not firmness.judged:
        return f"Firmness not tested: no copy could be judged ({firmness.outcomes[0].reason})."
    lost = len(firmness.outcomes) - len(firmness.judged)
    left_out = f" {lost} more could not be judged." if lost else ""
    return f"{_copies_in_words(firmness)}{left_out}{_wrong_so_often(firmness.holds, known)}"


def _copies_in_words(firmness: Firmness) -> str:
    verdict, turned = firmness.verdict, firmness.turned_by
    if turned is None:
        return f"Firm: {verdict} on all {len(firmness.judged)} changed copies, too."
    if firmness.holds:
        return (
            f"{verdict} on the mildest copy, too, but {turned.verdict} on the one {turned.words}."
        )
    return f"Not firm: {verdict}, but {turned.verdict} on the mildest copy, {turned.words}."


def _wrong_so_often(holds: bool, known: VerdictsByFirmness) -> str:
    if known == NOT_MEASURED:
        return ""
    if holds:
        count, wrong, did = known.firm, known.firm_wrong, "stayed the same"
    else:
        count, wrong, did = known.not_firm, known.not_firm_wrong, "changed"
    checked = " Of the verdicts on clips that the model was checked on,"
    if count < LEAST_CLIPS:
        return f"{checked} only {count} {did} on the mildest copy: too few to say how often such a verdict is wrong."
    return (
        f"{checked} {count} {did} on the mildest copy, as this one did; {wrong} of them were wrong."
    )


def not_counted(report: Report, person: int) -> str:
    """Why the face of a `person` (from 1) does not count, for its caption; empty where it does, or
    where the model judges nothing."""
    reason = next(track.reason for track in report.faces if track.person == person)
    return f", not counted: {NOT_COUNTED[reason]}" if reason in NOT_COUNTED else ""


def _counted(
    share: float | None,
    scores: Sequence[float],
    clips: int,
    label: str,
    how: str,
    did: str = "checked",
) -> str:
    """How many of the `clips` of a class (`label`) scored like this one (`how`), estimated from the
    `share` of the `scores` that are kept of them; empty where that is None. `did` says what was
    done on these clips."""
    if share is None:
        return ""
    if clips < LEAST_CLIPS:
        return f"The model was {did} on {clips} {label} clips only: too few to say how rare such a score is."
    count = str(round(share * clips))
    if len(scores) < clips:
        count = f"about {count}" if share else f"fewer than {math.ceil(clips / len(scores))}"
    return f"Of {clips} {label} clips that the model was {did} on, {count} scored as {how}."


def _unseen_kinds(learned: TrainedOn) -> str:
    """That other kinds of manipulation may score as low. Methods without a name are called
    `fake`."""
    known = sorted({method for counts in learned.data_sets.values() for method in counts})
    named = [method for method in known if method not in ("real", "fake")]
    of = f" (it has seen: {', '.join(named)})" if named else ""
    return f"A kind of manipulation that it has not seen{of} may score as low."
