"""Shares of images with intervals that hold near 0 and 1 and for images of the same patients.

Wilson's interval (1927) is made for independent images. Images of one patient are not, so the
number of images is replaced with the number of independent images that would know as much
(Korn and Graubard 1998).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy.special import ndtri, stdtrit

from jaxcxr.stats.arrays import group_codes
from jaxcxr.stats.levels import tails


@dataclass(frozen=True)
class Proportion:
    """A share with its Wilson interval.

    Attributes:
      value: NaN of no images, as the ends.
      low, high: ends of the interval; never the same.
      count, number: how many images of how many.
      effective: the number of independent images that would know as much.
    """

    value: float
    low: float
    high: float
    count: int
    number: int
    effective: float


def wilson_interval(value: float, number: float, level: float = 0.95) -> tuple[float, float]:
    """Give Wilson's interval of a share of `number` independent images, not always whole."""
    z2 = float(ndtri(tails(level)[1])) ** 2
    middle = (value + z2 / (2 * number)) / (1 + z2 / number)
    half = np.sqrt(z2 * value * (1 - value) / number + z2**2 / (4 * number**2)) / (1 + z2 / number)
    # At 0 and 1 an end is that exactly; rounding would put the value outside.
    low = 0.0 if value <= 0 else max(middle - half, 0.0)
    high = 1.0 if value >= 1 else min(middle + half, 1.0)
    return float(low), float(high)


def proportion(hit: Any, groups: Any = None, level: float = 0.95) -> Proportion:
    """Give the share of images that are hit.

    Args:
      hit: `[images]` bool, of those that the share is of.
      groups: `[images]`; names of patients whose images are not independent.
      level: of the interval.
    """
    hit = np.asarray(hit, bool)
    if len(hit) == 0:
        return Proportion(np.nan, np.nan, np.nan, 0, 0, 0.0)
    value = float(hit.mean())
    effective = effective_number(hit, groups, level)
    low, high = wilson_interval(value, effective, level)
    return Proportion(value, low, high, int(hit.sum()), len(hit), effective)


def effective_number(hit: np.ndarray, groups: Any = None, level: float = 0.95) -> float:
    """Divide the number of images by the design effect of their groups.

    The design effect is the variance of the share by groups, over what it would be of independent
    images; the quotient of the squares of Student's t, of n - 1 over groups - 1 degrees of freedom,
    is for the uncertainty of that variance. It is not less than 1 here: groups add no knowledge.
    Where all images are alike or of one group no variance is known, and the number is that of the
    groups.
    """
    number = len(hit)
    if groups is None or number < 2:
        return float(number)
    codes, count = group_codes(groups, number)
    value = hit.mean()
    if count == number:
        return float(number)
    if count < 2 or value in (0.0, 1.0):
        return float(count)
    sums = np.bincount(codes, hit - value, count)
    variance = count / (count - 1) * np.sum(sums**2) / number**2
    simple = value * (1 - value) / (number - 1)
    tail = tails(level)[1]
    certainty = (stdtrit(number - 1, tail) / stdtrit(count - 1, tail)) ** 2
    return float(number * simple / max(variance, simple) * certainty)


def sum_interval(
    first: Proportion, second: Proportion, correlation: float = 0.0
) -> tuple[float, float]:
    """Give the interval of the sum of two shares from their own (Zou and Donner 2008)."""
    below = first.value - first.low, second.value - second.low
    above = first.high - first.value, second.high - second.value
    middle = first.value + second.value
    low, high = (
        float(np.sqrt(max(a**2 + b**2 + 2 * correlation * a * b, 0.0))) for a, b in (below, above)
    )
    return middle - low, middle + high
