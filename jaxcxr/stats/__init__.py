"""Statistics of labels and scores: arrays in, plain results out.

Useful alone, to anyone with labels and scores: nothing here knows of images, datasets or models.
"""

from jaxcxr.stats.bootstrap import Bootstrap, Estimates, bootstrap, estimate, jackknife
from jaxcxr.stats.calibration import (
    Calibration,
    Scaling,
    brier_score,
    calibration,
    expected_calibration_error,
    fit_platt,
    fit_temperature,
)
from jaxcxr.stats.compare import Comparison, bootstrap_p, compare, compare_all, disagreement
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
from jaxcxr.stats.delong import DeLong, delong
from jaxcxr.stats.intervals import Interval, bca_interval, percentile_interval
from jaxcxr.stats.multiplicity import benjamini_hochberg, holm
from jaxcxr.stats.paper import one_sided_p, pooled_spread, pooled_spread_of_summaries
from jaxcxr.stats.resample import fewest_units, resample_counts
from jaxcxr.stats.subgroups import Cells, subgroups
from jaxcxr.stats.sums import AtThreshold, at_threshold

__all__ = [
    "AtThreshold",
    "Bootstrap",
    "Calibration",
    "Cells",
    "Comparison",
    "Curve",
    "DeLong",
    "Estimates",
    "Interval",
    "OperatingPoint",
    "Scaling",
    "at_threshold",
    "auc",
    "average_precision",
    "bca_interval",
    "benjamini_hochberg",
    "bootstrap",
    "bootstrap_p",
    "brier_score",
    "calibration",
    "compare",
    "compare_all",
    "curve",
    "delong",
    "disagreement",
    "estimate",
    "expected_calibration_error",
    "fewest_units",
    "fit_platt",
    "fit_temperature",
    "holm",
    "jackknife",
    "one_sided_p",
    "operating_point",
    "percentile_interval",
    "point_at_sensitivity",
    "point_at_specificity",
    "point_at_threshold",
    "pooled_spread",
    "pooled_spread_of_summaries",
    "resample_counts",
    "subgroups",
]
