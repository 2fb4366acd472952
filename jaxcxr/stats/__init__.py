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
from jaxcxr.stats.influence import Influence, averaged, influences
from jaxcxr.stats.initializations import (
    Trained,
    TrainingsComparison,
    compare_trainings,
    trained,
)
from jaxcxr.stats.intervals import Interval, bca_interval, percentile_interval
from jaxcxr.stats.multiplicity import benjamini_hochberg, holm, redraws_for
from jaxcxr.stats.paper import one_sided_p, pooled_spread, pooled_spread_of_summaries
from jaxcxr.stats.resample import fewest_units, resample_counts
from jaxcxr.stats.subgroups import Cells, subgroups
from jaxcxr.stats.sums import AtThreshold, at_threshold
from jaxcxr.stats.trainings import OverTrainings, over_trainings
from jaxcxr.stats.usable import (
    FEWEST_ALLOWED,
    LEAST_UNITS,
    Usable,
    first_usable,
    units_of_labels,
    wanted,
)

__all__ = [
    "FEWEST_ALLOWED",
    "LEAST_UNITS",
    "AtThreshold",
    "Bootstrap",
    "Calibration",
    "Cells",
    "Comparison",
    "Curve",
    "DeLong",
    "Estimates",
    "Influence",
    "Interval",
    "OperatingPoint",
    "OverTrainings",
    "Scaling",
    "Trained",
    "TrainingsComparison",
    "Usable",
    "at_threshold",
    "auc",
    "average_precision",
    "averaged",
    "bca_interval",
    "benjamini_hochberg",
    "bootstrap",
    "bootstrap_p",
    "brier_score",
    "calibration",
    "compare",
    "compare_all",
    "compare_trainings",
    "curve",
    "delong",
    "disagreement",
    "estimate",
    "expected_calibration_error",
    "fewest_units",
    "first_usable",
    "fit_platt",
    "fit_temperature",
    "holm",
    "influences",
    "jackknife",
    "one_sided_p",
    "operating_point",
    "over_trainings",
    "percentile_interval",
    "point_at_sensitivity",
    "point_at_specificity",
    "point_at_threshold",
    "pooled_spread",
    "pooled_spread_of_summaries",
    "redraws_for",
    "resample_counts",
    "subgroups",
    "trained",
    "units_of_labels",
    "wanted",
]
