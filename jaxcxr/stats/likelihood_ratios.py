"""Likelihood ratios of a positive and a negative call, and predictive values at any prevalence.

A likelihood ratio does not depend on the prevalence: the odds after the call are it times the odds
before. So an interval of the ratio is an interval of the predictive value at a given prevalence.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.optimize import brentq
from scipy.special import ndtri

from jaxcxr.stats.levels import tails


@dataclass(frozen=True)
class Ratio:
    """A ratio of two shares with its interval; infinity where the second share is zero."""

    value: float
    low: float
    high: float


def ratio_interval(
    first: float, first_number: float, second: float, second_number: float, level: float = 0.95
) -> Ratio:
    """Give the ratio of two independent shares with its score interval (Koopman 1984).

    The ends are the ratios r at which the shares that fit best among those with p1 = r p2 differ
    from what was found by as much as the level allows. It is given for zero shares too.

    Args:
      first, second: the shares; both zero have no ratio, and all of 0 to infinity for an interval.
      first_number, second_number: of images they are of, or effective numbers.
      level: of the interval.
    """
    z2 = float(ndtri(tails(level)[1])) ** 2
    if first <= 0 and second <= 0:
        return Ratio(np.nan, 0.0, np.inf)
    value = first / second if second > 0 else np.inf
    hits = first * first_number, second * second_number

    def beyond(log_ratio: float) -> float:
        ratio = np.exp(log_ratio)
        total = (first_number + second_number) * ratio
        middle = ratio * (first_number + hits[1]) + hits[0] + second_number
        found = sum(hits)
        inner = np.sqrt(max(middle**2 - 4 * total * found, 0.0))
        fitted = 2 * found / (middle + inner)
        above = min(ratio * fitted, 1.0)
        variance = above * (1 - above) / first_number
        variance += ratio**2 * fitted * (1 - fitted) / second_number
        return (first - ratio * second) ** 2 - z2 * variance

    # So far out the interval ends for any share of less than a billion images.
    far = 30.0
    at = np.clip(np.log(value), -far, far) if value > 0 else -far
    low = 0.0 if first <= 0 else float(np.exp(brentq(beyond, -far, at)))
    high = np.inf if second <= 0 else float(np.exp(brentq(beyond, at, far)))
    return Ratio(float(value), low, high)


def positive_predictive(ratio: Ratio, prevalence: float) -> Ratio:
    """Give the share of the positive calls that are right, from the ratio of a positive call."""
    return Ratio(*(_after(of, prevalence) for of in (ratio.value, ratio.low, ratio.high)))


def negative_predictive(ratio: Ratio, prevalence: float) -> Ratio:
    """Give the share of the negative calls that are right, from the ratio of a negative call."""
    return Ratio(*(1 - _after(of, prevalence) for of in (ratio.value, ratio.high, ratio.low)))


def _after(ratio: float, prevalence: float) -> float:
    if not 0 < prevalence < 1:
        raise ValueError(f"a prevalence lies between 0 and 1, not {prevalence}")
    if np.isinf(ratio):
        return 1.0
    odds = ratio * prevalence / (1 - prevalence)
    return float(odds / (1 + odds))
