"""Intercept, slope, curve and noise floor against statsmodels and what they are defined by."""

from __future__ import annotations

import sys

import numpy as np
import pytest
import scipy.stats
import statsmodels.api as sm
from scipy.special import expit, logit

from jaxcxr.stats import (
    expected_calibration_error,
    noise_floor,
    recalibration,
)


def distorted(images=3000, intercept=0.6, slope=0.7, seed=0):
    rng = np.random.default_rng(seed)
    logits = rng.normal(-1.5, 1.2, images)
    truth = (rng.random(images) < expit(intercept + slope * logits)).astype(int)
    return truth, logits


def test_intercept_and_slope_are_statsmodels_by_patient():
    truth, logits = distorted(400)
    patient = np.repeat(np.arange(100), 4)
    found = recalibration(truth, expit(logits), patient)
    design = np.stack([np.ones(400), logits], axis=1)
    asked = {"cov_type": "cluster", "cov_kwds": {"groups": patient}}
    line = sm.GLM(truth, design, sm.families.Binomial()).fit(tol=1e-12, **asked)
    average = sm.GLM(truth, design[:, :1], sm.families.Binomial(), offset=logits)
    average = average.fit(tol=1e-12, **asked)
    assert found.slope.value == pytest.approx(line.params[1], abs=1e-8)
    assert found.intercept.value == pytest.approx(average.params[0], abs=1e-8)
    # Theirs has (n - 1) / (n - k) besides; the quantile is of t over the smaller class's patients.
    with_class = len(np.unique(patient[truth == 1]))
    tail = scipy.stats.t.ppf(0.975, with_class - 1)
    half = (found.slope.high - found.slope.low) / 2
    assert half == pytest.approx(tail * line.bse[1] * np.sqrt(398 / 399), rel=1e-6)
    half = (found.intercept.high - found.intercept.low) / 2
    assert half == pytest.approx(tail * average.bse[0], rel=1e-6)


def test_the_band_of_a_straight_curve_is_that_of_its_line():
    truth = np.repeat([1, 0], [15, 60])
    logits = np.random.default_rng(3).normal(size=75) + truth - 2
    found = recalibration(truth, expit(logits), level=0.9)
    assert found.knots == 0
    design = np.stack([np.ones(75), logits], axis=1)
    line = sm.GLM(truth, design, sm.families.Binomial()).fit(tol=1e-12, cov_type="HC0")
    at = np.stack([np.ones(50), logit(found.predicted)], axis=1)
    middle = at @ line.params
    errors = np.sqrt(np.diag(at @ line.cov_params() @ at.T) * 75 / 74)
    half = scipy.stats.t.ppf(0.95, 14) * errors
    np.testing.assert_allclose(found.observed, expit(middle), rtol=1e-6)
    np.testing.assert_allclose(found.low, expit(middle - half), rtol=1e-6)
    np.testing.assert_allclose(found.high, expit(middle + half), rtol=1e-6)


def test_two_images_of_a_class_have_an_interval_and_one_has_none():
    logits = np.array([0.3, -0.2, 0.5, -1.0, -0.4, 0.1, -0.8, 0.9])
    for positives, width in ((2, True), (1, False)):
        found = recalibration(np.arange(8) < positives, expit(logits))
        for one in (found.intercept, found.slope):
            assert np.isfinite(one.value) and np.isfinite([one.low, one.high]).all() == width


def test_the_curve_finds_the_truth_and_the_distances_from_it():
    truth, logits = distorted(40_000)
    predicted = expit(logits)
    found = recalibration(truth, predicted)
    right = expit(0.6 + 0.7 * logit(found.predicted))
    # The far ends of the curve have few images.
    inside = (found.predicted > 0.01) & (found.predicted < 0.8)
    assert np.abs(found.observed - right)[inside].max() < 0.03
    assert np.mean((found.low <= right) & (right <= found.high)) > 0.8
    far = np.abs(expit(0.6 + 0.7 * logits) - predicted)
    assert found.ici == pytest.approx(far.mean(), abs=0.005)
    assert found.e90 == pytest.approx(np.quantile(far, 0.9), abs=0.01)
    assert found.e50 <= found.e90 <= found.e_max and found.knots == 4


def test_few_positives_have_few_knots():
    for positives, knots in ((8, 0), (25, 3), (60, 4)):
        rng = np.random.default_rng(positives)
        truth = np.repeat([1, 0], [positives, 300])
        logits = rng.normal(size=len(truth)) + truth - 2
        assert recalibration(truth, expit(logits)).knots == knots


@pytest.mark.parametrize("probability", [np.repeat([1.0, 0.0], 6), np.full(12, 0.3)])
def test_separated_classes_and_constant_scores_have_no_slope(probability):
    truth = np.repeat([1, 0], 6)
    found = recalibration(truth, probability)
    assert np.isnan(found.slope.value) and np.isnan(found.slope.low)
    assert np.isnan(found.ici)


def test_unknown_labels_and_bad_numbers():
    truth, logits = distorted(300)
    padded = recalibration(np.append(truth, -1), expit(np.append(logits, 3.0)))
    assert padded.slope == recalibration(truth, expit(logits)).slope
    with pytest.raises(ValueError, match="between 0 and 1"):
        recalibration(truth, logits)
    with pytest.raises(ValueError, match="both classes"):
        recalibration(np.ones(5, int), np.full(5, 0.5))


def test_the_noise_floor_is_the_mean_ece_of_labels_drawn_from_the_probabilities():
    rng = np.random.default_rng(4)
    predicted = expit(rng.normal(-1, 1.5, 500))
    drawn = [
        expected_calibration_error(
            (rng.random((500, 100)) < predicted[:, None]).astype(int),
            np.tile(predicted, (100, 1)).T,
        )
        for _ in range(10)
    ]
    truth = (rng.random(500) < predicted).astype(int)
    found = noise_floor(truth, predicted, draws=2000)
    assert found.ece == pytest.approx(
        expected_calibration_error(truth[:, None], predicted[:, None])[0]
    )
    assert found.floor == pytest.approx(np.mean(drawn), abs=0.001)
    assert found.floor_high == pytest.approx(np.quantile(drawn, 0.95), abs=0.002)
    assert noise_floor(truth, predicted) == noise_floor(truth, predicted)


def test_the_debiased_value_is_the_one_by_normal_draws():
    """Kumar, Liang and Ma 2019 draw the bins' gaps; here the mean of their distances is exact."""
    truth, logits = distorted(600, intercept=0.2, slope=0.9)
    predicted = expit(logits)
    bin_of = np.minimum((predicted * 10).astype(int), 9)
    gap, spread, share = (np.zeros(10) for _ in range(3))
    for one in np.unique(bin_of):
        inside = truth[bin_of == one] - predicted[bin_of == one]
        gap[one], share[one] = inside.mean(), len(inside) / 600
        spread[one] = inside.std(ddof=1) / np.sqrt(len(inside)) if len(inside) > 1 else 0
    draws = gap + spread * np.random.default_rng(0).normal(size=(200_000, 10))
    bias = np.mean(np.abs(draws) @ share) - np.abs(gap) @ share
    found = noise_floor(truth, predicted, np.arange(600))
    assert found.debiased == pytest.approx(np.abs(gap) @ share - bias, abs=2e-4)
    assert found.debiased < found.ece


@pytest.mark.parametrize("patients", [[0, 1, 2, 3, 4, 5], [0, 0, 1, 1, 2, 2]])
def test_the_chance_that_is_taken_off_is_the_mean_of_a_folded_normal(patients):
    truth = np.array([1, 0, 1, 1, 0, 0])
    predicted = np.array([0.35, 0.3, 0.2, 0.25, 0.4, 0.32])
    gaps = truth - predicted
    sums = np.bincount(patients, gaps - gaps.mean())
    error = np.sqrt(len(sums)) * sums.std(ddof=1) / 6  # of the gaps' sum over patients, an image
    gap = abs(gaps.mean())
    by_chance = scipy.stats.foldnorm(gap / error, scale=error).mean() - gap
    found = noise_floor(truth, predicted, patients, bins=1)
    assert found.ece == pytest.approx(gap)
    assert found.debiased == pytest.approx(max(gap - by_chance, 0.0)) and found.debiased > 0.05


def test_debiasing_removes_most_of_what_chance_adds():
    rng = np.random.default_rng(5)
    predicted = expit(rng.normal(-1, 1.5, 400))
    sets = [noise_floor((rng.random(400) < predicted).astype(int), predicted) for _ in range(50)]
    plain, debiased = (
        np.mean([getattr(one, name) for one in sets]) for name in ("ece", "debiased")
    )
    assert debiased < 0.75 * plain
    assert 0.85 < np.mean([one.ece <= one.floor_high for one in sets]) <= 1


def test_the_noise_floor_is_of_400_sets_from_seed_0_over_10_bins_unless_told():
    truth, logits = distorted(300)
    usual = noise_floor(truth, expit(logits))
    assert usual == noise_floor(truth, expit(logits), bins=10, draws=400, seed=0)
    assert usual != noise_floor(truth, expit(logits), seed=1)


def test_drawing_in_blocks_draws_the_same(monkeypatch):
    module = sys.modules[noise_floor.__module__]
    truth, logits = distorted(300)
    whole = noise_floor(truth, expit(logits), draws=50)
    for rows in (1, 7, 49, 50, 51):
        monkeypatch.setattr(module, "_BLOCK", 300 * rows)
        assert noise_floor(truth, expit(logits), draws=50) == whole


def test_one_probability_far_from_all_others_is_fitted_with_them():
    """The first steps of Newton's method are then far too long, and have to be cut."""
    truth, logits = distorted(400)
    logits = logits / 4
    logits[0], truth[0] = 27.0, 1
    found = recalibration(truth, expit(logits))
    design = np.stack([np.ones(400), logits], axis=1)
    line = sm.GLM(truth, design, sm.families.Binomial()).fit(tol=1e-12)
    assert found.slope.value == pytest.approx(line.params[1], rel=1e-6)
