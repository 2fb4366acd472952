"""Several trainings of a model: Obuchowski and Rockette against its definition, and DeLong."""

from __future__ import annotations

import numpy as np
import pytest
import scipy.stats
from scipy.special import expit, logit
from sklearn.metrics import roc_auc_score

from jaxcxr.stats import compare_trainings, delong, over_trainings, redraws_for, trained


def runs(first=3, second=3, *, images=120, labels=2, spread=0.3, seed=0):
    rng = np.random.default_rng(seed)
    truth = (rng.random((images, labels)) < 0.4).astype(int)
    shared = rng.normal(size=(images, labels))

    def of_model(trainings, better):
        shift = 1 + better + spread * rng.normal(size=(trainings, 1, labels))
        return shared + rng.normal(size=(trainings, images, labels)) + shift * truth

    return truth, of_model(first, 0.4), of_model(second, 0.0)


def test_variance_and_freedom_are_those_of_obuchowski_rockette_and_hillis():
    truth, first, second = runs(3, 4, labels=1)
    found = compare_trainings(truth, first, second).labels[0]
    every = np.concatenate([first, second])[:, :, 0]
    covariance = delong(truth[:, 0], every).covariance
    auc = np.array([roc_auc_score(truth[:, 0], scores) for scores in every])
    s1, s2 = auc[:3].var(ddof=1), auc[3:].var(ddof=1)
    cov1 = np.mean([covariance[i, j] for i in range(3) for j in range(3) if i != j])
    cov2 = np.mean([covariance[i, j] for i in range(3, 7) for j in range(3, 7) if i != j])
    cov3 = covariance[:3, 3:].mean()
    variance = s1 / 3 + s2 / 4 + max(0.0, cov1 + cov2 - 2 * cov3)
    freedom = variance**2 / ((s1 / 3) ** 2 / 2 + (s2 / 4) ** 2 / 3)
    assert found.value == pytest.approx(auc[:3].mean() - auc[3:].mean())
    assert found.error == pytest.approx(np.sqrt(variance))
    assert found.freedom == pytest.approx(freedom)
    t = scipy.stats.t(freedom, found.value, np.sqrt(variance))
    assert (found.low, found.high) == pytest.approx(t.interval(0.95))
    assert found.p == pytest.approx(2 * min(t.cdf(0), t.sf(0)))
    assert found.of_initializations


def test_without_patients_it_is_welch():
    """Values that patients add nothing to are two samples: Welch's t-test, exactly."""
    for second in ([0.6, 0.68, 0.63], [0.6, 0.68]):  # two trainings are the fewest
        values = [np.array([0.71, 0.65, 0.8, 0.77]), np.array(second)]
        every = sum(map(len, values))
        found = over_trainings(values, np.zeros((every, every)), (1, -1))
        welch = scipy.stats.ttest_ind(*values, equal_var=False)
        assert found.p == pytest.approx(welch.pvalue)
        assert found.freedom == pytest.approx(welch.df)
        assert (found.low, found.high) == pytest.approx(tuple(welch.confidence_interval()))
        assert found.of_initializations


def test_any_contrast_has_the_variance_of_the_matrix():
    values = [np.array([0.8]), np.array([0.7]), np.array([0.6])]
    covariance = np.cov(np.random.default_rng(0).normal(size=(3, 9)) / 50)
    contrast = np.array([1.0, -0.5, -0.25])
    found = over_trainings(values, covariance, contrast)
    assert found.value == pytest.approx(0.8 - 0.35 - 0.15)
    assert found.error == pytest.approx(np.sqrt(contrast @ covariance @ contrast))
    assert found.freedom == np.inf and not found.of_initializations


def test_with_one_training_it_is_delong_and_says_nothing_of_initializations():
    truth, first, second = runs(1, 1)
    found = compare_trainings(truth, first, second)
    expected = delong(truth[:, 0], np.stack([first[0, :, 0], second[0, :, 0]]))
    assert (found.labels[0].value, found.labels[0].error, found.labels[0].p) == pytest.approx(
        expected.difference()
    )
    assert found.labels[0].freedom == np.inf
    assert not found.average.of_initializations
    assert not compare_trainings(*runs(1, 3)).average.of_initializations


def test_one_model_has_an_interval_within_0_and_1():
    truth, first, _ = runs(3, spread=0.5)
    models = trained(truth, [first + 3 * truth])
    found = models.judged((1,))
    assert 0 < found.low < found.value < found.high < 1
    narrow = trained(truth, [first]).judged((1,), level=0.5)
    wide = trained(truth, [first]).judged((1,), level=0.99)
    assert wide.low < narrow.low < narrow.high < wide.high


def test_average_is_over_labels_with_enough_patients():
    truth, first, second = runs(labels=3)
    truth[:, 2] = np.arange(len(truth)) < 4
    found = compare_trainings(truth, first, second)
    two = compare_trainings(truth[:, :2], first[:, :, :2], second[:, :, :2])
    assert found.average == two.average
    np.testing.assert_array_equal(found.averaged, [True, True, False])
    assert np.isnan(found.q[2]) and not np.isnan(found.labels[2].p)
    np.testing.assert_array_equal(found.q[:2], two.q)


def test_the_same_runs_on_both_sides_do_not_differ():
    truth, first, _ = runs()
    found = compare_trainings(truth, first, first).average
    assert found.value == 0 and found.p == 1


def test_labels_without_a_class_are_not_a_number():
    truth, first, second = runs()
    truth[:, 0] = 0
    found = compare_trainings(truth, first, second)
    assert np.isnan([found.labels[0].value, found.labels[0].p, found.q[0]]).all()


def test_redraws_grow_with_the_family():
    assert redraws_for(1) == 1000 and redraws_for(108) == 4320
    # One smallest p among all must be found at 0.05.
    assert all(tests * 2 / (redraws_for(tests) + 1) < 0.05 for tests in range(1, 500))


@pytest.mark.parametrize(
    ("auc", "cov2", "error", "freedom"),
    [
        (
            [0.91964573, 0.85877617, 0.90386473, 0.97310789, 0.82979066],
            0.00048396180,
            0.033173597,
            12.744648,
        ),
        (
            [0.94782609, 0.90531401, 0.92173913, 0.99935588, 0.92995169],
            0.00020418785,
            0.021566368,
            12.710190,
        ),
    ],
)
def test_one_model_equals_the_published_example_of_five_readers(auc, cov2, error, freedom):
    """Van Dyke 1993, each modality alone, as RJafroc prints it (Hillis 2007)."""
    covariance = np.full((5, 5), cov2) + np.diag(np.full(5, 0.0005))
    found = over_trainings([np.array(auc)], covariance, (1,))
    assert found.error == pytest.approx(error, rel=1e-5)
    assert found.freedom == pytest.approx(freedom, rel=1e-5)


def test_a_share_of_one_has_an_interval_below_it():
    found = over_trainings([np.ones(3)], np.full((3, 3), 0.0025), (1,))
    assert found.high == 1 and found.low == pytest.approx(1 - 1.96 * 0.05, abs=1e-3)


def test_a_difference_without_an_error_has_no_test():
    values = [np.array([0.8]), np.array([0.7])]
    found = over_trainings(values, np.zeros((2, 2)), (1, -1))
    assert found.error == 0 and found.value == pytest.approx(0.1)
    assert np.isnan([found.low, found.high, found.p]).all()
    unknown = over_trainings(values, np.full((2, 2), np.nan), (1, -1))
    assert np.isnan([unknown.error, unknown.low, unknown.high, unknown.p]).all()


def test_patients_and_not_images_tell_of_the_difference():
    truth, first, second = runs(1, 1, images=60)
    patients = np.tile(np.arange(60), 2)
    alone = compare_trainings(truth, first, second)
    twice = [np.tile(truth, (2, 1)), np.tile(first, (1, 2, 1)), np.tile(second, (1, 2, 1))]
    by_patient = compare_trainings(*twice, groups=patients)
    assert by_patient.average.error == pytest.approx(alone.average.error)
    np.testing.assert_array_equal(by_patient.units, alone.units)
    assert compare_trainings(*twice).average.error < 0.8 * alone.average.error


def test_the_level_is_that_of_every_interval():
    truth, first, second = runs()
    found = compare_trainings(truth, first, second, level=0.8)
    for one in (*found.labels, found.average):
        t = scipy.stats.t(one.freedom, one.value, one.error)
        assert (one.low, one.high) == pytest.approx(t.interval(0.8))


def test_ten_patients_are_enough_unless_told():
    truth, first, second = runs(images=80)
    truth[:, 1] = np.arange(80) < 10
    assert compare_trainings(truth, first, second).averaged.all()
    truth[0, 1] = 0
    assert compare_trainings(truth, first, second).averaged.tolist() == [True, False]
    assert compare_trainings(truth, first, second, least_units=9).averaged.all()
    with pytest.raises(ValueError, match="at least 5"):
        compare_trainings(truth, first, second, least_units=4)


@pytest.mark.parametrize(("counts", "several"), [((2, 2), True), ((1, 2), False), ((2, 1), False)])
def test_what_cannot_be_estimated_says_of_how_many_trainings_it_would_be(counts, several):
    truth, first, second = runs(*counts, images=40)
    truth[:] = 0
    found = compare_trainings(truth, first, second)
    for one in (*found.labels, found.average):
        assert one.of_initializations == several
        assert np.isnan([one.value, one.error, one.freedom, one.low, one.high, one.p]).all()


def test_a_shares_interval_is_students_on_the_logit_scale():
    found = over_trainings([np.array([0.8, 0.9, 0.85])], np.full((3, 3), 1e-4), (1,), 0.9)
    half = scipy.stats.t.ppf(0.95, found.freedom) * found.error / (0.85 * 0.15)
    ends = expit(logit(0.85) + np.array([-half, half]))
    assert (found.low, found.high) == pytest.approx(tuple(ends))
