"""What a comparison could have found, and whether its models are the same by a margin."""

from __future__ import annotations

from typing import Any

import numpy as np

from jaxcxr.results.options import Options, groups_of
from jaxcxr.results.predictions import Predictions
from jaxcxr.results.summaries import number

POWER = 0.8
# Differences in AUC that a larger study might look for.
SMALLER = (0.05, 0.02, 0.01)


def judge_differences(
    found: dict[str, Any], predictions: Predictions, options: Options, *, redrawn: bool
) -> None:
    """Add to each row of a comparison what its standard error says besides its p-value.

    `detectable` is the smallest true difference that is found with a power of 0.8, `needed` the
    patients (images where those are drawn) for smaller ones, and `equivalence` the tests against
    the margin, if one was set. All are of the standard error, `sd`, with its degrees of freedom.

    Args:
      found: `labels` and `average` of a comparison, changed in place.
      predictions: that are compared.
      options: of the evaluation.
      redrawn: whether the standard error is of patients alone. More patients do not make the
        spread between trainings smaller, so with several trainings nothing is said of `needed`.
    """
    groups = groups_of(predictions, options)
    drawn = len(predictions.labels) if groups is None else len(np.unique(groups))
    for row in [*found["labels"], found["average"]]:
        row |= _judged(row, drawn if redrawn else None, options)


def _judged(row: dict[str, Any], drawn: int | None, options: Options) -> dict[str, Any]:
    from jaxcxr.stats import detectable_difference, units_needed

    error = np.nan if row["sd"] is None else row["sd"]
    # None stands for infinity here, as of the normal distribution.
    freedom = row.get("degrees_of_freedom") or np.inf
    detectable = detectable_difference(error, freedom, POWER, 1 - options.level)
    needed = []
    if drawn is not None and not np.isnan(detectable):
        targets = sorted({*SMALLER, *([options.margin] if options.margin else [])}, reverse=True)
        needed = [
            {"difference": target, "units": int(units_needed(drawn, detectable, target))}
            for target in targets
            if target < detectable
        ]
    return {
        "power": POWER,
        "detectable": number(detectable),
        "needed": needed,
        "equivalence": _equivalence(row, error, freedom, options),
    }


def _equivalence(
    row: dict[str, Any], error: float, freedom: float, options: Options
) -> dict[str, float | None] | None:
    """Test against the margin, each side at 1 less the level; None without a margin."""
    from jaxcxr.stats import equivalence

    if options.margin is None or row["difference"] is None:
        return None
    alpha = 1 - options.level
    found = equivalence(row["difference"], error, options.margin, freedom, alpha)
    names = ("margin", "noninferior_p", "equivalent_p", "low", "high")
    return {"alpha": alpha, **{name: number(getattr(found, name)) for name in names}}
