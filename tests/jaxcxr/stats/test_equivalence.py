"""Equivalence, power, decision curves and agreement against statsmodels and worked examples."""

from __future__ import annotations

import numpy as np
import pytest
import scipy.stats
from statsmodels.stats.inter_rater import cohens_kappa
from statsmodels.stats.power import TTestPower
from statsmodels.stats.proportion import proportion_confint
from statsmodels.stats.weightstats import DescrStatsW

from jaxcxr.stats import (
    agreement,
    decision_curve,
    detectable_difference,
    equivalence,
    proportion,
    units_needed,
)


def test_two_one_sided_tests_are_statsmodels():
    values = np.random.default_rng(0).normal(0.02, 0.05, 25)
    error = values.std(ddof=1) / 5
    found = equivalence(values.mean(), error, 0.03, 24)
    theirs = DescrStatsW(values).ttost_mean(-0.03, 0.03)
    assert found.equivalent_p == pytest.approx(theirs[0])
    assert found.noninferior_p == pytest.approx(theirs[1][1])
    ends = scipy.stats.t.interval(0.9, 24, values.mean(), error)
    assert (found.low, found.high) == pytest.approx(ends)


@pytest.mark.parametrize("difference", [-0.05, -0.0336, -0.0335, 0.0, 0.01, 0.0336, 0.06])
def test_the_interval_and_the_tests_say_the_same(difference):
    found = equivalence(difference, 0.01, 0.05)
    assert (found.noninferior_p < 0.05) == (found.low > -0.05)
    assert (found.equivalent_p < 0.05) == (found.low > -0.05 and found.high < 0.05)


def test_no_error_no_test():
    assert np.isnan(equivalence(0.0, 0.0, 0.05).equivalent_p)
    assert np.isnan(detectable_difference(np.nan)) and np.isnan(detectable_difference(0.0))
    with pytest.raises(ValueError, match="margin"):
        equivalence(0.0, 0.1, 0.0)
    with pytest.raises(ValueError, match="above 0"):
        units_needed(100, 0.1, 0.0)


@pytest.mark.parametrize(("units", "power"), [(12, 0.8), (40, 0.9), (500, 0.8)])
def test_the_detectable_difference_has_its_power(units, power):
    error = 0.1 / np.sqrt(units)
    found = detectable_difference(error, units - 1, power)
    theirs = TTestPower().solve_power(nobs=units, alpha=0.05, power=power)
    assert found / 0.1 == pytest.approx(theirs, rel=1e-4)
    if units > 100:
        assert found == pytest.approx(detectable_difference(error, power=power), rel=0.01)


def test_half_the_difference_needs_four_times_the_patients():
    assert units_needed(150, 0.04, 0.02) == 600
    assert units_needed(150, 0.04, 0.015) == np.ceil(150 * (0.04 / 0.015) ** 2)


def test_net_benefit_is_that_of_vickers_example():
    """Vickers, van Calster and Steyerberg 2019: a biopsy for cancer in at least 10 % of 1,000 men.

    Of 1,000 with 200 cancers, 550 are biopsied and 180 cancers found: 180 less 370 / 9 an image.
    """
    truth = np.repeat([1, 1, 0, 0], [180, 20, 370, 430])
    probability = np.repeat([0.3, 0.02, 0.3, 0.02], [180, 20, 370, 430])
    found = decision_curve(truth, probability, thresholds=[0.1])
    assert found.net_benefit[0] == pytest.approx(0.18 - 0.37 / 9)
    assert found.treat_all[0] == pytest.approx(0.2 - 0.8 / 9)
    assert found.called[0] == 550


def test_a_band_is_that_of_a_mean_by_patient():
    rng = np.random.default_rng(1)
    truth = rng.integers(0, 2, 200)
    probability = np.clip(rng.normal(0.3 + 0.3 * truth, 0.2), 0, 1)
    found = decision_curve(truth, probability, thresholds=[0.2, 0.5])
    worth = (probability >= 0.5) * np.where(truth == 1, 1.0, -1.0)
    ends = scipy.stats.t.interval(0.95, 199, worth.mean(), scipy.stats.sem(worth))
    assert (found.low[1], found.high[1]) == pytest.approx(ends)
    twice = decision_curve(np.tile(truth, 2), np.tile(probability, 2), np.tile(np.arange(200), 2))
    alone = decision_curve(truth, probability)
    np.testing.assert_allclose(twice.low, alone.low, equal_nan=True)


def test_a_probability_at_the_threshold_is_acted_on():
    found = decision_curve([1, 0, 1, 0], [0.5, 0.5, 0.75, 0.25], thresholds=[0.25, 0.5, 0.75])
    np.testing.assert_array_equal(found.called, [4, 3, 1])
    assert found.net_benefit[1] == pytest.approx(2 / 4 - 1 / 4)


@pytest.mark.parametrize("threshold", [0.0, 1.0, -0.1, 1.1])
def test_probabilities_reach_0_and_1_and_thresholds_lie_between(threshold):
    assert decision_curve([1, 0], [1.0, 0.0], thresholds=[0.5]).net_benefit[0] == 0.5
    with pytest.raises(ValueError, match="thresholds between them"):
        decision_curve([1, 0], [1.0, 0.0], thresholds=[0.5, threshold])


def test_a_band_needs_more_than_one_call():
    found = decision_curve([1, 0, 0, 1, 0], [0.9, 0.2, 0.1, 0.3, 0.2], thresholds=[0.25, 0.5, 0.95])
    assert not np.isnan(found.low[0]) and np.isnan(found.low[1:]).all()
    assert found.net_benefit[2] == 0
    with pytest.raises(ValueError, match="0 to 1"):
        decision_curve([1, 0], [2.0, 0.1])


def test_kappa_is_cohens_with_fleiss_error():
    one = np.repeat([1, 1, 0, 0], [40, 9, 6, 120])
    two = np.repeat([1, 0, 1, 0], [40, 9, 6, 120])
    found = agreement(one, two)
    theirs = cohens_kappa([[40, 9], [6, 120]])
    assert found.kappa == pytest.approx(theirs.kappa)
    assert found.error == pytest.approx(theirs.std_kappa)
    assert (found.both, found.first_only, found.second_only, found.neither) == (40, 9, 6, 120)
    assert found.positive == pytest.approx(80 / 95) and found.negative == pytest.approx(240 / 255)
    assert found.adjusted == pytest.approx(2 * 160 / 175 - 1)
    assert found.kappa_low < found.kappa < found.kappa_high


def test_kappa_by_patient():
    rng = np.random.default_rng(3)
    one = rng.integers(0, 2, 120)
    two = np.where(rng.random(120) < 0.15, 1 - one, one)
    alone = agreement(one, two)
    twice = agreement(np.tile(one, 2), np.tile(two, 2), np.tile(np.arange(120), 2))
    assert (twice.kappa, twice.error) == pytest.approx((alone.kappa, alone.error))
    assert twice.kappa_low == pytest.approx(alone.kappa_low)


def test_perfect_agreement_has_a_width_and_unknown_images_are_left_out():
    one = np.array([1, 1, 0, 0, 0, 0, 1, -1, 0])
    found = agreement(one, np.append(one[:-1], -1))
    assert found.kappa == 1 and found.kappa_high == 1 and found.kappa_low < 0.7
    assert found.both + found.neither == 7
    assert found.observed == proportion(np.ones(7, bool))
    assert np.isnan(agreement([0, 0, 0], [0, 0, 0]).kappa)
    with pytest.raises(ValueError, match="no image"):
        agreement([1, -1], [-1, 0])
    with pytest.raises(ValueError, match="same images"):
        agreement([1, 0], [1, 0, 1])


def test_a_power_of_80_percent_and_tests_at_5_are_meant_unless_told():
    assert detectable_difference(0.1) == detectable_difference(0.1, np.inf, 0.8, 0.05)
    assert detectable_difference(0.1) == pytest.approx(0.1 * (1.959964 + 0.841621), rel=1e-6)
    assert equivalence(0.01, 0.1, 0.05) == equivalence(0.01, 0.1, 0.05, np.inf, 0.05)


def test_one_patient_has_no_band():
    found = decision_curve([1, 0, 1], [0.9, 0.2, 1.0], ["a"] * 3, thresholds=[0.1, 0.5])
    assert np.isnan(found.low).all() and np.isnan(found.high).all()
    assert found.net_benefit[1] == pytest.approx(2 / 3)
    two = decision_curve([1, 0, 1], [0.9, 0.2, 1.0], list("aab"), thresholds=[0.1])
    assert not np.isnan(two.low).any()


def test_images_without_a_label_are_no_patients():
    truth, probability = [1, 0, 1, 0, -1, -1], [0.9, 0.2, 0.4, 0.6, 0.7, 0.1]
    known = decision_curve(truth[:4], probability[:4], list("abcd"), thresholds=[0.3, 0.5])
    padded = decision_curve(truth, probability, list("abcdef"), thresholds=[0.3, 0.5])
    for name in ("net_benefit", "low", "high", "treat_all", "called"):
        np.testing.assert_array_equal(getattr(known, name), getattr(padded, name))


def test_kappas_interval_is_students_and_ends_at_1():
    rng = np.random.default_rng(3)
    one = rng.integers(0, 2, 120)
    two = np.where(rng.random(120) < 0.15, 1 - one, one)
    found = agreement(one, two, level=0.9)
    t = scipy.stats.t(119, found.kappa, found.error)
    assert (found.kappa_low, found.kappa_high) == pytest.approx(t.interval(0.9))
    theirs = proportion_confint(np.sum(one == two), 120, alpha=0.1, method="wilson")
    assert (found.observed.low, found.observed.high) == pytest.approx(theirs)
    high = agreement(np.repeat([1, 0, 0], [6, 6, 1]), np.repeat([1, 0, 1], [6, 6, 1]))
    assert high.kappa + 2 * high.error > 1 and high.kappa_high == 1
    low = agreement(np.repeat([1, 0, 0], [4, 4, 1]), np.repeat([0, 1, 0], [4, 4, 1]))
    assert low.kappa - 2 * low.error < -1 and low.kappa_low == -1
