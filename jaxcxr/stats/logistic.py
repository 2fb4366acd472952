"""Logistic regression by maximum likelihood with errors by groups: the tool of recalibration."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.special import expit

_STEPS = 100
# A log odds ratio beyond this, of columns of unit size, is on its way to infinity.
_SEPARATED = 30.0


@dataclass(frozen=True)
class Logistic:
    """A fitted model: log odds = offset + design @ coefficients.

    Attributes:
      coefficients: `[columns]`.
      covariance: `[columns, columns]`, the sandwich by groups (Huber 1967; Liang and Zeger 1986)
        times groups / (groups - 1).
    """

    coefficients: np.ndarray
    covariance: np.ndarray


def fit_logistic(
    design: np.ndarray, truth: np.ndarray, codes: np.ndarray, offset: np.ndarray | float = 0.0
) -> Logistic | None:
    """Fit by Newton's method; None where no finite coefficients exist, as with separated classes.

    Args:
      design: `[images, columns]`.
      truth: `[images]` bool, of both classes.
      codes: `[images]`, numbers of the groups, from 0 without gaps.
      offset: `[images]`, added with a coefficient of 1.
    """
    # Columns of like size keep the equations solvable, whatever the scores' unit.
    scale = np.abs(design).max(axis=0)
    if (scale == 0).any() or np.linalg.matrix_rank(design / scale) < design.shape[1]:
        return None
    unit = design / scale
    coefficients = np.zeros(design.shape[1])
    for _ in range(_STEPS):
        fitted = expit(offset + unit @ coefficients)
        weight = fitted * (1 - fitted)
        information = (unit * weight[:, None]).T @ unit
        gradient = unit.T @ (truth - fitted)
        if not np.linalg.cond(information) < 1e12:
            return None
        step = np.linalg.solve(information, gradient)
        largest = np.abs(step).max()
        coefficients = coefficients + step * min(1.0, 5.0 / max(largest, 1e-300))
        if np.abs(coefficients).max() > _SEPARATED * 10:
            return None
        if largest < 1e-10 * max(1.0, float(np.abs(coefficients).max())):
            break
    else:
        return None
    added = unit * (truth - fitted)[:, None]
    groups = int(codes.max()) + 1
    sums = np.stack([np.bincount(codes, column, groups) for column in added.T])
    bread = np.linalg.inv(information)
    small = groups / (groups - 1) if groups > 1 else np.nan
    covariance = small * bread @ (sums @ sums.T) @ bread
    return Logistic(coefficients / scale, covariance / np.outer(scale, scale))
