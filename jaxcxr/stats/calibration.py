"""Whether a predicted 0.3 means three in ten: reliability, Brier score, ECE, and corrections."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy.optimize import minimize, minimize_scalar
from scipy.special import expit, logit

from jaxcxr.stats.arrays import check_columns
from jaxcxr.stats.sums import sums_over_redraws


@dataclass(frozen=True)
class Calibration:
    """Calibration of each label; the first entry is of the data, then one for each redraw.

    Attributes:
      brier: `[1 + resamples, labels]`, mean squared error of the probability.
      ece: `[1 + resamples, labels]`, mean over images of the distance between the bin's mean
        probability and its observed rate.
      predicted, observed: `[1 + resamples, labels, bins]`, mean probability and share of
        positives of each bin; NaN where the bin is empty.
      images: `[labels, bins]`, images of the data in each bin.
    """

    brier: np.ndarray
    ece: np.ndarray
    predicted: np.ndarray
    observed: np.ndarray
    images: np.ndarray


def calibration(
    labels: Any,
    probabilities: Any,
    *,
    bins: int = 10,
    resamples: int = 1000,
    seed: int = 0,
    groups: Any = None,
) -> Calibration:
    """Compute reliability curves over redraws.

    Args:
      labels: `[images, labels]`; 1, 0, or -1 for unknown, left out.
      probabilities: `[images, labels]`, in 0 to 1.
      bins: number of bins of equal width; a probability on an edge belongs to the bin above,
        and 1 to the last.
      resamples, seed, groups: as in `bootstrap`; the redraws are the same.

    Raises:
      ValueError: as `check_columns`, or probabilities out of range.
    """
    columns = check_columns(labels, probabilities)
    truth, predicted = columns.labels.T, columns.scores[0].astype(np.float64).T
    if ((predicted < 0) | (predicted > 1)).any():
        raise ValueError("probabilities must lie between 0 and 1; give sigmoid(logits)")
    known = truth >= 0
    bin_of = np.minimum((predicted * bins).astype(int), bins - 1)
    inside = (bin_of[:, None, :] == np.arange(bins)[:, None]) & known[:, None, :]
    squares = np.where(known, (predicted - truth) ** 2, 0.0)
    number, positives, mass, error = sums_over_redraws(
        [inside, inside & (truth == 1)[:, None, :], inside * predicted[:, None, :], squares],
        resamples,
        seed,
        groups,
    )
    filled = np.where(number > 0, number, np.nan)
    total = number.sum(axis=-1)
    total = np.where(total > 0, total, np.nan)
    return Calibration(
        brier=error / total,
        ece=np.abs(mass - positives).sum(axis=-1) / total,
        predicted=mass / filled,
        observed=positives / filled,
        images=number[0].astype(int),
    )


def brier_score(labels: Any, probabilities: Any) -> np.ndarray:
    """Mean squared error of the probabilities, `[images, labels]` -> `[labels]`."""
    return calibration(labels, probabilities, resamples=0).brier[0]


def expected_calibration_error(labels: Any, probabilities: Any, bins: int = 10) -> np.ndarray:
    """ECE over bins of equal width, `[images, labels]` -> `[labels]`; see `Calibration`."""
    return calibration(labels, probabilities, bins=bins, resamples=0).ece[0]


@dataclass(frozen=True)
class Scaling:
    """A correction of logits: probability = sigmoid(slope * logit + offset)."""

    slope: float
    offset: float

    def __call__(self, logits: Any) -> np.ndarray:
        """Give corrected probabilities of the same shape."""
        return expit(self.slope * np.asarray(logits, np.float64) + self.offset)


def fit_temperature(labels: Any, logits: Any) -> Scaling:
    """Fit one temperature, slope = 1 / temperature, by maximum likelihood (Guo et al. 2017).

    Args:
      labels, logits: `[images]` of the validation split, never of the split that is reported.

    Raises:
      ValueError: as `check_columns`, or without both classes.
    """
    truth, scores = _known(labels, logits)
    found = minimize_scalar(
        lambda log_slope: _loss(np.exp(log_slope) * scores, truth),
        bounds=(-7, 7),
        method="bounded",
        options={"xatol": 1e-9},
    )
    return Scaling(float(np.exp(found.x)), 0.0)


def fit_platt(labels: Any, logits: Any) -> Scaling:
    """Fit slope and offset with Platt's smoothed targets (Platt 1999); arguments as above."""
    truth, scores = _known(labels, logits)
    positives, negatives = truth.sum(), len(truth) - truth.sum()
    targets = np.where(truth, (positives + 1) / (positives + 2), 1 / (negatives + 2))
    scale = max(float(np.abs(scores).max()), 1e-12)
    features = np.stack([scores / scale, np.ones_like(scores)], axis=1)

    def loss_and_gradient(weights: np.ndarray) -> tuple[float, np.ndarray]:
        linear = features @ weights
        return _loss(linear, targets), features.T @ (expit(linear) - targets) / len(targets)

    start = np.array([scale, logit(targets.mean())])
    found = minimize(loss_and_gradient, start, jac=True, method="BFGS", options={"gtol": 1e-8})
    return Scaling(float(found.x[0] / scale), float(found.x[1]))


def _known(labels: Any, logits: Any) -> tuple[np.ndarray, np.ndarray]:
    columns = check_columns(labels, logits)
    known = columns.labels[:, 0] >= 0
    truth = columns.labels[known, 0] == 1
    if not truth.any() or truth.all():
        raise ValueError("not estimable: fitting a calibration needs images of both classes")
    return truth, columns.scores[0, known, 0].astype(np.float64)


def _loss(linear: np.ndarray, targets: np.ndarray) -> float:
    """Mean cross-entropy with logits."""
    return float(np.mean(np.logaddexp(0, linear) - targets * linear))
