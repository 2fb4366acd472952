"""Subgroups against the same metrics of each subgroup's images alone, and by patients."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.metrics import balanced_accuracy_score

from jaxcxr.stats import resample_counts, subgroups


def data(images=60, seed=0):
    rng = np.random.default_rng(seed)
    labels = (rng.random((images, 2)) < 0.4).astype(int)
    return labels, rng.normal(size=(images, 2)) + labels, rng.integers(-1, 2, images)


def test_balanced_accuracy_and_its_gap_are_scikit_learns():
    labels, scores, subgroup = data()
    thresholds = np.array([0.4, 0.7])
    found = subgroups(labels, scores, subgroup, thresholds, count=2, resamples=5, seed=2)
    for redraw, counts in enumerate([np.ones(60, int), *resample_counts(2, 5, 60)]):
        drawn = np.repeat(np.arange(60), counts)
        for label in range(2):
            both = [
                balanced_accuracy_score(
                    labels[rows, label], scores[rows, label] >= thresholds[label]
                )
                for rows in (drawn[subgroup[drawn] == number] for number in range(2))
            ]
            for number in range(2):
                metric = found.metrics["balanced_accuracy"][redraw, number, label]
                assert metric == pytest.approx(both[number])
                gap = found.gaps["balanced_accuracy"][redraw, number, label]
                assert gap == pytest.approx(both[number] - both[1 - number])
    assert set(found.metrics) == set(found.gaps) == {
        *("auc", "average_precision", "accuracy", "balanced_accuracy"),
        *("sensitivity", "specificity"),
    }  # fmt: skip


def test_redraws_are_of_patients():
    labels, scores, subgroup = data()
    patients = np.arange(60) // 4
    found = subgroups(
        labels, scores, subgroup, [0.0, 0.0], count=2, resamples=5, seed=2, groups=patients
    )
    for redraw, counts in enumerate(resample_counts(2, 5, 15)):
        drawn = np.repeat(np.arange(60), counts[patients])
        rows = drawn[(subgroup[drawn] == 1) & (labels[drawn, 0] == 1)]
        called = (scores[rows, 0] >= 0).mean()
        assert found.metrics["sensitivity"][redraw + 1, 1, 0] == pytest.approx(called)


def test_redraws_are_a_thousand_of_seed_0_unless_told():
    labels, scores, subgroup = data(24)
    usual = subgroups(labels, scores, subgroup, [0.0, 0.0], count=2)
    told = subgroups(labels, scores, subgroup, [0.0, 0.0], count=2, resamples=1000, seed=0)
    assert usual.metrics["auc"].shape == (1001, 2, 2)
    np.testing.assert_array_equal(usual.gaps["accuracy"], told.gaps["accuracy"])
