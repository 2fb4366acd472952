"""Statistics of labels and scores: arrays in, plain results out.

Useful alone, to anyone with labels and scores: nothing here knows of images, datasets or models.
"""

from jaxcxr.stats.agreement import Agreement, agreement
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
from jaxcxr.stats.decision_curve import DecisionCurve, decision_curve
from jaxcxr.stats.delong import DeLong, delong
from jaxcxr.stats.delong_interval import (
    DeLongInterval,
    auc_difference,
    auc_interval,
    interval_of_auc,
    interval_of_difference,
    newcombe_interval,
    units_of_classes,
)
from jaxcxr.stats.equivalence import (
    Equivalence,
    detectable_difference,
    equivalence,
    units_needed,
)
from jaxcxr.stats.influence import Influence, averaged, influences
from jaxcxr.stats.initializations import (
    Trained,
    TrainingsComparison,
    compare_trainings,
    trained,
)
from jaxcxr.stats.intervals import Interval, bca_interval, logit_ends, percentile_interval
from jaxcxr.stats.likelihood_ratios import (
    Ratio,
    negative_predictive,
    positive_predictive,
    ratio_interval,
)
from jaxcxr.stats.multiplicity import benjamini_hochberg, holm, redraws_for
from jaxcxr.stats.noise_floor import NoiseFloor, noise_floor
from jaxcxr.stats.paper import one_sided_p, pooled_spread, pooled_spread_of_summaries
from jaxcxr.stats.proportions import Proportion, proportion, wilson_interval
from jaxcxr.stats.recalibration import Recalibration, recalibration
from jaxcxr.stats.resample import fewest_units, resample_counts
from jaxcxr.stats.subgroups import Cells, subgroups
from jaxcxr.stats.sums import AtThreshold, at_threshold
from jaxcxr.stats.trainings import OverTrainings, over_trainings
from jaxcxr.stats.two_by_two import TwoByTwo, two_by_two
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
    "Agreement",
    "AtThreshold",
    "Bootstrap",
    "Calibration",
    "Cells",
    "Comparison",
    "Curve",
    "DeLong",
    "DeLongInterval",
    "DecisionCurve",
    "Equivalence",
    "Estimates",
    "Influence",
    "Interval",
    "NoiseFloor",
    "OperatingPoint",
    "OverTrainings",
    "Proportion",
    "Ratio",
    "Recalibration",
    "Scaling",
    "Trained",
    "TrainingsComparison",
    "TwoByTwo",
    "Usable",
    "agreement",
    "at_threshold",
    "auc",
    "auc_difference",
    "auc_interval",
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
    "decision_curve",
    "delong",
    "detectable_difference",
    "disagreement",
    "equivalence",
    "estimate",
    "expected_calibration_error",
    "fewest_units",
    "first_usable",
    "fit_platt",
    "fit_temperature",
    "holm",
    "influences",
    "interval_of_auc",
    "interval_of_difference",
    "jackknife",
    "logit_ends",
    "negative_predictive",
    "newcombe_interval",
    "noise_floor",
    "one_sided_p",
    "operating_point",
    "over_trainings",
    "percentile_interval",
    "point_at_sensitivity",
    "point_at_specificity",
    "point_at_threshold",
    "pooled_spread",
    "pooled_spread_of_summaries",
    "positive_predictive",
    "proportion",
    "ratio_interval",
    "recalibration",
    "redraws_for",
    "resample_counts",
    "subgroups",
    "trained",
    "two_by_two",
    "units_needed",
    "units_of_classes",
    "units_of_labels",
    "wanted",
    "wilson_interval",
]
