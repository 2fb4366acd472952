"""How predicted probabilities lie to the truth: intercept, slope, and a flexible curve.

The calibration hierarchy of Van Calster et al. 2016: right on average (intercept), right in spread
(slope), right everywhere (the curve). Unlike ECE none of these depends on bins.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy.special import expit, logit, stdtrit

from jaxcxr.stats.arrays import check_columns, group_codes
from jaxcxr.stats.delong_interval import units_of_classes
from jaxcxr.stats.levels import tails
from jaxcxr.stats.logistic import Logistic, fit_logistic
from jaxcxr.stats.splines import knots_of, spline

# A saturated probability has no finite logit.
_NEAREST = 1e-12
# Images (or patients) of the smaller class for each slope of the curve.
_PER_SLOPE = 10
_MOST_KNOTS = 4


@dataclass(frozen=True)
class Coefficient:
    """A coefficient with its interval of Student's t; all NaN where the classes are separated."""

    value: float
    low: float
    high: float


@dataclass(frozen=True)
class Recalibration:
    """Calibration of one label's probabilities p.

    Attributes:
      intercept: a in logit P(positive) = a + logit p; 0 if right on average, below if p is too
        high (calibration in the large, Cox 1958).
      slope: b in logit P(positive) = a + b logit p; 1 if right in spread, below if p is too
        extreme.
      predicted: `[points]`, probabilities from the smallest to the largest found.
      observed, low, high: `[points]`, share of positives by the flexible curve, with its pointwise
        interval.
      ici, e50, e90, e_max: mean, median, 90th percentile and largest distance over images between
        p and the curve at p (Austin and Steyerberg 2019). They cannot be zero by chance alone,
        so they are given without an interval.
      knots: of the curve; 0 if it is the straight line of intercept and slope.
    """

    intercept: Coefficient
    slope: Coefficient
    predicted: np.ndarray
    observed: np.ndarray
    low: np.ndarray
    high: np.ndarray
    ici: float
    e50: float
    e90: float
    e_max: float
    knots: int


def recalibration(
    labels: Any, probabilities: Any, groups: Any = None, level: float = 0.95, points: int = 50
) -> Recalibration:
    """Fit intercept, slope and the flexible curve of one label.

    The curve is a logistic regression on a restricted cubic spline of logit p with knots at
    Harrell's quantiles: four where the smaller class has 30 images (or patients), three where it
    has 20, otherwise a straight line, so that ten tell of each slope.

    Args:
      labels: `[images]`; 1, 0, or -1 for unknown, left out.
      probabilities: `[images]`, in 0 to 1.
      groups: `[images]`; names of patients whose images are not independent.
      level: of the intervals.
      points: of the curve.

    Raises:
      ValueError: as `check_columns`, without both classes, or probabilities out of range.
    """
    upper = tails(level)[1]
    columns = check_columns(labels, probabilities)
    known = columns.labels[:, 0] >= 0
    truth = columns.labels[known, 0] == 1
    predicted = columns.scores[0, known, 0].astype(np.float64)
    if ((predicted < 0) | (predicted > 1)).any():
        raise ValueError("probabilities must lie between 0 and 1; give sigmoid(logits)")
    if not truth.any() or truth.all():
        raise ValueError("not estimable: calibration needs images of both classes")
    codes = np.arange(len(truth))
    if groups is not None:
        codes = np.unique(group_codes(groups, len(known))[0][known], return_inverse=True)[1]
    logits = logit(np.clip(predicted, _NEAREST, 1 - _NEAREST))
    units = min(units_of_classes(truth.astype(int), codes))
    tail = float(stdtrit(units - 1, upper)) if units > 1 else np.nan
    one = np.ones_like(logits)
    average = fit_logistic(one[:, None], truth, codes, offset=logits)
    line = fit_logistic(np.stack([one, logits], axis=1), truth, codes)
    knots = knots_of(logits, min(_MOST_KNOTS, units // _PER_SLOPE + 1))
    return Recalibration(
        intercept=_coefficient(average, 0, tail),
        slope=_coefficient(line, 1, tail),
        **_curve(logits, truth, codes, knots, tail, points),
    )


def _coefficient(fit: Logistic | None, column: int, tail: float) -> Coefficient:
    if fit is None:
        return Coefficient(np.nan, np.nan, np.nan)
    value = float(fit.coefficients[column])
    half = tail * float(np.sqrt(fit.covariance[column, column]))
    return Coefficient(value, value - half, value + half)


def _curve(
    logits: np.ndarray,
    truth: np.ndarray,
    codes: np.ndarray,
    knots: np.ndarray,
    tail: float,
    points: int,
) -> dict[str, Any]:
    """Fit the curve and measure how far the probabilities are from it."""
    lowest, highest = float(logits.min()), float(logits.max())
    at = logit(np.linspace(expit(lowest), expit(highest), points)).clip(lowest, highest)
    fit = fit_logistic(spline(logits, knots), truth, codes)
    if fit is None:
        empty = np.full(points, np.nan)
        names = ("ici", "e50", "e90", "e_max")
        ends = {"observed": empty, "low": empty, "high": empty} | dict.fromkeys(names, np.nan)
        return {"predicted": expit(at), "knots": len(knots), **ends}
    design = spline(at, knots)
    linear = design @ fit.coefficients
    half = tail * np.sqrt(np.einsum("ij,jk,ik->i", design, fit.covariance, design))
    far = np.abs(expit(spline(logits, knots) @ fit.coefficients) - expit(logits))
    return {
        "predicted": expit(at),
        "observed": expit(linear),
        "low": expit(linear - half),
        "high": expit(linear + half),
        "ici": float(far.mean()),
        "e50": float(np.median(far)),
        "e90": float(np.quantile(far, 0.9)),
        "e_max": float(far.max()),
        "knots": len(knots),
    }
