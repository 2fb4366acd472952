"""Shares, likelihood ratios and the two-by-two table against statsmodels and published examples."""

from __future__ import annotations

import numpy as np
import pytest
import scipy.stats
from statsmodels.stats.proportion import confint_proportions_2indep, proportion_confint

from jaxcxr.stats import (
    negative_predictive,
    positive_predictive,
    proportion,
    ratio_interval,
    two_by_two,
    wilson_interval,
)
from jaxcxr.stats.proportions import Proportion, sum_interval


@pytest.mark.parametrize(("hits", "number"), [(0, 7), (7, 7), (3, 11), (950, 1000)])
@pytest.mark.parametrize("level", [0.9, 0.95])
def test_wilsons_interval_is_statsmodels(hits, number, level):
    theirs = proportion_confint(hits, number, alpha=1 - level, method="wilson")
    assert wilson_interval(hits / number, number, level) == pytest.approx(theirs, abs=1e-12)
    ours = proportion(np.arange(number) < hits, level=level)
    assert (ours.low, ours.high) == pytest.approx(theirs, abs=1e-12)
    assert (ours.count, ours.number, ours.effective) == (hits, number, number)


def test_the_effective_number_is_korn_and_graubards():
    """The variance of the share as by hand, and the quotient of Student's t."""
    rng = np.random.default_rng(0)
    patient = np.repeat(np.arange(40), 5)
    hit = rng.random(200) < (rng.random(40) < 0.5)[patient] * 0.8 + 0.1
    sums = np.bincount(patient, hit - hit.mean())
    variance = 40 / 39 * np.sum(sums**2) / 200**2
    t = scipy.stats.t.ppf(0.975, [199, 39])
    # Of independent images, n - 1 stands for n in the variance.
    wanted = hit.mean() * (1 - hit.mean()) / variance * (t[0] / t[1]) ** 2 * 200 / 199
    found = proportion(hit, patient)
    assert found.effective == pytest.approx(wanted)
    assert 40 < found.effective < 120
    assert found.high - found.low > proportion(hit).high - proportion(hit).low


def test_patients_add_no_knowledge_and_copies_none():
    hit = np.array([1, 0, 1, 1, 0, 1, 1, 1, 0, 1], bool)
    names = np.arange(10)
    assert proportion(hit, names) == proportion(hit)
    twice = proportion(np.tile(hit, 2), np.tile(names, 2))
    assert twice.effective < 10.5
    # Each patient with one hit and one miss: less spread than of independent images.
    even = proportion(np.tile([True, False], 20), np.repeat(np.arange(20), 2))
    assert even.effective <= 40
    assert proportion(np.ones(12, bool), np.repeat(np.arange(4), 3)).effective == 4
    assert np.isnan(proportion(np.empty(0, bool)).value)


@pytest.mark.parametrize(
    ("x1", "n1", "x2", "n2"), [(9, 10, 9, 90), (36, 40, 16, 80), (1, 12, 5, 7), (300, 400, 30, 900)]
)
def test_a_ratios_interval_is_koopmans(x1, n1, x2, n2):
    theirs = confint_proportions_2indep(
        x1, n1, x2, n2, method="score", compare="ratio", correction=False
    )
    found = ratio_interval(x1 / n1, n1, x2 / n2, n2)
    assert found.value == pytest.approx(x1 / n1 / (x2 / n2))
    assert (found.low, found.high) == pytest.approx(theirs, rel=1e-6)


def test_ratios_of_zero_shares():
    never = ratio_interval(0.0, 10, 0.2, 50)
    assert never.value == never.low == 0 and 0 < never.high < 5
    always = ratio_interval(0.8, 10, 0.0, 50)
    assert always.value == always.high == np.inf and 1 < always.low < 100
    nothing = ratio_interval(0.0, 10, 0.0, 50)
    assert np.isnan(nothing.value) and (nothing.low, nothing.high) == (0, np.inf)
    # The score interval of a zero ends where the test of it would.
    theirs = confint_proportions_2indep(
        0, 10, 10, 50, method="score", compare="ratio", correction=False
    )
    assert never.high == pytest.approx(theirs[1], rel=1e-4)


def test_predictive_values_follow_bayes():
    sensitivity, specificity, prevalence = 0.85, 0.7, 0.03
    ratio = ratio_interval(sensitivity, 100, 1 - specificity, 100)
    right = sensitivity * prevalence
    wanted = right / (right + (1 - specificity) * (1 - prevalence))
    found = positive_predictive(ratio, prevalence)
    assert found.value == pytest.approx(wanted) and found.low < wanted < found.high
    ratio = ratio_interval(1 - sensitivity, 100, specificity, 100)
    right = specificity * (1 - prevalence)
    wanted = right / (right + (1 - sensitivity) * prevalence)
    found = negative_predictive(ratio, prevalence)
    assert found.value == pytest.approx(wanted) and found.low < wanted < found.high
    with pytest.raises(ValueError, match="prevalence"):
        positive_predictive(ratio, 1.0)


def test_the_table_counts_every_image_once():
    rng = np.random.default_rng(1)
    truth = rng.integers(-1, 2, 300)
    scores = rng.normal(size=300) + (truth == 1)
    found = two_by_two(truth, scores, 0.5)
    known, called = truth >= 0, scores >= 0.5
    assert found.true_positives == np.sum((truth == 1) & called)
    assert found.false_positives == np.sum((truth == 0) & called)
    counts = (
        found.true_positives,
        found.false_negatives,
        found.false_positives,
        found.true_negatives,
    )
    assert sum(counts) == known.sum()
    assert found.ppv.value == found.true_positives / (found.true_positives + found.false_positives)
    assert found.npv.number == np.sum(known & ~called)
    assert found.accuracy.value == np.mean((truth == called)[known])
    both = found.sensitivity.value + found.specificity.value
    assert found.youden.value == pytest.approx(both - 1)
    assert found.balanced_accuracy.value == pytest.approx(both / 2)
    assert found.lr_positive.value == pytest.approx(
        found.sensitivity.value / (1 - found.specificity.value)
    )


def test_youdens_interval_is_newcombes_of_independent_shares():
    """The square-and-add interval of a difference, of sensitivity and 1 - specificity."""
    truth = np.repeat([1, 0], [56, 48])
    scores = np.concatenate([np.arange(56) < 48, np.arange(48) < 10]).astype(float)
    found = two_by_two(truth, scores, 0.5).youden
    theirs = confint_proportions_2indep(48, 56, 10, 48, method="newcomb", compare="diff")
    assert (found.low, found.high) == pytest.approx(theirs, abs=1e-9)


def test_a_threshold_that_calls_none():
    found = two_by_two([1, 1, 0, 0, 0], np.zeros(5), np.inf)
    assert found.sensitivity.value == 0 and found.specificity.value == 1
    assert np.isnan(found.ppv.value) and np.isnan(found.lr_positive.value)
    assert found.npv.value == 0.6 and found.sensitivity.high > 0.5
    with pytest.raises(ValueError, match="not estimable"):
        two_by_two([1, 1], np.zeros(2), 0.0)


def test_patients_with_both_classes_tie_sensitivity_to_specificity():
    patient = np.repeat(np.arange(60), 2)
    truth = np.tile([1, 0], 60)
    rng = np.random.default_rng(2)
    right = np.repeat(rng.random(60) < 0.7, 2)
    scores = np.where(right, truth, 1 - truth).astype(float)
    by_patient, by_image = (two_by_two(truth, scores, 0.5, g).youden for g in (patient, None))
    # Right on both images of a patient or on neither: sums vary twice as much as alone.
    assert by_patient.high - by_patient.low > 1.3 * (by_image.high - by_image.low)


def test_no_images_have_no_share():
    found = proportion(np.empty(0, bool))
    assert np.isnan([found.value, found.low, found.high]).all()
    assert (found.count, found.number, found.effective) == (0, 0, 0)


def test_the_fewest_patients_are_one_and_two():
    hit = np.array([1, 1, 0, 1, 0, 0, 0], bool)
    assert proportion(hit, ["a"] * 7).effective == 1
    assert proportion(hit[:1], ["a"]).effective == 1
    assert proportion(hit[1:3], ["a", "a"]).effective == 1
    # Two patients by hand: sums of hits less their share are 12/7 and -12/7.
    variance = 2 / 1 * 2 * (12 / 7) ** 2 / 49
    t = scipy.stats.t.ppf(0.975, [6, 1])
    wanted = 3 / 7 * 4 / 7 / variance * (t[0] / t[1]) ** 2 * 7 / 6
    # The first patient has all three hits, of four images.
    assert proportion(hit, list("aaaabbb")).effective == pytest.approx(
        wanted * (12 / 7) ** 2 / (9 / 7) ** 2
    )


def test_ends_of_a_sum_follow_the_correlation():
    one, two = Proportion(0.6, 0.5, 0.75, 6, 10, 10.0), Proportion(0.3, 0.1, 0.4, 3, 10, 10.0)
    for correlation, below, above in (
        (0.0, np.hypot(0.1, 0.2), np.hypot(0.15, 0.1)),
        (1.0, 0.1 + 0.2, 0.15 + 0.1),
        (-1.0, 0.2 - 0.1, 0.15 - 0.1),
    ):
        found = sum_interval(one, two, correlation)
        assert found == pytest.approx((0.9 - below, 0.9 + above))


def test_every_rate_of_the_table_has_its_own_interval():
    truth = np.repeat([1, 0], [56, 48])
    scores = np.concatenate([np.arange(56) < 45, np.arange(48) < 10]).astype(float)
    found = two_by_two(truth, scores, 0.5, level=0.9)
    score = {"method": "score", "compare": "ratio", "correction": False, "alpha": 0.1}
    for ours, counts in (
        (found.lr_positive, (45, 56, 10, 48)),
        (found.lr_negative, (11, 56, 38, 48)),
    ):
        theirs = confint_proportions_2indep(*counts, **score)
        assert (ours.low, ours.high) == pytest.approx(theirs, rel=1e-6)
    low, high = confint_proportions_2indep(
        45, 56, 10, 48, method="newcomb", compare="diff", alpha=0.1
    )
    balanced = found.balanced_accuracy
    assert (balanced.low, balanced.high) == pytest.approx(((low + 1) / 2, (high + 1) / 2))
    for ours, hits, number in (
        (found.sensitivity, 45, 56),
        (found.specificity, 38, 48),
        (found.accuracy, 83, 104),
        (found.ppv, 45, 55),
        (found.npv, 38, 49),
    ):
        theirs = proportion_confint(hits, number, alpha=0.1, method="wilson")
        assert (ours.low, ours.high) == pytest.approx(theirs, abs=1e-12)


def test_the_correlation_of_sensitivity_and_specificity_is_that_of_the_patients_sums():
    rng = np.random.default_rng(5)
    patient = rng.integers(0, 40, 200)
    truth = (rng.random(200) < 0.3).astype(int)
    skill = rng.random(40)
    scores = np.where(rng.random(200) < skill[patient], truth, 1 - truth).astype(float)
    found = two_by_two(truth, scores, 0.5, patient)
    sums = [
        np.bincount(patient, np.where(truth == kind, (scores == truth) - share.value, 0.0), 40)
        for kind, share in ((1, found.sensitivity), (0, found.specificity))
    ]
    assert abs(np.corrcoef(sums)[0, 1]) > 0.1
    ends = sum_interval(found.sensitivity, found.specificity, np.corrcoef(sums)[0, 1])
    assert (found.youden.low, found.youden.high) == pytest.approx(np.array(ends) - 1)


def test_an_interval_ends_at_0_and_1_exactly():
    for number in np.append(np.arange(1, 200), np.linspace(1, 30, 77)):
        assert wilson_interval(0.0, number)[0] == 0
        assert wilson_interval(1.0, number)[1] == 1
