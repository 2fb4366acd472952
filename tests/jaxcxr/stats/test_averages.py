"""Averages over labels: which labels count, redraws until there are enough, the closed form."""

from __future__ import annotations

import numpy as np
import pytest

from jaxcxr.stats import (
    averaged,
    bootstrap,
    compare,
    delong,
    first_usable,
    influences,
    resample_counts,
    units_of_labels,
    wanted,
)


def data(positives, images=80, *, models=2, seed=0):
    """Labels with so many positives each, scored by models that share some of their noise."""
    rng = np.random.default_rng(seed)
    labels = np.zeros((images, len(positives)), int)
    for column, count in enumerate(positives):
        labels[rng.permutation(images)[:count], column] = 1
    shared = rng.normal(size=(images, len(positives)))
    scores = shared + rng.normal(size=(models, images, len(positives))) + labels
    return labels, scores


def test_units_are_patients_of_the_smaller_class():
    labels = np.array([[1, 1], [1, 0], [0, -1], [0, -1], [0, 0]])
    np.testing.assert_array_equal(units_of_labels(labels), [2, 1])
    np.testing.assert_array_equal(units_of_labels(labels, ["a", "a", "b", "c", "c"]), [1, 1])
    np.testing.assert_array_equal(units_of_labels(1 - labels[:, :1], list("aabcd")), [1])
    np.testing.assert_array_equal(units_of_labels(1 - labels[:, :1]), [2])


def test_only_labels_with_enough_patients_are_averaged():
    labels, scores = data([30, 12, 9, 1, 0])
    found = compare(labels, scores, resamples=100)
    np.testing.assert_array_equal(found.averaged, [True, True, False, False, False])
    assert found.average_difference == pytest.approx(found.difference[:2].mean())
    assert found.all_labels_difference == pytest.approx(found.difference[:4].mean())
    alone = compare(labels[:, :2], scores[:, :, :2], resamples=100)
    np.testing.assert_array_equal(found.average_interval, alone.average_interval)
    np.testing.assert_array_equal(found.q[:2], alone.q)
    assert found.average_p == alone.average_p and np.isnan(found.q[2:]).all()
    more = compare(labels, scores, resamples=100, least_units=9)
    np.testing.assert_array_equal(more.averaged, [True, True, True, False, False])


def test_patients_count_and_not_their_images():
    labels, scores = data([40], images=120)
    patients = np.where(labels[:, 0] == 1, np.arange(120) % 4, 100 + np.arange(120))
    assert not compare(labels, scores, resamples=50, groups=patients).averaged[0]
    assert compare(labels, scores, resamples=50).averaged[0]


def test_an_average_over_labels_with_a_handful_of_patients_is_refused():
    labels, scores = data([30])
    with pytest.raises(ValueError, match="at least 5"):
        compare(labels, scores, least_units=1)


def test_without_a_label_that_can_be_averaged_there_is_a_value_and_no_interval():
    labels, scores = data([4, 3])
    found = compare(labels, scores, resamples=50)
    assert np.isnan([found.average_difference, found.average_p, found.average_delong_p]).all()
    assert np.isnan(found.average_interval).all() and np.isfinite(found.all_labels_difference)


def test_redraws_go_on_until_enough_are_usable():
    labels, scores = data([20, 2, 3, 2], images=60)
    redraws = bootstrap(
        labels, scores, resamples=200, seed=4, until_usable=[[0, 1, 1, 1], [1, 0, 0, 0]]
    )
    drawn = redraws.auc.shape[1]
    counts = resample_counts(4, drawn, 60)
    positives = counts @ labels
    usable = (positives > 0) & (counts.sum(axis=1, keepdims=True) - positives > 0)
    together = usable[:, 1:].all(axis=1)
    assert together.sum() >= 200 > together[:200].sum()
    np.testing.assert_array_equal(np.isnan(redraws.auc[0]), ~usable)
    plain = bootstrap(labels, scores, resamples=200, seed=4)
    np.testing.assert_array_equal(redraws.auc[:, :200], plain.auc)
    kept = first_usable(redraws.auc[0, :, 1:].mean(axis=1), 200)
    last = np.flatnonzero(together)[199]
    assert kept.drawn == last + 1 and len(kept.values) == 200
    mean = redraws.auc[0, : last + 1, 1:].mean(axis=1)
    np.testing.assert_array_equal(kept.values, mean[together[: last + 1]])


def test_every_label_gets_its_redraws_whatever_the_others_need():
    labels, scores = data([30, 2], images=60)
    found = compare(labels, scores, resamples=150)
    alone = compare(labels[:, :1], scores[:, :, :1], resamples=150)
    assert found.unusable[1] > 0 == found.unusable[0]
    np.testing.assert_array_equal(found.interval[0], alone.interval[0])
    # The second label has too few positives to redraw: its p is of DeLong's t, without a floor.
    np.testing.assert_array_equal(found.students, [False, True])
    assert found.p[0] >= found.smallest_p == 2 / 151


def test_labels_that_never_meet_in_one_redraw_are_refused():
    labels = np.eye(30, dtype=int)[:, :24]
    with pytest.raises(ValueError, match="are needed together"):
        bootstrap(labels, labels.astype(float), resamples=5, until_usable=np.ones((1, 24)))


def test_wanted_sets_are_each_label_alone_and_the_averaged_together():
    np.testing.assert_array_equal(
        wanted(np.array([1, 2, 20]), np.array([False, False, True])),
        [[False, True, False], [False, False, True], [False, False, True]],
    )


def test_average_of_one_label_is_delong():
    labels, scores = data([30])
    groups = np.arange(80) // 3
    (one,) = influences(labels, scores, groups)
    thrice = averaged([one, one, one])
    expected = delong(labels[:, 0], scores[:, :, 0], groups)
    np.testing.assert_allclose(one.covariance, expected.covariance, rtol=1e-12)
    np.testing.assert_allclose(thrice.covariance, expected.covariance, rtol=1e-12)
    np.testing.assert_allclose(thrice.auc, expected.auc)


def test_covariance_of_averages_equals_its_definition_by_all_pairs():
    """DeLong's components from all pairs, summed over labels for each patient."""
    labels, scores = data([30, 22, 15], images=90)
    labels[::11, 1] = -1
    groups = np.arange(90) // 4
    added = np.zeros((2, 23))
    for column in range(3):
        truth, own = labels[:, column], scores[:, :, column]
        wins = np.sign(own[:, truth == 1][:, :, None] - own[:, truth == 0][:, None, :]) / 2 + 0.5
        auc = wins.mean(axis=(1, 2))
        for kind, rows in ((1, wins.mean(axis=2)), (0, wins.mean(axis=1))):
            for model in range(2):
                deviation = (rows[model] - auc[model]) / rows.shape[1] / 3
                np.add.at(added[model], groups[truth == kind], deviation)
    ours = averaged(influences(labels, scores, groups)).covariance
    # The factors n / (n - 1) of each class are left out above: a few percent.
    np.testing.assert_allclose(ours, added @ added.T, rtol=0.08)


def test_closed_form_of_the_average_agrees_with_many_redraws():
    labels, scores = data([90, 60, 40], images=240)
    groups = np.arange(240) // 2
    found = compare(labels, scores, resamples=8000, groups=groups)
    assert found.average_delong_error == pytest.approx(found.average_sd, rel=0.06)
    assert found.average_delong_p == pytest.approx(found.average_p, abs=0.02)


def test_ten_patients_are_enough_unless_told_and_five_the_fewest_that_may_be():
    ten, scores = data([10, 9])
    np.testing.assert_array_equal(compare(ten, scores, resamples=50).averaged, [True, False])
    labels, scores = data([5])
    assert compare(labels, scores, resamples=50, least_units=5).averaged[0]
    with pytest.raises(ValueError, match="at least 5"):
        compare(labels, scores, resamples=50, least_units=4)


def test_nothing_averaged_wants_each_label_alone():
    found = wanted(np.array([2, 1, 9]), np.zeros(3, bool))
    assert found.dtype == bool  # it chooses columns
    np.testing.assert_array_equal(found, [[True, False, False], [False, False, True]])


def test_a_row_is_usable_where_all_of_it_is():
    values = np.array([[1.0, 2.0], [np.nan, 3.0], [4.0, 5.0], [6.0, np.nan], [7.0, 8.0]])
    two = first_usable(values, 2)
    np.testing.assert_array_equal(two.values, [[1, 2], [4, 5]])
    assert two.drawn == 3
    assert first_usable(values, 3).drawn == 5
    more = first_usable(values, 4)
    np.testing.assert_array_equal(more.values, [[1, 2], [4, 5], [7, 8]])
    assert more.drawn == 5
    assert first_usable(np.full((3, 2), np.nan), 2).values.shape == (0, 2)


def test_an_averages_auc_is_the_mean_of_the_labels():
    labels, scores = data([30, 22, 15])
    of_labels = influences(labels, scores)
    found = averaged(of_labels)
    np.testing.assert_allclose(found.auc, np.mean([one.auc for one in of_labels], axis=0))
    parts = np.mean([one.parts for one in of_labels], axis=0)
    np.testing.assert_allclose(found.parts, parts, atol=1e-15)
