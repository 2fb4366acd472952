"""Not worse, or the same, by a margin set before; and what a study of this size could have found.

That a difference is not significant does not say that there is none. Two one-sided tests do
(Schuirmann 1987), if the margin was chosen before the data were seen.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.special import nctdtrinc, ndtri, stdtr, stdtrit


@dataclass(frozen=True)
class Equivalence:
    """Tests of a difference (first less second) against a margin.

    Attributes:
      margin: differences smaller than this do not matter.
      noninferior_p: one-sided, of the first being worse by the margin or more.
      equivalent_p: of a difference of the margin or more in either direction: the larger of two
        one-sided p-values.
      low, high: the interval of level 1 - 2 alpha. It lies above -margin exactly if
        noninferior_p < alpha, and within -margin to margin exactly if equivalent_p < alpha.
    """

    margin: float
    noninferior_p: float
    equivalent_p: float
    low: float
    high: float


def equivalence(
    difference: float, error: float, margin: float, freedom: float = np.inf, alpha: float = 0.05
) -> Equivalence:
    """Test a difference against a margin, both ways.

    Args:
      difference: first less second; larger is better.
      error: its standard error; where it is zero or NaN there is no test.
      margin: above 0.
      freedom: degrees of freedom of the error; infinite for the normal distribution.
      alpha: of each one-sided test.

    Raises:
      ValueError: a margin that is not above 0.
    """
    if not margin > 0:
        raise ValueError(f"a margin is above 0, not {margin}")
    if not error > 0 or np.isnan(freedom):
        return Equivalence(margin, np.nan, np.nan, np.nan, np.nan)
    noninferior = float(stdtr(freedom, -(difference + margin) / error))
    nonsuperior = float(stdtr(freedom, (difference - margin) / error))
    half = error * float(stdtrit(freedom, 1 - alpha))
    ends = difference - half, difference + half
    return Equivalence(margin, noninferior, max(noninferior, nonsuperior), *ends)


def detectable_difference(
    error: float, freedom: float = np.inf, power: float = 0.8, alpha: float = 0.05
) -> float:
    """Give the smallest true difference that a two-sided test finds with the given power.

    From the standard error at hand, not from the difference that was found: power for that says
    no more than its p-value (Hoenig and Heisey 2001). NaN where the error is zero or NaN.
    """
    if not error > 0 or np.isnan(freedom):
        return np.nan
    if np.isinf(freedom):
        return float(error * (ndtri(1 - alpha / 2) + ndtri(power)))
    critical = float(stdtrit(freedom, 1 - alpha / 2))
    return float(error * nctdtrinc(freedom, 1 - power, critical))


def units_needed(units: int, detectable: float, difference: float) -> float:
    """Give how many units of the same mix find a smaller difference as surely.

    The standard error falls with the root of the number of patients (or images), so it is
    units * (detectable / difference)^2, rounded up; NaN where nothing is detectable.

    Args:
      units: patients, or images, at hand.
      detectable: of `detectable_difference`.
      difference: to be found, above 0.
    """
    if not difference > 0:
        raise ValueError(f"a difference to be found is above 0, not {difference}")
    return float(np.ceil(units * (detectable / difference) ** 2))
