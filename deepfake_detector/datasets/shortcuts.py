"""The shortcut audit: can fakes be told from reals by facts of their files alone, without a look at
a face?

Where a small classifier can, so could a detector, and its figures would say little about faces. The
classifier is cross-validated by source group: a clip and its forgery are learned from together, or
judged together.

Files of each kind are also judged apart. Every column of the media table is a fact: a
number by its rank, a text (codec, container, tags) by its most frequent values; an empty text is a
value too.
"""

from dataclasses import dataclass, replace

import numpy as np
import pandas as pd
from sklearn.ensemble import ExtraTreesClassifier
from sklearn.metrics import roc_auc_score
from sklearn.model_selection import StratifiedGroupKFold
from sklearn.tree import DecisionTreeClassifier

from deepfake_detector.common import statuses
from deepfake_detector.media.facts import bits_per_pixel
from deepfake_detector.storage.tables import DOMINANT

CAPTIONS = {  # of the facts whose names say too little
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
    "filled_in": "part of the crop outside its picture",
}
FOLDS = 5
MIN_ITEMS = 10  # of each class
MIN_GROUPS = 3  # of each class
MOST_ITEMS = 6000  # of a class; further ones would cost time and change nothing
CARRIER_AUC = 0.6
MOST_CARRIERS = 5
MOST_VALUES = 30  # of a text, each of which at least MIN_ITEMS have
TREES = 30  # on all facts together; one fact alone needs one
# of a split: its fall in Gini impurity times the worth of the items; chance seldom reaches it
MIN_GAIN = 4


@dataclass(frozen=True)
class Carrier:
    """A fact that separates the classes alone.

    auc: of the fact where it is known, 0.5..1, whichever class has more of it.
    alone: the same, in source groups that were not learned from.
    real, fake: the median of a number as stored, the most frequent value of a text.
    """

    fact: str
    auc: float
    alone: float
    real: float | str
    fake: float | str

    def __str__(self) -> str:
        if isinstance(self.real, str):
            return f"{self.fact} (mostly {self.real} of reals, {self.fake} of fakes)"
        return f"{self.fact} (median {self.real:.6g} of reals, {self.fake:.6g} of fakes)"


@dataclass(frozen=True)
class Shortcut:
    """What the audit found: the ROC-AUC of the classifier on the number of `items` that it judged
    (0.5: no shortcut); None, with the `reason`, where there are too few.

    `among` is the kind of these items (video, image, face) where not all were judged.
    """

    auc: float | None
    reason: str
    carriers: tuple[Carrier, ...]
    items: int
    among: str = ""

    def passes(self, limit: float) -> bool:
        """Whether all facts together, or one where it is known, separate better than `limit`, a
        ROC-AUC."""
        aucs = [self.auc or 0, *(carrier.alone for carrier in self.carriers)]
        return max(aucs) > limit


def caption(fact: str) -> str:
    """What a fact is called on a page."""
    return CAPTIONS.get(fact, fact.replace("_", " "))


def file_facts(
    items: pd.DataFrame, media: pd.DataFrame, faces: pd.DataFrame, filled_in: pd.Series
) -> pd.DataFrame:
    """A row per item (the index) with a column per fact: those of `media`, what follows from them
    and the faces, and `filled_in`, by item the fraction of its crops that repeats the edge. Numbers
    are float64, NaN where unknown; texts are objects, empty where unknown.

    `items` are rows of the index table; `media` and `faces` are tables that may hold other items
    too, and so may `filled_in`. Face size (pixels, the longer side) and brightness are medians over
    the dominant track; a ready crop has no face size.
    """
    kind = items.set_index("item")["kind"]
    facts = media.set_index("item").reindex(index=kind.index)
    for name in facts.columns:
        is_number = pd.api.types.is_numeric_dtype(facts[name])
        facts[name] = (
            facts[name].astype("float64") if is_number else facts[name].astype(object).fillna("")
        )
    rows = zip(kind, facts.to_dict("records"), strict=True)
    facts["bits_per_pixel"] = np.array(
        [bits_per_pixel(item_kind, item_facts) for item_kind, item_facts in rows], float
    )
    seen = statuses.ok(faces[faces["track"] == DOMINANT]).set_index("item")
    side = seen[["width", "height"]].max(axis=1).groupby("item").median().reindex(kind.index)
    facts["face_size"] = side.where(kind != "face").astype("float64")
    facts["brightness"] = seen["brightness"].groupby("item").median()
    facts["filled_in"] = filled_in.reindex(kind.index)
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
    facts = facts.loc[labels.index]
    for noun, values, least in (
        ("items", labels.index, MIN_ITEMS),
        ("source groups", groups, MIN_GROUPS),
    ):
        real, fake = (values[labels == label].nunique() for label in (0, 1))
        if min(real, fake) < least:
            reason = f"too few {noun}: {real} real, {fake} fake, {least} of each are needed"
            return Shortcut(None, reason, (), len(labels))
    chosen = _sample(labels, groups, seed)
    facts, labels, groups = facts.loc[chosen], labels[chosen], groups[chosen]
    auc = _separation(facts, labels, groups, seed)
    return Shortcut(auc, "", _carriers(facts, labels, groups, seed), len(chosen))


def audit_kinds(
    facts: pd.DataFrame, labels: pd.Series, groups: pd.Series, kinds: pd.Series, limit: float
) -> Shortcut:
    """The audit of all items, or, where that stays within `limit`, the first of one kind that does
    not: what separates a few clips is lost among many stills.

    `kinds` has the kind of each item; the rest is as in `audit`.
    """
    whole = audit(facts, labels, groups)
    if whole.passes(limit) or kinds.nunique() == 1:
        return whole
    for kind, items in kinds.loc[labels.index].groupby(kinds):
        result = audit(facts, labels[items.index], groups)
        if result.passes(limit):
            return replace(result, among=str(kind))
    return whole


def _sample(labels: pd.Series, groups: pd.Series, seed: int) -> pd.Index:
    """At most MOST_ITEMS items of each class, sorted: one from every group, then a second from
    every group, ..."""
    shuffled = labels.sample(frac=1, random_state=seed)
    turn = (
        shuffled.groupby([shuffled, groups[shuffled.index]]).cumcount().sort_values(kind="stable")
    )
    return labels[turn.index].groupby(labels).head(MOST_ITEMS).sort_index().index


def _separation(facts: pd.DataFrame, label_of: pd.Series, group_of: pd.Series, seed: int) -> float:
    """ROC-AUC of the out-of-fold probabilities, cross-validated by group."""
    features, labels, groups = _features(facts), label_of.to_numpy(), group_of.to_numpy()
    if not features.shape[1]:
        return 0.5
    probabilities = np.full(len(labels), 0.5)
    folds = min(FOLDS, *(len(np.unique(groups[labels == label])) for label in (0, 1)))
    splitter = StratifiedGroupKFold(folds, shuffle=True, random_state=seed)
    for train, test in splitter.split(features, labels, groups):
        # number of items, half of them fake, that would say as much
        worth = 4 * labels[train].var() * len(train)
        # one class: few groups of very unequal size leave nothing to learn, so 0.5 stays
        if not worth:
            continue
        rules = {
            "min_impurity_decrease": MIN_GAIN / worth,
            # else a fold's probabilities give away its class ratio, opposite to the test part's
            "class_weight": "balanced",
            "random_state": seed,
        }
        learner = (
            DecisionTreeClassifier(**rules)
            if len(facts.columns) == 1
            else ExtraTreesClassifier(TREES, max_features=None, **rules)
        )
        learner.fit(features[train], labels[train])
        probabilities[test] = learner.predict_proba(features[test])[:, 1]
    # rounding errors must not order equal probabilities
    return float(roc_auc_score(labels, probabilities.round(6)))


def _features(facts: pd.DataFrame) -> np.ndarray:
    """What the classifier sees: (items, features), float64."""
    numbers = facts.select_dtypes("number")
    values = [
        facts[name] == value
        for name in facts.columns.difference(numbers.columns)
        for value, count in facts[name].value_counts().sort_index().nlargest(MOST_VALUES).items()
        if MIN_ITEMS <= count < len(facts)
    ]
    # Ranks, because the trees draw thresholds evenly over a fact's range and one huge file
    # would stretch it.
    columns = [numbers.rank(pct=True), numbers.isna(), *(value.to_frame() for value in values)]
    return np.hstack([column.to_numpy("float64") for column in columns])


def _carriers(
    facts: pd.DataFrame, labels: pd.Series, groups: pd.Series, seed: int
) -> tuple[Carrier, ...]:
    """The facts known of enough items of both classes that separate them best, best first."""
    carriers = [
        carrier
        for fact in facts.columns
        if facts[fact].nunique() > 1 and (carrier := _carrier(facts[fact], labels, groups, seed))
    ]
    strong = [carrier for carrier in carriers if carrier.auc >= CARRIER_AUC]
    return tuple(sorted(strong, key=lambda carrier: (-carrier.auc, carrier.fact))[:MOST_CARRIERS])


def _carrier(values: pd.Series, labels: pd.Series, groups: pd.Series, seed: int) -> Carrier | None:
    """What a fact does alone; None where too few of a class have it."""
    known = values.dropna()
    labels, groups = labels[known.index], groups[known.index]
    real, fake = (known[labels == label] for label in (0, 1))
    if min(len(real), len(fake)) < MIN_ITEMS:
        return None
    apart = min(groups[labels == label].nunique() for label in (0, 1)) >= MIN_GROUPS
    alone = _separation(known.to_frame(), labels, groups, seed) if apart else 0.5
    if not pd.api.types.is_numeric_dtype(known):
        usual = [
            of_class.value_counts().sort_index().idxmax() or "none" for of_class in (real, fake)
        ]
        return Carrier(str(values.name), alone, alone, *usual)
    auc = float(roc_auc_score(labels, known))
    medians = float(real.median()), float(fake.median())
    return Carrier(str(values.name), max(auc, 1 - auc, alone), alone, *medians)
