"""Write the trained detector as one ONNX file with its contract inside, and prove that it computes the same.

    python -m stages.export

reads   models/resnet18.pt, models/decision.json, data/index.csv, data/splits/, data/faces.csv, data/faces/;
        media of drawn data sets
makes   models/detector.onnx, models/examples/ (clips for the page, from a drawn test split), metrics/export.json
"""

from pathlib import Path

import onnxruntime
import pandas as pd
import torch

from deepfake_detector import UserError, console, contract, crops, export, faces, network, params, tables
from deepfake_detector.files import file_hash, write_json, write_whole

EXAMPLES = Path("models/examples")
SPLITS = {  # what the contract says of each policy
    "shares": "groups of shared sources, seed {seed}",
    "official": "as published, with what leaks in it",
    "strict": "as published, groups that it tears apart moved whole",
}
PARITY = 1e-4  # largest logit difference that is taken for rounding


def main() -> str:
    settings = params.read("data_sets", "extract_frames", "crop_faces", "split", "export")
    data_sets, extract, crop, split, export_settings = settings
    detector, facts = network.load("models/resnet18.pt")
    index = tables.read("data/index.csv", tables.INDEX)
    splits = {part: tables.read(f"data/splits/{part}.csv", tables.SPLIT) for part in ("train", "val", "test")}
    drawn = sorted(name for name, data_set in data_sets.items() if data_set.layout == "demo")
    terms = contract.Contract(
        version=contract.VERSION,
        labels=("real", "fake"),
        frames=extract.frames,
        detection=_detection(crop),
        crop=contract.Crop(
            kind=_crop_kind(index, splits["train"], crop.realign),
            min_face=crop.min_face,
            margin=crop.margin,
            size=crop.size,
            input_size=facts["input_size"],
            interpolation="area, bilinear",
            mean=crops.MEAN,
            std=crops.STD,
        ),
        decision=contract.read_decision("models/decision.json"),
        trained_on=_trained_on(index, splits["train"], drawn, split),
        libraries=contract.library_versions(),
    )
    data = export.to_onnx(detector, terms)
    difference = _largest_difference(data, detector, splits["val"], facts["input_size"], export_settings.parity_crops)
    if difference > PARITY:
        raise UserError(f"the exported model differs from torch by {difference:.2g} in a logit; {PARITY:g} is rounding")
    write_whole("models/detector.onnx", data)
    examples = _write_examples(index, splits["test"], drawn)
    figures = {
        "largest_logit_difference_below": PARITY,
        "parity_crops": export_settings.parity_crops,
        "bytes": len(data),
    }
    write_json("metrics/export.json", figures)
    return f"detector.onnx, {len(data) / 1e6:.1f} MB, within {difference:.1e} of torch; {examples} examples"


def _detection(crop: params.CropFaces) -> contract.FaceDetection:
    detector = faces.load_detector(crop.detector, crop.detect_size, crop.min_score, crop.yunet_sha256)
    return contract.FaceDetection(
        name=crop.detector, sha256=detector.sha256, detect_size=crop.detect_size, min_score=crop.min_score
    )


def _crop_kind(index: pd.DataFrame, train: pd.DataFrame, realign: bool) -> str:
    """`given` where training saw ready-made crops only, as they are; a mix of these with others has no contract."""
    if realign:
        return "detected"
    ready = index.loc[index["item"].isin(train["item"]), "kind"] == "face"
    if ready.any() and not ready.all():
        raise UserError("training data mix ready-made crops (kind: face) with detected faces; set crop_faces.realign")
    return "given" if ready.all() else "detected"


def _trained_on(index: pd.DataFrame, train: pd.DataFrame, drawn: list[str], split: params.Split) -> contract.TrainedOn:
    counts = {
        name: {method: int(count) for method, count in rows["method"].value_counts().sort_index().items()}
        for name, rows in train.groupby("data_set")
    }
    demonstration = set(counts) <= set(drawn)
    demo_files = index.loc[index["data_set"].isin(drawn), "path"] if demonstration else []
    return contract.TrainedOn(
        data_sets=counts,
        split=SPLITS[split.policy].format(seed=split.seed),
        demonstration=demonstration,
        demo_files=tuple(sorted(file_hash(path) for path in demo_files)),
    )


def _largest_difference(
    data: bytes, detector: network.Detector, val: pd.DataFrame, input_size: int, count: int
) -> float:
    found = tables.read("data/faces.csv", tables.FACES)
    rows = found[found["status"] == "ok"].merge(val, on="item").head(count)
    images = torch.stack([image for image, _, _ in crops.FaceCrops(rows, input_size)])
    session = onnxruntime.InferenceSession(data, providers=["CPUExecutionProvider"])
    return export.largest_difference(detector, session, images)


def _write_examples(index: pd.DataFrame, test: pd.DataFrame, drawn: list[str]) -> int:
    """One clip of each method and one still, of people the model has not learned from. Real data are never copied."""
    EXAMPLES.mkdir(parents=True, exist_ok=True)
    rows = index[index["item"].isin(test["item"]) & index["data_set"].isin(drawn)].sort_values("item")
    chosen = rows.drop_duplicates(["method", "kind"])
    for row in chosen.itertuples():
        name = f"{'real' if row.label == 0 else f'fake_{row.method}'}_{row.kind}{Path(row.path).suffix}"
        write_whole(EXAMPLES / name, Path(row.path).read_bytes())
    return len(chosen)


if __name__ == "__main__":
    console.run_stage(main, __doc__)
