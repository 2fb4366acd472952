"""Comparisons of models against DeLong by its definition, MLstatkit and statsmodels."""

from __future__ import annotations

import numpy as np
import pytest
import scipy.stats
from sklearn.metrics import roc_auc_score
from statsmodels.stats.multitest import multipletests

from jaxcxr.stats import (
    auc,
    benjamini_hochberg,
    bootstrap,
    bootstrap_p,
    compare,
    compare_all,
    delong,
    disagreement,
    holm,
    redraws_for,
)


def two_models(images=150, *, seed=0, decimals=1, better=0.5):
    rng = np.random.default_rng(seed)
    truth = (rng.random(images) < 0.3).astype(int)
    shared = rng.normal(size=images) + truth
    scores = np.stack([shared + better * truth, shared]) + rng.normal(size=(2, images))
    return truth, np.round(scores, decimals)


def delong_by_definition(truth, scores):
    """Structural components from all pairs, as in the paper of 1988."""
    positives, negatives = scores[:, truth == 1], scores[:, truth == 0]
    wins = (np.sign(positives[:, :, None] - negatives[:, None, :]) + 1) / 2
    return wins.mean(axis=(1, 2)), (
        np.cov(wins.mean(axis=2)) / positives.shape[1]
        + np.cov(wins.mean(axis=1)) / negatives.shape[1]
    )


@pytest.mark.parametrize("decimals", [0, 1, 8])
def test_delong_equals_its_definition(decimals):
    truth, scores = two_models(decimals=decimals)
    values, covariance = delong_by_definition(truth, scores)
    ours = delong(truth, scores)
    np.testing.assert_allclose(ours.auc, values, rtol=1e-12)
    np.testing.assert_allclose(ours.covariance, covariance, rtol=1e-10)
    np.testing.assert_allclose(ours.auc, [auc(truth, s) for s in scores], rtol=1e-12)


def test_delong_with_one_image_a_group_is_plain_delong():
    truth, scores = two_models()
    names = np.array([f"p{i}" for i in range(len(truth))])
    np.testing.assert_allclose(
        delong(truth, scores, names).covariance, delong(truth, scores).covariance, rtol=1e-12
    )


def test_clustered_variance_equals_obuchowskis_sums():
    truth, scores = two_models(90)
    groups = np.arange(90) // 4
    ours = delong(truth, scores, groups)
    wins = (np.sign(scores[:, truth == 1][:, :, None] - scores[:, truth == 0][:, None, :]) + 1) / 2
    of_positive, of_negative = wins.mean(axis=2), wins.mean(axis=1)
    theta = wins.mean(axis=(1, 2))
    x = np.zeros((2, 23))
    y = np.zeros((2, 23))
    for group in range(23):
        mine_positive = groups[truth == 1] == group
        mine_negative = groups[truth == 0] == group
        x[:, group] = of_positive[:, mine_positive].sum(axis=1) - mine_positive.sum() * theta
        y[:, group] = of_negative[:, mine_negative].sum(axis=1) - mine_negative.sum() * theta
    m, n = of_positive.shape[1], of_negative.shape[1]
    with_positive = len(np.unique(groups[truth == 1]))
    with_negative = len(np.unique(groups[truth == 0]))
    s10 = with_positive / ((with_positive - 1) * m) * x @ x.T
    s01 = with_negative / ((with_negative - 1) * n) * y @ y.T
    s11 = 23 / 22 * x @ y.T
    expected = s10 / m + s01 / n + (s11 + s11.T) / (m * n)
    np.testing.assert_allclose(ours.covariance, expected, rtol=1e-10)


@pytest.mark.filterwarnings("ignore")  # Of the other package, not of ours.
@pytest.mark.parametrize("decimals", [1, 8])
def test_delong_p_equals_mlstatkit(decimals):
    mlstatkit = pytest.importorskip("MLstatkit", reason="no MLstatkit: pip install '.[test]'")
    truth, scores = two_models(decimals=decimals)
    _, p, *_ = mlstatkit.Delong_test(truth, scores[0], scores[1])
    assert delong(truth, scores).difference()[2] == pytest.approx(p, rel=1e-8)


def test_delong_interval_is_cut_at_one():
    truth = np.array([0] * 20 + [1] * 20)
    scores = np.arange(40.0)
    scores[19] = 20.5
    low, high = delong(truth, scores).interval()[0]
    assert 0.9 < low < high == 1.0


def test_equal_and_perfect_models():
    truth, scores = two_models()
    same = delong(truth, np.stack([scores[0], 3 * scores[0]]))
    assert same.difference() == (0.0, pytest.approx(0.0, abs=1e-9), 1.0)
    ours = compare(truth[:, None], np.stack([scores[0], scores[0]])[:, :, None], resamples=50)
    assert ours.p[0] == 1 and ours.difference[0] == 0 and not ours.disagree[0]


def test_delong_with_one_positive_is_not_estimable():
    value, error, p = delong([1, 0, 0, 0], [[4.0, 1, 2, 3], [2.5, 1, 2, 3]]).difference()
    assert value == pytest.approx(1 / 3)
    assert np.isnan(error) and np.isnan(p)


def test_a_class_of_one_patient_has_a_difference_and_no_spread():
    rng = np.random.default_rng(0)
    # More patients than once: a family takes in labels with at least ten in each class.
    patients = np.repeat(np.arange(25), 4)
    labels = np.zeros((100, 2), int)
    labels[:50, 0] = 1
    labels[:4, 1] = 1  # four images of the first patient
    scores = rng.normal(size=(2, 100, 2))
    found = compare(labels, scores, groups=patients, resamples=200)
    expected = [roc_auc_score(labels[:, 1], of_model[:, 1]) for of_model in scores]
    assert found.difference[1] == pytest.approx(expected[0] - expected[1])
    assert np.isnan([found.p[1], found.q[1], found.sd[1], found.delong_p[1]]).all()
    assert np.isnan(found.interval[1]).all()
    assert found.q[0] == found.p[0]  # a family of one
    assert np.isfinite(compare(labels, scores, resamples=200).p).all()  # by image


def test_comparison_is_of_paired_redraws():
    truth, scores = two_models()
    labels, columns = truth[:, None], scores[:, :, None]
    groups = np.arange(len(truth)) // 2
    ours = compare(labels, columns, resamples=400, seed=7, groups=groups)
    redraws = bootstrap(labels, columns, resamples=400, seed=7, groups=groups)
    difference = (redraws.auc[0] - redraws.auc[1])[:, 0]
    assert ours.difference[0] == pytest.approx(auc(truth, scores[0]) - auc(truth, scores[1]))
    np.testing.assert_allclose(ours.interval[0], np.quantile(difference, [0.025, 0.975]))
    k = min((difference <= 0).sum(), (difference >= 0).sum())
    assert ours.p[0] == pytest.approx(2 * (k + 1) / 401)
    # A single label is its own average.
    assert ours.average_difference == pytest.approx(ours.difference[0])
    np.testing.assert_allclose(ours.average_interval, ours.interval[0])
    assert ours.average_p == ours.p[0]
    assert ours.delong_p[0] == delong(truth, scores, groups).difference()[2]


def test_average_is_over_labels_with_enough_images_in_each_redraw():
    """Once it was over all estimable labels; its interval covered 72 % in place of 95 %."""
    rng = np.random.default_rng(0)
    labels = np.stack(
        [rng.integers(0, 2, 60), np.zeros(60, int), np.arange(60) < 2, np.arange(60) % 6 == 0],
        axis=1,
    )
    scores = rng.normal(size=(2, 60, 4))
    ours = compare(labels, scores, resamples=200)
    redraws = bootstrap(labels, scores, resamples=200)
    mean = (redraws.auc[0] - redraws.auc[1])[:, [0, 3]].mean(axis=1)
    assert np.isnan(ours.difference[1]) and np.isnan(ours.p[1]) and np.isnan(ours.q[1])
    assert ours.average_unusable == np.isnan(mean).sum() == 0
    assert ours.average_sd == pytest.approx(mean.std(ddof=1))


def test_p_cannot_be_zero_and_a_clear_difference_is_found():
    truth, scores = two_models(400, better=3.0)
    ours = compare(truth[:, None], scores[:, :, None], resamples=199)
    assert ours.p[0] == pytest.approx(2 / 200)
    assert ours.delong_p[0] < 1e-6 and not ours.disagree[0]


def test_several_models_are_one_family():
    truth, scores = two_models()
    three = np.concatenate([scores, scores[:1] + 0.3 * truth])[:, :, None]
    found = compare_all(truth[:, None], three, resamples=99)
    assert [pair.models for pair in found] == [(0, 1), (0, 2), (1, 2)]
    p = [pair.p[0] for pair in found]
    q = [pair.q[0] for pair in found]
    np.testing.assert_allclose(q, multipletests(p, method="fdr_bh")[1])
    with pytest.raises(ValueError, match="two models"):
        compare(truth[:, None], three)


@pytest.mark.parametrize(("ours", "theirs"), [(benjamini_hochberg, "fdr_bh"), (holm, "holm")])
def test_corrections_equal_statsmodels(ours, theirs):
    rng = np.random.default_rng(0)
    p = rng.random((5, 17)) ** 3
    p[0, :3] = p[1, 0]
    expected = multipletests(p.ravel(), method=theirs)[1].reshape(p.shape)
    np.testing.assert_allclose(ours(p), expected, rtol=1e-12)
    with_gap = np.append(p[0], np.nan)
    result = ours(with_gap)
    assert np.isnan(result[-1])
    np.testing.assert_allclose(result[:-1], multipletests(p[0], method=theirs)[1])


def test_corrections_refuse_what_is_no_p_value():
    with pytest.raises(ValueError, match="between 0 and 1"):
        holm([0.5, 1.5])


def test_disagreement_of_the_two_tests():
    p = np.array([0.03, 0.045, 0.5, 0.002, 0.2, 0.016, np.nan])
    theirs = np.array([0.2, 0.055, 0.4, 1e-12, 0.9, 0.004, 0.5])
    expected = [True, False, False, False, True, False, False]
    np.testing.assert_array_equal(disagreement(p, theirs, np.full(7, 999)), expected)


def test_p_of_redraws_without_any_usable_is_nan():
    assert np.isnan(bootstrap_p([np.nan, np.nan]))


@pytest.mark.parametrize("resamples", [99, 999])
@pytest.mark.parametrize("beyond", [0, 4, 30])
def test_disagreement_begins_just_outside_its_bounds(resamples, beyond):
    """From k redraws beyond zero, 3 sqrt(k + 1) of them, and half again."""
    p = 2 * (beyond + 1) / (resamples + 1)
    chance = 2 * 3 * np.sqrt(beyond + 1) / (resamples + 1)
    low, high = (p - chance) / 1.5, (p + chance) * 1.5
    smallest = 2 / (resamples + 1)
    for theirs in (low, high, smallest, 1.0):
        for factor in (1 - 1e-6, 1 + 1e-6):
            clipped = min(max(theirs * factor, smallest), 1.0)
            found = disagreement(np.array([p]), np.array([theirs * factor]), np.array([resamples]))
            assert found[0] == (clipped < low or clipped > high), (theirs, factor)


def test_comparing_is_by_a_thousand_redraws_of_seed_0_unless_told():
    truth, scores = two_models()
    ours = compare(truth[:, None], scores[:, :, None])
    told = compare(truth[:, None], scores[:, :, None], resamples=1000, seed=0, level=0.95)
    wider = compare(truth[:, None], scores[:, :, None], level=0.99)
    np.testing.assert_array_equal(ours.interval, told.interval)
    (alone,) = compare_all(truth[:, None], scores[:, :, None])
    np.testing.assert_array_equal(alone.interval, told.interval)
    assert wider.interval[0, 0] < ours.interval[0, 0] < ours.interval[0, 1] < wider.interval[0, 1]


@pytest.mark.parametrize("labels", [[1, 1, 1], [0, 0, -1]])
def test_delong_needs_both_classes(labels):
    with pytest.raises(ValueError, match="both classes are needed"):
        delong(labels, [1.0, 2.0, 3.0])


@pytest.mark.parametrize("level", [0.8, 0.95])
def test_delongs_interval_is_normal(level):
    truth, scores = two_models()
    ours = delong(truth, scores)
    for model in (0, 1):
        normal = scipy.stats.norm(ours.auc[model], np.sqrt(ours.covariance[model, model]))
        np.testing.assert_allclose(ours.interval(level)[model], normal.interval(level))
    np.testing.assert_array_equal(ours.interval(), ours.interval(0.95))


def test_any_two_of_several_models_are_told_apart():
    truth, scores = two_models()
    three = np.concatenate([scores, np.random.default_rng(9).normal(size=(1, len(truth)))])
    ours = delong(truth, three)
    for first, second in ((0, 1), (0, 2), (2, 1)):
        pair = delong(truth, three[[first, second]]).difference()
        np.testing.assert_allclose(ours.difference(first, second), pair, rtol=1e-9)
    assert ours.difference() == ours.difference(0, 1)


def test_a_difference_without_error_has_no_p():
    value, error, p = delong([1, 1, 0, 0], [[3.0, 4, 1, 2], [1.0, 2, 3, 4]]).difference()
    assert (value, error) == (1.0, 0.0) and np.isnan(p)


def test_two_positives_are_enough_for_a_variance():
    covariance = delong([1, 1, 0, 0], [[3.0, 1.5, 1, 2], [1.0, 2.5, 3, 0]]).covariance
    assert np.isfinite(covariance).all()


def test_the_smallest_p_of_the_redraws_stands_for_any_smaller_one():
    """28 redraws give no p below 2 / 29, of which 12 times is just too far away, 11.75 not."""
    for times, apart in ((11.75, False), (12, True)):
        p, theirs = np.array([2 * times / 29]), np.array([1e-9])
        assert disagreement(p, theirs, np.array([28]))[0] == apart


def test_the_ends_of_p_are_p_values():
    for adjust in (benjamini_hochberg, holm):
        np.testing.assert_allclose(adjust([0.0, 1.0]), [0, 1])
        for wrong in (-1e-9, 1 + 1e-9):
            with pytest.raises(ValueError, match="between 0 and 1"):
                adjust([0.5, wrong])


def test_redraws_grow_with_the_family_so_that_its_smallest_p_can_be_found():
    assert redraws_for(1) == redraws_for(25) == 1000
    assert redraws_for(26) == 40 * 26
    assert redraws_for(3, least=50) == 120
    for tests in (30, 108, 1000):
        assert tests * 2 / (redraws_for(tests) + 1) < 0.05
