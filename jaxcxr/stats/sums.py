"""Metrics that are quotients of sums over images: at a fixed threshold, Brier score, calibration.

Over redraws a sum over images is a product of the counts with one row of numbers an image, so all
labels and redraws are one sparse product.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import chain, repeat
from typing import Any

import numpy as np
from scipy.sparse import csr_array

from jaxcxr.stats.arrays import check_columns
from jaxcxr.stats.cores import thread_pool
from jaxcxr.stats.resample import resample_blocks

_BLOCK = 256


@dataclass(frozen=True)
class AtThreshold:
    """Metrics at thresholds fixed in advance; the first entry is of the data, then each redraw.

    Attributes:
      accuracy, sensitivity, specificity: `[1 + resamples, labels]`; NaN without both classes.
    """

    accuracy: np.ndarray
    sensitivity: np.ndarray
    specificity: np.ndarray


def at_threshold(
    labels: Any,
    scores: Any,
    thresholds: Any,
    *,
    resamples: int = 1000,
    seed: int = 0,
    groups: Any = None,
) -> AtThreshold:
    """Call an image positive if its score is at least the threshold of its label.

    Args:
      labels, scores: `[images, labels]`, labels 1, 0 or -1 for unknown.
      thresholds: `[labels]`, such as found on the validation split. They do not change between
        redraws, so their own uncertainty is not in the intervals.
      resamples, seed, groups: as in `bootstrap`; the redraws are the same.
    """
    columns = check_columns(labels, scores)
    truth, called = columns.labels, columns.scores[0] >= np.asarray(thresholds)[None, :]
    rows = [truth == 1, truth == 0, (truth == 1) & called, (truth == 0) & ~called]
    positives, negatives, found, passed = sums_over_redraws(
        [row.T for row in rows], resamples, seed, groups
    )
    usable = (positives > 0) & (negatives > 0)
    total = np.where(usable, positives + negatives, np.nan)
    return AtThreshold(
        accuracy=(found + passed) / total,
        sensitivity=found / np.where(usable, positives, np.nan),
        specificity=passed / np.where(usable, negatives, np.nan),
    )


def sums_over_redraws(
    rows: Sequence[np.ndarray], resamples: int, seed: int, groups: Any = None
) -> list[np.ndarray]:
    """Sum numbers of each image over the data and over each redraw.

    Args:
      rows: arrays `[..., images]`, of booleans to count or of numbers.
      resamples, seed, groups: as in `bootstrap`.

    Returns:
      One float64 array `[1 + resamples, ...]` for each of `rows`; the first entry is of the data.
    """
    images = rows[0].shape[-1]
    block = max(1, min(_BLOCK, 2**25 // images))
    blocks = resample_blocks(seed, resamples, images, groups, block)
    matrices = [_matrix(row, images) for row in rows]
    with thread_pool() as pool:
        sums = [
            list(pool.map(_product, matrices, repeat(counts)))
            for counts in chain([np.ones((images, 1), np.uint8)], blocks)
        ]
    return [
        np.concatenate(parts, axis=1).T.reshape(-1, *row.shape[:-1])
        for parts, row in zip(zip(*sums, strict=True), rows, strict=True)
    ]


def _matrix(row: np.ndarray, images: int) -> csr_array:
    # Counting in whole numbers takes half the memory, and so half the time.
    dtype = np.int32 if row.dtype == bool else np.float64
    return csr_array(row.reshape(-1, images).astype(dtype))


def _product(matrix: csr_array, counts: np.ndarray) -> np.ndarray:
    return (matrix @ counts.astype(matrix.dtype)).astype(np.float64)
