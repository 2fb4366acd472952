"""The statistics of one predictions file, as plain data for `statistics.json`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from jaxcxr.errors import InputError
from jaxcxr.results.predictions import Predictions
from jaxcxr.stats.usable import FEWEST_ALLOWED, LEAST_UNITS, first_usable, units_of_labels, wanted

AVERAGED = ("auc", "average_precision", "accuracy", "sensitivity", "specificity")
FIXED = ("sensitivity_at_specificity", "specificity_at_sensitivity")
# The correction of BCa is derived for smooth statistics; a refitted operating point jumps.
SMOOTH = ("auc", "average_precision")


@dataclass(frozen=True)
class Options:
    """What is asked of an evaluation.

    Attributes:
      split: whose images the statistics are of.
      validation: the split that thresholds and calibration are fitted on, where present.
      resamples, seed: of the bootstrap.
      unit: what a redraw draws: "patient", "image", or "auto" for patients where they are known.
      level: of the intervals.
      interval: "percentile" or "bca"; BCa is for AUC and average precision only.
      fixed_rate: sensitivity is also given at this specificity, and the reverse.
      age_bands: lower ends, in years, of all age bands but the youngest.
      least_patients: in the smaller class of a label that an average with an interval counts, or a
        family of tests; images where those are redrawn.
      paper: also give what the study of arXiv 2308.07688 printed, over redraws of images as there.
    """

    split: str = "test"
    validation: str = "validation"
    resamples: int = 1000
    seed: int = 0
    unit: str = "auto"
    level: float = 0.95
    interval: str = "percentile"
    fixed_rate: float = 0.9
    age_bands: tuple[int, ...] = (18, 40, 60, 80)
    least_patients: int = LEAST_UNITS
    paper: bool = False

    def __post_init__(self) -> None:
        if self.resamples < 1:
            raise InputError(f"--resamples is {self.resamples}: give at least 1")
        if self.seed < 0:
            raise InputError(f"--seed is {self.seed}: give 0 or more")
        if not 0 < self.level < 1:
            raise InputError(f"--level is {self.level}: give a share, such as 0.95")
        if not 0 < self.fixed_rate <= 1:
            raise InputError(f"--fixed-rate is {self.fixed_rate}: give a share, such as 0.9")
        if list(self.age_bands) != sorted(set(self.age_bands)):
            raise InputError(f"--age-bands {self.age_bands} must rise, such as 18 40 60 80")
        if self.least_patients < FEWEST_ALLOWED:
            raise InputError(
                f"--least-patients is {self.least_patients}: an interval of an average over labels "
                f"with so few patients is too short; give at least {FEWEST_ALLOWED}"
            )
        if self.paper and self.unit == "patient":
            raise InputError("--paper redraws images, as the study did: leave out --unit patient")


def groups_of(predictions: Predictions, options: Options) -> np.ndarray | None:
    """Patients to redraw, or None to redraw images."""
    patients = predictions.patients
    if options.paper or options.unit == "image" or (options.unit == "auto" and patients is None):
        return None
    if patients is None:
        raise InputError(
            f"{predictions.path} has no patient_id: add the column, or choose --unit image"
        )
    return patients


def redraw_settings(predictions: Predictions, options: Options) -> dict[str, Any]:
    """Give the arguments of every bootstrap, so that all share their redraws."""
    return {
        "resamples": options.resamples,
        "seed": options.seed,
        "groups": groups_of(predictions, options),
    }


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
                "metrics": _metrics(redraws, left_out, options, column, int(units[column])),
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
        "metrics": {
            name: summary(
                mean(redraws.estimates, name, kept),
                first_usable(mean(redraws, name, kept), options.resamples).values,
                options,
                None if left_out is None or name not in SMOOTH else mean(left_out, name, kept),
            )
            for name in AVERAGED
        },
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


def number(value: Any) -> float | None:
    """Give a float, or None for NaN and infinity, which JSON has no way to write."""
    return float(value) if np.isfinite(value) else None
