"""Agreement of two labellings of the same images: two readers, or a reader and a text labeller."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy.special import stdtrit

from jaxcxr.stats.arrays import check_labels, group_codes
from jaxcxr.stats.levels import tails
from jaxcxr.stats.proportions import Proportion, proportion


@dataclass(frozen=True)
class Agreement:
    """How two labellings of one finding agree.

    Attributes:
      both, first_only, second_only, neither: images that were called positive so.
      observed: share of images on which they agree.
      kappa: Cohen's (1960), agreement beyond chance; NaN where both call all images alike.
      kappa_low, kappa_high: interval of kappa.
      error: standard error of kappa (Fleiss, Cohen and Everitt 1969; by groups where given).
      positive, negative: shares of agreement on positives and on negatives, 2a / (2a + b + c) and
        2d / (2d + b + c) (Cicchetti and Feinstein 1990), which kappa hides for rare findings.
      adjusted: 2 observed - 1, what kappa would be with half of the images positive (PABAK, Byrt,
        Bishop and Carlin 1993).
    """

    both: int
    first_only: int
    second_only: int
    neither: int
    observed: Proportion
    kappa: float
    kappa_low: float
    kappa_high: float
    error: float
    positive: float
    negative: float
    adjusted: float


def agreement(first: Any, second: Any, groups: Any = None, level: float = 0.95) -> Agreement:
    """Compare two labellings of the same images.

    Args:
      first, second: `[images]`; 1, 0, or -1 for unknown: an image that is unknown in either is
        left out.
      groups: `[images]`; names of patients whose images are not independent.
      level: of the intervals.

    Raises:
      ValueError: other labels, shapes that differ, or no image that both know.
    """
    one, two = check_labels(first), check_labels(second)
    if one.ndim != 1 or one.shape != two.shape:
        raise ValueError(f"labellings {one.shape} and {two.shape} must be of the same images")
    known = (one >= 0) & (two >= 0)
    if not known.any():
        raise ValueError("no image has a label in both labellings")
    codes = np.arange(len(one)) if groups is None else group_codes(groups, len(one))[0]
    one, two, codes = one[known] == 1, two[known] == 1, codes[known]
    both, first_only = int((one & two).sum()), int((one & ~two).sum())
    second_only, neither = int((~one & two).sum()), int((~one & ~two).sum())
    apart = first_only + second_only
    observed = proportion(one == two, codes, level)
    kappa, error, low, high = _kappa(one, two, codes, observed, level)
    return Agreement(
        both=both,
        first_only=first_only,
        second_only=second_only,
        neither=neither,
        observed=observed,
        kappa=kappa,
        kappa_low=low,
        kappa_high=high,
        error=error,
        positive=2 * both / (2 * both + apart) if both + apart else np.nan,
        negative=2 * neither / (2 * neither + apart) if neither + apart else np.nan,
        adjusted=2 * observed.value - 1,
    )


def _kappa(
    one: np.ndarray, two: np.ndarray, codes: np.ndarray, observed: Proportion, level: float
) -> tuple[float, float, float, float]:
    """Give kappa, its standard error and its interval of Student's t over groups."""
    share = one.mean(), two.mean()
    chance = share[0] * share[1] + (1 - share[0]) * (1 - share[1])
    if chance >= 1:
        return np.nan, np.nan, np.nan, np.nan
    kappa = (observed.value - chance) / (1 - chance)
    # What each image adds to kappa: its derivative by each share, times the image's deviation.
    of_chance = (one - share[0]) * (2 * share[1] - 1) + (two - share[1]) * (2 * share[0] - 1)
    agree = (one == two) - observed.value
    added = (agree - (1 - kappa) * of_chance) / (1 - chance) / len(one)
    sums = np.bincount(np.unique(codes, return_inverse=True)[1], added)
    if len(sums) < 2:
        return float(kappa), np.nan, np.nan, np.nan
    error = float(np.sqrt(np.sum(sums**2)))
    if error < 1e-9:
        # All agree: what is left to chance is how many would, with chance agreement as it is.
        low, high = ((end - chance) / (1 - chance) for end in (observed.low, observed.high))
        return float(kappa), error, float(low), float(high)
    half = error * float(stdtrit(len(sums) - 1, tails(level)[1]))
    return float(kappa), error, float(max(kappa - half, -1.0)), float(min(kappa + half, 1.0))
