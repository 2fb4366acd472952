"""What is asked of an evaluation, checked."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from jaxcxr.errors import InputError
from jaxcxr.results.predictions import Predictions
from jaxcxr.stats.usable import FEWEST_ALLOWED, LEAST_UNITS


@dataclass(frozen=True)
class Options:
    """What is asked of an evaluation.

    Attributes:
      split: whose images the statistics are of.
      validation: the split that thresholds and calibration are fitted on, where present.
      resamples, seed: of the bootstrap.
      unit: what a redraw draws: "patient", "image", or "auto" for patients where they are known.
      level: of the intervals.
      interval: "delong" for those that hold with few positives: DeLong's of AUCs, of average
        precision on the logit scale, Wilson's of rates at a threshold fixed before, and percentiles
        of the rest; "percentile" for all; "bca" for AUC and average precision, percentiles of the
        rest.
      fixed_rate: sensitivity is also given at this specificity, and the reverse, and thresholds are
        chosen on the validation split for either.
      operating_point: whose table is printed: a rule of `jaxcxr.results.thresholds.RULES`.
      prevalences: at which predictive values are given.
      margin: differences in AUC smaller than this do not matter, set before; None for no such test.
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
    interval: str = "delong"
    fixed_rate: float = 0.9
    operating_point: str = "youden"
    prevalences: tuple[float, ...] = (0.01, 0.05, 0.2)
    margin: float | None = None
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
        for name, value, known in (
            ("interval", self.interval, ("delong", "percentile", "bca")),
            ("operating-point", self.operating_point, ("youden", "sensitivity", "specificity")),
        ):
            if value not in known:
                raise InputError(
                    f"--{name} is {value}: give {', '.join(known[:-1])} or {known[-1]}"
                )
        if not 0 < self.fixed_rate <= 1:
            raise InputError(f"--fixed-rate is {self.fixed_rate}: give a share, such as 0.9")
        for prevalence in self.prevalences:
            if not 0 < prevalence < 1:
                raise InputError(f"--prevalence is {prevalence}: give a share, such as 0.05")
        if self.margin is not None and not 0 < self.margin < 1:
            raise InputError(
                f"--margin is {self.margin}: give a difference in AUC above 0, such as 0.02"
            )
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
    """Numbers of the patients to redraw, `[images]`, or None to redraw images."""
    patients = predictions.patient_codes
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
