"""`deepfake-detector recalibrate`: a new model file whose threshold was fitted on real clips of its
user's."""

from collections import Counter
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import onnx

from deepfake_detector import UserError
from deepfake_detector.common import console
from deepfake_detector.contract import model_file
from deepfake_detector.scoring import recalibration
from deepfake_detector.scoring.firmness import NOT_MEASURED
from deepfake_detector.scoring.scores import logit
from deepfake_detector.serving.inference import Detector
from deepfake_detector.storage.files import write_whole


@dataclass(frozen=True)
class Scored:
    """The logits of the clips that show one judged person, and how many others there are by the
    reason why they were left out."""

    logits: np.ndarray
    left_out: Counter[str]


def recalibrate(model: Path, clips: list[Path], share: float, target: Path) -> str:
    """Write the model to `target` with a threshold at which at most the fraction `share` of these
    real clips is called fake; returns a sentence on the result.

    Raises UserError where the model gives no verdicts, and where too few clips have a score.
    """
    detector = Detector.load(model)
    if detector.banner:
        raise UserError(
            f"{model}: {detector.banner.rstrip('.')}", "train and export a model that judges first"
        )
    before, judged = detector.contract.decision, scored(detector, clips)
    left_out = "".join(f"; left out: {many} x {why}" for why, many in judged.left_out.most_common())
    after = recalibration.recalibrated(before, judged.logits, share, left_out)
    terms = detector.contract.model_copy(update={"decision": after, "firmness": NOT_MEASURED})
    write_whole(target, model_file.sealed(onnx.load(model), terms))
    count, then = len(judged.logits), recalibration.false_alarms(before, judged.logits)[0]
    now, low, high = recalibration.false_alarms(after, judged.logits)
    if after.band_high >= 1:
        return (
            f"{target}: never FAKE, as more than {share:g} of these {count} real clips have a "
            f"probability of 1{left_out}"
        )
    return (
        f"{target}: FAKE from {after.band_high:.3f} (before: {before.band_high:.3f}); of {count} "
        f"real clips {now} are called fake (before: {then}), a rate of {now / count:.1%} "
        f"({low:.1%} to {high:.1%} with 95 % confidence, if no two show the same person){left_out}"
    )


def scored(detector: Detector, clips: list[Path]) -> Scored:
    """Judges the clips, each file once, with a bar that counts them."""
    logits, left_out, seen = [], Counter[str](), set()
    for path in console.progress(clips, len(clips), "judging", "clip"):
        report = detector.predict(path)
        if report.sha256 and report.sha256 in seen:
            left_out["the same file again"] += 1
        elif report.fake_probability is None:
            left_out[report.reason] += 1
        elif report.people > 1:
            left_out["several people"] += 1
        else:
            logits.append(logit(report.fake_probability, detector.contract.decision.temperature))
        seen.add(report.sha256)
    return Scored(np.array(logits), left_out)
