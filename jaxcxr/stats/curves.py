"""AUC, average precision, the curves behind them, and operating points, exact with ties.

Everything here is plain NumPy on one data set; `bootstrap` computes the same over redraws.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from jaxcxr.stats.arrays import Columns, check_columns
from jaxcxr.stats.rates import exact_rate, least_needed, most_allowed


@dataclass(frozen=True)
class Curve:
    """Counts at each distinct score, from the highest down; the first point calls none positive.

    Attributes:
      threshold: `[points]`; an image is positive if its score is at least this. First infinity.
      true_positives, false_positives: `[points]`, numbers of images (or sums of weights).
    """

    threshold: np.ndarray
    true_positives: np.ndarray
    false_positives: np.ndarray

    @property
    def sensitivity(self) -> np.ndarray:
        """True-positive rate, recall."""
        return self.true_positives / self.true_positives[-1]

    @property
    def specificity(self) -> np.ndarray:
        """True-negative rate."""
        return (self.false_positives[-1] - self.false_positives) / self.false_positives[-1]

    @property
    def precision(self) -> np.ndarray:
        """Positive predictive value; 1 at the first point, which calls no image positive."""
        called = self.true_positives + self.false_positives
        return np.where(called > 0, self.true_positives / np.where(called > 0, called, 1), 1.0)


@dataclass(frozen=True)
class OperatingPoint:
    """What calling an image positive at score >= threshold gives on some data."""

    threshold: float
    sensitivity: float
    specificity: float
    accuracy: float


def curve(labels: Any, scores: Any, weights: Any = None) -> Curve:
    """Count positives and negatives at each distinct score of one label.

    Args:
      labels: `[images]`; 1, 0, or -1 for unknown, left out.
      scores: `[images]`.
      weights: `[images]`, not negative; None counts each image once, in whole numbers.

    Raises:
      ValueError: as `check_columns`, or without both classes.
    """
    columns = check_columns(labels, scores)
    if columns.labels.shape[1] != 1 or columns.scores.shape[0] != 1:
        raise ValueError("a curve is of one label and one model: give labels and scores [images]")
    known = columns.labels[:, 0] >= 0
    positive = columns.labels[known, 0] == 1
    score = columns.scores[0, known, 0].astype(np.float64)
    weight = _check_weights(weights, len(known))[known]
    if not weight[positive].sum() > 0 or not weight[~positive].sum() > 0:
        raise ValueError(
            f"not estimable: {int(positive.sum())} positive and {int((~positive).sum())} negative "
            "images; both classes are needed"
        )
    order = np.argsort(-score, kind="stable")
    score, positive, weight = score[order], positive[order], weight[order]
    ends = np.append(np.flatnonzero(np.diff(score)), len(score) - 1)
    return Curve(
        np.append(np.inf, score[ends]),
        np.append(0, np.cumsum(weight * positive)[ends]),
        np.append(0, np.cumsum(weight * ~positive)[ends]),
    )


def auc(labels: Any, scores: Any, weights: Any = None) -> Any:
    """Area under the ROC curve: how often a positive outscores a negative, ties counting half.

    Args:
      labels: `[images]` or `[images, labels]`; 1, 0, or -1 for unknown.
      scores: the same shape, or with an axis of models in front.
      weights: `[images]`.

    Returns:
      `[labels]` or `[models, labels]`, or a float for one-dimensional input. A label without both
      classes has NaN.
    """
    return _each(labels, scores, weights, _auc_of_curve)


def average_precision(labels: Any, scores: Any, weights: Any = None) -> Any:
    """Sum of precision times the step in recall over the distinct scores; arguments as `auc`."""
    return _each(labels, scores, weights, _average_precision_of_curve)


def operating_point(labels: Any, scores: Any) -> OperatingPoint:
    """Choose the threshold with the largest Youden's J, the highest such threshold if several.

    J is compared as a whole number, J * positives * negatives, so that equal values are equal:
    floating-point rounding would choose among them by chance.
    """
    points = curve(labels, scores)
    positives, negatives = points.true_positives[-1], points.false_positives[-1]
    youden = points.true_positives * negatives - points.false_positives * positives
    return _point(points, int(np.argmax(youden)))


def point_at_specificity(labels: Any, scores: Any, specificity: float) -> OperatingPoint:
    """Choose the lowest threshold whose specificity is at least `specificity`, exactly."""
    points = curve(labels, scores)
    negatives = points.false_positives[-1:]
    allowed = most_allowed(negatives, exact_rate(specificity))
    return _point(points, int(np.flatnonzero(points.false_positives <= allowed)[-1]))


def point_at_sensitivity(labels: Any, scores: Any, sensitivity: float) -> OperatingPoint:
    """Choose the highest threshold whose sensitivity is at least `sensitivity`."""
    points = curve(labels, scores)
    needed = least_needed(points.true_positives[-1:], exact_rate(sensitivity))
    return _point(points, int(np.flatnonzero(points.true_positives >= needed)[0]))


def point_at_threshold(labels: Any, scores: Any, threshold: float) -> OperatingPoint:
    """Apply a threshold found elsewhere, such as on the validation split."""
    points = curve(labels, scores)
    reached = np.flatnonzero(points.threshold >= threshold)
    at = _point(points, int(reached[-1]))
    return OperatingPoint(float(threshold), at.sensitivity, at.specificity, at.accuracy)


def _point(points: Curve, index: int) -> OperatingPoint:
    found, false = points.true_positives[index], points.false_positives[index]
    positives, negatives = points.true_positives[-1], points.false_positives[-1]
    return OperatingPoint(
        threshold=float(points.threshold[index]),
        sensitivity=float(found / positives),
        specificity=float((negatives - false) / negatives),
        accuracy=float((found + negatives - false) / (positives + negatives)),
    )


def _auc_of_curve(points: Curve) -> float:
    found, false = points.true_positives, points.false_positives
    twice = np.sum(np.diff(false) * (found[1:] + found[:-1]))
    return float(twice / (2 * found[-1] * false[-1]))


def _average_precision_of_curve(points: Curve) -> float:
    steps = np.diff(points.true_positives)
    return float(np.sum(steps * points.precision[1:]) / points.true_positives[-1])


def _each(labels: Any, scores: Any, weights: Any, measure: Any) -> Any:
    columns: Columns = check_columns(labels, scores)
    values = np.full((columns.scores.shape[0], columns.labels.shape[1]), np.nan)
    for model, label in np.ndindex(values.shape):
        column = columns.labels[:, label]
        if (column == 1).any() and (column == 0).any():
            values[model, label] = measure(curve(column, columns.scores[model, :, label], weights))
    values = values if columns.several_models else values[0]
    return values if np.ndim(labels) == 2 else _drop_last(values)


def _drop_last(values: np.ndarray) -> Any:
    return float(values[0]) if values.ndim == 1 else values[:, 0]


def _check_weights(weights: Any, images: int) -> np.ndarray:
    if weights is None:
        return np.ones(images, np.int64)
    array = np.asarray(weights)
    if array.shape != (images,):
        raise ValueError(f"weights {array.shape} must be one for each of {images} images")
    if not np.isfinite(array).all() or (array < 0).any():
        raise ValueError("weights must be finite and not negative")
    return array.astype(np.int64 if array.dtype.kind in "biu" else np.float64)
