"""Fit temperature, threshold and inconclusive band on validation clips; test is not read.

    python -m stages.calibrate

reads   models/resnet18.pt, data/splits/val.csv, data/faces.csv, data/faces/
makes   models/decision.json
"""

from deepfake_detector import UserError, calibration, console, crops, network, params, scores, tables
from deepfake_detector.files import write_json


def main() -> str:
    aggregation, calibrate = params.read("aggregation", "calibrate")
    detector, facts = network.load("models/resnet18.pt")
    split = tables.read("data/splits/val.csv", tables.SPLIT)
    faces = tables.read("data/faces.csv", tables.FACES)
    judged = crops.judge_faces(network.to_fastest(detector), faces, split, facts["input_size"])
    clips = scores.score_clips(faces[faces["item"].isin(split["item"])], judged, aggregation.min_faces)
    clips = clips.merge(split, on="item").dropna(subset="logit")
    labels = clips["label"].to_numpy(int)
    if len(set(labels)) < 2:
        raise UserError("validation has no scored clip of one class; give split.val a larger share, or add material")
    temperature = calibration.fit_temperature(labels, clips["logit"])
    probabilities = scores.probability(clips["logit"].to_numpy(), temperature)
    threshold = (
        calibration.most_balanced(labels, probabilities)
        if calibrate.threshold == "balanced_accuracy"
        else calibration.fewest_false_alarms(labels, probabilities, calibrate.false_alarms)
    )
    band = calibration.inconclusive_band(labels, probabilities, threshold, calibrate.band_error, calibrate.band_share)
    inside = (probabilities > band.low) & (probabilities < band.high)
    wrong = (probabilities >= threshold) != (labels == 1)
    write_json(
        "models/decision.json",
        {
            "temperature": round(temperature, 6),
            "threshold": round(threshold, 6),
            "band_low": round(band.low, 6),
            "band_high": round(band.high, 6),
            "band_reached": band.reached,
            "min_faces": aggregation.min_faces,
            "validation": {
                "clips": len(clips),
                "inconclusive": int(inside.sum()),
                "wrong_outside_band": int((wrong & ~inside).sum()),
            },
        },
    )
    aim = "" if band.reached else f" (an error of {calibrate.band_error:.0%} outside it was not reached)"
    return (
        f"temperature {temperature:.3f}, threshold {threshold:.3f}, inconclusive from {band.low:.3f} to {band.high:.3f}: "
        f"{inside.sum()} of {len(clips)} validation clips{aim}"
    )


if __name__ == "__main__":
    console.run_stage(main, __doc__)
