"""Whether a self-blended fake can be told from the real face beside it by what lies outside its
mask, where nothing was blended.

    python -m benchmarks.border_leak FOLDER [--pairs 2000]

FOLDER holds face crops in the layout `folder`, with `sources` or `original` in its metadata.csv for
groups. Printed is the ROC-AUC of a logistic regression and of trees, cross-validated by group, with
95 % intervals: against the target that the fake was blended into, as training shows it, and against
the untouched crop, which differs from half of the fakes everywhere.
"""

import argparse
from collections.abc import Sequence
from pathlib import Path

import cv2
import numpy as np
import pandas as pd
from sklearn.ensemble import ExtraTreesClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import roc_auc_score
from sklearn.model_selection import GroupKFold, cross_val_predict
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from deepfake_detector.faces.cutting import given_crop, points_of_ready_crop, read_points
from deepfake_detector.media.stills import read_image
from deepfake_detector.scoring.intervals import Scores, intervals
from deepfake_detector.training.selfblend import self_blend

SIDE, FOLDS = 128, 5


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("folder", type=Path, help="face crops with a metadata.csv")
    parser.add_argument(
        "--pairs", type=int, default=2000, help="real faces used (default: %(default)s)"
    )
    arguments = parser.parse_args()
    faces = _reals(arguments.folder, arguments.pairs)
    crops = [given_crop(read_image(path), SIDE) for path in faces["path"]]
    points = read_points(points_of_ready_crop())
    print(f"{len(crops)} pairs in {faces['group'].nunique()} groups")
    for beside in ("target", "untouched crop"):
        fakes, reals = statistics(crops, points, beside == "target")
        for name, (auc, low, high) in leaks(fakes, reals, faces["group"]).items():
            print(f"fake against {beside}, {name}: ROC-AUC {auc:.3f} ({low:.3f} to {high:.3f})")


def _reals(folder: Path, most: int) -> pd.DataFrame:
    """Paths and groups of real crops, evenly over the set."""
    table = pd.read_csv(folder / "metadata.csv", dtype=str, keep_default_na=False)
    table = table[table["label"] == "real"].sort_values("path")
    group = table["sources"] if "sources" in table else table["path"]
    table = pd.DataFrame({"path": [folder / path for path in table["path"]], "group": group})
    return table.iloc[np.linspace(0, len(table) - 1, min(most, len(table))).astype(int)]


def statistics(
    crops: Sequence[np.ndarray], points: np.ndarray, against_target: bool
) -> tuple[np.ndarray, np.ndarray]:
    """(N, 12) each, of the fakes and of the reals beside them: colours, and how pixels differ from
    their neighbours, where the mask is 0."""
    fakes, reals = [], []
    for number, crop in enumerate(crops):
        target, fake, mask = self_blend(crop, points, np.random.default_rng(number))
        outside = mask == 0
        fakes.append(_outside(fake, outside))
        reals.append(_outside(target if against_target else crop, outside))
    return np.array(fakes), np.array(reals)


def _outside(picture: np.ndarray, outside: np.ndarray) -> list[float]:
    """The 12 features of the pixels where `outside` is true."""
    pixels = picture.astype(np.float32)
    around = cv2.erode(outside.astype(np.uint8), np.ones((3, 3), np.uint8)) > 0  # neighbours too
    detail = [cv2.Laplacian(pixels, cv2.CV_32F), cv2.Sobel(pixels, cv2.CV_32F, 1, 0)]
    features = [pixels[outside].mean(axis=0), pixels[outside].std(axis=0)]
    features += [np.abs(derivative[around]).mean(axis=0) for derivative in detail]
    return np.concatenate(features).tolist()


def leaks(
    fakes: np.ndarray, reals: np.ndarray, groups: Sequence[str]
) -> dict[str, tuple[float, float, float]]:
    """ROC-AUC of each classifier with the ends of its 95 % interval; 0.5 is chance."""
    inputs, labels = np.vstack([fakes, reals]), np.repeat([1, 0], [len(fakes), len(reals)])
    of = np.concatenate([np.asarray(groups, str)] * 2)
    classifiers = {
        "logistic regression": make_pipeline(StandardScaler(), LogisticRegression(max_iter=1000)),
        "trees": ExtraTreesClassifier(200, min_samples_leaf=5, random_state=0),
    }
    aucs = {}
    for name, classifier in classifiers.items():
        fake = cross_val_predict(
            classifier, inputs, labels, groups=of, cv=GroupKFold(FOLDS), method="predict_proba"
        )[:, 1]
        ends = intervals(labels, Scores(fake), of, ["roc_auc"]).ends["roc_auc"]
        aucs[name] = (float(roc_auc_score(labels, fake)), *ends)
    return aucs


if __name__ == "__main__":
    main()
