"""Intervals of AUCs and of their differences against published numbers and other formulas."""

from __future__ import annotations

import numpy as np
import pytest
import scipy.stats
from scipy.special import expit, logit

from jaxcxr.stats import (
    auc_difference,
    auc_interval,
    average_precision,
    bootstrap,
    delong,
    influences,
    logit_ends,
    newcombe_interval,
    resample_counts,
)


def data(positives, negatives, shift=1.5, seed=0, models=1):
    rng = np.random.default_rng(seed)
    truth = np.repeat([1, 0], [positives, negatives])
    shared = rng.normal(size=positives + negatives)
    scores = 0.7 * shared + 0.7 * rng.normal(size=(models, len(truth))) + shift * truth
    return truth, scores if models > 1 else scores[0]


def test_newcombes_interval_is_the_published_one():
    """Of the vignette of R's SingleCaseES: its root finder stops at 1e-4 of the range."""
    before, after = [20, 20, 26, 25, 22, 23], [28, 25, 24, 27, 30, 30, 29]
    truth = np.repeat([0, 1], [6, 7])
    value = auc_interval(truth, np.array(before + after)).value
    assert value == pytest.approx(0.9166667, abs=1e-7)
    assert newcombe_interval(value, 7, 6) == pytest.approx((0.5973406, 0.9860176), abs=5e-5)


@pytest.mark.parametrize("auc", [0.0, 0.02, 0.5, 0.9, 1.0])
def test_newcombes_ends_solve_its_equation(auc):
    low, high = newcombe_interval(auc, 12, 80, 0.9)
    z2 = scipy.stats.norm.ppf(0.95) ** 2
    for end in (low, high):
        if 0 < end < 1:
            spread = end * (1 - end) * (1 + 45 * ((1 - end) / (2 - end) + end / (1 + end)))
            assert (auc - end) ** 2 == pytest.approx(z2 * spread / (12 * 80), rel=1e-6)
    assert low <= auc <= high and high - low > 0.01


def test_degrees_of_freedom_are_those_of_brunner_and_munzel():
    truth, scores = data(30, 50)
    found = auc_interval(truth, scores)
    theirs = scipy.stats.brunnermunzel(scores[truth == 0], scores[truth == 1])
    # Their statistic is (AUC - 1/2) / error; its p tells the degrees of freedom.
    statistic = (found.value - 0.5) / found.error
    assert abs(theirs.statistic) == pytest.approx(statistic)
    assert theirs.pvalue == pytest.approx(2 * scipy.stats.t.sf(statistic, found.freedom))
    half = scipy.stats.t.ppf(0.975, found.freedom) * found.error
    half /= found.value * (1 - found.value)
    ends = expit(logit(found.value) + np.array([-half, half]))
    assert (found.low, found.high) == pytest.approx(tuple(ends))


def test_few_positives_join_newcombes_interval():
    truth, scores = data(10, 90)
    found, alone = auc_interval(truth, scores), newcombe_interval(0.0, 10, 90)
    joined = newcombe_interval(found.value, 10, 90)
    assert found.low <= joined[0] and found.high >= joined[1] and alone[0] == 0


def test_newcombes_interval_is_of_the_effective_number_of_images():
    """Images of a patient that share nothing count one by one, copies once, others in between."""
    rng = np.random.default_rng(3)
    truth, patients = np.repeat([1, 0], [60, 240]), np.arange(300) // 4
    shared, own = rng.normal(size=75)[patients], rng.normal(size=300)
    numbers = []
    for scores in (own + 1.2 * truth, shared + own + 1.7 * truth, shared + 1.2 * truth):
        found = auc_interval(truth, scores, patients)
        (added,) = influences(truth, scores, patients)
        positives, negatives = (float(number) for number in added.effective[:, 0])
        numbers.append(positives)
        # Obuchowski's variance of a class over DeLong's, both from their definitions.
        above = (scores[:60, None] > scores[None, 60:]).mean(axis=1)
        deviation = above - above.mean()
        alone = 60 / 59 * np.sum(deviation**2)
        together = 15 / 14 * np.sum(np.bincount(patients[:60], deviation) ** 2)
        assert positives == pytest.approx(np.clip(60 * alone / together, 15, 60))
        joined = newcombe_interval(found.value, positives, negatives)
        assert found.low <= joined[0] + 1e-12 and joined[1] - 1e-12 <= found.high
    assert numbers[0] > 45 and 16 < numbers[1] < 40 and numbers[2] == 15


@pytest.mark.parametrize("scores", [[1, 1, 1, 0, 0, 0, 0], [0, 0, 0, 1, 1, 1, 1], [1] * 7])
@pytest.mark.parametrize("patients", [None, list("aabbccd")])
def test_there_is_always_a_width(scores, patients):
    truth = np.array([1, 1, 1, 0, 0, 0, 0])
    found = auc_interval(truth, np.array(scores, float), patients)
    assert found.high - found.low > 0.1 and found.low <= found.value <= found.high


def test_one_patient_of_a_class_has_no_interval():
    truth, scores = data(3, 20)
    found = auc_interval(truth, scores, np.append(["a"] * 3, np.arange(20).astype(str)))
    assert np.isnan(found.low) and np.isnan(found.error) and found.units == 1
    assert 0 < found.value <= 1


def test_units_are_patients_and_copies_add_nothing():
    truth, scores = data(25, 60)
    alone = auc_interval(truth, scores)
    twice = auc_interval(np.tile(truth, 2), np.tile(scores, 2), np.tile(np.arange(85), 2))
    assert twice.value == pytest.approx(alone.value)
    assert (twice.low, twice.high) == pytest.approx((alone.low, alone.high))
    assert auc_interval(np.tile(truth, 2), np.tile(scores, 2)).low > alone.low


def test_a_difference_is_delongs_with_students_t():
    truth, scores = data(12, 80, models=2)
    found, normal = auc_difference(truth, scores), delong(truth, scores).difference()
    assert (found.value, found.error) == pytest.approx(normal[:2])
    assert found.p == pytest.approx(
        2 * scipy.stats.t.sf(abs(found.value) / found.error, found.freedom)
    )
    assert 11 <= found.freedom <= 90 and found.p > normal[2]
    assert found.low < found.value < found.high and found.units == 12


def test_a_difference_without_error_still_has_a_width():
    truth = np.repeat([1, 0], [5, 30])
    perfect = np.stack([truth, 2 * truth]).astype(float)
    same = auc_difference(truth, perfect)
    assert same.value == 0 and same.p == 1 and same.low < -0.1 and same.high > 0.1
    opposite = auc_difference(truth, np.stack([truth, 1 - truth]).astype(float))
    assert opposite.value == 1 and np.isnan(opposite.p) and 0.5 < opposite.low < 1


def test_average_precision_takes_the_spread_of_its_redraws_and_not_their_place():
    truth, scores = data(15, 100, shift=1.0)
    redraws = bootstrap(truth, scores, resamples=300, seed=3, average_precision=True)
    value, replicates = average_precision(truth, scores), redraws.average_precision[:, 0]
    found = logit_ends(value, replicates.std(ddof=1), 15)
    again = []
    for counts in resample_counts(3, 300, 115):
        again.append(average_precision(np.repeat(truth, counts), np.repeat(scores, counts)))
    half = scipy.stats.norm.ppf(0.975) * np.std(again, ddof=1) / (value * (1 - value))
    assert found == pytest.approx(tuple(expit(logit(value) + np.array([-half, half]))))
    assert np.mean(again) > value  # why their percentiles are not used


def test_average_precision_of_one_has_a_width():
    low, high = logit_ends(1.0, 0.0, 8)
    assert high == 1 and low < 0.8
    assert np.isnan(logit_ends(0.5, 0.1, 1)).all()


@pytest.mark.parametrize("level", [0, 1, 95])
def test_levels_are_checked(level):
    with pytest.raises(ValueError, match="level"):
        auc_interval(*data(30, 30), level=level)


def test_a_class_is_missing():
    with pytest.raises(ValueError, match="0 positive and 3 negative"):
        auc_interval([0, 0, 0], [1.0, 2.0, 3.0])


def test_a_differences_ends_are_students_around_it():
    truth, scores = data(40, 80, models=2)
    found = auc_difference(truth, scores, level=0.9)
    t = scipy.stats.t(found.freedom, found.value, found.error)
    assert (found.low, found.high) == pytest.approx(t.interval(0.9))
    # Degrees of freedom as Welch's, from what positives and negatives add to the variance.
    wins = np.sign(scores[:, truth == 1][:, :, None] - scores[:, truth == 0][:, None, :]) / 2 + 0.5
    apart = wins[0] - wins[1]
    of_classes = [apart.mean(axis=1).var(ddof=1) / 40, apart.mean(axis=0).var(ddof=1) / 80]
    uncertain = of_classes[0] ** 2 / 39 + of_classes[1] ** 2 / 79
    assert found.error == pytest.approx(np.sqrt(sum(of_classes)))
    assert found.freedom == pytest.approx(sum(of_classes) ** 2 / uncertain)


def test_without_error_the_ends_are_squared_and_added_from_the_models_own():
    """Zou and Donner 2008: one model is always right, the other always wrong."""
    truth = np.repeat([1, 0], [5, 30])
    found = auc_difference(truth, np.stack([truth, 1 - truth]).astype(float), level=0.9)
    own, others = newcombe_interval(1.0, 5, 30, 0.9)[0], newcombe_interval(0.0, 5, 30, 0.9)[1]
    assert found.low == pytest.approx(1 - np.hypot(1 - own, others))
    assert found.high == pytest.approx(1.0)
    turned = auc_difference(truth, np.stack([1 - truth, truth]).astype(float), level=0.9)
    assert (turned.low, turned.high) == pytest.approx((-found.high, -found.low))


def _ends(found):
    half = scipy.stats.t.ppf(0.975, found.freedom) * found.error / found.value / (1 - found.value)
    return expit(logit(found.value) + np.array([-half, half]))


@pytest.mark.parametrize(
    ("positives", "apart", "joined"), [(20, 0, False), (19, 0, True), (20, 1, True)]
)
def test_newcombes_interval_joins_in_where_it_is_needed_alone(positives, apart, joined):
    """With 20 of a class, and an AUC that is not nearly perfect, the interval is DeLong's."""
    truth = np.repeat([1, 0], [positives, 20])
    # All alike, or all in their places, but for one or two: DeLong's error is small.
    scores = np.repeat([float(apart), 0.0], [positives, 20])
    scores[0], scores[-1] = 0.5, apart / 2
    found = auc_interval(truth, scores)
    assert (found.value > 0.99) == bool(apart) and found.error > 0
    alone, wide = _ends(found), newcombe_interval(found.value, positives, 20)
    assert wide[0] < alone[0]
    wanted = (min(alone[0], wide[0]), max(alone[1], wide[1])) if joined else tuple(alone)
    assert (found.low, found.high) == pytest.approx(wanted)


def test_two_patients_of_a_class_are_enough_for_an_error():
    truth = np.array([1, 1, 0, 0, 0, 0])
    found = auc_interval(truth, [2.0, 4.0, 1.0, 3.0, 0.0, 5.0], list("abcdef"))
    assert found.units == 2 and 0 < found.error < 1 and 0 < found.low < found.high < 1
