"""DeLong's variance of the AUC and covariance between AUCs on the same images, no redraws needed.

DeLong, DeLong and Clarke-Pearson 1988, by midranks as Sun and Xu 2014; with groups (patients),
the variance for clustered data of Obuchowski 1997, which is DeLong's where each group is a
single image.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy.special import ndtr, ndtri

from jaxcxr.stats.arrays import check_columns, group_codes


@dataclass(frozen=True)
class DeLong:
    """AUCs of several models on the same images of one label.

    Attributes:
      auc: `[models]`.
      covariance: `[models, models]`; NaN where a class has a single image (or group).
    """

    auc: np.ndarray
    covariance: np.ndarray

    def interval(self, level: float = 0.95) -> np.ndarray:
        """Give the normal interval of each AUC, `[models, 2]`, cut at 0 and 1."""
        half = ndtri((1 + level) / 2) * np.sqrt(np.diag(self.covariance))
        return np.clip(np.stack([self.auc - half, self.auc + half], axis=1), 0, 1)

    def difference(self, first: int = 0, second: int = 1) -> tuple[float, float, float]:
        """Compare two of the models.

        Returns:
          AUC of the first minus the second, its standard error, and the two-sided p-value. Where
          both the difference and its error are zero, as between equal rankings, p is 1; where
          only the error is, as between two perfect rankings of few images, p is NaN.
        """
        contrast = np.zeros(len(self.auc))
        contrast[first] += 1
        contrast[second] -= 1
        value = float(contrast @ self.auc)
        error = float(np.sqrt(max(contrast @ self.covariance @ contrast, 0.0)))
        if np.isnan(self.covariance).any():
            return value, np.nan, np.nan
        # Rounding leaves about 1e-17 where the exact difference or error is zero.
        if error < 1e-9:
            return value, error, 1.0 if abs(value) < 1e-12 else np.nan
        return value, error, float(2 * ndtr(-abs(value) / error))


def delong(labels: Any, scores: Any, groups: Any = None) -> DeLong:
    """Compute AUCs of one label with their covariance.

    Args:
      labels: `[images]`; 1, 0, or -1 for unknown, left out.
      scores: `[images]` or `[models, images]`.
      groups: `[images]`; names of patients whose images are not independent.

    Raises:
      ValueError: as `check_columns`, or without both classes.
    """
    columns = check_columns(labels, scores)
    known = columns.labels[:, 0] >= 0
    positive = columns.labels[known, 0] == 1
    models = columns.scores[:, known, 0]
    if not positive.any() or positive.all():
        raise ValueError(
            f"not estimable: {int(positive.sum())} positive and {int((~positive).sum())} negative "
            "images; both classes are needed"
        )
    codes = np.arange(len(positive))
    if groups is not None:
        codes, _ = group_codes(np.asarray(groups)[known], len(positive))
    placements = _placements(positive, models)
    auc = placements[:, positive].mean(axis=1)
    return DeLong(auc, _covariance(placements, auc, positive, codes))


def _placements(positive: np.ndarray, models: np.ndarray) -> np.ndarray:
    """Share of the other class that each image is ranked rightly against, `[models, images]`."""
    from scipy.stats import rankdata  # Slow to import, and of use here only.

    positives, negatives = int(positive.sum()), int((~positive).sum())
    among_all = rankdata(models, axis=1)
    among_own = np.empty_like(among_all)
    for own in (positive, ~positive):
        among_own[:, own] = rankdata(models[:, own], axis=1)
    below = among_all - among_own
    return np.where(positive, below / negatives, 1 - below / positives)


def _covariance(
    placements: np.ndarray, auc: np.ndarray, positive: np.ndarray, codes: np.ndarray
) -> np.ndarray:
    """Obuchowski's covariance `[models, models]` of AUCs from the placements of each image."""
    groups = int(codes.max()) + 1
    deviations, sizes, with_class = [], [], []
    for own in (positive, ~positive):
        deviation = np.where(own, placements - auc[:, None], 0.0)
        deviations.append(np.stack([np.bincount(codes, row, groups) for row in deviation]))
        sizes.append(int(own.sum()))
        with_class.append(len(np.unique(codes[own])))
    if min(with_class) < 2:
        return np.full((len(auc), len(auc)), np.nan)
    covariance = sum(
        number / (number - 1) * (deviation @ deviation.T) / size**2
        for deviation, size, number in zip(deviations, sizes, with_class, strict=True)
    )
    across = groups / (groups - 1) * (deviations[0] @ deviations[1].T) / (sizes[0] * sizes[1])
    return np.asarray(covariance + across + across.T)
