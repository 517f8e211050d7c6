"""The figures and curves that say how good scores are.

Pure functions. Labels: 0 real, 1 fake; probabilities are those of fake. Definitions are
scikit-learn's, with fake, predicted at or above the threshold, as the positive class. A new metric
is an entry of METRICS; to have an interval too, it needs its form under weights in
`scoring.intervals`.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from enum import IntEnum

import numpy as np
from sklearn.metrics import (
    accuracy_score,
    average_precision_score,
    balanced_accuracy_score,
    brier_score_loss,
    f1_score,
    log_loss,
    precision_recall_curve,
    precision_score,
    recall_score,
    roc_auc_score,
    roc_curve,
)

from deepfake_detector.scoring.intervals import clopper_pearson

CURVE_POINTS = 500
HISTOGRAM_BINS = 20
CALIBRATION_BINS = 15  # of equal width, for the calibration error
RELIABILITY_BINS, LEAST_IN_BIN = 10, 10  # of equal count, for the diagram

# of labels, probabilities, threshold
Value = Callable[[np.ndarray, np.ndarray, float], float | int]
Condition = Callable[[np.ndarray, np.ndarray], bool]  # of labels, predicted labels


class Aspect(IntEnum):
    """What a figure is about; reports list figures in this order."""

    CLASSES = 1  # how well the classes are separated
    PROBABILITIES = 2  # whether the probabilities mean what they say
    VERDICTS = 3  # what a person sees, limits of face quality aside


@dataclass(frozen=True)
class Figure:
    """A figure's name in metrics/*.json and its title in reports.

    The `headline` figures are in the reports' main table, the `chief` ones also in those by data
    set and by method.
    """

    name: str
    title: str
    aspect: Aspect
    headline: bool = field(default=True, kw_only=True)
    chief: bool = field(default=False, kw_only=True)


@dataclass(frozen=True)
class Metric(Figure):
    """A figure of labels and probabilities at a threshold, and when it is defined."""

    value: Value
    defined: Condition


def _always(labels: np.ndarray, predicted: np.ndarray) -> bool:
    return True


def _any(labels: np.ndarray, predicted: np.ndarray) -> bool:
    return len(labels) > 0


def _both_classes(labels: np.ndarray, predicted: np.ndarray) -> bool:
    return len(np.unique(labels)) == 2


def _any_fake(labels: np.ndarray, predicted: np.ndarray) -> bool:
    return bool((labels == 1).any())


def _any_called_fake(labels: np.ndarray, predicted: np.ndarray) -> bool:
    return bool(predicted.any())


def _of_scores(score: Callable[..., float], **options: object) -> Value:
    """A function of labels and probabilities."""
    return lambda labels, probabilities, threshold: float(score(labels, probabilities, **options))


def _of_predictions(score: Callable[..., float], **options: object) -> Value:
    """A function of labels and predicted labels."""
    return lambda labels, probabilities, threshold: float(
        score(labels, _predicted(probabilities, threshold), **options)
    )


def _cell(label: int, prediction: int) -> Value:
    """A cell of the confusion matrix."""
    return lambda labels, probabilities, threshold: int(
        ((labels == label) & (_predicted(probabilities, threshold) == prediction)).sum()
    )


def _predicted(probabilities: np.ndarray, threshold: float) -> np.ndarray:
    return (probabilities >= threshold).astype(int)


def _equal_error_rate(labels: np.ndarray, probabilities: np.ndarray) -> float:
    """Where the line between two points of the ROC curve has as many misses as false alarms."""
    false_alarms, recall, _ = roc_curve(labels, probabilities, drop_intermediate=False)
    gap = false_alarms + recall - 1  # from -1 up to 1
    after = int(np.argmax(gap >= 0))
    share = -gap[after - 1] / (gap[after] - gap[after - 1])
    return false_alarms[after - 1] + share * (false_alarms[after] - false_alarms[after - 1])


def _recall_at(labels: np.ndarray, probabilities: np.ndarray, most: float) -> float:
    """The highest recall at any threshold that calls at most this fraction of the reals fake."""
    false_alarms, recall, _ = roc_curve(labels, probabilities, drop_intermediate=False)
    return recall[false_alarms <= most].max()


CLASSES, PROBABILITIES = Aspect.CLASSES, Aspect.PROBABILITIES
METRICS = (  # in the order of metrics/*.json
    Metric("count", "count", CLASSES, lambda labels, *_: len(labels), _always, chief=True),
    Metric("roc_auc", "ROC-AUC", CLASSES, _of_scores(roc_auc_score), _both_classes, chief=True),
    Metric("pr_auc", "PR-AUC", CLASSES, _of_scores(average_precision_score), _both_classes),
    Metric("accuracy", "accuracy", CLASSES, _of_predictions(accuracy_score), _any, headline=False),
    Metric(
        "balanced_accuracy",
        "balanced accuracy",
        CLASSES,
        _of_predictions(balanced_accuracy_score),
        _both_classes,
        chief=True,
    ),
    Metric("precision", "precision", CLASSES, _of_predictions(precision_score), _any_called_fake),
    Metric("recall", "recall", CLASSES, _of_predictions(recall_score), _any_fake),
    Metric(
        "f1",
        "F1 score",
        CLASSES,
        _of_predictions(f1_score, zero_division=0),
        _any_fake,
        headline=False,
    ),
    Metric("log_loss", "log loss", PROBABILITIES, _of_scores(log_loss, labels=[0, 1]), _any),
    Metric("brier", "Brier score", PROBABILITIES, _of_scores(brier_score_loss, pos_label=1), _any),
    Metric("eer", "equal error rate", CLASSES, _of_scores(_equal_error_rate), _both_classes),
    Metric(
        "tpr_at_fpr_1",
        "recall at 1 % false alarms",
        CLASSES,
        _of_scores(_recall_at, most=0.01),
        _both_classes,
    ),
    Metric(
        "tpr_at_fpr_5",
        "recall at 5 % false alarms",
        CLASSES,
        _of_scores(_recall_at, most=0.05),
        _both_classes,
    ),
    Metric("true_real", "real called real", CLASSES, _cell(0, 0), _always, headline=False),
    Metric("false_fake", "real called fake", CLASSES, _cell(0, 1), _always, headline=False),
    Metric("false_real", "fake called real", CLASSES, _cell(1, 0), _always, headline=False),
    Metric("true_fake", "fake called fake", CLASSES, _cell(1, 1), _always, headline=False),
)


def figures(
    labels: np.ndarray, probabilities: np.ndarray, threshold: float
) -> dict[str, float | int | None]:
    """Every metric of one set of scores by name; None where it is undefined (one class alone,
    nothing there)."""
    labels, probabilities = np.asarray(labels, int), np.asarray(probabilities, float)
    predicted = _predicted(probabilities, threshold)
    return {
        metric.name: metric.value(labels, probabilities, threshold)
        if metric.defined(labels, predicted)
        else None
        for metric in METRICS
    }


def expected_calibration_error(labels: np.ndarray, probabilities: np.ndarray) -> float | None:
    """Mean distance between the probability of fake and the fraction of fakes, over 15 equal bins
    of the probability by their counts, 0..1 (Guo et al. 2017, for the probability of one class).
    None where there is nothing."""
    labels, probabilities = np.asarray(labels), np.asarray(probabilities, float)
    edges = np.linspace(0, 1, CALIBRATION_BINS + 1)[1:-1]
    place = np.searchsorted(edges, probabilities)
    excess = np.bincount(place, probabilities - labels)  # by bin, count times distance
    return float(np.abs(excess).sum() / len(labels)) if len(labels) else None


@dataclass(frozen=True)
class ReliabilityBin:
    """Mean probability of fake and fraction of fakes of some scores, with its interval's ends."""

    fake_probability: float
    share: float
    share_low: float
    share_high: float
    count: int


def reliability(labels: np.ndarray, probabilities: np.ndarray) -> list[ReliabilityBin]:
    """Ten bins of equal count by rising probability, or fewer, so that each holds ten; none of
    fewer than twenty scores. The intervals are exact 95 % ones (Clopper and Pearson 1934), as if
    every score stood for itself."""
    labels, probabilities = np.asarray(labels, int), np.asarray(probabilities, float)
    bins = min(RELIABILITY_BINS, len(labels) // LEAST_IN_BIN)
    if bins < 2:
        return []
    order = np.argsort(probabilities, kind="stable")
    return [
        _reliability_bin(labels[members], probabilities[members])
        for members in np.array_split(order, bins)
    ]


def _reliability_bin(labels: np.ndarray, probabilities: np.ndarray) -> ReliabilityBin:
    count, fakes = len(labels), int(labels.sum())
    return ReliabilityBin(
        float(probabilities.mean()), fakes / count, *clopper_pearson(fakes / count, count), count
    )


def roc_points(labels: np.ndarray, probabilities: np.ndarray) -> list[tuple[float, float]]:
    """(false positive rate, true positive rate), at most 500 points."""
    false_rate, true_rate, _ = roc_curve(labels, probabilities)
    return _thinned(false_rate, true_rate)


def pr_points(labels: np.ndarray, probabilities: np.ndarray) -> list[tuple[float, float]]:
    """(recall, precision), at most 500 points, from recall 0 up."""
    precision, recall, _ = precision_recall_curve(labels, probabilities)
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
