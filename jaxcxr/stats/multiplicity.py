"""Corrections of a family of p-values for their number. NaN is no test: it stays NaN."""

from __future__ import annotations

from typing import Any

import numpy as np


def benjamini_hochberg(p: Any) -> np.ndarray:
    """Give q-values: the smallest false-discovery rate at which each test is rejected.

    Benjamini and Hochberg 1995. Hand over the whole family at once, labels times datasets, in any
    shape; q has the same shape.
    """
    return _stepped(p, lambda sorted_p, n: _running_min(sorted_p * n / np.arange(1, n + 1)))


def holm(p: Any) -> np.ndarray:
    """Give p-values adjusted for the family-wise error rate, by Holm 1979."""
    return _stepped(p, lambda sorted_p, n: np.maximum.accumulate(sorted_p * (n - np.arange(n))))


def _running_min(values: np.ndarray) -> np.ndarray:
    return np.minimum.accumulate(values[::-1])[::-1]


def _stepped(p: Any, adjust: Any) -> np.ndarray:
    values = np.asarray(p, np.float64)
    tested = ~np.isnan(values)
    if ((values[tested] < 0) | (values[tested] > 1)).any():
        raise ValueError("p-values lie between 0 and 1")
    flat = values[tested]
    order = np.argsort(flat)
    adjusted = np.empty_like(flat)
    adjusted[order] = np.minimum(adjust(flat[order], len(flat)), 1.0)
    result = np.full(values.shape, np.nan)
    result[tested] = adjusted
    return result
