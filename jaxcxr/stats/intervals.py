"""From replicates to a mean, a standard deviation and an interval."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy.special import expit, logit, ndtr, ndtri

from jaxcxr.stats.levels import tails
from jaxcxr.stats.proportions import wilson_interval


@dataclass(frozen=True)
class Interval:
    """A value with its spread over redraws, each `[...]` without the axis of redraws.

    Attributes:
      value: computed from the data themselves.
      mean, sd: over the usable redraws; sd with divisor usable - 1.
      low, high: ends of the interval.
      unusable: redraws whose value is NaN, left out of everything else here.
    """

    value: np.ndarray
    mean: np.ndarray
    sd: np.ndarray
    low: np.ndarray
    high: np.ndarray
    unusable: np.ndarray


def percentile_interval(value: Any, replicates: Any, level: float = 0.95) -> Interval:
    """Cut equal tails off the replicates (Efron and Tibshirani 1993, chapter 13).

    Args:
      value: `[...]`, from the data themselves.
      replicates: `[resamples, ...]`; NaN marks an unusable redraw. Infinite values, which a
        threshold may have, are kept in the quantiles and make the mean infinite, the sd NaN.
      level: share of the replicates between the ends.
    """
    ends = tails(level)
    return _interval(value, replicates, lambda *_: ends)


def bca_interval(value: Any, replicates: Any, jackknife: Any, level: float = 0.95) -> Interval:
    """Shift the cut points for bias and skew (Efron 1987): the BCa interval.

    The acceleration comes from `jackknife` `[units, ...]`, the values with each unit left out,
    NaN where that leaves a single class. Where every replicate lies on one side of the value
    the correction is undefined and the interval is NaN.
    """
    jackknife = np.asarray(jackknife, np.float64)

    def cuts(column: np.ndarray, index: tuple[int, ...]) -> tuple[float, float]:
        point = float(np.asarray(value)[index])
        # Half of the replicates equal to the value count as below it.
        below = (np.sum(column < point) + np.sum(column <= point)) / (2 * len(column))
        if not 0 < below < 1:
            return np.nan, np.nan
        left_out = jackknife[(slice(None), *index)]
        left_out = left_out[~np.isnan(left_out)]
        deviation = left_out.mean() - left_out
        scale = np.sum(deviation**2) ** 1.5
        acceleration = np.sum(deviation**3) / (6 * scale) if scale > 0 else 0.0
        shift = ndtri(below)
        shifted = shift + ndtri(np.array(tails(level)))
        low, high = ndtr(shift + shifted / (1 - acceleration * shifted))
        return float(low), float(high)

    return _interval(value, replicates, cuts)


def logit_ends(value: float, sd: float, units: int, level: float = 0.95) -> tuple[float, float]:
    """Give the ends of a share's interval on the logit scale from its standard deviation.

    For average precision (Boyd, Eng and Page 2013), whose redraws lie too high as a whole: a
    positive that is drawn twice finds itself beside it. Only their standard deviation is used, with
    the normal distribution: the redraws of few positives spread a little too widely already, and
    Student's t covered 99 % of 95. A value of 0 or 1 has Wilson's end.

    Args:
      value: from the data themselves.
      sd: over redraws; NaN gives no interval.
      units: images (or patients) of the smaller class.
      level: of the interval.
    """
    tail = tails(level)[1]
    if units < 2 or np.isnan(sd):
        return np.nan, np.nan
    if not 0 < value < 1 or not sd > 0:
        return wilson_interval(value, units, level)
    half = ndtri(tail) * sd / (value * (1 - value))
    low, high = expit(logit(value) + np.array([-half, half]))
    return float(low), float(high)


def _interval(value: Any, replicates: Any, cuts: Any) -> Interval:
    value = np.asarray(value, np.float64)
    replicates = np.asarray(replicates, np.float64)
    if replicates.shape[1:] != value.shape:
        raise ValueError(f"replicates {replicates.shape} do not belong to values {value.shape}")
    mean, sd, low, high = (np.full(value.shape, np.nan) for _ in range(4))
    for index in np.ndindex(value.shape):
        column = replicates[(slice(None), *index)]
        column = column[~np.isnan(column)]
        if len(column) == 0 or np.isnan(value[index]):
            continue
        mean[index] = column.mean()
        if len(column) > 1 and np.isfinite(column).all():
            sd[index] = column.std(ddof=1)
        low[index], high[index] = _quantiles(column, cuts(column, index))
    return Interval(value, mean, sd, low, high, np.isnan(replicates).sum(axis=0))


def _quantiles(column: np.ndarray, at: tuple[float, float]) -> np.ndarray:
    if np.isnan(at).any():
        return np.array([np.nan, np.nan])
    # Between a finite and an infinite value there is nothing to interpolate.
    if np.isfinite(column).all():
        return np.quantile(column, np.array(at))
    return np.quantile(column, np.array(at), method="higher")
