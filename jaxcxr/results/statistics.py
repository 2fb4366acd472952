"""The statistics of one predictions file, as plain data for `statistics.json`."""

from __future__ import annotations

from typing import Any

import numpy as np

from jaxcxr.results.options import Options, groups_of, redraw_settings
from jaxcxr.results.predictions import Predictions
from jaxcxr.results.summaries import (
    in_closed_form,
    summary,
    without_precision_mean,
    without_spread,
)
from jaxcxr.stats.usable import first_usable, units_of_labels, wanted

AVERAGED = (
    *("auc", "average_precision", "accuracy", "balanced_accuracy"),
    *("sensitivity", "specificity"),
)
FIXED = ("sensitivity_at_specificity", "specificity_at_sensitivity")
# The correction of BCa is derived for smooth statistics; a refitted operating point jumps.
SMOOTH = ("auc", "average_precision")


def describe(predictions: Predictions, options: Options) -> dict[str, Any]:
    """Compute every label's metrics with intervals, and those of the average over labels.

    Args:
      predictions: of the one split.
      options: of the evaluation.
    """
    from jaxcxr.stats import bootstrap, jackknife

    settings = redraw_settings(predictions, options)
    asked: dict[str, Any] = {"average_precision": True, "fixed_rate": options.fixed_rate}
    labels, scores = predictions.labels, predictions.scores
    units = units_of_labels(labels, settings["groups"])
    kept = units >= options.least_patients
    # The study drew so many and no more.
    until = None if options.paper else wanted(units, kept)
    redraws = bootstrap(labels, scores, until_usable=until, **settings, **asked)
    left_out = None
    if options.interval == "bca":
        left_out = jackknife(labels, scores, groups=settings["groups"], **asked)
    described = {
        **what_is_described(predictions, options),
        "labels": [
            {
                **label_facts(predictions, column, int(units[column])),
                "unusable_redraws": _lost(redraws.auc[:, column], options),
                "metrics": in_closed_form(
                    _metrics(redraws, left_out, options, column, int(units[column])),
                    labels[:, column],
                    scores[:, column],
                    predictions,
                    options,
                ),
            }
            for column in range(len(units))
        ],
        "average": {
            **labels_of_average(predictions, units, options),
            **_average(redraws, left_out, options, units, kept),
        },
    }
    if options.paper:
        described["paper"] = _paper(redraws)
    return described


def what_is_described(predictions: Predictions, options: Options) -> dict[str, Any]:
    """Say which images the statistics are of, and how they were redrawn."""
    patients = predictions.patients
    return {
        "split": options.split,
        "images": len(predictions.labels),
        "patients": None if patients is None else len(np.unique(patients)),
        "bootstrap": {
            "unit": "image" if groups_of(predictions, options) is None else "patient",
            "resamples": options.resamples,
            "seed": options.seed,
            "interval": options.interval,
            "level": options.level,
        },
        "fixed_rate": options.fixed_rate,
        "operating_point": options.operating_point,
    }


def label_facts(predictions: Predictions, column: int, units: int) -> dict[str, Any]:
    """Say what a label is and how many images and patients tell of it."""
    truth = predictions.labels[:, column]
    return {
        "label": predictions.label_names[column],
        "positives": int(np.sum(truth == 1)),
        "negatives": int(np.sum(truth == 0)),
        "unknown": int(np.sum(truth == -1)),
        "estimable": units > 0,
        "fewest_units": units,
    }


def labels_of_average(
    predictions: Predictions, units: np.ndarray, options: Options
) -> dict[str, Any]:
    """Name the labels that the average counts, and those with too few patients for it."""
    named = list(zip(predictions.label_names, units, strict=True))
    return {
        "least_patients": options.least_patients,
        "labels": [name for name, count in named if count >= options.least_patients],
        "left_out": [name for name, count in named if 0 < count < options.least_patients],
    }


def _lost(auc: np.ndarray, options: Options) -> int:
    """Count the redraws without both classes that had to be drawn, of `[drawn]` of a label."""
    usable = first_usable(auc, options.resamples)
    return usable.drawn - len(usable.values)


def _metrics(
    redraws: Any, left_out: Any, options: Options, column: int, fewest: int
) -> dict[str, Any] | None:
    if fewest == 0:
        return None
    metrics = {
        name: summary(
            getattr(redraws.estimates, name)[column],
            first_usable(getattr(redraws, name)[:, column], options.resamples).values,
            options,
            None if left_out is None or name not in SMOOTH else getattr(left_out, name)[:, column],
        )
        for name in (*AVERAGED, *FIXED, "threshold")
    }
    return metrics if fewest > 1 else without_spread(metrics)


def _average(
    redraws: Any, left_out: Any, options: Options, units: np.ndarray, kept: np.ndarray
) -> dict[str, Any]:
    """Average over the labels with enough patients; of all labels there are values only."""

    def mean(of: Any, name: str, labels: np.ndarray) -> np.ndarray:
        return getattr(of, name)[..., labels].mean(axis=-1)

    all_labels = None
    if (units > 0).any():
        of = redraws.estimates
        all_labels = {name: float(mean(of, name, units > 0)) for name in AVERAGED}
    if not kept.any():
        return {"unusable_redraws": 0, "metrics": None, "all_labels": all_labels}
    return {
        "unusable_redraws": _lost(mean(redraws, "auc", kept), options),
        "metrics": without_precision_mean(
            {
                name: summary(
                    mean(redraws.estimates, name, kept),
                    first_usable(mean(redraws, name, kept), options.resamples).values,
                    options,
                    None if left_out is None or name not in SMOOTH else mean(left_out, name, kept),
                )
                for name in AVERAGED
            }
        ),
        "all_labels": all_labels,
    }


def _paper(redraws: Any) -> dict[str, Any]:
    """Give the study's "mean ± sd" of the average: all redraws of all labels pooled."""
    from jaxcxr.stats import pooled_spread

    pooled = {}
    for name in ("auc", "accuracy", "sensitivity", "specificity"):
        replicates = getattr(redraws, name)
        if not np.isnan(replicates).all():
            mean, spread = pooled_spread(replicates)
            pooled[name] = {"mean": mean, "pooled_sd": spread}
    return pooled
