"""Logistic regression at the ends of what it can fit, against statsmodels."""

from __future__ import annotations

import numpy as np
import pytest
import statsmodels.api as sm

from jaxcxr.stats.logistic import fit_logistic


def data(images=60):
    rng = np.random.default_rng(0)
    design = np.stack([np.ones(images), rng.normal(size=images)], axis=1)
    return design, rng.random(images) < 1 / (1 + np.exp(-design @ [0.3, 0.8]))


@pytest.mark.parametrize("unit", [1e-9, 1.0, 1e9])
def test_the_unit_of_a_column_does_not_matter(unit):
    design, truth = data()
    patients = np.repeat(np.arange(20), 3)
    theirs = sm.GLM(truth, design, sm.families.Binomial()).fit(
        tol=1e-12, cov_type="cluster", cov_kwds={"groups": patients}
    )
    found = fit_logistic(design * [1, unit], truth, patients)
    np.testing.assert_allclose(found.coefficients * [1, unit], theirs.params, rtol=1e-8)
    # Theirs has (n - 1) / (n - k) besides.
    covariance = found.covariance * np.outer([1, unit], [1, unit])
    np.testing.assert_allclose(covariance, theirs.cov_params() * 58 / 59, rtol=1e-6)


def test_two_groups_have_a_covariance_and_one_has_none():
    design, truth = data()
    for groups, known in ((1, False), (2, True)):
        found = fit_logistic(design, truth, np.arange(60) % groups)
        assert np.isfinite(found.coefficients).all()
        assert np.isfinite(found.covariance).all() == known


def test_columns_that_say_nothing_or_the_same_have_no_fit():
    design, truth = data()
    for column in (np.zeros(60), design[:, 1], np.full(60, 3.0)):
        columns = np.concatenate([design, column[:, None]], axis=1)
        assert fit_logistic(columns, truth, np.arange(60)) is None


def test_a_log_odds_ratio_of_300_is_the_last_that_is_no_infinity():
    """Of which one half is positive, with an offset of -299 has a coefficient of 299."""
    one, half = np.ones((60, 1)), np.arange(60) % 2 == 0
    found = fit_logistic(one, half, np.arange(60), offset=-299.0)
    assert found.coefficients == pytest.approx([299.0])
    assert fit_logistic(one, half, np.arange(60), offset=-301.0) is None
