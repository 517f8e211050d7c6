"""Write the trained detector as ONNX files with their contract inside, one per format, and compare
what they compute.

    python -m stages.export

reads   models/detector.pt, models/decision.json, models/quality.json, models/firmness.json,
        data/index.csv, data/media.csv, data/splits/, data/faces.csv, data/faces/; media of drawn
        data sets
makes   models/detector.onnx, models/detector.int8.onnx, models/examples/ (clips for the page, from
        a drawn test split), metrics/export.json
"""

from functools import partial
from pathlib import Path
from typing import Any

import onnx
import pandas as pd

from deepfake_detector import contract, params
from deepfake_detector.common import statuses
from deepfake_detector.contract import golden, model_file, provenance
from deepfake_detector.datasets import subset
from deepfake_detector.datasets.settings import PARTS, Split
from deepfake_detector.export import examples, onnx_graph, parity
from deepfake_detector.export.formats import FORMATS, fitting_images
from deepfake_detector.export.own_decision import own_decision
from deepfake_detector.faces.detection import detector_of
from deepfake_detector.faces.settings import CropFaces
from deepfake_detector.scoring import scores
from deepfake_detector.scoring.firmness import NOT_MEASURED
from deepfake_detector.storage import tables
from deepfake_detector.storage.files import write_json, write_whole
from deepfake_detector.storage.onnx_session import open_session
from deepfake_detector.training import crops, network
from stages import runner

MODELS = Path("models")
FITTING_FACES = 256  # that a format's numeric ranges are taken from, at most


def main() -> str:
    settings = params.load()
    detector, facts = network.load(MODELS / "detector.pt")
    train, val, test = (tables.read(f"data/splits/{part}.csv", tables.SPLIT) for part in PARTS)
    index = tables.read("data/index.csv", tables.INDEX)
    drawn = sorted(
        name for name, data_set in settings.data_sets.items() if data_set.layout == "demo"
    )
    learned = provenance.learned_from(train, settings.train.fakes)
    crop = provenance.crop(
        index, learned, settings.crop_faces, facts["input_size"], crops.MEAN, crops.STD
    )
    clips = subset.of_each_class(val, settings.export.clips_per_class)
    faces = tables.read("data/faces.csv", tables.FACES)
    faces = faces[faces["item"].isin(clips["item"])]
    cropped = statuses.ok(faces).reset_index(drop=True)

    graphs = _graphs(detector, cropped, crop.input_size)
    sessions = {name: open_session(graph.SerializeToString()) for name, graph in graphs.items()}
    detector = network.to_device(detector, facts["arithmetic"], facts["accelerator"])
    logits, speeds = parity.logits_of(detector, sessions, cropped, crop)
    least = settings.aggregation.min_faces
    scored = {
        name: scores.score_clips(faces, cropped.assign(logit=format_logits), least).merge(
            clips, on="item"
        )
        for name, format_logits in logits.items()
    }
    exact = [name for name, variant in FORMATS.items() if variant.exact]
    compared = parity.figures(logits, scored, exact)
    roc_auc = compared["val_video_roc_auc"]
    withheld = {name: parity.why_withheld(name, roc_auc) for name in FORMATS if name not in exact}

    face_detector = detector_of(settings.crop_faces)
    shared = _shared_terms(
        settings.extract_frames.frames,
        settings.crop_faces,
        settings.split,
        face_detector.sha256,
        index,
        learned,
        drawn,
    )
    decision = contract.read_decision(MODELS / "decision.json")
    firmness = contract.read_firmness(MODELS / "firmness.json")
    for name, variant in FORMATS.items():
        judge = (
            partial(parity.judge, detector, crop)  # ONNX Runtime's last digits are not portable
            if variant.exact
            else partial(model_file.judge, sessions[name], crop)
        )
        terms = contract.Contract(
            **shared,
            network=detector.network,
            variant=name,
            withheld=withheld.get(name, ""),
            crop=crop,
            decision=decision
            if variant.exact
            else own_decision(scored[name], decision, settings.calibrate),
            firmness=firmness if variant.exact else NOT_MEASURED,
            golden=golden.sample(face_detector, crop, judge, variant.tolerance),
        )
        write_whole(MODELS / variant.file, model_file.sealed(graphs[name], terms))

    files = {name: variant.file for name, variant in FORMATS.items()}
    sizes = {name: (MODELS / file).stat().st_size for name, file in files.items()}
    compared_on = {"clips": len(clips), "faces": len(cropped)} | compared
    write_json(
        "metrics/export.json", compared_on | {"files": files, "bytes": sizes, "withheld": withheld}
    )
    count = examples.write(index[index["data_set"].isin(drawn)], test, MODELS / "examples")
    made = ", ".join(
        _file_in_words(files[name], size, withheld.get(name)) for name, size in sizes.items()
    )
    speed = ", ".join(f"{name} {rate:.0f}" for name, rate in speeds.items())
    return f"{made}; faces/s: {speed}; {count} examples"


def _graphs(
    detector: network.FaceClassifier, faces: pd.DataFrame, input_size: int
) -> dict[str, onnx.ModelProto]:
    """The graph of each format; numeric ranges are taken from some of the faces."""
    fp32 = onnx_graph.to_onnx(detector, input_size)
    some = faces.iloc[subset.evenly(range(len(faces)), FITTING_FACES)]
    images = fitting_images(some, input_size)
    return {name: variant.make(fp32, images) for name, variant in FORMATS.items()}


def _shared_terms(
    frames: int,
    cropping: CropFaces,
    split: Split,
    face_detector_sha256: str,
    index: pd.DataFrame,
    learned: pd.DataFrame,
    drawn: list[str],
) -> dict[str, Any]:
    """The terms of the contract that are the same for every format."""
    media = tables.read("data/media.csv", tables.MEDIA)
    return {
        "version": contract.VERSION,
        "labels": ("real", "fake"),
        "frames": frames,
        "detection": provenance.detection(cropping, face_detector_sha256),
        "dominant": cropping.dominant,
        "quality": contract.read_quality(MODELS / "quality.json"),
        "trained_on": provenance.trained_on(index, learned, media, drawn, split.policy, split.seed),
        "libraries": contract.library_versions(),
    }


def _file_in_words(file: str, size: int, withheld: str | None) -> str:
    return f"{file} " + (f"withheld: {withheld}" if withheld else f"{size / 1e6:.1f} MB")


if __name__ == "__main__":
    runner.run(main, __doc__)
