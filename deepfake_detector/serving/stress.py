"""A verdict put to the test: the same file as others may get it, judged by the same model."""

import time
from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING

from deepfake_detector.common.verdicts import Reason, decided
from deepfake_detector.media.reading import Limits, MediaError, Source, reason
from deepfake_detector.media.variants import Variant, copy, variants
from deepfake_detector.scoring.firmness import Firmness, Outcome
from deepfake_detector.scoring.scores import with_details

if TYPE_CHECKING:
    from deepfake_detector.serving.inference import Report

# a copy, its number from 1, limits
Judge = Callable[[bytes, int, Limits], "Report"]


def tested(report: "Report", source: Source, judge: Judge, limits: Limits) -> "Report":
    """The report on `source` with the verdicts on its changed copies. Its own verdict, REAL or
    FAKE, and those on its people become INCONCLUSIVE where the mildest copy has another. A report
    without a verdict stays as it is.

    All copies together take about `limits.work` seconds at most; those not judged by then count as
    errors.
    """
    if not decided(report.verdict):
        return report
    end = time.monotonic() + limits.work
    outcomes = []
    for number, variant in enumerate(variants(report.kind or ""), start=1):
        remaining = replace(limits, work=max(0.0, end - time.monotonic()))
        try:
            made = copy(variant, source, report.kind or "", remaining)
            outcomes.append(_outcome(variant, judge(made, number, remaining)))
        except (MediaError, OSError) as error:
            outcomes.append(Outcome(variant.name, variant.words, "ERROR", reason(error)))
    firmness = Firmness(report.verdict, tuple(outcomes))
    if firmness.holds:
        return replace(report, firmness=firmness)
    people = tuple(
        replace(track, verdict="INCONCLUSIVE", reason=Reason.NOT_FIRM, details="")
        if decided(track.verdict)
        else track
        for track in report.faces
    )
    turned = firmness.turned_by
    details = f"{report.verdict}, but {turned.verdict} on the copy {turned.words}" if turned else ""
    return replace(
        report,
        verdict="INCONCLUSIVE",
        reason=Reason.NOT_FIRM,
        details=details,
        faces=people,
        firmness=firmness,
    )


def _outcome(variant: Variant, report: "Report") -> Outcome:
    why = report.error or with_details(report.reason, report.details)
    return Outcome(variant.name, variant.words, report.verdict, why, report.fake_probability)
