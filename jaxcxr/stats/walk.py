"""The pass down the ranked images on a CPU, for up to `LANES` redraws.

As cumulative sums over all steps by NumPy, or step by step by the compiled kernels. Both give the
same bits: what they add up are whole numbers, and the fractions of average precision are added in
the order of the steps. Neither asks JAX for anything, so no accelerator is ever taken.
"""

from __future__ import annotations

from fractions import Fraction
from types import ModuleType

import numpy as np
from scipy.sparse import csr_array

from jaxcxr.stats.cores import LANES
from jaxcxr.stats.ranking import Ranking
from jaxcxr.stats.rates import least_needed, most_allowed


def walk_by_numpy(
    ranking: Ranking,
    counts: np.ndarray,
    whole: type,
    average_precision: bool,
    fixed_rate: Fraction,
) -> tuple[np.ndarray, ...]:
    """Give the rows of a `Tally`, `[redraws]` each, from `counts` `[images, redraws]`."""
    rows = len(ranking.ends) - 1
    narrow = _narrow(whole)
    ones: np.ndarray = np.ones(len(ranking.images), narrow)
    steps = csr_array((ones, ranking.images, ranking.ends), shape=(rows, len(counts)))
    added = (steps @ counts.astype(narrow)).astype(whole).reshape(rows // 2, 2, -1)
    new, below = added[:, 0], added[:, 1]
    tied = np.where(ranking.mixed[:, None], below, 0)
    found: np.ndarray = np.cumsum(new, axis=0, dtype=whole)
    false: np.ndarray = np.cumsum(below, axis=0, dtype=whole)
    positives, negatives = found[-1], false[-1]
    called = false - below + tied
    youden = found * negatives - called * positives
    best = np.argmax(youden, axis=0)
    lane = np.arange(len(best))
    better = youden[best, lane] > 0
    reaches = found >= least_needed(positives, fixed_rate)
    precision = np.zeros(len(best))
    if average_precision:
        precise = new * (found / np.maximum(found + called, 1))
        precision = np.cumsum(precise, axis=0)[-1]
    return (
        positives,
        negatives,
        np.sum(below * (2 * found) - tied * new, axis=0, dtype=whole),
        np.where(better, found[best, lane], 0),
        np.where(better, called[best, lane], 0),
        np.where(better, best, -1),
        np.max(np.where(called <= most_allowed(negatives, fixed_rate), found, 0), axis=0),
        np.min(np.where(reaches, called, negatives), axis=0),
        precision,
    )


def walk_compiled(
    kernels: ModuleType,
    ranking: Ranking,
    counts: np.ndarray,
    whole: type,
    average_precision: bool,
    fixed_rate: Fraction,
) -> tuple[np.ndarray, ...]:
    """The same by the kernels, from `counts` `[images, LANES]` uint8 without gaps."""
    sums: np.ndarray = np.empty((len(ranking.ends) - 1, LANES), _narrow(whole))
    kernels.sum_rows(ranking.images, ranking.ends, counts, sums)
    state = np.empty((kernels.ROWS, LANES), whole)
    rate = fixed_rate.numerator, fixed_rate.denominator
    kernels.walk(sums, ranking.mixed, *rate, state.reshape(-1))
    precision = np.zeros(LANES)
    if average_precision:
        kernels.add_precision(sums, ranking.mixed, precision)
    return *state[:8], precision


def _narrow(whole: type) -> type:
    """Choose what holds the images of a step, of which there are no more than in a redraw."""
    return np.uint16 if whole is np.int32 else np.uint32
