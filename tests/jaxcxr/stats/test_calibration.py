"""Calibration, fixed thresholds and subgroups, against scikit-learn and direct computation."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.special import expit
from sklearn.calibration import _sigmoid_calibration, calibration_curve
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import average_precision_score, brier_score_loss, roc_auc_score

from jaxcxr.stats import (
    at_threshold,
    brier_score,
    calibration,
    expected_calibration_error,
    fit_platt,
    fit_temperature,
    resample_counts,
    subgroups,
    sums,
)


@pytest.fixture(scope="module")
def logits_of_labels():
    rng = np.random.default_rng(0)
    true_logit = rng.normal(-1, 1.5, (400, 2))
    labels = (rng.random((400, 2)) < expit(true_logit)).astype(int)
    return labels, 3 * true_logit + 1


def test_reliability_and_brier_equal_scikit_learns(logits_of_labels):
    labels, logits = logits_of_labels
    probabilities = expit(logits)
    ours = calibration(labels, probabilities, bins=10, resamples=0)
    for label in range(2):
        y, p = labels[:, label], probabilities[:, label]
        observed, predicted = calibration_curve(y, p, n_bins=10)
        filled = ours.images[label] > 0
        np.testing.assert_allclose(ours.observed[0, label, filled], observed)
        np.testing.assert_allclose(ours.predicted[0, label, filled], predicted)
        assert brier_score(labels, probabilities)[label] == pytest.approx(brier_score_loss(y, p))
        share = ours.images[label][filled] / 400
        expected = np.sum(share * np.abs(observed - predicted))
        assert expected_calibration_error(labels, probabilities)[label] == pytest.approx(expected)


def test_calibration_over_redraws_equals_repeating_the_images(logits_of_labels):
    labels, logits = logits_of_labels
    groups = np.arange(400) // 3
    ours = calibration(labels, expit(logits), resamples=15, seed=2, groups=groups)
    for redraw, counts in enumerate(resample_counts(2, 15, 400, groups)):
        drawn = np.repeat(np.arange(400), counts)
        again = calibration(labels[drawn], expit(logits[drawn]), resamples=0)
        for name in ("brier", "ece", "observed", "predicted"):
            np.testing.assert_allclose(getattr(ours, name)[1 + redraw], getattr(again, name)[0])


def test_edges_of_bins_and_unknown_labels():
    ours = calibration([1, 0, -1, 1], [1.0, 0.5, 0.5, 0.49], bins=2, resamples=0)
    np.testing.assert_array_equal(ours.images, [[1, 2]])
    assert ours.brier[0, 0] == pytest.approx((0 + 0.25 + 0.51**2) / 3)
    with pytest.raises(ValueError, match="between 0 and 1"):
        calibration([1, 0], [1.5, 0.2])


def test_platt_scaling_equals_scikit_learns(logits_of_labels):
    labels, logits = logits_of_labels
    slope, offset = _sigmoid_calibration(logits[:, 0], labels[:, 0])
    ours = fit_platt(labels[:, 0], logits[:, 0])
    # scikit-learn writes sigmoid(-(a x + b)), and stops a little earlier.
    assert (ours.slope, ours.offset) == pytest.approx((-slope, -offset), rel=1e-3)
    np.testing.assert_allclose(ours(logits[:5, 0]), expit(ours.slope * logits[:5, 0] + ours.offset))


def test_temperature_equals_a_regression_without_offset(logits_of_labels):
    labels, logits = logits_of_labels
    regression = LogisticRegression(C=np.inf, fit_intercept=False, tol=1e-10)
    regression.fit(logits[:, :1], labels[:, 0])
    ours = fit_temperature(labels[:, 0], logits[:, 0])
    assert ours.slope == pytest.approx(regression.coef_[0, 0], rel=1e-5)
    assert ours.offset == 0


def test_scaling_undoes_a_known_distortion(logits_of_labels):
    labels, logits = logits_of_labels
    before = expected_calibration_error(labels, expit(logits))
    after = expected_calibration_error(
        labels, np.stack([fit_platt(labels[:, k], logits[:, k])(logits[:, k]) for k in (0, 1)], 1)
    )
    assert (after < 0.5 * before).all()


@pytest.mark.parametrize("fit", [fit_platt, fit_temperature])
def test_fitting_needs_both_classes(fit):
    with pytest.raises(ValueError, match="both classes"):
        fit([0, 0, -1], [1.0, 2.0, 3.0])


def test_fixed_threshold_over_redraws(logits_of_labels):
    labels, logits = logits_of_labels
    labels = labels.copy()
    labels[::5, 0] = -1
    thresholds = np.array([0.3, -1.0])
    ours = at_threshold(labels, logits, thresholds, resamples=20)
    for redraw, counts in enumerate([np.ones(400, int), *resample_counts(0, 20, 400)]):
        drawn = np.repeat(np.arange(400), counts)
        for label in range(2):
            y, called = labels[drawn, label], logits[drawn, label] >= thresholds[label]
            assert ours.sensitivity[redraw, label] == pytest.approx(called[y == 1].mean())
            assert ours.specificity[redraw, label] == pytest.approx(1 - called[y == 0].mean())
            assert ours.accuracy[redraw, label] == pytest.approx((called == y)[y >= 0].mean())


def test_one_image_of_each_class_has_both_rates_and_a_missing_class_none():
    ours = at_threshold([[1, 1], [0, 1]], [[2.0, 2], [1, 1]], [1.5, 1.5], resamples=0)
    np.testing.assert_array_equal(ours.sensitivity, [[1, np.nan]])
    np.testing.assert_array_equal(ours.specificity, [[1, np.nan]])
    np.testing.assert_array_equal(ours.accuracy, [[1, np.nan]])


@pytest.mark.parametrize(("images", "redraws"), [(60, 256), (2**18, 128), (2**25 + 1, 1)])
def test_redraws_are_added_up_in_blocks_of_bounded_memory(monkeypatch, images, redraws):
    """At most 256 of them, and 32 million counts; but one redraw of any number of images."""
    asked = []
    monkeypatch.setattr(sums, "resample_blocks", lambda *given: asked.append(given) or [])
    monkeypatch.setattr(sums, "_matrix", lambda row, _: np.zeros((1, len(row))))
    monkeypatch.setattr(sums, "_product", lambda *_: np.zeros((1, 1)))
    sums.sums_over_redraws([np.broadcast_to(False, images)], 9, 4)
    assert asked == [(4, 9, images, None, redraws)]


def test_subgroups_and_their_gaps(logits_of_labels):
    labels, logits = logits_of_labels
    subgroup = np.arange(400) % 4 - 1  # one quarter unknown
    labels = labels.copy()
    labels[subgroup == 2, 1] = 0  # the last subgroup has no positive of label 1
    thresholds = np.array([0.0, 0.5])
    ours = subgroups(labels, logits, subgroup, thresholds, count=3, resamples=10, seed=1)
    for redraw, counts in enumerate([np.ones(400, int), *resample_counts(1, 10, 400)]):
        drawn = np.repeat(np.arange(400), counts)
        for number in range(2):
            inside, others = (
                drawn[subgroup[drawn] == number],
                drawn[~np.isin(subgroup[drawn], (number, -1))],
            )
            for label in range(2):
                y, s = labels[:, label], logits[:, label]
                value = roc_auc_score(y[inside], s[inside])
                assert ours.metrics["auc"][redraw, number, label] == pytest.approx(value)
                gap = value - roc_auc_score(y[others], s[others])
                assert ours.gaps["auc"][redraw, number, label] == pytest.approx(gap)
                precision = average_precision_score(y[inside], s[inside])
                mine = ours.metrics["average_precision"][redraw, number, label]
                assert mine == pytest.approx(precision)
                found = (s[inside] >= thresholds[label])[y[inside] == 1].mean()
                assert ours.metrics["sensitivity"][redraw, number, label] == pytest.approx(found)
    assert ours.positives[2, 1] == 0 and ours.negatives[2, 1] == 100
    assert np.isnan(ours.metrics["auc"][:, 2, 1]).all()
    assert np.isnan(ours.metrics["sensitivity"][:, 2, 1]).all()
    assert np.isnan(ours.gaps["auc"][:, 2, 1]).all()


def test_a_single_known_image_is_enough():
    ours = calibration([1, -1, -1], [0.7, 0.1, 0.9], resamples=0)
    assert ours.brier[0, 0] == pytest.approx(0.09) and ours.ece[0, 0] == pytest.approx(0.3)
    nothing = calibration([-1, -1], [0.7, 0.1], resamples=0)
    assert np.isnan(nothing.brier[0, 0]) and np.isnan(nothing.ece[0, 0])
    assert nothing.images.sum() == 0 and np.isnan(nothing.observed).all()


def test_probabilities_of_zero_and_one_are_taken_and_none_beyond():
    ours = calibration([0, 1], [0.0, 1.0], resamples=0)
    assert ours.images[0, 0] == ours.images[0, -1] == 1
    assert ours.images.shape == (1, 10)
    for beyond in (-1e-9, 1 + 1e-9):
        with pytest.raises(ValueError, match="between 0 and 1"):
            calibration([0, 1], [0.5, beyond], resamples=0)


def test_the_redraws_are_the_bootstraps_by_default_too(logits_of_labels):
    labels, logits = logits_of_labels
    whole = calibration(labels, expit(logits))
    told = calibration(labels, expit(logits), bins=10, resamples=1000, seed=0)
    assert whole.brier.shape == (1001, 2)
    np.testing.assert_array_equal(whole.ece, told.ece)
    fixed = at_threshold(labels, logits, [0.0, 0.0])
    again = at_threshold(labels, logits, [0.0, 0.0], resamples=1000, seed=0)
    np.testing.assert_array_equal(fixed.accuracy, again.accuracy)
