"""A threshold for a chosen rate of false alarms, from the user's own real clips.

On clips of another camera or messenger everything can come out as fake: the threshold was fitted on
other clips.
"""

import numpy as np

from deepfake_detector import UserError
from deepfake_detector.scoring.calibration import fewest_false_alarms, rounded, several, thinned
from deepfake_detector.scoring.decision import LEAST_CLIPS, Decision, is_fake, is_real
from deepfake_detector.scoring.intervals import clopper_pearson
from deepfake_detector.scoring.scores import probability

TOLERANCE = 1e-9  # of a fraction of clips, for rounding


def recalibrated(
    decision: Decision, logits: np.ndarray, share: float, left_out: str = ""
) -> Decision:
    """The decision that calls at most `share` (0..1) of these real clips fake.

    `logits`: one per clip, of one person each. Temperature, fake scores and the end of REAL stay.
    FAKE begins higher up: it never begins lower, where too many verdicts were wrong on validation.
    Raises UserError where no more than that share is called fake already, and where there are too
    few clips for it; `left_out` is added there, on those without a score.
    """
    wanted = max(LEAST_CLIPS, int(np.ceil(1 / share - TOLERANCE)))
    if len(logits) < wanted:
        raise UserError(
            f"{len(logits)} real clips with a score, {wanted} are needed for a false alarm rate of "
            f"{share:g}{left_out}",
            "add real clips, or choose a higher rate",
        )
    before = false_alarms(decision, logits)[0]
    if before <= share * len(logits) + TOLERANCE:
        raise UserError(
            f"the model calls {before} of these {len(logits)} real clips fake, no more than the "
            f"rate of {share:g}: there is nothing to fix",
            "use it as it is, or choose a lower rate",
        )
    scores = probability(logits, decision.temperature)
    threshold = rounded(fewest_false_alarms(np.zeros(len(scores)), scores, share))
    low, known = decision.band_low, decision.validation
    fakes = np.array(known.fake_scores)
    validation = known.model_copy(
        update={
            "real_clips": len(scores),
            "real_scores": thinned(scores),
            "inconclusive": _counted(~(is_real(scores, low) | is_fake(scores, threshold)))
            + _scaled(~(is_real(fakes, low) | is_fake(fakes, threshold)), known.fake_clips),
            "wrong_outside_band": _counted(is_fake(scores, threshold))
            + _scaled(is_real(fakes, low), known.fake_clips),
        }
    )
    return decision.model_copy(
        update={
            "threshold": threshold,
            "band_high": threshold,
            "several": several(np.asarray(logits), threshold, decision.temperature),
            "recalibrated": f"at most {100 * share:g}% of {len(scores)} of the user's own real clips "
            "are called fake",
            "validation": validation,
        }
    )


def false_alarms(decision: Decision, logits: np.ndarray) -> tuple[int, float, float]:
    """How many of these real clips are called fake, and the exact 95 % interval of their rate
    (Clopper and Pearson 1934), each clip taken as independent of the others."""
    alarms = _counted(is_fake(probability(logits, decision.temperature), decision.band_high))
    return alarms, *clopper_pearson(alarms / len(logits), len(logits))


def _counted(true: np.ndarray) -> int:
    return int(np.count_nonzero(true))


def _scaled(true: np.ndarray, clips: int) -> int:
    """Number of clips in proportion to the scores that stand for them."""
    return round(float(true.mean()) * clips) if len(true) else 0
