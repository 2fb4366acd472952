"""The table of calls and truth, with every rate that is read off it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from jaxcxr.stats.arrays import check_columns, group_codes
from jaxcxr.stats.likelihood_ratios import Ratio, ratio_interval
from jaxcxr.stats.proportions import Proportion, proportion, sum_interval


@dataclass(frozen=True)
class TwoByTwo:
    """Counts of one label at a threshold that was fixed in advance, and what follows from them.

    Attributes:
      true_positives, false_positives, false_negatives, true_negatives: images.
      sensitivity, specificity, accuracy: shares of the positives, the negatives, and all.
      ppv, npv: shares of the positive and the negative calls that are right, at the prevalence of
        these images; NaN without such calls.
      balanced_accuracy, youden: half the sum of sensitivity and specificity, and the sum less 1.
      lr_positive, lr_negative: likelihood ratios, sensitivity / (1 - specificity) and
        (1 - sensitivity) / specificity.
    """

    true_positives: int
    false_positives: int
    false_negatives: int
    true_negatives: int
    sensitivity: Proportion
    specificity: Proportion
    accuracy: Proportion
    ppv: Proportion
    npv: Proportion
    balanced_accuracy: Ratio
    youden: Ratio
    lr_positive: Ratio
    lr_negative: Ratio


def two_by_two(
    labels: Any, scores: Any, threshold: float, groups: Any = None, level: float = 0.95
) -> TwoByTwo:
    """Call an image positive if its score is at least the threshold.

    Args:
      labels: `[images]`; 1, 0, or -1 for unknown, left out.
      scores: `[images]`.
      threshold: fixed before these images were seen. Its own uncertainty is not in the intervals.
      groups: `[images]`; names of patients whose images are not independent.
      level: of the intervals.

    Raises:
      ValueError: as `check_columns`, or without both classes.
    """
    columns = check_columns(labels, scores)
    known = columns.labels[:, 0] >= 0
    truth = columns.labels[known, 0] == 1
    called = columns.scores[0, known, 0] >= threshold
    if not truth.any() or truth.all():
        raise ValueError(
            f"not estimable: {int(truth.sum())} positive and {int((~truth).sum())} negative "
            "images; both classes are needed"
        )
    codes = None if groups is None else group_codes(groups, len(known))[0][known]

    def share(hit: np.ndarray, of: np.ndarray) -> Proportion:
        return proportion(hit[of], None if codes is None else codes[of], level)

    sensitivity, specificity = share(called, truth), share(~called, ~truth)
    shared = _correlation(truth, called, codes)
    low, high = sum_interval(sensitivity, specificity, shared)
    both = sensitivity.value + specificity.value
    low, high = max(low, 0.0), min(high, 2.0)
    numbers = sensitivity.effective, specificity.effective
    return TwoByTwo(
        true_positives=int((truth & called).sum()),
        false_positives=int((~truth & called).sum()),
        false_negatives=int((truth & ~called).sum()),
        true_negatives=int((~truth & ~called).sum()),
        sensitivity=sensitivity,
        specificity=specificity,
        accuracy=share(truth == called, np.ones_like(truth)),
        ppv=share(truth, called),
        npv=share(~truth, ~called),
        balanced_accuracy=Ratio(both / 2, low / 2, high / 2),
        youden=Ratio(both - 1, low - 1, high - 1),
        lr_positive=_ratio(
            sensitivity.count,
            specificity.number - specificity.count,
            sensitivity,
            specificity,
            numbers,
            level,
        ),
        lr_negative=_ratio(
            sensitivity.number - sensitivity.count,
            specificity.count,
            sensitivity,
            specificity,
            numbers,
            level,
        ),
    )


def _ratio(
    first: int,
    second: int,
    sensitivity: Proportion,
    specificity: Proportion,
    numbers: tuple[float, float],
    level: float,
) -> Ratio:
    """Give a likelihood ratio from how many positives and how many negatives were so called."""
    shares = first / sensitivity.number, second / specificity.number
    return ratio_interval(shares[0], numbers[0], shares[1], numbers[1], level)


def _correlation(truth: np.ndarray, called: np.ndarray, codes: np.ndarray | None) -> float:
    """How sensitivity and specificity vary together, by patients who have images of both."""
    if codes is None:
        return 0.0
    right = truth == called
    sums = []
    for own in (truth, ~truth):
        deviation = np.where(own, right - right[own].mean(), 0.0)
        sums.append(np.bincount(codes, deviation, codes.max() + 1))
    scale = np.sqrt(np.sum(sums[0] ** 2) * np.sum(sums[1] ** 2))
    return float(np.sum(sums[0] * sums[1]) / scale) if scale > 0 else 0.0
