"""Corrections of a family of p-values for their number. NaN is no test: it stays NaN."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np


def benjamini_hochberg(p: Any) -> np.ndarray:
    """Give q-values: the smallest false-discovery rate at which each test is rejected.

    Benjamini and Hochberg 1995, by SciPy. Hand over the whole family at once, labels times
    datasets, in any shape; q has the same shape.
    """
    from scipy.stats import false_discovery_control  # Slow to import, and of use here only.

    return _adjusted(p, false_discovery_control)


def holm(p: Any) -> np.ndarray:
    """Give p-values adjusted for the family-wise error rate, by Holm 1979."""
    return _adjusted(p, _holm)


def redraws_for(tests: int, least: int = 1000) -> int:
    """How many redraws a family of so many tests needs for any of them to be found.

    The smallest p of B redraws is 2 / (B + 1), and a single small one in a family of m is
    multiplied by m: with 40 m redraws that stays below 0.05.
    """
    return max(least, 40 * tests)


def _holm(p: np.ndarray) -> np.ndarray:
    order = np.argsort(p)
    adjusted = np.empty_like(p)
    adjusted[order] = np.maximum.accumulate(p[order] * (len(p) - np.arange(len(p))))
    return np.minimum(adjusted, 1.0)


def _adjusted(p: Any, adjust: Callable[[np.ndarray], np.ndarray]) -> np.ndarray:
    values = np.asarray(p, np.float64)
    tested = ~np.isnan(values)
    if ((values[tested] < 0) | (values[tested] > 1)).any():
        raise ValueError("p-values lie between 0 and 1")
    result = np.full(values.shape, np.nan)
    if tested.any():
        result[tested] = adjust(values[tested])
    return result
