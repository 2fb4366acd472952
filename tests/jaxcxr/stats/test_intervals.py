"""Intervals against scipy.stats.bootstrap."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest
import scipy.stats
from scipy.special import expit, logit
from statsmodels.stats.proportion import proportion_confint

from jaxcxr.stats import (
    auc,
    bca_interval,
    bootstrap,
    jackknife,
    logit_ends,
    percentile_interval,
)


@pytest.fixture(scope="module")
def skewed():
    """Few images with a high AUC, where percentile and BCa intervals differ."""
    rng = np.random.default_rng(3)
    truth = (rng.random(80) < 0.4).astype(int)
    return truth, rng.normal(size=80) + 2 * truth


@pytest.mark.parametrize(("method", "theirs"), [("percentile", "percentile"), ("bca", "BCa")])
@pytest.mark.parametrize("decimals", [0, 9], ids=["heavy ties", "no ties"])
def test_intervals_equal_scipys_over_the_same_redraws(skewed, method, theirs, decimals):
    truth, scores = skewed[0], np.round(skewed[1], decimals)
    ours = bootstrap(truth, scores, resamples=999)
    value, replicates = ours.estimates.auc[0], ours.auc[:, 0]
    if method == "bca":
        interval = bca_interval(value, replicates, jackknife(truth, scores).auc[:, 0], 0.9)
    else:
        interval = percentile_interval(value, replicates, 0.9)

    def auc_of_rows(rows, axis=-1):
        return np.apply_along_axis(lambda row: auc(truth[row], scores[row]), axis, rows)

    expected = scipy.stats.bootstrap(
        (np.arange(80),),
        auc_of_rows,
        n_resamples=0,
        bootstrap_result=SimpleNamespace(bootstrap_distribution=replicates),
        confidence_level=0.9,
        method=theirs,
        vectorized=True,
    )
    assert interval.low == pytest.approx(expected.confidence_interval.low, abs=1e-12)
    assert interval.high == pytest.approx(expected.confidence_interval.high, abs=1e-12)
    assert interval.sd == pytest.approx(expected.standard_error, abs=1e-12)


def test_unusable_redraws_are_left_out_and_counted():
    interval = percentile_interval([0.5], [[0.4], [np.nan], [0.6], [0.5]])
    assert interval.unusable[0] == 1
    assert interval.mean[0] == pytest.approx(0.5)
    assert interval.sd[0] == pytest.approx(0.1)


def test_infinite_thresholds_stay_quantiles_without_a_deviation():
    interval = percentile_interval(1.0, np.array([0.0, 1.0, 2.0, np.inf]))
    assert np.isnan(interval.sd) and interval.high == np.inf and interval.low == 1.0


def test_nothing_usable_is_nan():
    interval = percentile_interval([np.nan], [[np.nan], [np.nan]])
    assert np.isnan([interval.value, interval.mean, interval.low, interval.high]).all()


def test_bca_is_undefined_where_all_redraws_lie_on_one_side():
    interval = bca_interval(1.0, np.array([0.5, 0.6, 0.7]), np.array([0.9, 1.0, 1.0]))
    assert np.isnan(interval.low) and interval.mean == pytest.approx(0.6)


def test_bad_levels_and_shapes_are_refused():
    with pytest.raises(ValueError, match="level"):
        percentile_interval(0.5, [0.4, 0.6], 95)
    with pytest.raises(ValueError, match="do not belong"):
        percentile_interval([0.5, 0.5], [0.4, 0.6])


def test_the_level_is_95_percent_unless_told():
    redraws = np.arange(1001.0)
    found = percentile_interval(500.0, redraws)
    assert (float(found.low), float(found.high)) == pytest.approx((25.0, 975.0))
    assert (float(found.mean), float(found.sd)) == (500.0, pytest.approx(redraws.std(ddof=1)))
    units = np.random.default_rng(0).normal(size=30)
    default, told = (bca_interval(500.0, redraws, units, *level) for level in ((), (0.95,)))
    assert (float(default.low), float(default.high)) == (float(told.low), float(told.high))
    narrower = percentile_interval(500.0, redraws, 0.5)
    assert (float(narrower.low), float(narrower.high)) == (250.0, 750.0)


@pytest.mark.parametrize("level", [0, 1, -0.1, 1.1])
def test_a_level_lies_between_0_and_1(level):
    with pytest.raises(ValueError, match="between 0 and 1"):
        percentile_interval(0.5, [0.4, 0.6], level)


def test_one_redraw_has_no_deviation_and_two_have():
    one, two = percentile_interval(0.5, [0.4]), percentile_interval(0.5, [0.4, 0.6])
    assert one.mean == 0.4 and np.isnan(one.sd) and one.low == one.high == 0.4
    assert two.sd == pytest.approx(np.sqrt(0.02))


def test_bca_without_skew_leaves_out_the_acceleration():
    """A jackknife without spread has none, and one unit that cannot be left out is not counted."""
    redraws = np.random.default_rng(0).normal(size=500)
    flat = bca_interval(0.0, redraws, np.full(10, 3.0))
    shift = scipy.stats.norm.ppf(np.mean(redraws < 0))
    at = scipy.stats.norm.cdf(2 * shift + scipy.stats.norm.ppf([0.025, 0.975]))
    np.testing.assert_allclose([flat.low, flat.high], np.quantile(redraws, at))
    units = np.random.default_rng(1).exponential(size=20)
    whole, with_gap = (bca_interval(0.0, redraws, one) for one in (units, np.append(units, np.nan)))
    assert float(whole.low) == float(with_gap.low) != float(flat.low)
    assert float(whole.high) == float(with_gap.high) != float(flat.high)


def test_intervals_of_tables_are_those_of_their_columns():
    rng = np.random.default_rng(0)
    redraws, units = rng.normal(size=(200, 2, 3)), rng.normal(size=(15, 2, 3))
    redraws[:40, 1, 2] = np.nan
    table = bca_interval(np.zeros((2, 3)), redraws, units)
    for index in np.ndindex(2, 3):
        column = bca_interval(0.0, redraws[:, *index], units[:, *index])
        for name in ("mean", "sd", "low", "high", "unusable"):
            assert getattr(table, name)[index] == getattr(column, name)
    assert table.unusable.tolist() == [[0, 0, 0], [0, 0, 40]]


def test_a_value_without_redraws_and_redraws_without_a_value_have_no_interval():
    redraws = [[np.nan, 0.4, 0.4], [np.nan, 0.6, 0.6]]
    found = percentile_interval([0.5, np.nan, 0.5], redraws)
    for part in (found.mean, found.sd, found.low, found.high):
        assert np.isnan(part).tolist() == [True, True, False]
    assert found.mean[2] == 0.5  # the next column is not the worse for it
    assert found.unusable.tolist() == [2, 0, 0]


@pytest.mark.parametrize(("value", "sd"), [(0.5, 0.0), (1.0, 0.02), (0.0, 0.02), (1.0, 0.0)])
def test_a_share_without_a_spread_or_at_an_end_has_wilsons_interval(value, sd):
    theirs = proportion_confint(value * 8, 8, alpha=0.1, method="wilson")
    assert logit_ends(value, sd, 8, 0.9) == pytest.approx(theirs, abs=1e-12)


def test_two_units_have_an_interval_by_the_normal_quantile_and_one_has_none():
    half = scipy.stats.norm.ppf(0.95) * 0.1 / (0.3 * 0.7)
    ends = expit(logit(0.3) + np.array([-half, half]))
    assert logit_ends(0.3, 0.1, 2, 0.9) == pytest.approx(tuple(ends))
    assert np.isnan(logit_ends(0.3, 0.1, 1)).all() and np.isnan(logit_ends(0.3, np.nan, 9)).all()
