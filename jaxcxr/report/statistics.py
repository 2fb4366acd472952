"""The statistics of one predictions file, as plain data for `statistics.json`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from jaxcxr.errors import InputError
from jaxcxr.report.predictions import Predictions

AVERAGED = ("auc", "average_precision", "accuracy", "sensitivity", "specificity")


@dataclass(frozen=True)
class Options:
    """What is asked of an evaluation.

    Attributes:
      split: whose images the statistics are of.
      validation: the split that thresholds and calibration are fitted on, where present.
      resamples, seed: of the bootstrap.
      unit: what a redraw draws: "patient", "image", or "auto" for patients where they are known.
      level: of the intervals.
      interval: "percentile" or "bca".
    """

    split: str = "test"
    validation: str = "validation"
    resamples: int = 1000
    seed: int = 0
    unit: str = "auto"
    level: float = 0.95
    interval: str = "percentile"


def groups_of(predictions: Predictions, unit: str) -> np.ndarray | None:
    """Patients to redraw, or None to redraw images."""
    if unit == "image" or (unit == "auto" and predictions.patients is None):
        return None
    if predictions.patients is None:
        raise InputError(
            f"{predictions.path} has no patient_id: add the column, or choose --unit image"
        )
    return predictions.patients


def describe(predictions: Predictions, options: Options) -> dict[str, Any]:
    """Compute every label's metrics with intervals, and those of the average over labels.

    Args:
      predictions: of the one split.
      options: of the evaluation.
    """
    from jaxcxr.stats import bootstrap, jackknife

    groups = groups_of(predictions, options.unit)
    redraws = bootstrap(
        predictions.labels,
        predictions.scores,
        resamples=options.resamples,
        seed=options.seed,
        groups=groups,
        average_precision=True,
    )
    left_out = None
    if options.interval == "bca":
        left_out = jackknife(
            predictions.labels, predictions.scores, groups=groups, average_precision=True
        )
    estimable = (redraws.positives > 0) & (redraws.negatives > 0)
    return {
        "split": options.split,
        "images": len(predictions.labels),
        "patients": None if predictions.patients is None else len(np.unique(predictions.patients)),
        "bootstrap": {
            "unit": "image" if groups is None else "patient",
            "resamples": options.resamples,
            "seed": options.seed,
            "interval": options.interval,
            "level": options.level,
        },
        "labels": [
            {
                "label": name,
                "positives": int(redraws.positives[column]),
                "negatives": int(redraws.negatives[column]),
                "unknown": int(np.sum(predictions.labels[:, column] == -1)),
                "estimable": bool(estimable[column]),
                "unusable_redraws": int(redraws.unusable[column]),
                "metrics": _metrics(redraws, left_out, options, np.s_[..., column])
                if estimable[column]
                else None,
            }
            for column, name in enumerate(predictions.label_names)
        ],
        "average": _average(redraws, left_out, options, estimable, predictions.label_names),
    }


def _metrics(redraws: Any, left_out: Any, options: Options, of: Any) -> dict[str, Any]:
    return {
        name: summary(
            getattr(redraws.estimates, name)[of],
            getattr(redraws, name)[of],
            None if left_out is None else getattr(left_out, name)[of],
            options,
        )
        for name in (*AVERAGED, "threshold")
    }


def _average(
    redraws: Any, left_out: Any, options: Options, estimable: np.ndarray, names: tuple[str, ...]
) -> dict[str, Any]:
    """Average over the estimable labels in each redraw; a redraw that lacks one is not used."""
    if not estimable.any():
        return {"labels": [], "unusable_redraws": options.resamples, "metrics": None}

    def mean(of: Any, name: str) -> np.ndarray:
        return getattr(of, name)[..., estimable].mean(axis=-1)

    return {
        "labels": [name for name, kept in zip(names, estimable, strict=True) if kept],
        "unusable_redraws": int(np.isnan(mean(redraws, "auc")).sum()),
        "metrics": {
            name: summary(
                mean(redraws.estimates, name),
                mean(redraws, name),
                None if left_out is None else mean(left_out, name),
                options,
            )
            for name in AVERAGED
        },
    }


def summary(value: Any, replicates: Any, left_out: Any, options: Options) -> dict[str, Any]:
    """Give value, mean, sd and interval as numbers, None where there is none."""
    from jaxcxr.stats import bca_interval, percentile_interval

    if left_out is None:
        interval = percentile_interval(value, replicates, options.level)
    else:
        interval = bca_interval(value, replicates, left_out, options.level)
    return {
        name: number(getattr(interval, name)) for name in ("value", "mean", "sd", "low", "high")
    }


def number(value: Any) -> float | None:
    """Give a float, or None for NaN and infinity, which JSON has no way to write."""
    return float(value) if np.isfinite(value) else None
