"""Decision curves: what acting on a model's probabilities is worth (Vickers and Elkin 2006)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy.special import stdtrit

from jaxcxr.stats.arrays import check_columns, group_codes
from jaxcxr.stats.levels import tails

# Thresholds of probability. One of a half says that a miss is as bad as a false alarm.
THRESHOLDS = np.round(np.arange(1, 100) / 100, 2)


@dataclass(frozen=True)
class DecisionCurve:
    """Net benefit at each threshold of probability, in true positives an image.

    Attributes:
      threshold: `[thresholds]`, at which acting and not acting are worth the same.
      net_benefit: of acting where the probability is at least the threshold: true positives an
        image less threshold / (1 - threshold) times the false positives an image.
      low, high: pointwise interval; NaN where no image, or only one patient's, is called
        positive, or where all that are called so are of one patient.
      treat_all: net benefit of acting on all images. Acting on none has 0.
      called: images called positive.
    """

    threshold: np.ndarray
    net_benefit: np.ndarray
    low: np.ndarray
    high: np.ndarray
    treat_all: np.ndarray
    called: np.ndarray


def decision_curve(
    labels: Any,
    probabilities: Any,
    groups: Any = None,
    level: float = 0.95,
    thresholds: Any = THRESHOLDS,
) -> DecisionCurve:
    """Compute the net benefit of one label's probabilities.

    A net benefit is a mean over images, so its standard error is that of a mean, by groups where
    given, and its interval Student's t.

    Args:
      labels: `[images]`; 1, 0, or -1 for unknown, left out.
      probabilities: `[images]`, in 0 to 1. They have to be calibrated: a model whose
        probabilities are too high acts too often at every threshold.
      groups: `[images]`; names of patients whose images are not independent.
      level: of the band at each threshold.
      thresholds: `[thresholds]`, between 0 and 1.

    Raises:
      ValueError: as `check_columns`, no known label, or a number out of its range.
    """
    tail = tails(level)[1]
    columns = check_columns(labels, probabilities)
    known = columns.labels[:, 0] >= 0
    if not known.any():
        raise ValueError("not estimable: the label of no image is known")
    truth = columns.labels[known, 0] == 1
    probability = columns.scores[0, known, 0].astype(np.float64)
    at = np.asarray(thresholds, np.float64)
    if ((probability < 0) | (probability > 1)).any() or ((at <= 0) | (at >= 1)).any():
        raise ValueError("probabilities lie in 0 to 1, and thresholds between them")
    codes = np.arange(len(truth))
    if groups is not None:
        codes = np.unique(group_codes(groups, len(known))[0][known], return_inverse=True)[1]
    weight = at / (1 - at)
    worth = np.where(truth, 1.0, 0.0)[:, None] - np.where(truth, 0.0, 1.0)[:, None] * weight
    called = probability[:, None] >= at
    gained = np.where(called, worth, 0.0)
    mean = gained.mean(axis=0)
    half = np.full(len(at), np.nan)
    patients = int(codes.max()) + 1
    if patients > 1:
        sums = np.stack([np.bincount(codes, column) for column in (gained - mean).T])
        error = np.sqrt(patients / (patients - 1) * np.sum(sums**2, axis=1)) / len(truth)
        acted = np.array([len(np.unique(codes[column])) for column in called.T])
        half = np.where(acted > 1, error * stdtrit(patients - 1, tail), np.nan)
    prevalence = truth.mean()
    return DecisionCurve(
        threshold=at,
        net_benefit=mean,
        low=mean - half,
        high=mean + half,
        treat_all=prevalence - (1 - prevalence) * weight,
        called=called.sum(axis=0),
    )
