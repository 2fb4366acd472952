"""How many images a fixed rate comes to, in whole numbers."""

from __future__ import annotations

from fractions import Fraction
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    import jax
    import numpy as np

    Array = TypeVar("Array", np.ndarray, jax.Array)


def exact_rate(rate: float) -> Fraction:
    """Read a rate as it is written, 0.9 as nine tenths; ValueError unless above 0 and at most 1."""
    if not 0 < rate <= 1:
        raise ValueError(f"a fixed rate must be above 0 and at most 1, not {rate}")
    # Denominators up to a billion keep products with numbers of images within 64 bits.
    return Fraction(str(rate)).limit_denominator(10**9)


def most_allowed(negatives: Array, specificity: Fraction) -> Array:
    """How many false positives leave at least this specificity, exactly."""
    kept = specificity.numerator * negatives.astype("int64")
    return negatives - -(-kept // specificity.denominator)


def least_needed(positives: Array, sensitivity: Fraction) -> Array:
    """How many true positives give at least this sensitivity, exactly."""
    return -(-sensitivity.numerator * positives.astype("int64") // sensitivity.denominator)
