"""The pass down the ranked images on a CPU: step by step, one row of state for all redraws."""

from __future__ import annotations

from fractions import Fraction
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax
from scipy.sparse import csr_array

from jaxcxr.stats.ranking import STEPS, Ranking
from jaxcxr.stats.rates import least_needed, most_allowed

_State = tuple[jax.Array | np.ndarray, ...]


def walk_on_host(
    ranking: Ranking,
    counts: np.ndarray,
    whole: type,
    average_precision: bool,
    fixed_rate: Fraction,
) -> tuple[np.ndarray, ...]:
    """Add up the images of each step as a sparse product, then walk down the steps."""
    mixed = ranking.padded_mixed()
    steps = len(mixed)
    added = _row_sums(
        ranking.images, np.searchsorted(ranking.row, np.arange(2 * steps + 1)), counts
    )
    by_class = np.arange(2 * steps).reshape(-1, 2).T.ravel()
    totals = _row_sums(by_class, np.array([0, steps, 2 * steps]), added)
    positives, negatives = totals.astype(whole)
    limits: _State = (
        positives,
        negatives,
        most_allowed(negatives, fixed_rate).astype(whole),
        least_needed(positives, fixed_rate).astype(whole),
    )
    zero = np.zeros_like(positives)
    state: _State = (zero, zero, zero, zero, zero, zero, zero - 1, zero, zero, np.zeros(len(zero)))
    with jax.enable_x64(True):
        for first in range(0, steps, STEPS):
            block = slice(2 * first, 2 * (first + STEPS))
            state = _walk(
                state,
                limits,
                added[block],
                mixed[first : first + STEPS],
                first,
                average_precision=average_precision,
            )
    _, _, wins, _, *rest = (np.asarray(row) for row in state)
    return positives, negatives, wins, *rest


def _row_sums(columns: np.ndarray, ends: np.ndarray, of: np.ndarray) -> np.ndarray:
    """Sum the rows `columns[ends[i] : ends[i + 1]]` of an array, for each i."""
    ones = np.ones(len(columns), of.dtype)
    return csr_array((ones, columns, ends), shape=(len(ends) - 1, len(of))) @ of


@partial(jax.jit, static_argnames="average_precision")
def _walk(
    state: _State,
    limits: _State,
    added: jax.Array | np.ndarray,
    mixed: jax.Array | np.ndarray,
    first: int,
    *,
    average_precision: bool,
) -> _State:
    """Walk down a block of steps, with one row of state for all redraws: it stays in the cache.

    Args:
      state: ten rows `[redraws]`: positives and negatives so far, wins, the best J, its true
        and false positives and its step, the true and the false positives at the fixed rates,
        and the precision sum.
      limits: `[redraws]` each: positives, negatives, false positives that the fixed
        specificity allows, true positives that the fixed sensitivity needs.
      added: `[2 * steps, redraws]`, positives and negatives of each step.
      mixed: `[steps]`.
      first: number of the first step.
      average_precision: whether to add that up too.
    """
    positives, negatives, allowed, needed = limits

    def step(state: Any, here: Any) -> tuple[_State, None]:
        above, false, wins, best, best_found, best_called, best_step, most, least, precision = state
        pair, is_mixed, number = here
        new, below = pair.astype(above.dtype)
        found = above + new
        # A positive scored above a negative counts twice, one tied with it once.
        wins = wins + below * (found + jnp.where(is_mixed, above, found))
        called = false + jnp.where(is_mixed, below, 0)
        youden = found * negatives - called * positives
        better = youden > best
        if average_precision:
            precise = found.astype(jnp.float64) / jnp.maximum(found + called, 1)
            precision = precision + new * precise
        return (
            found,
            false + below,
            wins,
            jnp.where(better, youden, best),
            jnp.where(better, found, best_found),
            jnp.where(better, called, best_called),
            jnp.where(better, number.astype(found.dtype), best_step),
            jnp.where(called <= allowed, found, most),
            jnp.where((above < needed) & (needed <= found), called, least),
            precision,
        ), None

    numbers = first + jnp.arange(mixed.shape[0])
    return lax.scan(step, state, (added.reshape(len(numbers), 2, -1), mixed, numbers))[0]
