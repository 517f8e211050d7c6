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

import pandas as pd

from deepfake_detector import contract, params
from deepfake_detector.common import statuses
from deepfake_detector.contract import golden, model_file, provenance
from deepfake_detector.datasets import subset
from deepfake_detector.datasets.settings import PARTS
from deepfake_detector.export import examples, onnx_graph, parity
from deepfake_detector.export.formats import FORMATS, fitting_images
from deepfake_detector.faces.detection import detector_of
from deepfake_detector.scoring import calibration, scores
from deepfake_detector.scoring.decision import Decision
from deepfake_detector.scoring.firmness import NOT_MEASURED
from deepfake_detector.scoring.settings import Calibrate
from deepfake_detector.storage import tables
from deepfake_detector.storage.files import write_json, write_whole
from deepfake_detector.storage.onnx_session import open_session
from deepfake_detector.training import crops, network
from stages import runner

MODELS = Path("models")
FITTING_FACES = 256  # that a format's numeric ranges are taken from, at most


def main() -> str:
    settings = params.load()
    cropping, min_faces = settings.crop_faces, settings.aggregation.min_faces
    detector, facts = network.load(MODELS / "detector.pt")
    train, val, test = (tables.read(f"data/splits/{part}.csv", tables.SPLIT) for part in PARTS)
    train = provenance.learned_from(train, settings.train.fakes)
    index = tables.read("data/index.csv", tables.INDEX)
    drawn = sorted(name for name, one in settings.data_sets.items() if one.layout == "demo")
    clips = subset.of_each_class(val, settings.export.clips_per_class)
    found = tables.read("data/faces.csv", tables.FACES)
    found = found[found["item"].isin(clips["item"])]
    faces = statuses.ok(found).reset_index(drop=True)
    crop = provenance.crop(index, train, cropping, facts["input_size"], crops.MEAN, crops.STD)

    fp32 = onnx_graph.to_onnx(detector, crop.input_size)
    fitted_on = faces.iloc[subset.evenly(range(len(faces)), FITTING_FACES)]
    images = fitting_images(fitted_on, crop.input_size)
    graphs = {name: each.make(fp32, images) for name, each in FORMATS.items()}
    sessions = {name: open_session(graph.SerializeToString()) for name, graph in graphs.items()}
    detector = network.to_device(detector, facts["arithmetic"], facts["accelerator"])
    logits, speeds = parity.logits_of(detector, sessions, faces, crop)
    scored = {
        name: scores.score_clips(found, faces.assign(logit=own), min_faces).merge(clips, on="item")
        for name, own in logits.items()
    }
    exact = [name for name, each in FORMATS.items() if each.exact]
    compared = parity.figures(logits, scored, exact)
    roc_auc = compared["val_video_roc_auc"]
    withheld = {name: parity.why_withheld(name, roc_auc) for name in FORMATS if name not in exact}

    face_detector = detector_of(cropping)
    decision = contract.read_decision(MODELS / "decision.json")
    quality = contract.read_quality(MODELS / "quality.json")
    firmness = contract.read_firmness(MODELS / "firmness.json")
    media = tables.read("data/media.csv", tables.MEDIA)
    trained_on = provenance.trained_on(
        index, train, media, drawn, settings.split.policy, settings.split.seed
    )
    for name, each in FORMATS.items():
        judge = (
            partial(parity.judge, detector, crop)  # ONNX Runtime's last digits are not portable
            if each.exact
            else partial(model_file.judge, sessions[name], crop)
        )
        terms = contract.Contract(
            version=contract.VERSION,
            network=detector.network,
            variant=name,
            withheld=withheld.get(name, ""),
            labels=("real", "fake"),
            frames=settings.extract_frames.frames,
            detection=provenance.detection(cropping, face_detector.sha256),
            crop=crop,
            dominant=cropping.dominant,
            decision=decision
            if each.exact
            else own_decision(scored[name], decision, settings.calibrate),
            quality=quality,
            firmness=firmness if each.exact else NOT_MEASURED,
            golden=golden.sample(face_detector, crop, judge, each.tolerance),
            trained_on=trained_on,
            libraries=contract.library_versions(),
        )
        write_whole(MODELS / each.file, model_file.sealed(graphs[name], terms))

    sizes = {name: (MODELS / each.file).stat().st_size for name, each in FORMATS.items()}
    files = {name: each.file for name, each in FORMATS.items()}
    told = {"clips": len(clips), "faces": len(faces)} | compared
    write_json("metrics/export.json", told | {"files": files, "bytes": sizes, "withheld": withheld})
    count = examples.write(index[index["data_set"].isin(drawn)], test, MODELS / "examples")
    made = ", ".join(
        f"{files[name]} "
        f"{f'withheld: {withheld[name]}' if withheld.get(name) else f'{size / 1e6:.1f} MB'}"
        for name, size in sizes.items()
    )
    speed = ", ".join(f"{name} {each:.0f}" for name, each in speeds.items())
    return f"{made}; faces/s: {speed}; {count} examples"


def own_decision(clips: pd.DataFrame, all_clips: Decision, aims: Calibrate) -> Decision:
    """The decision fitted on a format's own logits. These are of few clips: no verdict is given
    that the decision on all of validation rules out."""
    judged = clips.dropna(subset="logit")
    labels = judged["label"].to_numpy(int)
    logits = judged["logit"].round(parity.DIGITS)
    own = calibration.decision(
        labels,
        logits,
        judged["group"],
        judged["people"],
        all_clips.min_faces,
        aims,
        all_clips.verdicts,
    )
    return contract.decision_of(own | {"unproven": all_clips.unproven or own["unproven"]})


if __name__ == "__main__":
    runner.run(main, __doc__)
