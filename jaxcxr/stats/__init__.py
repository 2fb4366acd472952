"""Statistics of labels and scores: arrays in, plain results out.

Useful alone, to anyone with labels and scores: nothing here knows of images, datasets or models.
"""

from jaxcxr.stats.bootstrap import Bootstrap, Estimates, bootstrap, estimate, jackknife
from jaxcxr.stats.curves import (
    Curve,
    OperatingPoint,
    auc,
    average_precision,
    curve,
    operating_point,
    point_at_sensitivity,
    point_at_specificity,
    point_at_threshold,
)
from jaxcxr.stats.intervals import Interval, bca_interval, percentile_interval
from jaxcxr.stats.resample import resample_counts

__all__ = [
    "Bootstrap",
    "Curve",
    "Estimates",
    "Interval",
    "OperatingPoint",
    "auc",
    "average_precision",
    "bca_interval",
    "bootstrap",
    "curve",
    "estimate",
    "jackknife",
    "operating_point",
    "percentile_interval",
    "point_at_sensitivity",
    "point_at_specificity",
    "point_at_threshold",
    "resample_counts",
]
