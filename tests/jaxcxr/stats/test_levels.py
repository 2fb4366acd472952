"""Whatever has an interval refuses a level that is none, such as 95, and gives no NaN for it."""

from __future__ import annotations

import numpy as np
import pytest

from jaxcxr.stats import (
    agreement,
    auc_difference,
    auc_interval,
    bca_interval,
    compare,
    compare_trainings,
    decision_curve,
    delong,
    logit_ends,
    newcombe_interval,
    over_trainings,
    percentile_interval,
    proportion,
    ratio_interval,
    recalibration,
    two_by_two,
    wilson_interval,
)
from jaxcxr.stats.levels import tails

RNG = np.random.default_rng(0)
TRUTH = np.repeat([1, 0], [30, 40])
SCORES = RNG.normal(size=(2, 70)) + TRUTH
SHARE = 1 / (1 + np.exp(-SCORES[0]))
RUNS = [scores[None, :, None] for scores in SCORES]
WITH_A_LEVEL = {
    "agreement": lambda level: agreement(TRUTH, TRUTH[::-1], level=level),
    "auc_difference": lambda level: auc_difference(TRUTH, SCORES, level=level),
    "auc_interval": lambda level: auc_interval(TRUTH, SCORES[0], level=level),
    "bca_interval": lambda level: bca_interval(0.5, [0.4, 0.6], [0.5, 0.6], level),
    "compare": lambda level: compare(TRUTH, SCORES, resamples=5, level=level),
    "compare_trainings": lambda level: compare_trainings(TRUTH[:, None], *RUNS, level=level),
    "decision_curve": lambda level: decision_curve(TRUTH, SHARE, level=level),
    "delong": lambda level: delong(TRUTH, SCORES).interval(level),
    "logit_ends": lambda level: logit_ends(0.5, 0.1, 9, level),
    "newcombe_interval": lambda level: newcombe_interval(0.5, 9, 9, level),
    "over_trainings": lambda level: over_trainings([SHARE[:2]], np.eye(2), (1,), level),
    "percentile_interval": lambda level: percentile_interval(0.5, [0.4, 0.6], level),
    "proportion": lambda level: proportion(TRUTH == 1, level=level),
    "ratio_interval": lambda level: ratio_interval(0.5, 9, 0.2, 9, level),
    "recalibration": lambda level: recalibration(TRUTH, SHARE, level=level),
    "two_by_two": lambda level: two_by_two(TRUTH, SCORES[0], 0.0, level=level),
    "wilson_interval": lambda level: wilson_interval(0.5, 9, level),
}


@pytest.mark.parametrize("name", WITH_A_LEVEL)
def test_a_level_lies_between_0_and_1(name):
    for level in (0, 1, 95, -0.1, 1.5, np.nan):
        with pytest.raises(ValueError, match=r"the level of an interval lies between 0 and 1"):
            WITH_A_LEVEL[name](level)
    assert WITH_A_LEVEL[name](0.9) is not None


def test_tails_are_equal():
    assert tails(0.9) == pytest.approx((0.05, 0.95))
    assert tails(0.5) == (0.25, 0.75)


def test_a_decision_needs_a_known_label():
    with pytest.raises(ValueError, match="the label of no image is known"):
        decision_curve([-1, -1], [0.1, 0.2])
