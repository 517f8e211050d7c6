"""The decision of a format whose logits are not those of the trained network."""

import pandas as pd

from deepfake_detector.export.parity import DIGITS
from deepfake_detector.scoring import calibration
from deepfake_detector.scoring.decision import Decision
from deepfake_detector.scoring.settings import Calibrate


def own_decision(clips: pd.DataFrame, all_clips: Decision, aims: Calibrate) -> Decision:
    """The decision fitted on a format's own logits. These are of few clips: no verdict is given
    that the decision on all of validation rules out."""
    judged = clips.dropna(subset="logit")
    labels = judged["label"].to_numpy(int)
    logits = judged["logit"].round(DIGITS)
    fitted, _ = calibration.decision(
        labels,
        logits,
        judged["group"],
        judged["people"],
        all_clips.min_faces,
        aims,
        all_clips.verdicts,
    )
    return fitted.model_copy(update={"unproven": all_clips.unproven or fitted.unproven})
