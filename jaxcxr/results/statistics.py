"""The statistics of one predictions file, as plain data for `statistics.json`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from jaxcxr.errors import InputError
from jaxcxr.results.predictions import Predictions

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
    from jaxcxr.stats import bootstrap, fewest_units, jackknife

    settings = redraw_settings(predictions, options)
    asked: dict[str, Any] = {"average_precision": True, "fixed_rate": options.fixed_rate}
    labels, scores = predictions.labels, predictions.scores
    redraws = bootstrap(labels, scores, **settings, **asked)
    left_out = None
    if options.interval == "bca":
        left_out = jackknife(labels, scores, groups=settings["groups"], **asked)
    fewest = [fewest_units(column, settings["groups"]) for column in labels.T]
    estimable = np.array(fewest) > 0
    described = {
        "split": options.split,
        "images": len(labels),
        "patients": None if predictions.patients is None else len(np.unique(predictions.patients)),
        "bootstrap": {
            "unit": "image" if settings["groups"] is None else "patient",
            "resamples": options.resamples,
            "seed": options.seed,
            "interval": options.interval,
            "level": options.level,
        },
        "fixed_rate": options.fixed_rate,
        "labels": [
            {
                "label": name,
                "positives": int(redraws.positives[column]),
                "negatives": int(redraws.negatives[column]),
                "unknown": int(np.sum(labels[:, column] == -1)),
                "estimable": bool(estimable[column]),
                "fewest_units": fewest[column],
                "unusable_redraws": int(redraws.unusable[column]),
                "metrics": _metrics(redraws, left_out, options, column, fewest[column]),
            }
            for column, name in enumerate(predictions.label_names)
        ],
        "average": _average(redraws, left_out, options, estimable, predictions.label_names),
    }
    if options.paper:
        described["paper"] = _paper(redraws)
    return described


def _metrics(
    redraws: Any, left_out: Any, options: Options, column: int, fewest: int
) -> dict[str, Any] | None:
    if fewest == 0:
        return None
    metrics = {
        name: summary(
            getattr(redraws.estimates, name)[column],
            getattr(redraws, name)[:, column],
            options,
            None if left_out is None or name not in SMOOTH else getattr(left_out, name)[:, column],
        )
        for name in (*AVERAGED, *FIXED, "threshold")
    }
    return metrics if fewest > 1 else without_spread(metrics)


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
                options,
                None if left_out is None or name not in SMOOTH else mean(left_out, name),
            )
            for name in AVERAGED
        },
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
