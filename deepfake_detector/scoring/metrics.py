"""The figures and curves that say how good scores are.

Pure functions. Labels: 0 real, 1 fake. Definitions are scikit-learn's; what is undefined (one class, nothing there) is None.
"""

import numpy as np
from sklearn import metrics

CURVE_POINTS = 500
HISTOGRAM_BINS = 20
RELIABILITY_BINS = 15


def figures(
    labels: np.ndarray, probabilities: np.ndarray, threshold: float
) -> dict[str, float | int | None]:
    """Every figure of one set of scores. Fake is the positive class, predicted at or above the threshold."""
    labels, probabilities = np.asarray(labels, int), np.asarray(probabilities, float)
    predicted = (probabilities >= threshold).astype(int)
    both = len(np.unique(labels)) == 2
    fakes, flagged = bool((labels == 1).any()), bool(predicted.any())
    matrix = (
        metrics.confusion_matrix(labels, predicted, labels=[0, 1])
        if len(labels)
        else np.zeros((2, 2), int)
    )
    ranked = (
        _ranked(labels, probabilities)
        if both
        else dict.fromkeys(("eer", "tpr_at_fpr_1", "tpr_at_fpr_5"))
    )
    return {
        "count": len(labels),
        "roc_auc": float(metrics.roc_auc_score(labels, probabilities)) if both else None,
        "pr_auc": float(metrics.average_precision_score(labels, probabilities)) if both else None,
        "accuracy": float(metrics.accuracy_score(labels, predicted)) if len(labels) else None,
        "balanced_accuracy": float(metrics.balanced_accuracy_score(labels, predicted))
        if both
        else None,
        "precision": float(metrics.precision_score(labels, predicted)) if flagged else None,
        "recall": float(metrics.recall_score(labels, predicted)) if fakes else None,
        "f1": float(metrics.f1_score(labels, predicted, zero_division=0)) if fakes else None,
        "log_loss": float(metrics.log_loss(labels, probabilities, labels=[0, 1]))
        if len(labels)
        else None,
        "brier": float(np.mean((probabilities - labels) ** 2)) if len(labels) else None,
        **ranked,
        "true_real": int(matrix[0, 0]),
        "false_fake": int(matrix[0, 1]),
        "false_real": int(matrix[1, 0]),
        "true_fake": int(matrix[1, 1]),
    }


def _ranked(labels: np.ndarray, probabilities: np.ndarray) -> dict[str, float]:
    """Equal error rate (on the straight line between two points of the ROC curve), and the highest recall at any threshold
    with at most 1 % and 5 % of the reals called fake."""
    false_alarms, recall, _ = metrics.roc_curve(labels, probabilities, drop_intermediate=False)
    gap = false_alarms + recall - 1  # from -1 up to 1
    after = int(np.argmax(gap >= 0))
    share = -gap[after - 1] / (gap[after] - gap[after - 1])
    return {
        "eer": float(
            false_alarms[after - 1] + share * (false_alarms[after] - false_alarms[after - 1])
        ),
        "tpr_at_fpr_1": float(recall[false_alarms <= 0.01].max()),
        "tpr_at_fpr_5": float(recall[false_alarms <= 0.05].max()),
    }


def expected_calibration_error(labels: np.ndarray, probabilities: np.ndarray) -> float | None:
    """Mean distance between the probability of fake and the share of fakes, over 15 equal bins of the probability by their
    counts, 0..1 (Guo et al. 2017, for the probability of one class). None where there is nothing."""
    bins = reliability(labels, probabilities)
    total = sum(count for _, _, count in bins)
    return sum(abs(mean - share) * count for mean, share, count in bins) / total if total else None


def reliability(labels: np.ndarray, probabilities: np.ndarray) -> list[tuple[float, float, int]]:
    """(mean probability, share of fakes, count) of each of 15 equal bins that holds something."""
    labels, probabilities = np.asarray(labels), np.asarray(probabilities, float)
    place = np.searchsorted(np.linspace(0, 1, RELIABILITY_BINS + 1)[1:-1], probabilities)
    return [
        (
            float(probabilities[place == one].mean()),
            float(labels[place == one].mean()),
            int((place == one).sum()),
        )
        for one in np.unique(place)
    ]


def roc_points(labels: np.ndarray, probabilities: np.ndarray) -> list[tuple[float, float]]:
    """(false positive rate, true positive rate), at most 500 points."""
    false_rate, true_rate, _ = metrics.roc_curve(labels, probabilities)
    return _thinned(false_rate, true_rate)


def pr_points(labels: np.ndarray, probabilities: np.ndarray) -> list[tuple[float, float]]:
    """(recall, precision), at most 500 points, from recall 0 up."""
    precision, recall, _ = metrics.precision_recall_curve(labels, probabilities)
    return _thinned(recall[::-1], precision[::-1])


def histogram(probabilities: np.ndarray) -> list[tuple[float, int]]:
    """(middle of the bin, count) for 20 equal bins of 0..1."""
    counts, edges = np.histogram(probabilities, bins=HISTOGRAM_BINS, range=(0, 1))
    return [
        (float(middle), int(count))
        for middle, count in zip((edges[1:] + edges[:-1]) / 2, counts, strict=True)
    ]


def _thinned(x: np.ndarray, y: np.ndarray) -> list[tuple[float, float]]:
    chosen = np.unique(np.linspace(0, len(x) - 1, min(len(x), CURVE_POINTS)).round().astype(int))
    return [(float(x[position]), float(y[position])) for position in chosen]
