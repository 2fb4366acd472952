"""A contrast of models: a difference, or a difference of differences, with what is known of it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from jaxcxr.stats import Interval
from jaxcxr.stats.delong_interval import DeLongInterval
from jaxcxr.stats.trainings import OverTrainings


@dataclass(frozen=True)
class Contrast:
    """A contrast of models' AUCs, such as a difference, or a difference of differences.

    Attributes:
      interval: value and 95 % interval.
      error, freedom: standard error and its degrees of freedom, infinite for redraws; NaN where
        the spread is not known.
      p: two-sided, of no difference; NaN where that is not tested.
    """

    interval: Interval
    error: float
    freedom: float
    p: float


def contrast_of(value: float, judged: OverTrainings | DeLongInterval, p: float) -> Contrast:
    """Take over error and interval of what judged a value without redraws."""
    whole, error = np.array(value), np.array(judged.error)
    ends = np.array(judged.low), np.array(judged.high)
    return Contrast(
        Interval(whole, whole, error, *ends, np.array(0)), judged.error, judged.freedom, p
    )
