"""Restricted cubic splines against SciPy's natural ones, and where their knots lie."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.interpolate import CubicSpline

from jaxcxr.stats.splines import knots_of, spline

VALUES = np.linspace(-2, 5, 71)


@pytest.mark.parametrize("knots", [[-1.0, 0.5, 4], [-1.5, 0, 1, 3.5]])
def test_the_columns_span_all_natural_splines_through_their_knots(knots):
    design = spline(VALUES, np.array(knots))
    assert np.linalg.matrix_rank(design) == design.shape[1] == len(knots)
    inside = np.clip(VALUES, knots[0], knots[-1]) == VALUES
    for heights in np.eye(len(knots)):
        curve = CubicSpline(knots, heights, bc_type="natural")(VALUES[inside])
        fitted = design[inside] @ np.linalg.lstsq(design[inside], curve)[0]
        np.testing.assert_allclose(fitted, curve, atol=1e-12)


def test_bent_columns_have_the_unit_of_the_values_wherever_these_lie():
    knots = np.array([-1.5, 0, 1, 3.5])
    bent = spline(VALUES, knots)[:, 2:]
    np.testing.assert_allclose(spline(VALUES + 7, knots + 7)[:, 2:], bent, atol=1e-12)
    np.testing.assert_allclose(spline(VALUES * 9, knots * 9)[:, 2:], bent * 9, atol=1e-12)


def test_knots_lie_at_harrells_quantiles_in_any_unit():
    values = np.arange(101.0)
    for unit in (1e-9, 1.0, 1e9):
        np.testing.assert_allclose(knots_of(values * unit, 3), np.array([10, 50, 90]) * unit)
        np.testing.assert_allclose(knots_of(values * unit, 4), np.array([5, 35, 65, 95]) * unit)


def test_where_quantiles_coincide_there_are_fewer_knots():
    np.testing.assert_array_equal(knots_of(np.repeat([0.0, 1, 2], [20, 60, 20]), 4), [0, 1, 2])
    for values, count in (([0.0, 1], 4), ([0.0, 1, 2, 3], 2), ([0.0] * 97 + [1, 2, 3], 4)):
        assert knots_of(np.array(values), count).shape == (0,)


def test_without_knots_it_is_a_line():
    np.testing.assert_array_equal(spline(VALUES, np.empty(0)).T, [np.ones(71), VALUES])


def test_splines_are_straight_beyond_the_outer_knots():
    values = np.linspace(-3, 3, 601)
    knots = knots_of(values, 4)
    design = spline(values, knots)
    assert design.shape == (601, 4)
    bend = np.diff(design, 2, axis=0)
    outside = (values[1:-1] < knots[0] - 0.02) | (values[1:-1] > knots[-1] + 0.02)
    assert np.abs(bend[outside]).max() < 1e-12 and np.abs(bend[:, 2:]).max() > 1e-6
    assert len(knots_of(np.repeat([0.0, 1.0], 50), 4)) == 0
