"""The bootstrap against scikit-learn, redraw by redraw, and against exact fractions."""

from __future__ import annotations

from fractions import Fraction

import jax
import numpy as np
import pytest
from sklearn.metrics import average_precision_score, roc_auc_score, roc_curve

from jaxcxr.stats import auc, bootstrap, estimate, jackknife, operating_point, resample_counts
from jaxcxr.stats.ranking import rank
from jaxcxr.stats.sweep import sweep_on_device
from jaxcxr.stats.walk import walk_by_numpy

METRICS = ("auc", "average_precision", "accuracy", "sensitivity", "specificity", "threshold")


def made_up(images, labels, *, seed=0, decimals=1, models=None):
    rng = np.random.default_rng(seed)
    truth = (rng.random((images, labels)) < np.linspace(0.05, 0.5, labels)).astype(np.int8)
    shape = (images, labels) if models is None else (models, images, labels)
    scores = np.round(rng.normal(size=shape) + truth, decimals).astype(np.float32)
    return truth, scores


def scikit_learn(truth, scores, counts):
    """AUC, average precision, accuracy, sensitivity, specificity and threshold of one redraw."""
    drawn = np.repeat(np.arange(len(truth)), counts)
    y, s = truth[drawn], scores[drawn]
    false_rate, true_rate, thresholds = roc_curve(y, s)
    best = np.argmax(true_rate - false_rate)
    called = s >= thresholds[best]
    return (
        roc_auc_score(y, s),
        average_precision_score(y, s),
        np.mean(called == y),
        true_rate[best],
        1 - false_rate[best],
        thresholds[best],
    )


@pytest.mark.parametrize("decimals", [0, 1, 6], ids=["heavy ties", "ties", "no ties"])
@pytest.mark.parametrize("by_group", [False, True])
def test_every_redraw_equals_scikit_learn(decimals, by_group):
    truth, scores = made_up(307, 3, decimals=decimals)
    groups = np.arange(307) // 2 if by_group else None
    ours = bootstrap(
        truth, scores, resamples=40, seed=5, groups=groups, average_precision=True, block=17
    )
    counts = resample_counts(5, 40, 307, groups)
    for redraw, label in np.ndindex(40, 3):
        theirs = scikit_learn(truth[:, label], scores[:, label], counts[redraw])
        mine = [getattr(ours, name)[redraw, label] for name in METRICS]
        np.testing.assert_allclose(mine[:2], theirs[:2], atol=1e-12)
        # J itself always agrees. Where two thresholds have the same J, scikit-learn's rounding
        # picks one of them by chance; ours is always the higher threshold.
        np.testing.assert_allclose(mine[3] + mine[4], theirs[3] + theirs[4], atol=1e-12)
        if mine[5] < theirs[5] or mine[5] == theirs[5]:
            assert mine[5] == theirs[5]
            np.testing.assert_allclose(mine, theirs, atol=1e-12)


def test_operating_point_is_the_first_maximum_in_exact_fractions():
    truth, scores = made_up(60, 2, decimals=0)
    ours = bootstrap(truth, scores, resamples=200, seed=1)
    counts = resample_counts(1, 200, 60)
    for redraw, label in np.ndindex(200, 2):
        weight, y, s = counts[redraw], truth[:, label], scores[:, label]
        positives, negatives = int(weight[y == 1].sum()), int(weight[y == 0].sum())
        if not positives or not negatives:
            assert np.isnan(ours.threshold[redraw, label])
            continue
        best = (Fraction(0), np.inf)
        for threshold in np.unique(s)[::-1]:
            called = s >= threshold
            found = Fraction(int(weight[called & (y == 1)].sum()), positives)
            false = Fraction(int(weight[called & (y == 0)].sum()), negatives)
            if found - false > best[0]:
                best = (found - false, threshold)
        assert ours.threshold[redraw, label] == best[1]


def test_models_share_the_redraws_and_keep_their_axis():
    truth, scores = made_up(200, 2, models=3)
    several = bootstrap(truth, scores, resamples=20, seed=3)
    assert several.auc.shape == (3, 20, 2)
    for model in range(3):
        alone = bootstrap(truth, scores[model], resamples=20, seed=3)
        for name in ("auc", "accuracy", "sensitivity", "specificity", "threshold"):
            np.testing.assert_array_equal(getattr(several, name)[model], getattr(alone, name))


@pytest.mark.parametrize("block", [1, 7, 30, 1000])
def test_numbers_do_not_depend_on_the_block(block):
    truth, scores = made_up(150, 2)
    whole = bootstrap(truth, scores, resamples=30, average_precision=True)
    cut = bootstrap(truth, scores, resamples=30, average_precision=True, block=block)
    for name in METRICS:
        np.testing.assert_array_equal(getattr(cut, name), getattr(whole, name))


def test_a_longer_bootstrap_begins_with_the_shorter():
    np.testing.assert_array_equal(resample_counts(4, 50, 99)[:20], resample_counts(4, 20, 99))


def test_unknown_labels_are_left_out_of_their_label_only():
    truth, scores = made_up(120, 2)
    hidden = truth.copy()
    hidden[::3, 0] = -1
    ours = bootstrap(hidden, scores, resamples=25)
    counts = resample_counts(0, 25, 120)
    known = hidden[:, 0] >= 0
    for redraw in range(25):
        weight = counts[redraw] * known
        theirs = scikit_learn(truth[:, 0], scores[:, 0], weight)
        np.testing.assert_allclose(ours.auc[redraw, 0], theirs[0], atol=1e-12)
    np.testing.assert_array_equal(ours.auc[:, 1], bootstrap(truth, scores, resamples=25).auc[:, 1])
    assert ours.positives[0] == (hidden[:, 0] == 1).sum()


def test_redraws_without_both_classes_are_nan_and_counted():
    truth = np.zeros((30, 1), int)
    truth[4] = 1
    scores = np.arange(30.0)[:, None]
    ours = bootstrap(truth, scores, resamples=300)
    lacking = resample_counts(0, 300, 30)[:, 4] == 0
    np.testing.assert_array_equal(np.isnan(ours.auc[:, 0]), lacking)
    assert ours.unusable[0] == lacking.sum() > 50


def test_a_label_of_one_class_is_nan_everywhere():
    ours = bootstrap(np.zeros((20, 1), int), np.arange(20.0)[:, None], resamples=5)
    assert np.isnan(ours.estimates.auc[0]) and np.isnan(ours.auc).all()
    assert ours.unusable[0] == 5


def test_all_scores_equal_give_one_half_and_call_nothing():
    truth = np.arange(20)[:, None] % 2
    ours = estimate(truth, np.ones((20, 1)))
    assert ours.auc[0] == 0.5
    assert (ours.threshold[0], ours.sensitivity[0], ours.specificity[0]) == (np.inf, 0, 1)


def test_groups_bring_all_their_images():
    groups = np.array(["b", "a", "b", "c", "a", "b"])
    counts = resample_counts(0, 200, 6, groups)
    for name in "abc":
        of_group = counts[:, groups == name]
        assert (of_group == of_group[:, :1]).all()
    # As many groups are drawn as there are.
    assert (counts[:, [0, 1, 3]].sum(axis=1) == 3).all()


def test_groups_of_one_image_in_sorted_order_are_the_images_themselves():
    names = np.array([f"patient{i:03d}" for i in range(40)])
    np.testing.assert_array_equal(resample_counts(2, 9, 40, names), resample_counts(2, 9, 40))


def test_redraws_are_uniform():
    counts = resample_counts(0, 4000, 25)
    assert (counts.sum(axis=1) == 25).all()
    # Each count is Binomial(25, 1/25): mean 1, variance 24/25; five standard errors.
    assert np.abs(counts.mean(axis=0) - 1).max() < 5 * np.sqrt(0.96 / 4000)
    assert abs(counts.var() - 0.96) < 0.03


def test_more_images_than_32_bits_have_pairs_for():
    images = 140_000
    truth = np.arange(images)[:, None] % 2
    scores = np.random.default_rng(0).normal(size=(images, 1)) + 0.5 * truth
    ours = bootstrap(truth, scores, resamples=2)
    counts = resample_counts(0, 2, images)
    for redraw in range(2):
        theirs = scikit_learn(truth[:, 0], scores[:, 0], counts[redraw])
        mine = [getattr(ours, n)[redraw, 0] for n in METRICS if n != "average_precision"]
        np.testing.assert_allclose(mine, theirs[:1] + theirs[2:], atol=1e-12)


def test_jackknife_leaves_out_each_patient():
    truth, scores = made_up(40, 1)
    groups = np.arange(40) // 3
    ours = jackknife(truth, scores, groups=groups, average_precision=True)
    for group in range(14):
        kept = groups != group
        expected = scikit_learn(truth[kept, 0], scores[kept, 0], np.ones(kept.sum(), int))
        mine = [getattr(ours, name)[group, 0] for name in METRICS]
        np.testing.assert_allclose(mine[:2], expected[:2], atol=1e-12)


def test_estimates_agree_with_the_plain_functions():
    truth, scores = made_up(500, 3)
    ours = bootstrap(truth, scores, resamples=1).estimates
    np.testing.assert_allclose(ours.auc, auc(truth, scores), rtol=1e-14)
    for label in range(3):
        point = operating_point(truth[:, label], scores[:, label])
        assert ours.threshold[label] == point.threshold
        assert ours.sensitivity[label] == point.sensitivity
        assert ours.accuracy[label] == point.accuracy


@pytest.mark.parametrize("rate", [0.9, 0.5, 1.0, 0.333, 0.1 + 0.2])
@pytest.mark.parametrize("decimals", [0, 3])
def test_sensitivity_at_a_fixed_specificity_and_the_reverse(rate, decimals):
    truth, scores = made_up(211, 2, decimals=decimals)
    ours = bootstrap(truth, scores, resamples=30, fixed_rate=rate)
    counts = resample_counts(0, 30, 211)
    exact = Fraction(str(rate)).limit_denominator(1000)
    for redraw, label in np.ndindex(30, 2):
        drawn = np.repeat(np.arange(211), counts[redraw])
        y, s = truth[drawn, label], scores[drawn, label]
        false_rate, true_rate, _ = roc_curve(y, s, drop_intermediate=False)
        negatives, positives = int((y == 0).sum()), int(y.sum())
        true_negatives = [Fraction(round(negatives * (1 - f)), negatives) for f in false_rate]
        found = [Fraction(round(positives * t), positives) for t in true_rate]
        best = max(t for t, n in zip(found, true_negatives, strict=True) if n >= exact)
        reverse = max(n for t, n in zip(found, true_negatives, strict=True) if t >= exact)
        assert ours.sensitivity_at_specificity[redraw, label] == float(best)
        assert ours.specificity_at_sensitivity[redraw, label] == float(reverse)


@pytest.mark.parametrize("whole", [np.int32, np.int64])
@pytest.mark.parametrize("decimals", [0, 1, 6])
def test_the_form_for_accelerators_counts_the_same(whole, decimals):
    truth, scores = made_up(1500, 2, decimals=decimals)
    truth[::7, 1] = -1
    counts = np.ascontiguousarray(resample_counts(0, 60, 1500).T).astype(np.uint8)
    counts[:, 0] = 0
    for label in range(2):
        ranking = rank(truth[:, label], scores[:, label])
        on_host = walk_by_numpy(ranking, counts, whole, True, Fraction("0.9"))
        on_device = sweep_on_device(ranking, counts, whole, True, Fraction("0.9"), 700)
        for host, device in zip(on_host[:-1], on_device[:-1], strict=True):
            np.testing.assert_array_equal(host, device)
        # Precision is a sum of fractions, and a device may add them in another order.
        np.testing.assert_allclose(on_host[-1], on_device[-1], rtol=1e-13)


def test_the_whole_bootstrap_is_the_same_in_the_form_for_accelerators():
    truth, scores = made_up(400, 3, models=2)
    on_host = bootstrap(truth, scores, resamples=25, average_precision=True)
    asked = {"resamples": 25, "average_precision": True, "block": 10}
    on_device = bootstrap(truth, scores, device=jax.devices()[0], **asked)
    for name in METRICS:
        if name != "average_precision":
            np.testing.assert_array_equal(getattr(on_host, name), getattr(on_device, name))
    np.testing.assert_allclose(on_host.average_precision, on_device.average_precision, rtol=1e-13)


@pytest.mark.parametrize("lone", [0, 1])
def test_a_class_may_be_missing_from_either_side(lone):
    truth = np.full(12, 1 - lone)
    truth[3] = lone
    scores = np.arange(12.0)
    ours = bootstrap(truth, scores, resamples=100, average_precision=True)
    lacking = resample_counts(0, 100, 12)[:, 3] == 0
    assert 20 < lacking.sum() < 60
    for name in (*METRICS, "sensitivity_at_specificity", "specificity_at_sensitivity"):
        np.testing.assert_array_equal(np.isnan(getattr(ours, name)[:, 0]), lacking, err_msg=name)
    assert ours.unusable[0] == lacking.sum()


def test_defaults_are_those_that_are_documented():
    truth, scores = made_up(60, 1)
    ours, told = bootstrap(truth, scores), bootstrap(truth, scores, resamples=1000, seed=0)
    np.testing.assert_array_equal(ours.auc, told.auc)
    assert ours.average_precision is None and ours.estimates.average_precision is None
    at_nine_tenths = estimate(truth, scores, fixed_rate=0.9)
    for found in (ours.estimates, estimate(truth, scores)):
        assert found.sensitivity_at_specificity == at_nine_tenths.sensitivity_at_specificity
        assert found.specificity_at_sensitivity == at_nine_tenths.specificity_at_sensitivity
    with pytest.raises(ValueError, match="resamples must be at least 1, not 0"):
        bootstrap(truth, scores, resamples=0)
