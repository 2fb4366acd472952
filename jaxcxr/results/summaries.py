"""Numbers with their spread and interval, as plain data."""

from __future__ import annotations

from typing import Any

import numpy as np

from jaxcxr.results.options import Options, groups_of
from jaxcxr.results.predictions import Predictions


def summary(
    value: Any, replicates: Any, options: Options, left_out: Any = None
) -> dict[str, float | None]:
    """Give value, mean, sd and interval as numbers, None where there is none."""
    from jaxcxr.stats import bca_interval, percentile_interval

    if left_out is None:
        interval = percentile_interval(value, replicates, options.level)
    else:
        interval = bca_interval(value, replicates, left_out, options.level)
    return {
        name: number(getattr(interval, name)) for name in ("value", "mean", "sd", "low", "high")
    }


def summary_of_column(values: np.ndarray, options: Options) -> dict[str, float | None]:
    """Give the same from `[1 + resamples]`, whose first entry is the value."""
    return summary(values[0], values[1:], options)


def without_spread(metrics: dict[str, Any]) -> dict[str, Any]:
    """Keep the values only: where a class is one image or patient, redraws know no spread."""
    return {
        name: {"value": summary["value"], "mean": None, "sd": None, "low": None, "high": None}
        for name, summary in metrics.items()
    }


def in_closed_form(
    metrics: dict[str, Any] | None,
    truth: np.ndarray,
    scores: np.ndarray,
    predictions: Predictions,
    options: Options,
) -> dict[str, Any] | None:
    """Put DeLong's interval of the AUC, and that of average precision, for the redraws'.

    The mean of average precision over redraws is left out in any case: redraws lie too high.

    Args:
      metrics: summaries by name, of a label or a label in a subgroup; None if not estimable.
      truth, scores: `[images]`, -1 for images that are not of them.
      predictions: that they are of.
      options: of the evaluation.
    """
    from jaxcxr.stats import auc_interval, logit_ends

    if metrics is None:
        return None
    metrics = without_precision_mean(metrics)
    if options.interval == "delong":
        found = auc_interval(truth, scores, groups_of(predictions, options), options.level)
        metrics["auc"] |= {
            "low": number(found.low),
            "high": number(found.high),
            "error": number(found.error),
            "degrees_of_freedom": number(found.freedom),
        }
        precision = metrics["average_precision"]
        sd = np.nan if precision["sd"] is None else precision["sd"]
        low, high = logit_ends(precision["value"], sd, found.units, options.level)
        metrics["average_precision"] = precision | {"low": number(low), "high": number(high)}
    prevalence = float(np.mean(truth[truth >= 0] == 1))
    metrics["average_precision"] |= {"prevalence": prevalence}
    return metrics


def without_precision_mean(metrics: dict[str, Any]) -> dict[str, Any]:
    """Leave out the mean of average precision over redraws: a positive drawn twice raises it."""
    return metrics | {"average_precision": metrics["average_precision"] | {"mean": None}}


def interval_of(found: Any) -> dict[str, float | None]:
    """Give a value and the ends of its interval."""
    return {name: number(getattr(found, name)) for name in ("value", "low", "high")}


def number(value: Any) -> float | None:
    """Give a float, or None for NaN and infinity, which JSON has no way to write."""
    return float(value) if np.isfinite(value) else None
