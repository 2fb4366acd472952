"""The intervals that are the default hold with few positives, where percentiles do not.

A few cells of `python -m benchmarks.coverage_intervals`, whose tables are in `docs/statistics.md`.
Of 600 data sets a coverage of 0.95 has a standard error of 0.009.
"""

from __future__ import annotations

import numpy as np
import pytest
from scipy.special import expit, ndtr, ndtri

from jaxcxr.stats import (
    auc_difference,
    auc_interval,
    bootstrap,
    calibration,
    newcombe_interval,
    percentile_interval,
    positive_predictive,
    recalibration,
    two_by_two,
)

pytestmark = pytest.mark.slow

SETS = 600


def coverage(ends, value):
    low, high = np.array(ends).T
    found = float(np.mean((low <= value) & (value <= high)))
    print(found)
    return found


def drawn(positives, negatives, shift, rng, images_a_patient=1):
    """Labels, scores `[images, sets]` with variance 1, half of it shared by patient, patients."""
    patient = np.repeat(np.arange(positives + negatives), images_a_patient)
    truth = (patient < positives).astype(int)
    shared = rng.normal(size=(positives + negatives, SETS))[patient]
    own = rng.normal(size=shared.shape)
    return truth, np.sqrt(0.5) * (shared + own) + shift * truth[:, None], patient


@pytest.mark.parametrize("images_a_patient", [1, 4])
def test_aucs_of_ten_positives(images_a_patient):
    shift = np.sqrt(2) * ndtri(0.95)
    rng = np.random.default_rng(21)
    truth, scores, patient = drawn(10, 90, shift, rng, images_a_patient)
    found = [auc_interval(truth, column, patient) for column in scores.T]
    # The union with Newcombe's is on the safe side.
    assert 0.94 <= coverage([(one.low, one.high) for one in found], 0.95) <= 0.998
    labels = np.tile(truth[:, None], SETS)
    redraws = bootstrap(labels, scores, resamples=400, groups=patient)
    interval = percentile_interval(redraws.estimates.auc, redraws.auc)
    assert coverage(list(zip(interval.low, interval.high, strict=True)), 0.95) < 0.92


def test_newcombes_alone_fails_where_positives_spread_twice_as_widely():
    """Why it is joined with DeLong's, and does not stand in its place."""
    rng = np.random.default_rng(27)
    truth = np.repeat([1, 0], [10, 90])
    noise = rng.normal(size=(100, SETS))
    positives = ndtri(0.85) * np.hypot(1, 2) + 2 * noise
    scores = np.where(truth[:, None] == 1, positives, noise)
    found = [auc_interval(truth, column) for column in scores.T]
    assert 0.93 <= coverage([(one.low, one.high) for one in found], 0.85) <= 0.98
    alone = [newcombe_interval(one.value, 10, 90) for one in found]
    assert coverage(alone, 0.85) < 0.91


def test_differences_of_fifteen_positives():
    rng = np.random.default_rng(22)
    truth = np.repeat([1, 0], [15, 135])
    shared = rng.normal(size=(150, SETS))
    scores = np.sqrt(0.5) * (shared + rng.normal(size=(2, 150, SETS))) + 1.5 * truth[:, None]
    found = [auc_difference(truth, scores[:, :, one]) for one in range(SETS)]
    assert 0.93 <= coverage([(one.low, one.high) for one in found], 0.0) <= 0.98


@pytest.mark.parametrize("images_a_patient", [1, 4])
def test_rates_at_a_threshold_that_was_fixed_before(images_a_patient):
    rng = np.random.default_rng(23)
    threshold, sensitivity = ndtri(0.9), 0.8
    shift = threshold + ndtri(sensitivity)
    truth, scores, patient = drawn(20, 180, shift, rng, images_a_patient)
    found = [two_by_two(truth, column, threshold, patient) for column in scores.T]
    known = {
        "sensitivity": sensitivity,
        "specificity": 0.9,
        "balanced_accuracy": (sensitivity + 0.9) / 2,
        "lr_positive": sensitivity / 0.1,
        "lr_negative": (1 - sensitivity) / 0.9,
    }
    for name, value in known.items():
        ends = [(getattr(one, name).low, getattr(one, name).high) for one in found]
        assert 0.925 <= coverage(ends, value) <= 0.99, name
    odds = known["lr_positive"] * 0.05 / 0.95
    ppv = [positive_predictive(one.lr_positive, 0.05) for one in found]
    assert 0.925 <= coverage([(one.low, one.high) for one in ppv], odds / (1 + odds)) <= 0.99


def test_the_refitted_table_does_not_cover_what_its_threshold_has():
    rng = np.random.default_rng(24)
    truth, scores, _ = drawn(20, 180, 1.5, rng)
    redraws = bootstrap(np.tile(truth[:, None], SETS), scores, resamples=400)
    once = redraws.estimates
    own = ndtr(1.5 - once.threshold) - ndtr(-once.threshold)
    value = once.sensitivity + once.specificity - 1
    interval = percentile_interval(value, redraws.sensitivity + redraws.specificity - 1)
    assert np.mean((interval.low <= own) & (own <= interval.high)) < 0.75


def test_calibration_of_fifty_positives_and_the_percentiles_of_ece():
    rng = np.random.default_rng(25)
    logits = rng.normal(-2.2, 1.3, (400, SETS))
    truth = (rng.random(logits.shape) < expit(logits)).astype(int)
    fits = [recalibration(*one) for one in zip(truth.T, expit(logits).T, strict=True)]
    for name, value in (("intercept", 0.0), ("slope", 1.0)):
        ends = [(getattr(one, name).low, getattr(one, name).high) for one in fits]
        assert 0.93 <= coverage(ends, value) <= 0.98, name
    ece = calibration(truth, expit(logits), resamples=300).ece
    interval = percentile_interval(ece[0], ece[1:])
    assert np.mean(interval.low <= 0.001) < 0.05
