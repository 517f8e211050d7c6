"""Write the trained detector as ONNX files with their contract inside, in fp32 and in int8, and
compare what they compute.

    python -m stages.export

reads   models/detector.pt, models/decision.json, data/index.csv, data/splits/, data/faces.csv, data/faces/;
        media of drawn data sets
makes   models/detector.onnx, models/detector.int8.onnx, models/examples/ (clips for the page, from a drawn test split),
        metrics/export.json
"""

from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch

from deepfake_detector import contract, params
from deepfake_detector.common import console
from deepfake_detector.contract import golden, model_file, provenance
from deepfake_detector.datasets import subset
from deepfake_detector.export import graphs, parity
from deepfake_detector.faces.detection import FaceDetector, load_detector
from deepfake_detector.scoring import calibration, scores
from deepfake_detector.scoring.decision import Decision
from deepfake_detector.scoring.settings import Aggregation, Calibrate
from deepfake_detector.storage import tables
from deepfake_detector.storage.files import write_json, write_whole
from deepfake_detector.training import crops, network

FILES = {"fp32": Path("models/detector.onnx"), "int8": Path("models/detector.int8.onnx")}
EXAMPLES = Path("models/examples")
RANGE_CROPS = 256  # that int8's ranges are taken from
TOLERANCE = {"fp32": 1e-3, "int8": 0.1}  # of the golden sample's logit on another machine


def main() -> str:
    settings = params.load()
    detector, facts = network.load("models/detector.pt")
    index = tables.read("data/index.csv", tables.INDEX)
    splits = {
        part: tables.read(f"data/splits/{part}.csv", tables.SPLIT)
        for part in ("train", "val", "test")
    }
    clips = subset.of_each_class(splits["val"], settings.export.clips_per_class)
    found = tables.read("data/faces.csv", tables.FACES)
    found = found[found["item"].isin(clips["item"])]
    rows = found[found["status"] == "ok"].reset_index(drop=True)
    common, face_detector, drawn = _common(index, splits["train"], facts["input_size"])

    models = {"fp32": graphs.to_onnx(detector, facts["input_size"])}
    models["int8"] = graphs.to_int8(models["fp32"], _normalised(rows, facts["input_size"]))
    sessions = {
        name: model_file.open_session(graph.SerializeToString()) for name, graph in models.items()
    }
    logits, speeds = parity.logits_of(network.to_fastest(detector), sessions, rows, common["crop"])
    scored = {
        name: scores.score_clips(
            found, rows.assign(logit=own), settings.aggregation.min_faces
        ).merge(clips, on="item")
        for name, own in logits.items()
    }
    compared = parity.figures(logits, scored)
    withheld = parity.why_withheld(compared)
    own_parts: dict[str, dict[str, Any]] = {
        "fp32": {"decision": contract.read_decision("models/decision.json")},
        "int8": {
            "decision": _int8_decision(scored["int8"], settings.aggregation, settings.calibrate),
            "withheld": withheld,
        },
    }
    for name, path in FILES.items():
        judge = partial(model_file.judge, sessions[name], common["crop"])
        sample = golden.sample(face_detector, common["crop"], judge, TOLERANCE[name])
        whole = contract.Contract(
            network=detector.network, variant=name, golden=sample, **common, **own_parts[name]
        )
        write_whole(path, model_file.sealed(models[name], whole))
    sizes = {name: path.stat().st_size for name, path in FILES.items()}
    write_json(
        "metrics/export.json",
        {"clips": len(clips), "faces": len(rows)}
        | compared
        | {"bytes": sizes, "int8_withheld": withheld},
    )
    examples = _write_examples(index, splits["test"], drawn)
    speed = ", ".join(f"{name} {each:.0f}" for name, each in speeds.items())
    offered = f"withheld: {withheld}" if withheld else f"{sizes['int8'] / 1e6:.1f} MB"
    return f"detector.onnx {sizes['fp32'] / 1e6:.1f} MB, detector.int8.onnx {offered}; faces/s: {speed}; {examples} examples"


def _common(
    index: pd.DataFrame, train: pd.DataFrame, input_size: int
) -> tuple[dict, FaceDetector, list[str]]:
    """What the contracts of both files have in common, the face detector, and the names of the
    drawn data sets."""
    settings = params.load()
    crop = settings.crop_faces
    drawn = sorted(
        name for name, data_set in settings.data_sets.items() if data_set.layout == "demo"
    )
    detector = load_detector(crop.detector, crop.detect_size, crop.min_score, crop.detector_sha256)
    parts = {
        "version": contract.VERSION,
        "labels": ("real", "fake"),
        "frames": settings.extract_frames.frames,
        "detection": contract.FaceDetection(
            name=crop.detector,
            sha256=detector.sha256,
            detect_size=crop.detect_size,
            min_score=crop.min_score,
        ),
        "crop": contract.Crop(
            kind=provenance.crop_kind(index, train, crop.realign),
            min_face=crop.min_face,
            margin=crop.margin,
            size=crop.size,
            input_size=input_size,
            interpolation="area, bilinear",
            mean=crops.MEAN,
            std=crops.STD,
        ),
        "trained_on": provenance.trained_on(
            index, train, drawn, settings.split.policy, settings.split.seed
        ),
        "libraries": contract.library_versions(),
    }
    return parts, detector, drawn


def _normalised(rows: pd.DataFrame, input_size: int) -> np.ndarray:
    """Up to 256 of the faces, evenly, as the network takes them."""
    chosen = rows.iloc[subset.evenly(range(len(rows)), RANGE_CROPS)].assign(label=0)
    samples = crops.FaceCrops(chosen, input_size)
    return crops.normalise(torch.stack([samples[row][0] for row in range(len(samples))])).numpy()


def _int8_decision(clips: pd.DataFrame, aggregation: Aggregation, calibrate: Calibrate) -> Decision:
    judged = clips.dropna(subset="logit")
    fitted = calibration.decision(
        judged["label"].to_numpy(int),
        judged["logit"],
        aggregation.min_faces,
        calibrate.threshold,
        calibrate.false_alarms,
        calibrate.band_error,
        calibrate.band_share,
    )
    return contract.decision_of(fitted)


def _write_examples(index: pd.DataFrame, test: pd.DataFrame, drawn: list[str]) -> int:
    """One clip of each method and one still, of people the model has not learned from. Real data
    are never copied."""
    EXAMPLES.mkdir(parents=True, exist_ok=True)
    rows = index[index["item"].isin(test["item"]) & index["data_set"].isin(drawn)].sort_values(
        "item"
    )
    chosen = rows.drop_duplicates(["method", "kind"])
    for row in chosen.itertuples():
        name = f"{'real' if row.label == 0 else f'fake_{row.method}'}_{row.kind}{Path(row.path).suffix}"
        write_whole(EXAMPLES / name, Path(row.path).read_bytes())
    return len(chosen)


if __name__ == "__main__":
    console.run_stage(main, __doc__)
