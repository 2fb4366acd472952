"""Which labels can bear an interval, and redraws that have both classes of them.

A label whose smaller class is one patient is in a redraw or it is not: nothing is known of its
spread. With a few patients the spread is known badly, and an average that takes such labels in has
an interval that is too short; see the table in `docs/statistics.md`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from jaxcxr.stats.arrays import check_labels, group_codes

# Patients (or images) in the smaller class of a label that an average counts.
LEAST_UNITS = 10
# With fewer its interval is too short; see the simulation in `docs/statistics.md`.
FEWEST_ALLOWED = 5


def units_of_labels(labels: Any, groups: Any = None) -> np.ndarray:
    """Count the images, or groups, of each label's smaller class, `[labels]`.

    Args:
      labels: `[images, labels]`; 1, 0, or -1 for unknown.
      groups: `[images]`, names of patients; None counts images.
    """
    truth = check_labels(labels)
    codes = np.arange(len(truth))
    if groups is not None:
        codes, _ = group_codes(groups, len(truth))
    return np.array(
        [min(len(np.unique(codes[column == kind])) for kind in (1, 0)) for column in truth.T], int
    )


def check_least_units(least: int) -> None:
    """Raise ValueError where averages over labels with so few patients cannot be trusted."""
    if least < FEWEST_ALLOWED:
        raise ValueError(
            f"labels with {least} patients in a class cannot stand in an average with an interval: "
            f"ask for at least {FEWEST_ALLOWED}"
        )


def wanted(units: np.ndarray, averaged: np.ndarray) -> np.ndarray:
    """Sets of labels that redraws have to have both classes of, `[sets, labels]` bool.

    Each label that has a spread, alone; and the averaged ones, together.

    Args:
      units: of `units_of_labels`.
      averaged: `[labels]` bool.
    """
    alone = np.eye(len(units), dtype=bool)[units > 1]
    together = averaged[None] if averaged.any() else averaged[None][:0]
    return np.concatenate([alone, together])


@dataclass(frozen=True)
class Usable:
    """The first redraws in which a number exists.

    Attributes:
      values: `[..., resamples]` with the axis of redraws where it was, those in which the number
        is not NaN.
      drawn: how many had to be drawn for them.
    """

    values: np.ndarray
    drawn: int


def first_usable(values: Any, resamples: int) -> Usable:
    """Take the first `resamples` rows of `[drawn, ...]` that are not NaN.

    All columns of a row are there or none, as those of models that share their redraws. Where
    there are fewer such rows, all of them are given.
    """
    values = np.asarray(values, np.float64)
    there = np.flatnonzero(~np.isnan(values.reshape(len(values), -1)).any(axis=1))[:resamples]
    drawn = int(there[-1]) + 1 if len(there) == resamples else len(values)
    return Usable(values[there], drawn)
