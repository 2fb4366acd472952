"""Operating points that are chosen on the validation split and judged on the reported one."""

from __future__ import annotations

from typing import Any

import numpy as np

from jaxcxr.results.options import Options, groups_of, redraw_settings
from jaxcxr.results.predictions import Predictions
from jaxcxr.results.summaries import interval_of, number, summary_of_column
from jaxcxr.stats import TwoByTwo

# How a threshold is chosen: the largest Youden's J, or a sensitivity or specificity of the fixed
# rate, which can be written down before any image is seen.
RULES = ("youden", "sensitivity", "specificity")
SHARES = ("sensitivity", "specificity", "accuracy", "ppv", "npv")
RATIOS = ("balanced_accuracy", "youden", "lr_positive", "lr_negative")


def validation_thresholds(validation: Predictions) -> np.ndarray:
    """Youden's threshold of each label, `[labels]`; NaN for a label without both classes."""
    from jaxcxr.stats import estimate

    return estimate(validation.labels, validation.scores).threshold


def operating_points(
    predictions: Predictions, validation: Predictions, options: Options
) -> list[dict[str, dict[str, Any] | None]]:
    """Give each label's operating points by rule; None where a split lacks a class of the label.

    Args:
      predictions: of the reported split.
      validation: where the thresholds are chosen.
      options: of the evaluation.
    """
    thresholds = {rule: _chosen(validation, rule, options) for rule in RULES}
    redrawn: dict[str, list[dict[str, dict[str, float | None]]]] = {
        rule: _redrawn(predictions, found, options)
        # Wilson's intervals need no redraws; those of Youden's point also had a mean and sd.
        if rule == "youden" or options.interval != "delong"
        else [{} for _ in found]
        for rule, found in thresholds.items()
    }
    groups = groups_of(predictions, options)
    return [
        {
            rule: _entry(
                predictions,
                validation,
                column,
                float(thresholds[rule][column]),
                redrawn[rule][column],
                groups,
                options,
            )
            for rule in RULES
        }
        for column in range(len(predictions.label_names))
    ]


def _chosen(validation: Predictions, rule: str, options: Options) -> np.ndarray:
    """Give the threshold of each label by a rule, `[labels]`; NaN without both classes."""
    from jaxcxr.stats import point_at_sensitivity, point_at_specificity

    if rule == "youden":
        return validation_thresholds(validation)
    choose = {"sensitivity": point_at_sensitivity, "specificity": point_at_specificity}[rule]
    found = []
    for truth, scores in zip(validation.labels.T, validation.scores.T, strict=True):
        there = (truth == 1).any() and (truth == 0).any()
        found.append(choose(truth, scores, options.fixed_rate).threshold if there else np.nan)
    return np.array(found)


def _redrawn(
    predictions: Predictions, thresholds: np.ndarray, options: Options
) -> list[dict[str, dict[str, float | None]]]:
    """Summarize each label's rates over redraws, the threshold being fixed."""
    from jaxcxr.stats import at_threshold

    applied = at_threshold(
        predictions.labels,
        predictions.scores,
        np.where(np.isnan(thresholds), np.inf, thresholds),
        **redraw_settings(predictions, options),
    )
    names = ("accuracy", "sensitivity", "specificity")
    return [
        {name: summary_of_column(getattr(applied, name)[:, column], options) for name in names}
        for column in range(len(thresholds))
    ]


def _entry(
    predictions: Predictions,
    validation: Predictions,
    column: int,
    threshold: float,
    redrawn: dict[str, dict[str, float | None]],
    groups: np.ndarray | None,
    options: Options,
) -> dict[str, Any] | None:
    from jaxcxr.stats import two_by_two

    truth, scores = predictions.labels[:, column], predictions.scores[:, column]
    if np.isnan(threshold) or not ((truth == 1).any() and (truth == 0).any()):
        return None
    found = two_by_two(truth, scores, threshold, groups, options.level)
    return {
        "threshold": number(threshold),
        "validation_positives": int(np.sum(validation.labels[:, column] == 1)),
        "validation_negatives": int(np.sum(validation.labels[:, column] == 0)),
        **_rates(found, redrawn, options),
        "at_prevalence": at_prevalences(found, options),
    }


def _rates(
    found: TwoByTwo, redrawn: dict[str, dict[str, float | None]], options: Options
) -> dict[str, Any]:
    """Give the table's counts and rates; the redraws' ends in place of Wilson's if asked for."""
    counts = ("true_positives", "false_positives", "false_negatives", "true_negatives")
    rates: dict[str, Any] = {name: getattr(found, name) for name in counts}
    for name in SHARES:
        share = getattr(found, name)
        rates[name] = redrawn.get(name, {}) | interval_of(share)
        rates[name] |= {"count": share.count, "number": share.number}
        rates[name]["effective_number"] = number(share.effective)
        if options.interval != "delong" and name in redrawn:
            rates[name] |= {end: redrawn[name][end] for end in ("low", "high")}
    return rates | {name: interval_of(getattr(found, name)) for name in RATIOS}


def at_prevalences(found: TwoByTwo, options: Options) -> list[dict[str, Any]]:
    """Give the predictive values that the likelihood ratios mean at each asked prevalence."""
    from jaxcxr.stats import negative_predictive, positive_predictive

    return [
        {
            "prevalence": prevalence,
            "ppv": interval_of(positive_predictive(found.lr_positive, prevalence)),
            "npv": interval_of(negative_predictive(found.lr_negative, prevalence)),
        }
        for prevalence in options.prevalences
    ]
