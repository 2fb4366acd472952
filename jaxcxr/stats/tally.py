"""One pass down the ranked images, for all redraws at once.

The order of the scores is the same in every redraw, so the images are sorted once and each redraw
only says how often each image counts. Between two positives the negatives need only be added
up, so the pass takes one step for each distinct score that a positive has. It keeps whole
numbers (images of each class, pairs ranked rightly, Youden's J times positives times
negatives): the results are exact, with ties, and the same on every device and for any block
size. They become fractions on the host, in float64.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from fractions import Fraction
from functools import partial
from typing import Any, TypeVar

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax
from scipy.sparse import csr_array

from jaxcxr.stats.ranking import Ranking

# With more images than this in a redraw, twice the number of pairs may not fit 32 bits, nor the
# images of a class 16.
_MAX_NARROW_IMAGES = 65_535
# Steps walked in one call: one shape, compiled once, whatever the data.
_STEPS = 512

_State = tuple[jax.Array | np.ndarray, ...]
_Array = TypeVar("_Array", np.ndarray, jax.Array)


@dataclass(frozen=True)
class Tally:
    """What the pass counted, whole numbers `[rankings, redraws]`.

    Attributes:
      positives, negatives: images of each class.
      wins: pairs of a positive and a negative with the positive scored higher, counted twice,
        plus once each tied pair.
      true_positives, false_positives: at the operating point.
      step: where the operating point lies; -1 if above every score.
      most_true_positives: with no more false positives than the fixed specificity allows.
      least_false_positives: with as many true positives as the fixed sensitivity needs.
      precision: float64, average precision times positives; zero unless asked for.
    """

    positives: np.ndarray
    negatives: np.ndarray
    wins: np.ndarray
    true_positives: np.ndarray
    false_positives: np.ndarray
    step: np.ndarray
    most_true_positives: np.ndarray
    least_false_positives: np.ndarray
    precision: np.ndarray


def tally(
    rankings: Sequence[Ranking],
    counts: np.ndarray,
    *,
    average_precision: bool = False,
    fixed_rate: float = 0.9,
) -> Tally:
    """Run the pass for every ranking, each under all redraws of `counts` `[images, redraws]`."""
    most = int(counts.sum(axis=0, dtype=np.int64).max(initial=0))
    narrow = most <= _MAX_NARROW_IMAGES
    counts = counts.astype(np.uint16 if narrow else np.int32, copy=False)
    on_host = jax.default_backend() == "cpu"
    one: Callable[..., tuple[np.ndarray, ...]] = _walk_on_host if on_host else _sweep_on_device
    run = partial(
        one,
        counts=counts if on_host else jax.device_put(counts),
        whole=np.int32 if narrow else np.int64,
        average_precision=average_precision,
        fixed_rate=Fraction(str(fixed_rate)),
    )
    # One pass fits a core; an accelerator is filled by one label, and its memory by few.
    with ThreadPoolExecutor(len(os.sched_getaffinity(0)) if on_host else 2) as pool:
        parts = list(pool.map(run, rankings))
    return Tally(*(np.stack(column) for column in zip(*parts, strict=True)))


def most_allowed(negatives: _Array, specificity: Fraction) -> _Array:
    """How many false positives leave at least this specificity, exactly."""
    kept = specificity.numerator * negatives.astype(np.int64)
    return negatives - -(-kept // specificity.denominator)


def least_needed(positives: _Array, sensitivity: Fraction) -> _Array:
    """How many true positives give at least this sensitivity, exactly."""
    return -(-sensitivity.numerator * positives.astype(np.int64) // sensitivity.denominator)


def _walk_on_host(
    ranking: Ranking,
    counts: np.ndarray,
    whole: type,
    average_precision: bool,
    fixed_rate: Fraction,
) -> tuple[np.ndarray, ...]:
    """Add up the images of each step as a sparse product, then walk down the steps."""
    steps = _padded_steps(ranking)
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
    mixed = _padded(ranking.mixed, steps)
    with jax.enable_x64(True):
        for first in range(0, steps, _STEPS):
            block = slice(2 * first, 2 * (first + _STEPS))
            state = _walk(
                state,
                limits,
                added[block],
                mixed[first : first + _STEPS],
                first,
                average_precision=average_precision,
            )
    _, _, wins, _, *rest = (np.asarray(row) for row in state)
    return positives, negatives, wins, *rest


def _row_sums(columns: np.ndarray, ends: np.ndarray, of: np.ndarray) -> np.ndarray:
    """Sum the rows `columns[ends[i] : ends[i + 1]]` of an array, for each i."""
    ones = np.ones(len(columns), of.dtype)
    return csr_array((ones, columns, ends), shape=(len(ends) - 1, len(of))) @ of


def _padded_steps(ranking: Ranking) -> int:
    return max(1, -(-len(ranking.mixed) // _STEPS)) * _STEPS


def _padded(mixed: np.ndarray, steps: int) -> np.ndarray:
    return np.append(mixed, np.zeros(steps - len(mixed), bool))


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
        new, below, is_mixed, number = here
        new, below = new.astype(above.dtype), below.astype(above.dtype)
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
    pairs = added.reshape(mixed.shape[0], 2, -1)
    return lax.scan(step, state, (pairs[:, 0], pairs[:, 1], mixed, numbers))[0]


def _sweep_on_device(
    ranking: Ranking,
    counts: jax.Array,
    whole: type,
    average_precision: bool,
    fixed_rate: Fraction,
) -> tuple[np.ndarray, ...]:
    """The same numbers from cumulative sums over all steps at once, as suits an accelerator."""
    del average_precision  # It costs nothing here.
    mixed = _padded(ranking.mixed, _padded_steps(ranking))
    with jax.enable_x64(True):
        numbers = _sweep(counts, ranking.images, ranking.row, mixed, fixed_rate, whole)
        return tuple(np.asarray(row) for row in numbers)


@partial(jax.jit, static_argnames=("fixed_rate", "whole"))
def _sweep(
    counts: jax.Array,
    images: jax.Array,
    row: jax.Array,
    mixed: jax.Array,
    fixed_rate: Fraction,
    whole: type,
) -> tuple[jax.Array, ...]:
    """Give the rows of a `Tally`, `[redraws]` each, from `counts` `[images, redraws]`."""
    steps = mixed.shape[0]
    added = jax.ops.segment_sum(
        counts[images].astype(whole), row, 2 * steps, indices_are_sorted=True
    ).reshape(steps, 2, -1)
    new, below = added[:, 0], added[:, 1]
    tied = jnp.where(mixed[:, None], below, 0)
    found, false = jnp.cumsum(new, axis=0), jnp.cumsum(below, axis=0)
    positives, negatives = found[-1], false[-1]
    called = false - below + tied
    youden = found * negatives - called * positives
    best = jnp.argmax(youden, axis=0)

    def at_best(values: jax.Array) -> jax.Array:
        return jnp.take_along_axis(values, best[None], axis=0)[0]

    any_better = at_best(youden) > 0
    allowed = most_allowed(negatives, fixed_rate)
    reaches = found >= least_needed(positives, fixed_rate)
    precise = found.astype(jnp.float64) / jnp.maximum(found + called, 1)
    return (
        positives,
        negatives,
        jnp.sum(2 * below * found - tied * new, axis=0),
        jnp.where(any_better, at_best(found), 0),
        jnp.where(any_better, at_best(called), 0),
        jnp.where(any_better, best, -1),
        jnp.max(jnp.where(called <= allowed, found, 0), axis=0),
        jnp.min(jnp.where(reaches, called, negatives), axis=0),
        jnp.sum(new * precise, axis=0),
    )
