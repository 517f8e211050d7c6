"""The shortcut audit: can fakes be told from reals by facts of their files alone, without a look at
a face?

Where a small classifier can, so could a detector, and its figures would say little about faces. The
classifier is cross-validated by source group: a clip and its forgery are learned from together, or
judged together.
"""

from dataclasses import dataclass

import numpy as np
import pandas as pd
from sklearn.ensemble import ExtraTreesClassifier
from sklearn.metrics import roc_auc_score
from sklearn.model_selection import StratifiedGroupKFold

from deepfake_detector.storage.tables import DOMINANT

CAPTIONS = {
    "bytes": "file size",
    "bitrate": "bitrate",
    "bits_per_pixel": "bits per pixel",
    "duration": "duration",
    "frame_rate": "frame rate",
    "frames_found": "number of frames",
    "width": "picture width",
    "height": "picture height",
    "jpeg_quality": "JPEG quality",
    "face_size": "face size",
    "brightness": "face brightness",
}
FACTS = tuple(CAPTIONS)
FOLDS = 5
MIN_ITEMS = 10  # of each class
MIN_GROUPS = 3  # of each class
MOST_ITEMS = 6000  # of a class; further ones would cost time and change nothing
CARRIER_AUC = 0.6
MOST_CARRIERS = 5
TREES = 30
# of a split: its fall in Gini impurity times the worth of the items; chance seldom reaches it
MIN_GAIN = 4


@dataclass(frozen=True)
class Carrier:
    """A fact that separates the classes by itself: `auc` 0.5..1 whichever class has more of it,
    medians as stored."""

    fact: str
    auc: float
    real_median: float
    fake_median: float


@dataclass(frozen=True)
class Shortcut:
    """ROC-AUC of the classifier on the `items` it judged (0.5: no shortcut); None, with the reason,
    without enough."""

    auc: float | None
    reason: str
    carriers: tuple[Carrier, ...]
    items: int


def file_facts(items: pd.DataFrame, media: pd.DataFrame, faces: pd.DataFrame) -> pd.DataFrame:
    """A row per item (the index) with the columns FACTS as float64, NaN where unknown.

    `items` are rows of the index table; `media` and `faces` are tables that may hold other items
    too. Face size (pixels, the longer side) and brightness are medians over the dominant track; a
    ready crop has no face size.
    """
    kind = items.set_index("item")["kind"]
    facts = media.set_index("item").reindex(index=kind.index, columns=FACTS).astype("float64")
    film = kind == "video"
    bits = facts["bitrate"].where(film, 8 * facts["bytes"])
    pixels = facts["width"] * facts["height"] * facts["frame_rate"].where(film, 1)
    facts["bits_per_pixel"] = bits / pixels.where(pixels > 0)
    seen = faces[(faces["status"] == "ok") & (faces["track"] == DOMINANT)].set_index("item")
    side = seen[["width", "height"]].max(axis=1).groupby("item").median().reindex(kind.index)
    facts["face_size"] = side.where(kind != "face")
    facts["brightness"] = seen["brightness"].groupby("item").median()
    return facts


def audit(facts: pd.DataFrame, labels: pd.Series, groups: pd.Series, seed: int = 0) -> Shortcut:
    """How well the facts tell fakes from reals in source groups not learned from, and which facts
    do so alone.

    The items are those of `labels` (item -> 0 real, 1 fake); `facts` (as `file_facts` makes them)
    and `groups` (item -> source group) have a row for each. The same values and seed give the same
    result in any order of rows.
    """
    labels = labels.sort_index().astype(int)
    groups = groups.loc[labels.index]
    facts = facts.loc[labels.index, list(FACTS)]
    for what, counted, wanted in (
        ("items", labels.index, MIN_ITEMS),
        ("source groups", groups, MIN_GROUPS),
    ):
        real, fake = (counted[labels == label].nunique() for label in (0, 1))
        if min(real, fake) < wanted:
            reason = f"too few {what}: {real} real, {fake} fake, {wanted} of each are wanted"
            return Shortcut(None, reason, (), len(labels))
    chosen = _sample(labels, groups, seed)
    auc = _separation(facts.loc[chosen], labels[chosen].to_numpy(), groups[chosen].to_numpy(), seed)
    return Shortcut(auc, "", _carriers(facts, labels), len(chosen))


def _sample(labels: pd.Series, groups: pd.Series, seed: int) -> pd.Index:
    """At most MOST_ITEMS items of each class, sorted: one from every group, then a second from
    every group, ..."""
    shuffled = labels.sample(frac=1, random_state=seed)
    turn = (
        shuffled.groupby([shuffled, groups[shuffled.index]]).cumcount().sort_values(kind="stable")
    )
    return labels[turn.index].groupby(labels).head(MOST_ITEMS).sort_index().index


def _separation(facts: pd.DataFrame, labels: np.ndarray, groups: np.ndarray, seed: int) -> float:
    """ROC-AUC of the out-of-fold probabilities."""
    # Ranks, because the trees draw thresholds evenly over a fact's range and one huge file
    # would stretch it.
    shown = np.hstack([facts.rank(pct=True), facts.isna()])
    probabilities = np.full(len(labels), 0.5)
    folds = min(FOLDS, *(len(np.unique(groups[labels == label])) for label in (0, 1)))
    splitter = StratifiedGroupKFold(folds, shuffle=True, random_state=seed)
    for learned, judged in splitter.split(shown, labels, groups):
        worth = (
            4 * labels[learned].var() * len(learned)
        )  # items of which half are fake that would tell as much
        if (
            not worth
        ):  # one class: few groups of very unequal size leave nothing to learn, so 0.5 stays
            continue
        forest = ExtraTreesClassifier(
            TREES,
            max_features=None,
            min_impurity_decrease=MIN_GAIN / worth,
            # else a fold's probabilities tell its class ratio, opposite to the judged
            # part's
            class_weight="balanced",
            random_state=seed,
        )
        probabilities[judged] = forest.fit(shown[learned], labels[learned]).predict_proba(
            shown[judged]
        )[:, 1]
    return float(
        roc_auc_score(labels, probabilities.round(6))
    )  # rounding errors must not order equal probabilities


def _carriers(facts: pd.DataFrame, labels: pd.Series) -> tuple[Carrier, ...]:
    """The facts known of enough items of both classes that separate them best, best first."""
    found = []
    for fact in FACTS:
        known = facts[fact].dropna()
        real, fake = (known[labels[known.index] == label] for label in (0, 1))
        if min(len(real), len(fake)) < MIN_ITEMS:
            continue
        auc = float(roc_auc_score(labels[known.index], known))
        found.append(Carrier(fact, max(auc, 1 - auc), float(real.median()), float(fake.median())))
    strong = [carrier for carrier in found if carrier.auc >= CARRIER_AUC]
    return tuple(sorted(strong, key=lambda carrier: (-carrier.auc, carrier.fact))[:MOST_CARRIERS])
