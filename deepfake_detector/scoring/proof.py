"""Whether validation shows that a model tells real from fake; where it does not, the model
judges nothing."""

import numpy as np

from deepfake_detector.scoring.intervals import Scores, intervals

CHANCE = 0.5  # ROC-AUC of guessing
LARGEST_SHARE = 0.5  # of a class's clips in one group


def why_unproven(labels: np.ndarray, scores: np.ndarray, groups: np.ndarray, least: int) -> str:
    """Why clips with `labels` 0 or 1 do not show it; empty where they do.

    They must come from at least `least` source groups of each class, no one of which holds more
    than half of them, and the 95 % interval of their ROC-AUC, bootstrapped over groups, must lie
    above chance. Fewer than six groups have no such interval: where `least` allows that, their
    number alone counts.
    """
    labels, groups = np.asarray(labels), np.asarray(groups, str)
    fewest = min(len(set(groups[labels == label])) for label in (0, 1))
    if fewest < least:
        return (
            f"validation has {fewest} source group{'s' * (fewest != 1)} of a class, and {least} are "
            "the least that would show it"
        )
    ends = intervals(labels, Scores(np.asarray(scores)), groups, ["roc_auc"]).ends
    if not ends:
        return ""
    for label, name in enumerate(("real", "fake")):
        _, counts = np.unique(groups[labels == label], return_counts=True)
        if counts.max() > LARGEST_SHARE * counts.sum():
            return (
                f"one source group has {counts.max()} of the {counts.sum()} {name} clips of "
                "validation, which says little of others"
            )
    low, _ = ends["roc_auc"]
    if low > CHANCE:
        return ""
    return f"its ROC-AUC on validation may be as low as {low:.2f}, and {CHANCE} is chance"
