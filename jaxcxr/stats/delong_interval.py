"""Intervals of an AUC and of a difference between AUCs that hold with few positives.

The interval of an AUC is DeLong's on the logit scale (Qin and Hotilovac 2008), with Student's t in
place of the normal: a variance that is estimated from ten patients is itself uncertain. Its degrees
of freedom are Satterthwaite's, as of Brunner and Munzel 2000. Where either class is small, or the
AUC nearly perfect, the variance can come out far too small, even zero; there the interval is
joined with that of Newcombe 2006 (method 5), whose variance follows from the AUC and never is zero.
It is for independent images: with patients their effective numbers stand in it, images over the
design effect of Obuchowski's variance, as Korn and Graubard 1998 do for a share.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy.optimize import brentq
from scipy.special import expit, logit, ndtri, stdtr, stdtrit

from jaxcxr.stats.arrays import check_columns, group_codes
from jaxcxr.stats.influence import Influence, influences
from jaxcxr.stats.levels import tails

# Below so many images (or patients) in a class, or so near to 1 (or 0), Newcombe's joins in.
FEW_UNITS = 20
NEARLY_PERFECT = 0.99
# Rounding leaves about 1e-17 where the exact error is zero.
_NOTHING = 1e-9


@dataclass(frozen=True)
class DeLongInterval:
    """An AUC, or a difference between two, with its interval from Student's t.

    Attributes:
      value: the AUC, or the first less the second.
      error: its standard error (DeLong 1988; by patients Obuchowski 1997).
      freedom: degrees of freedom; NaN where the error is zero.
      low, high: ends of the interval. It always has a width, and is NaN where a class comes from
        a single image (or group).
      p: two-sided, of no difference from zero; NaN of an AUC, and where the error is zero: 1 if
        the difference is zero as well.
      units: images (or groups) of the smaller class.
    """

    value: float
    error: float
    freedom: float
    low: float
    high: float
    p: float
    units: int


def auc_interval(
    labels: Any, scores: Any, groups: Any = None, level: float = 0.95
) -> DeLongInterval:
    """Give the AUC of one label with its interval.

    Args:
      labels: `[images]`; 1, 0, or -1 for unknown, left out.
      scores: `[images]`.
      groups: `[images]`; names of patients whose images are not independent.
      level: of the interval.

    Raises:
      ValueError: as `check_columns`, without both classes, or a level not between 0 and 1.
    """
    influence, units = _of_label(labels, scores, groups)
    return interval_of_auc(influence, units, level)


def auc_difference(
    labels: Any, scores: Any, groups: Any = None, level: float = 0.95
) -> DeLongInterval:
    """Give the difference between two models' AUCs; as `auc_interval`, scores `[2, images]`."""
    influence, units = _of_label(labels, scores, groups)
    return interval_of_difference(influence, units, level)


def units_of_classes(labels: Any, groups: Any = None) -> tuple[int, int]:
    """Count the images (or groups) of the positives and of the negatives of one label."""
    truth = np.asarray(labels)
    if groups is None:
        return int((truth == 1).sum()), int((truth == 0).sum())
    codes, _ = group_codes(groups, len(truth))
    positives, negatives = (len(np.unique(codes[truth == kind])) for kind in (1, 0))
    return positives, negatives


def interval_of_auc(
    influence: Influence, units: tuple[int, int], level: float = 0.95, model: int = 0
) -> DeLongInterval:
    """Give the interval of one model's AUC from what each group adds to it.

    Args:
      influence: of one label.
      units: of `units_of_classes`.
      level: of the interval.
      model: number of the model.
    """
    contrast = np.zeros(len(influence.auc))
    contrast[model] = 1.0
    value, error, freedom = _contrast(influence, units, contrast)
    low, high = np.nan, np.nan
    if not np.isnan(error):
        positives, negatives = influence.effective[:, model].tolist()
        joined = newcombe_interval(value, positives, negatives, level)
        low, high = _ends_of_auc(value, error, freedom, units, joined, level)
    return DeLongInterval(value, error, freedom, low, high, np.nan, min(units))


def interval_of_difference(
    influence: Influence, units: tuple[int, int], level: float = 0.95
) -> DeLongInterval:
    """Give the interval of the first model's AUC less that of the second.

    Where the error is zero, as between two perfect rankings of few images, the ends come from the
    two AUCs' own intervals as if the models had nothing in common (Zou and Donner 2008).
    """
    tail = tails(level)[1]
    value, error, freedom = _contrast(influence, units, np.array([1.0, -1.0]))
    fewest = min(units)
    if np.isnan(error):
        return DeLongInterval(value, error, freedom, np.nan, np.nan, np.nan, fewest)
    if error < _NOTHING:
        first, second = (interval_of_auc(influence, units, level, model) for model in (0, 1))
        low = value - np.hypot(first.value - first.low, second.high - second.value)
        high = value + np.hypot(first.high - first.value, second.value - second.low)
        p = 1.0 if abs(value) < _NOTHING else np.nan
        return DeLongInterval(value, error, freedom, float(low), float(high), p, fewest)
    half = error * float(stdtrit(freedom, tail))
    p = float(2 * stdtr(freedom, -abs(value) / error))
    low, high = max(value - half, -1.0), min(value + half, 1.0)
    return DeLongInterval(value, error, freedom, low, high, p, fewest)


def newcombe_interval(
    auc: float, positives: float, negatives: float, level: float = 0.95
) -> tuple[float, float]:
    """Solve (auc - x)^2 = z^2 V(x), V being Hanley and McNeil's variance with its numbers evened.

    V(x) = x (1 - x) [1 + M (1 - x) / (2 - x) + M x / (1 + x)] / (P N), M = (P + N) / 2 - 1
    (Newcombe 2006, part 2, method 5).
    """
    z = float(ndtri(tails(level)[1]))
    evened = (positives + negatives) / 2 - 1

    def lower(at: float) -> float:
        def beyond(x: float) -> float:
            inside = 1 + evened * (1 - x) / (2 - x) + evened * x / (1 + x)
            return at - x - z * np.sqrt(x * (1 - x) * inside / (positives * negatives))

        # At 1 the difference is zero by itself, and not the end that is looked for.
        top = min(at, 1 - 1e-12)
        return 0.0 if at <= 0 else float(brentq(beyond, 0.0, top))

    return lower(auc), 1 - lower(1 - auc)


def _ends_of_auc(
    value: float,
    error: float,
    freedom: float,
    units: tuple[int, int],
    joined: tuple[float, float],
    level: float,
) -> tuple[float, float]:
    near = min(value, 1 - value) <= 1 - NEARLY_PERFECT
    if error < _NOTHING or not 0 < value < 1:
        return joined
    half = error / (value * (1 - value)) * stdtrit(freedom, tails(level)[1])
    low, high = expit(logit(value) + np.array([-half, half]))
    if near or min(units) < FEW_UNITS:
        low, high = min(low, joined[0]), max(high, joined[1])
    return float(low), float(high)


def _contrast(
    influence: Influence, units: tuple[int, int], contrast: np.ndarray
) -> tuple[float, float, float]:
    """Give value, standard error and degrees of freedom of a contrast of the models."""
    value = float(contrast @ influence.auc)
    variance = float(contrast @ influence.covariance @ contrast)
    if np.isnan(variance):
        return value, np.nan, np.nan
    of_classes = [float(np.sum(np.square(contrast @ part))) for part in influence.parts[:2]]
    uncertain = sum(own**2 / (number - 1) for own, number in zip(of_classes, units, strict=True))
    freedom = sum(of_classes) ** 2 / uncertain if uncertain > 0 else np.nan
    return value, float(np.sqrt(max(variance, 0.0))), freedom


def _of_label(labels: Any, scores: Any, groups: Any) -> tuple[Influence, tuple[int, int]]:
    columns = check_columns(labels, scores)
    units = units_of_classes(columns.labels[:, 0], groups)
    (influence,) = influences(labels, scores, groups)
    if influence is None:
        raise ValueError(
            f"not estimable: {columns.positives[0]} positive and {columns.negatives[0]} negative "
            "images; both classes are needed"
        )
    return influence, units
