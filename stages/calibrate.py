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
    found = calibration.decision(
        labels, clips["logit"], clips["group"], clips["people"], aggregation.min_faces, calibrate
    )
    write_json("models/decision.json", found)
    scaling = f" ({found['temperature_reason']})" if found["temperature_reason"] else ""
    proof = f"; the model judges nothing: {found['unproven']}" if found["unproven"] else ""
    return (
        f"temperature {found['temperature']:.3f}{scaling}, threshold {found['threshold']:.3f}, inconclusive "
        f"from {found['band_low']:.3f} to {found['band_high']:.3f}: "
        f"{found['validation']['inconclusive']} of {len(clips)} validation clips; wrong verdicts "
        f"on the others: {found['validation']['wrong_outside_band']}{proof}"
    )


if __name__ == "__main__":
    runner.run(main, __doc__)
