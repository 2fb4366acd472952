"""Restricted cubic splines: smooth between knots, straight beyond the outermost (Harrell 2015)."""

from __future__ import annotations

import numpy as np

# Quantiles at which Harrell (Regression Modeling Strategies, table 2.3) puts so many knots.
_QUANTILES = {3: (0.10, 0.5, 0.90), 4: (0.05, 0.35, 0.65, 0.95)}


def knots_of(values: np.ndarray, count: int) -> np.ndarray:
    """Place 3 or 4 knots, fewer where values or quantiles coincide; none for fewer than 3."""
    count = min(count, len(np.unique(values)))
    while count >= 3:
        knots = np.quantile(values, _QUANTILES[count])
        if (np.diff(knots) > 1e-9 * max(float(np.ptp(values)), 1e-300)).all():
            return knots
        count -= 1
    return np.empty(0)


def spline(values: np.ndarray, knots: np.ndarray) -> np.ndarray:
    """Give the design of a logistic regression: ones, the values, and the curved columns.

    Args:
      values: `[images]`.
      knots: of `knots_of`; none for a straight line.

    Returns:
      `[images, 2 + max(knots - 2, 0)]`.
    """
    columns = [np.ones_like(values), values]
    if len(knots):
        last, before = knots[-1], knots[-2]

        def cubed(knot: float) -> np.ndarray:
            return np.maximum(values - knot, 0.0) ** 3

        for knot in knots[:-2]:
            bent = cubed(knot) - cubed(before) * (last - knot) / (last - before)
            bent = bent + cubed(last) * (before - knot) / (last - before)
            columns.append(bent / (last - knots[0]) ** 2)
    return np.stack(columns, axis=1)
