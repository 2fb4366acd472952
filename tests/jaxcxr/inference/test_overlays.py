"""Pictures of maps: what is drawn where, in which colour."""

import numpy as np
import pytest

from jaxcxr.inference.overlays import balanced, heated, spread, two_coloured


def test_orange_speaks_for_and_blue_against():
    values = np.zeros((40, 40))
    values[10, 10], values[30, 30] = 1, -1
    drawn = two_coloured(np.full((80, 120), 100, np.uint8), balanced(values)).astype(int)
    assert drawn.shape == (80, 120, 3)
    red, blue = drawn[..., 0] - 100, drawn[..., 2] - 100
    assert np.unravel_index(red.argmax(), red.shape) == pytest.approx((20.5, 31), abs=2)
    assert np.unravel_index(blue.argmax(), blue.shape) == pytest.approx((60.5, 91), abs=2)


def test_the_hottest_place_is_yellow_and_the_coldest_is_left_as_it_is():
    drawn = heated(np.full((60, 90), 100, np.uint8), spread(np.eye(3)))
    assert drawn.shape == (60, 90, 3) and drawn.dtype == np.uint8
    assert drawn[0, 89].tolist() == drawn[59, 0].tolist() == [100, 100, 100]
    expected = 0.35 * 100 + 0.65 * np.array([252, 255, 164])
    np.testing.assert_allclose(drawn[0, 0], expected, atol=0.5)


def test_an_even_map_leaves_the_radiograph_as_it_is():
    gray = np.random.default_rng(0).integers(0, 256, (60, 90)).astype(np.uint8)
    for drawn in (
        heated(gray, spread(np.full((4, 4), 0.3))),
        two_coloured(gray, balanced(np.zeros((40, 40)))),
    ):
        np.testing.assert_array_equal(drawn, np.repeat(gray[..., None], 3, axis=2))
