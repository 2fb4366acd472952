"""Fixed rates in whole numbers of images, against counting them one by one."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest

from jaxcxr.stats.rates import exact_rate, least_needed, most_allowed

RATES = (0.9, 0.95, 0.975, 0.995, 0.9999, 0.8, 1 / 3, 0.01, 1.0, 1e-6)


@pytest.mark.parametrize("rate", RATES)
def test_numbers_of_images_are_the_first_that_reach_the_rate(rate):
    exact = exact_rate(rate)
    images = np.arange(1, 300, dtype=np.int32)
    allowed, needed = most_allowed(images, exact), least_needed(images, exact)
    for number, most, least in zip(images.tolist(), allowed.tolist(), needed.tolist(), strict=True):
        shares = [Fraction(right, number) >= exact for right in range(number + 1)]
        assert least == shares.index(True)
        assert most == number - least


def test_a_rate_is_read_as_it_is_written():
    assert exact_rate(0.9) == Fraction(9, 10) and exact_rate(0.9999) == Fraction(9999, 10_000)
    assert exact_rate(1 / 3) == Fraction(1, 3) and exact_rate(1) == 1
    assert exact_rate(1e-9) == Fraction(1, 10**9)


def test_products_with_numbers_of_images_fit_64_bits():
    rates = np.random.default_rng(0).random(200)
    exact = [exact_rate(float(rate)) for rate in rates]
    assert 10**8 < max(one.denominator for one in exact) <= 10**9
    for rate, one in zip(rates, exact, strict=True):
        assert float(one) == pytest.approx(rate, abs=1e-12)
    # A billion images, in 32 bits as they come, do not overflow.
    billion = np.array([10**9], np.int32)
    assert least_needed(billion, exact_rate(0.9)).tolist() == [9 * 10**8]
    assert most_allowed(billion, exact_rate(0.9)).tolist() == [10**8]


@pytest.mark.parametrize("rate", [0, -0.1, 1.1, 90, np.nan])
def test_a_rate_lies_above_0_and_up_to_1(rate):
    with pytest.raises(ValueError, match="above 0 and at most 1"):
        exact_rate(rate)
