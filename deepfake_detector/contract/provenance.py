"""What a contract says of where its model came from: the material, its split, and how the faces
were cut.

Items are rows of the index table; `train` holds the rows of the training split.
"""

from typing import Literal

import pandas as pd

from deepfake_detector import UserError
from deepfake_detector.contract import Crop, FaceDetection, Inputs, TrainedOn
from deepfake_detector.faces.cutting import given_items
from deepfake_detector.faces.settings import CropFaces
from deepfake_detector.media.facts import bits_per_pixel
from deepfake_detector.storage.files import file_hash

SPLITS = {  # by policy
    "shares": "groups of shared sources, seed {seed}",
    "official": "as published, with what leaks in it",
    "strict": "as published, groups that it tears apart moved whole",
}


def detection(cropping: CropFaces, sha256: str) -> FaceDetection:
    """How faces were found; `sha256` is the hash of the detector's file."""
    return FaceDetection(
        name=cropping.detector,
        sha256=sha256,
        detect_size=cropping.detect_size,
        min_score=cropping.min_score,
    )


def crop(
    index: pd.DataFrame,
    train: pd.DataFrame,
    cropping: CropFaces,
    input_size: int,
    mean: tuple[float, float, float],
    std: tuple[float, float, float],
) -> Crop:
    """How a face became the network's input in training; `mean` and `std` are those of its
    channels, 0 to 1. Raises UserError as `crop_kind` does."""
    return Crop(
        kind=crop_kind(index, train, cropping.realign),
        min_face=cropping.min_face,
        margin=cropping.margin,
        size=cropping.crop_size,
        input_size=input_size,
        interpolation="area, bilinear",
        mean=mean,
        std=std,
    )


def crop_kind(
    index: pd.DataFrame, train: pd.DataFrame, realign: bool
) -> Literal["given", "detected"]:
    """`given` where training saw ready-made crops only, as they are, else `detected`. Raises
    UserError for a mix of these with others, which has no contract."""
    given = train["item"].isin(given_items(index, realign))
    if given.any() and not given.all():
        raise UserError(
            "training data mix ready-made crops (kind: face) with detected faces",
            "set crop_faces.realign to true",
        )
    return "given" if given.all() else "detected"


def learned_from(train: pd.DataFrame, fakes: str) -> pd.DataFrame:
    """The rows of the training split that the network saw: with `fakes` as `none` the real ones
    alone."""
    return train if fakes == "all" else train[train["label"] == 0]


def inputs(index: pd.DataFrame, train: pd.DataFrame, media: pd.DataFrame) -> dict[str, Inputs]:
    """What files were learned from, by kind; ready crops are images. `media` are rows of the table
    of files."""
    learned = index.loc[index["item"].isin(train["item"]), ["item", "kind"]].merge(media, on="item")
    learned["kind"] = learned["kind"].replace("face", "image")
    return {kind: _inputs(kind, rows) for kind, rows in learned.groupby("kind")}


def _inputs(kind: str, rows: pd.DataFrame) -> Inputs:
    known = (bits_per_pixel(kind, row) for row in rows.to_dict("records"))
    bits = [float(f"{value:.6g}") for value in known if value is not None]
    sides = rows[["width", "height"]].min(axis=1).dropna().astype(int)
    return Inputs(
        codecs=tuple(sorted(set(rows["codec"].dropna()) - {""})),
        short_side=(sides.min(), sides.max()) if len(sides) else None,
        bits_per_pixel=(min(bits), max(bits)) if bits else None,
    )


def trained_on(
    index: pd.DataFrame,
    train: pd.DataFrame,
    media: pd.DataFrame,
    drawn: list[str],
    policy: str,
    seed: int,
) -> TrainedOn:
    """The counts of what was learned from, by data set and method, its files (rows of `media`), and
    how it was split; `drawn` names the data sets that `synthesize` draws. A model that has seen
    these alone is a demonstration, and their files are listed."""
    counts = {
        name: {
            method: int(count)
            for method, count in rows["method"].value_counts().sort_index().items()
        }
        for name, rows in train.groupby("data_set")
    }
    demonstration = set(counts) <= set(drawn)
    demo_files = index.loc[index["data_set"].isin(drawn), "path"] if demonstration else []
    return TrainedOn(
        data_sets=counts,
        inputs=inputs(index, train, media),
        split=SPLITS[policy].format(seed=seed),
        demonstration=demonstration,
        demo_files=tuple(sorted(file_hash(path) for path in demo_files)),
    )
