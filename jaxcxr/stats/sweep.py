"""The same pass on an accelerator: cumulative sums over all steps at once."""

from __future__ import annotations

from fractions import Fraction
from functools import partial

import jax
import jax.numpy as jnp
import numpy as np

from jaxcxr.stats.ranking import Ranking
from jaxcxr.stats.rates import least_needed, most_allowed


def sweep_on_device(
    ranking: Ranking,
    counts: jax.Array,
    whole: type,
    average_precision: bool,
    fixed_rate: Fraction,
    steps: int,
) -> tuple[np.ndarray, ...]:
    """The same numbers from cumulative sums over all steps at once, as suits an accelerator.

    `steps` is the largest number of steps of all rankings: filled up to it, and to all images,
    they have one shape and are compiled once.
    """
    del average_precision  # It costs nothing here.
    mixed = ranking.padded_mixed(steps)
    unknown = counts.shape[0] - len(ranking.images)
    images = np.append(ranking.images, np.zeros(unknown, np.int32))
    # A row beyond the last is not added to anything.
    rows = np.repeat(np.arange(len(ranking.ends) - 1, dtype=np.int32), np.diff(ranking.ends))
    row = np.append(rows, np.full(unknown, 2 * len(mixed), np.int32))
    with jax.enable_x64(True):
        numbers = _sweep(counts, images, row, mixed, fixed_rate, whole)
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
