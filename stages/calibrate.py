"""Fit temperature, threshold and inconclusive band on validation clips; test is not read.

    python -m stages.calibrate

reads   models/detector.pt, data/splits/val.csv, data/faces.csv, data/faces/
makes   models/decision.json
"""

from deepfake_detector import UserError, params
from deepfake_detector.scoring import calibration, scores
from deepfake_detector.storage import tables
from deepfake_detector.storage.files import write_json
from deepfake_detector.training import crops, network
from stages import runner


def main() -> str:
    settings = params.load()
    aggregation, calibrate = settings.aggregation, settings.calibrate
    detector, facts = network.load("models/detector.pt")
    split = tables.read("data/splits/val.csv", tables.SPLIT)
    faces = tables.read("data/faces.csv", tables.FACES)
    judged = crops.judge_faces(
        network.to_device(detector, facts["arithmetic"], facts["accelerator"]),
        faces,
        split,
        facts["input_size"],
    )
    clips = scores.score_clips(
        faces[faces["item"].isin(split["item"])], judged, aggregation.min_faces
    )
    clips = clips.merge(split, on="item").dropna(subset="logit")
    labels = clips["label"].to_numpy(int)
    if len(set(labels)) < 2:
        raise UserError(
            "validation has no scored clip of one class",
            "give split.val a larger share, or add material",
        )
    decision, unscaled = calibration.decision(
        labels, clips["logit"], clips["group"], clips["people"], aggregation.min_faces, calibrate
    )
    write_json("models/decision.json", decision.model_dump(mode="json"))
    scaling = f" ({unscaled})" if unscaled else ""
    proof = f"; the model judges nothing: {decision.unproven}" if decision.unproven else ""
    return (
        f"temperature {decision.temperature:.3f}{scaling}, threshold {decision.threshold:.3f}, "
        f"inconclusive from {decision.band_low:.3f} to {decision.band_high:.3f}: "
        f"{decision.validation.inconclusive} of {len(clips)} validation clips; wrong verdicts on "
        f"the others: {decision.validation.wrong_outside_band}{proof}"
    )


if __name__ == "__main__":
    runner.run(main, __doc__)
