"""DeLong's test of AUCs on the same images, no redraws needed; see `influence`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy.special import ndtr, ndtri

from jaxcxr.stats.influence import influences
from jaxcxr.stats.levels import tails


@dataclass(frozen=True)
class DeLong:
    """AUCs of several models on the same images, of one label or averaged over labels.

    Attributes:
      auc: `[models]`.
      covariance: `[models, models]`; NaN where a class has a single image (or group).
    """

    auc: np.ndarray
    covariance: np.ndarray

    def interval(self, level: float = 0.95) -> np.ndarray:
        """Give the normal interval of each AUC, `[models, 2]`, cut at 0 and 1."""
        half = ndtri(tails(level)[1]) * np.sqrt(np.diag(self.covariance))
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
    (found,) = influences(labels, scores, groups)
    if found is None:
        truth = np.asarray(labels)
        raise ValueError(
            f"not estimable: {int((truth == 1).sum())} positive and {int((truth == 0).sum())} "
            "negative images; both classes are needed"
        )
    return DeLong(found.auc, found.covariance)
