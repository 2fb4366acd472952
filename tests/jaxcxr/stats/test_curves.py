"""AUC, average precision and operating points against scikit-learn."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import (
    average_precision_score,
    precision_recall_curve,
    roc_auc_score,
    roc_curve,
)

from jaxcxr.stats import (
    auc,
    average_precision,
    curve,
    operating_point,
    point_at_sensitivity,
    point_at_specificity,
    point_at_threshold,
)

TIED_SCORES = st.lists(
    st.tuples(st.booleans(), st.integers(-3, 3), st.floats(0.01, 5)), min_size=2, max_size=60
).filter(lambda rows: len({row[0] for row in rows}) == 2)


@settings(max_examples=150, deadline=None)
@given(TIED_SCORES)
def test_auc_and_average_precision_with_ties_and_weights(rows):
    y, s, w = (np.array(column) for column in zip(*rows, strict=True))
    y, s = y.astype(int), s.astype(float)
    assert auc(y, s) == pytest.approx(roc_auc_score(y, s), abs=1e-12)
    assert average_precision(y, s) == pytest.approx(average_precision_score(y, s), abs=1e-12)
    assert auc(y, s, w) == pytest.approx(roc_auc_score(y, s, sample_weight=w), abs=1e-12)
    assert average_precision(y, s, w) == pytest.approx(
        average_precision_score(y, s, sample_weight=w), abs=1e-12
    )


def test_auc_is_the_share_of_pairs_ranked_rightly():
    rng = np.random.default_rng(0)
    y, s = rng.integers(0, 2, 80), rng.integers(0, 6, 80)
    pairs = np.sign(s[y == 1][:, None] - s[y == 0][None, :])
    assert auc(y, s) == pytest.approx((pairs.mean() + 1) / 2, abs=1e-15)


def test_saturated_scores_one_positive_and_shapes():
    assert auc([1, 0, 0, 0], [1.0, 1.0, 0.0, 0.0]) == pytest.approx(2.5 / 3)
    assert auc([1, 0], [0.0, 1.0]) == 0
    labels = np.array([[1, 0], [0, 0], [1, 0]])
    scores = np.array([[0.9, 0.1], [0.2, 0.5], [0.1, 0.3]])
    values = auc(labels, scores)
    assert values[0] == 0.5 and np.isnan(values[1])
    assert auc(labels, np.stack([scores, -scores])).shape == (2, 2)


def test_unknown_labels_are_left_out():
    assert auc([1, 0, -1, 1], [3, 2, 9, 1]) == auc([1, 0, 1], [3, 2, 1])


def test_curve_equals_scikit_learns():
    rng = np.random.default_rng(1)
    y, s = rng.integers(0, 2, 200), np.round(rng.normal(size=200), 1)
    points = curve(y, s)
    false_rate, true_rate, thresholds = roc_curve(y, s, drop_intermediate=False)
    np.testing.assert_allclose(points.sensitivity, true_rate)
    np.testing.assert_allclose(1 - points.specificity, false_rate, atol=1e-15)
    np.testing.assert_array_equal(points.threshold, thresholds)
    precision, recall, _ = precision_recall_curve(y, s)
    np.testing.assert_allclose(points.precision, precision[::-1])
    np.testing.assert_allclose(points.sensitivity, recall[::-1])


def test_operating_point_calls_positive_at_the_threshold_itself():
    y, s = np.array([0, 0, 1, 1]), np.array([0.1, 0.4, 0.4, 0.8])
    # J is 1/2 both at 0.8 (one of two found, none false) and at 0.4 (all found, one false).
    point = operating_point(y, s)
    assert (point.threshold, point.sensitivity, point.specificity) == (0.8, 0.5, 1.0)
    same = point_at_threshold(y, s, 0.8)
    assert same == point
    assert point_at_threshold(y, s, 0.3).specificity == 0.5
    assert point_at_threshold(y, s, 2.0).sensitivity == 0


def test_fixed_rates_are_met_exactly():
    y = np.array([0] * 10 + [1] * 10)
    s = np.arange(20.0)
    assert point_at_specificity(y, s - 5 * y, 0.9).specificity == 0.9
    point = point_at_sensitivity(y, s - 5 * y, 0.9)
    assert point.sensitivity == 0.9
    assert point.specificity == np.mean((s - 5 * y)[:10] < point.threshold)
    with pytest.raises(ValueError, match="above 0 and at most 1"):
        point_at_specificity(y, s, 1.2)


@pytest.mark.parametrize(
    ("weights", "message"), [([1, 2], "one for each"), ([-1.0, 1, 1, 1], "not negative")]
)
def test_bad_weights_are_refused(weights, message):
    with pytest.raises(ValueError, match=message):
        auc([0, 1, 0, 1], [1.0, 2, 3, 4], weights)


def test_a_curve_needs_both_classes():
    with pytest.raises(ValueError, match="3 positive and 0 negative"):
        curve([1, 1, 1], [1.0, 2, 3])


def test_weights_of_zero_are_no_images():
    with pytest.raises(ValueError, match="not estimable"):
        curve([1, 0, 0], [3.0, 2, 1], [0, 1, 1])
    with pytest.raises(ValueError, match="not estimable"):
        curve([1, 0, 0], [3.0, 2, 1], [1, 0, 0])
    assert auc([1, 1, 0], [3.0, 0, 2], [1.0, 0, 1]) == 1.0


def test_several_models_of_a_single_label():
    y, s = [1, 0, 1, 0], np.array([[4.0, 3, 2, 1], [1.0, 2, 3, 4], [0.0, 0, 0, 0]])
    np.testing.assert_array_equal(auc(y, s), [0.75, 0.25, 0.5])
    assert auc(np.array(y)[:, None], s[:, :, None]).shape == (3, 1)


def test_operating_points_are_the_best_of_all_thresholds():
    """By trying every threshold, in exact fractions, on many small samples with ties."""
    rng = np.random.default_rng(0)
    for _ in range(150):
        y = rng.permutation([0, 1, *rng.integers(0, 2, rng.integers(0, 9))])
        s = rng.integers(0, 5, len(y)).astype(float)
        tried = []
        for threshold in [np.inf, *np.unique(s)[::-1]]:
            called = s >= threshold
            found = Fraction(int((called & (y == 1)).sum()), int((y == 1).sum()))
            spared = Fraction(int((~called & (y == 0)).sum()), int((y == 0).sum()))
            tried.append((threshold, found, spared, np.mean(called == y)))
        best = max(tried, key=lambda point: point[1] + point[2])  # the first of equal ones
        half = Fraction(1, 2)
        specific = [point for point in tried if point[2] >= half][-1]
        sensitive = next(point for point in tried if point[1] >= half)
        for ours, expected in (
            (operating_point(y, s), best),
            (point_at_specificity(y, s, 0.5), specific),
            (point_at_sensitivity(y, s, 0.5), sensitive),
        ):
            assert ours.threshold == expected[0]
            assert ours.sensitivity == float(expected[1])
            assert ours.specificity == float(expected[2])
            assert ours.accuracy == pytest.approx(expected[3])


def test_a_threshold_found_elsewhere_is_kept_as_it_is():
    point = point_at_threshold([0, 1, 1], [0.1, 0.4, 0.8], 0.5)
    assert (point.threshold, point.sensitivity, point.specificity) == (0.5, 0.5, 1.0)
    assert point.accuracy == pytest.approx(2 / 3)


@pytest.mark.parametrize("weights", [[1.0, np.nan, 1, 1], [np.inf, 1, 1, 1], [1, -1, 1, 1]])
def test_weights_that_are_no_amount_are_refused(weights):
    with pytest.raises(ValueError, match="finite and not negative"):
        auc([0, 1, 0, 1], [1.0, 2, 3, 4], weights)


def test_a_curve_is_of_one_label_and_one_model():
    for scores in (np.zeros((2, 2)), np.zeros((2, 2, 2))):
        with pytest.raises(ValueError, match="of one label and one model"):
            curve(np.eye(2, dtype=int), scores)
    with pytest.raises(ValueError, match="of one label and one model"):
        curve([1, 0], np.zeros((2, 2)))
