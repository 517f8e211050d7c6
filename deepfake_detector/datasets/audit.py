"""Checks of the data before anything is learned from it: what is dropped and why, and what must
stop the run."""

import pandas as pd

from deepfake_detector.common import statuses
from deepfake_detector.datasets.settings import Verify
from deepfake_detector.datasets.shortcuts import Shortcut
from deepfake_detector.storage.tables import CLASSES

FAULTS = {"contrast": "blank", "sharpness": "blurred", "brightness": "dark"}
NAMED = 5  # items named in one message


def judge(
    index: pd.DataFrame, frames: pd.DataFrame, faces: pd.DataFrame, limits: Verify
) -> pd.DataFrame:
    """For every item of the index whether it is kept, and the reason why not: columns item, keep (0
    or 1), reason. Of the same file twice the first is kept, of `use: test` before `use: train`, so
    that a held-out data set is measured whole."""
    reasons = {}
    faces_of, frames_of = dict(tuple(faces.groupby("item"))), dict(tuple(frames.groupby("item")))
    for row in index.itertuples():
        reasons[row.item] = _fault(faces_of.get(row.item), frames_of.get(row.item), limits)
    first: dict[tuple[str, int], str] = {}
    for row in index.sort_values("use", kind="stable").itertuples():
        if reasons[row.item]:
            continue
        twin = first.setdefault((row.md5, row.label), row.item)
        if twin != row.item:
            reasons[row.item] = f"duplicate of {twin}"
    return pd.DataFrame(
        [{"item": item, "keep": int(not why), "reason": why} for item, why in reasons.items()]
    )


def label_conflicts(index: pd.DataFrame) -> list[list[str]]:
    """Items whose files are the same, byte for byte, while their labels differ; those without an
    md5 are like no other."""
    index = index[index["md5"] != ""]
    groups = index.groupby("md5").filter(lambda rows: rows["label"].nunique() > 1).groupby("md5")
    return sorted(sorted(rows["item"]) for _, rows in groups)


def coverage(index: pd.DataFrame, faces: pd.DataFrame) -> dict[str, float]:
    """Per class the fraction of its sampled frames in which a face large enough was found."""
    tried = faces.dropna(subset="frame").merge(index[["item", "label"]], on="item")
    seen = (
        tried.assign(seen=tried["status"] == statuses.OK)
        .groupby(["label", "item", "frame"])["seen"]
        .any()
    )
    return {CLASSES[label]: float(share) for label, share in seen.groupby("label").mean().items()}


def kind_of_reason(reason: str) -> str:
    """`duplicate` of `duplicate of x`, `unreadable` of `unreadable: why`."""
    return reason.partition(" of ")[0].partition(":")[0]


def dropped_by_kind(items: pd.DataFrame) -> dict[str, int]:
    """How many of the items (columns keep, reason) were dropped, by kind of reason in order."""
    kinds = items.loc[items["keep"] == 0, "reason"].map(kind_of_reason)
    return {kind: int(count) for kind, count in kinds.value_counts().sort_index().items()}


def across_labels(near: pd.DataFrame, index: pd.DataFrame) -> int:
    """How many of the pairs that look alike are of a real and a fake item."""
    label_of = dict(zip(index["item"], index["label"], strict=True))
    return sum(int(label_of[row.item] != label_of[row.other]) for row in near.itertuples())


def figures(
    index: pd.DataFrame,
    media: pd.DataFrame,
    faces: pd.DataFrame,
    verified: pd.DataFrame,
    near: pd.DataFrame,
    shortcut: Shortcut,
) -> dict:
    """What `metrics/verify.json` holds; shares and areas under curves to six decimals."""
    joined = verified.merge(index, on="item")
    return {
        "items": len(joined),
        "kept": int(joined["keep"].sum()),
        "dropped": dropped_by_kind(joined),
        "dropped_shares": dropped_shares(joined),
        "label_conflicts": len(label_conflicts(index)),
        "items_kept": {
            CLASSES[label]: int(kept)
            for label, kept in joined.groupby("label")["keep"].sum().items()
        },
        "face_coverage": {name: round(share, 6) for name, share in coverage(index, faces).items()},
        "near_duplicates": {"pairs": len(near), "across_labels": across_labels(near, index)},
        "odd_files": {oddity: len(items) for oddity, items in oddities(media).items()},
        "shortcut": {
            "roc_auc": None if shortcut.auc is None else round(shortcut.auc, 6),
            "reason": shortcut.reason,
            "among": shortcut.among,
            "facts": {carrier.fact: round(carrier.auc, 6) for carrier in shortcut.carriers},
        },
    }


def dropped_shares(items: pd.DataFrame) -> dict[str, dict[str, float]]:
    """The fraction of each class that is dropped, of each data set that something is dropped of:
    what is left of it is measured, and that may be the easier part of one class."""
    return {
        name: {
            CLASSES[label]: round(1 - float(kept), 6)
            for label, kept in rows.groupby("label")["keep"].mean().items()
        }
        for name, rows in items.groupby("data_set")
        if not rows["keep"].all()
    }


def oddities(media: pd.DataFrame) -> dict[str, list[str]]:
    """Properties of files that readers of video often get wrong -> the items that have them. This
    project reads them rightly; they are reported."""
    odd = {
        "variable frame rate": media["variable_rate"] == 1,
        "to be turned by a rotation flag": media["rotation"].fillna(0) != 0,
        "other number of frames in the header than in the file": media["frames_declared"].notna()
        & (media["frames_declared"] != media["frames_found"]),
    }
    return {
        oddity: media.loc[mask.fillna(False).astype(bool), "item"].to_list()
        for oddity, mask in odd.items()
    }


def stoppers(
    index: pd.DataFrame, faces: pd.DataFrame, verified: pd.DataFrame, limits: Verify
) -> list[str]:
    """A sentence for each thing that would make all later results wrong; empty where the data can
    be used."""
    problems = [
        f"the same file is labelled real and fake: {', '.join(items)}; decide which, and remove "
        "the other"
        for items in label_conflicts(index)[:NAMED]
    ]
    items = index.merge(verified, on="item")
    for name, rows in items.groupby("data_set"):
        if not rows["keep"].any():
            problems.append(
                f"no item of {name} is left{_dropped(rows)}; check its root and layout, or take it out "
                "of data_sets"
            )
    learned = items[items["use"] == "train"]
    counts = learned.loc[learned["keep"] == 1, "label"].value_counts()
    for label, name in enumerate(CLASSES):
        if label not in counts.index:
            problems.append(
                f"no {name} item is left to learn from{_dropped(learned)}; check the data set's root "
                "and layout"
            )
    if len(counts) == 2 and counts.max() > limits.max_imbalance * counts.min():
        problems.append(
            f"{counts[0]} real and {counts[1]} fake items: a ratio above verify.max_imbalance "
            f"{limits.max_imbalance:g}"
        )
    return problems + _coverage_stoppers(coverage(learned, faces), limits)


def _dropped(items: pd.DataFrame) -> str:
    """Why most of these items (columns keep, reason) were dropped, in brackets."""
    most = sorted(dropped_by_kind(items).items(), key=lambda kind: -kind[1])[:3]
    counts = ", ".join(f"{count} x {kind}" for kind, count in most)
    return f" (dropped: {counts})" if counts else ""


def shortcut_stopper(shortcut: Shortcut, limits: Verify) -> list[str]:
    """A sentence where file facts alone tell the classes apart and `limits` make that a failure."""
    return _shortcut_sentences(shortcut, limits) if limits.on_shortcut == "fail" else []


def shortcut_warning(shortcut: Shortcut, limits: Verify) -> list[str]:
    """The same sentence where `limits` make it a warning."""
    return _shortcut_sentences(shortcut, limits) if limits.on_shortcut == "warn" else []


def _shortcut_sentences(shortcut: Shortcut, limits: Verify) -> list[str]:
    limit = limits.max_shortcut_auc
    setting = f"(verify.max_shortcut_auc {limit:g})"
    remedy = (
        "a detector would learn that instead of faces. Encode both classes alike, or set "
        "verify.on_shortcut to warn"
    )
    among = f"among items of kind {shortcut.among}, " if shortcut.among else ""
    if shortcut.auc is not None and shortcut.auc > limit:
        facts = ", ".join(map(str, shortcut.carriers))
        return [
            f"{among}facts of the files alone, without their pictures, tell fake from real with "
            f"a ROC-AUC of {shortcut.auc:.3f} {setting}: "
            f"{facts or 'several together, or which of them are missing'}; {remedy}"
        ]
    alone = [carrier for carrier in shortcut.carriers if carrier.alone > limit]
    return [
        f"{among}where it is known, {carrier} tells fake from real with a ROC-AUC of "
        f"{carrier.alone:.3f} {setting}; {remedy}"
        for carrier in alone
    ]


def _coverage_stoppers(shares: dict[str, float], limits: Verify) -> list[str]:
    low = [f"{name} {share:.1%}" for name, share in shares.items() if share < limits.min_coverage]
    if low:
        return [
            f"a face was found in too few frames ({', '.join(low)}; verify.min_coverage "
            f"{limits.min_coverage:.0%}); look at the contact sheets, try crop_faces.detector "
            "yunet or a larger detect_size"
        ]
    if len(shares) == 2 and abs(shares["real"] - shares["fake"]) > limits.max_coverage_gap:
        return [
            f"a face was found in {shares['real']:.1%} of real and {shares['fake']:.1%} of fake "
            f"frames, further apart than verify.max_coverage_gap {limits.max_coverage_gap:.0%}: a "
            "detector could learn that instead"
        ]
    return []


def _fault(faces: pd.DataFrame | None, frames: pd.DataFrame | None, limits: Verify) -> str:
    """Why an item cannot be used; empty where it can."""
    if faces is None:
        return "not cropped"
    if faces["frame"].isna().all():
        return f"unreadable: {faces['status'].iloc[0]}"
    size = (faces if frames is None else frames)[["width", "height"]].min(axis=None)
    if size < limits.min_side:
        return "picture too small"
    cropped = statuses.ok(faces)
    if cropped.empty:
        undetected = (faces["status"] == statuses.NO_FACE).any()
        return "no face" if undetected else "faces too small"
    least = {
        "contrast": limits.min_contrast,
        "sharpness": limits.min_sharpness,
        "brightness": limits.min_brightness,
    }
    medians = cropped[list(least)].median()
    return next((FAULTS[name] for name, limit in least.items() if medians[name] < limit), "")
