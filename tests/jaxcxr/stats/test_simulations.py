"""Coverage of intervals, uniformity of p-values and control of errors, by simulation.

The results with these seeds stand in `docs/statistics.md`. Scores are binormal, so the true AUC is
known: with variances equal it is Phi(mean difference / (sd sqrt 2)).
"""

from __future__ import annotations

import numpy as np
import pytest
import scipy.stats

from jaxcxr.stats import (
    benjamini_hochberg,
    bootstrap,
    bootstrap_p,
    compare,
    delong,
    percentile_interval,
)

pytestmark = pytest.mark.slow

REPLICATIONS = 2000
# All replications are columns of one bootstrap. Sharing redraws between independent data sets
# leaves each one's interval what it would be alone.
RESAMPLES = 600


def coverage(low, high, truth):
    return float(np.mean((low <= truth) & (truth <= high)))


def independent(images, prevalence, shift, rng):
    truth = (rng.random((images, REPLICATIONS)) < prevalence).astype(int)
    return truth, rng.normal(size=(images, REPLICATIONS)) + shift * truth


def of_patients(patients, rng, *, between, shift=1.0):
    """Four images a patient, sharing a share `between` of the variance and mostly the label."""
    images = 4 * patients
    patient = np.repeat(np.arange(patients), 4)
    ill = (rng.random((patients, REPLICATIONS)) < 0.4)[patient]
    truth = np.where(rng.random((images, REPLICATIONS)) < 0.9, ill, ~ill).astype(int)
    shared = np.sqrt(between) * rng.normal(size=(patients, REPLICATIONS))[patient]
    own = np.sqrt(1 - between) * rng.normal(size=(images, REPLICATIONS))
    return truth, shared + own + shift * truth, patient


def percentile_coverage(truth, scores, value, groups=None):
    redraws = bootstrap(truth, scores, resamples=RESAMPLES, seed=1, groups=groups)
    interval = percentile_interval(redraws.estimates.auc, redraws.auc)
    return coverage(interval.low, interval.high, value)


def test_image_level_intervals_cover():
    rng = np.random.default_rng(11)
    true_auc = scipy.stats.norm.cdf(1 / np.sqrt(2))
    truth, scores = independent(200, 0.3, 1.0, rng)
    covered = percentile_coverage(truth, scores, true_auc)
    print("coverage", covered)
    assert 0.93 <= covered <= 0.97


def test_patient_level_intervals_cover_where_image_level_intervals_fail():
    rng = np.random.default_rng(12)
    true_auc = scipy.stats.norm.cdf(1 / np.sqrt(2))
    truth, scores, patient = of_patients(100, rng, between=0.8)
    by_patient = percentile_coverage(truth, scores, true_auc, patient)
    by_image = percentile_coverage(truth, scores, true_auc)
    print("by patient", by_patient)
    print("by image", by_image)
    assert 0.93 <= by_patient <= 0.97
    assert by_image < 0.85


def test_delongs_interval_covers_by_image_and_by_patient():
    rng = np.random.default_rng(13)
    true_auc = scipy.stats.norm.cdf(1 / np.sqrt(2))
    truth, scores, patient = of_patients(100, rng, between=0.8)
    found = {"by patient": [], "by image": []}
    for column in range(REPLICATIONS):
        for name, groups in (("by patient", patient), ("by image", None)):
            found[name].append(delong(truth[:, column], scores[:, column], groups).interval()[0])
    covered = {name: coverage(*np.array(ends).T, true_auc) for name, ends in found.items()}
    print("coverage", covered)
    assert 0.93 <= covered["by patient"] <= 0.97
    assert covered["by image"] < 0.85


def two_equal_models(rng, images=200):
    """Two scores of the same AUC, correlated 0.5 within an image."""
    truth = (rng.random((images, REPLICATIONS)) < 0.4).astype(int)
    shared = rng.normal(size=(images, REPLICATIONS))
    own = rng.normal(size=(2, images, REPLICATIONS))
    return truth, np.sqrt(0.5) * (shared + own) + truth


def test_p_values_are_uniform_under_the_null():
    truth, scores = two_equal_models(np.random.default_rng(14))
    found = compare(truth, scores, resamples=999, seed=2)
    tests = {
        "bootstrap": scipy.stats.kstest(found.p, "uniform"),
        "DeLong": scipy.stats.kstest(found.delong_p, "uniform"),
    }
    for name, p in (("bootstrap", found.p), ("DeLong", found.delong_p)):
        print(name, (tests[name].pvalue, float(np.mean(p < 0.05))))
        assert tests[name].pvalue > 0.01
        assert 0.038 <= np.mean(p < 0.05) <= 0.065
    assert np.mean(found.disagree) < 0.05


def test_false_discoveries_are_controlled():
    """Families of 20 labels, 5 with a true difference; 100 families."""
    rng = np.random.default_rng(15)
    truth, scores = two_equal_models(rng)
    differs = np.arange(REPLICATIONS) % 20 < 5
    scores[0] += 0.6 * truth * differs
    redraws = bootstrap(truth, scores, resamples=999, seed=3)
    p = bootstrap_p(redraws.auc[0] - redraws.auc[1]).reshape(-1, 20)
    differs = differs.reshape(-1, 20)
    rejected = np.stack([benjamini_hochberg(family) for family in p]) <= 0.1
    false_share = np.sum(rejected & ~differs, axis=1) / np.maximum(rejected.sum(axis=1), 1)
    power = np.sum(rejected & differs) / differs.sum()
    print("false-discovery rate at 0.1", float(false_share.mean()))
    print("power", float(power))
    # Three quarters of the tests are null, so the rate aimed at is 0.075; the mean of 100
    # families has a standard error of about 0.012.
    assert false_share.mean() < 0.1
    assert power > 0.5


def test_p_values_by_patient_hold_where_those_by_image_fail():
    """Two models of the same AUC, each with an opinion of its own on every patient."""
    rng = np.random.default_rng(16)
    patients, images = 100, 400
    truth, _, patient = of_patients(patients, rng, between=0.0)
    opinion = rng.normal(size=(2, patients, REPLICATIONS))[:, patient]
    scores = np.sqrt(0.7) * opinion + np.sqrt(0.3) * rng.normal(size=(2, images, REPLICATIONS))
    scores = scores + truth
    by_patient = compare(truth, scores, resamples=RESAMPLES, seed=4, groups=patient)
    by_image = compare(truth, scores, resamples=RESAMPLES, seed=4)
    for name, found in (("by patient", by_patient), ("by image", by_image)):
        print(name, np.mean(found.p < 0.05), "DeLong", np.mean(found.delong_p < 0.05))
    assert 0.035 <= np.mean(by_patient.p < 0.05) <= 0.065
    assert 0.035 <= np.mean(by_patient.delong_p < 0.05) <= 0.07
    assert np.mean(by_image.p < 0.05) > 0.15
