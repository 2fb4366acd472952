"""One pass down the images in order of score, for all redraws at once.

The order of the scores is the same in every redraw, so the images are sorted once and each redraw
only says how often each image counts. The pass keeps whole numbers (images seen, pairs ranked
rightly, Youden's J times positives times negatives), so its results are exact, with ties, and the
same on every device and for any block size; they become fractions on the host, in float64.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax

# With more images than this in a redraw, twice the number of pairs may not fit 32 bits.
_MAX_INT32_IMAGES = 65_535
_UNROLL = 4


@dataclass(frozen=True)
class Ranking:
    """The images of one label under one model, from the highest score to the lowest.

    Attributes:
      rows: `[images]` int32, the image at each rank. Images whose label is unknown come last, as
        the number `images`, which stands for a row of counts that is all zero.
      positive: `[images]` bool.
      last: `[images]` bool, whether the image is the last of those with the same score.
      scores: `[images]`, the score at each rank.
    """

    rows: np.ndarray
    positive: np.ndarray
    last: np.ndarray
    scores: np.ndarray


@dataclass(frozen=True)
class Tally:
    """What the pass counted, whole numbers `[rankings, redraws]`.

    Attributes:
      positives, negatives: images of each class.
      wins: pairs of a positive and a negative with the positive scored higher, counted twice,
        plus once each tied pair.
      true_positives, false_positives: at the operating point.
      rank: where the operating point lies; -1 if above every score.
      precision: `[rankings, redraws]` float64, average precision times positives; None unless
        asked for.
    """

    positives: np.ndarray
    negatives: np.ndarray
    wins: np.ndarray
    true_positives: np.ndarray
    false_positives: np.ndarray
    rank: np.ndarray
    precision: np.ndarray | None


def rank(labels: np.ndarray, scores: np.ndarray) -> Ranking:
    """Sort one column: `labels` `[images]` in 1, 0, -1 and `scores` `[images]`."""
    known = labels >= 0
    # Positives first among ties: a negative then meets all positives it is tied with.
    order = np.lexsort((-labels, -scores, ~known)).astype(np.int32)
    ranked = scores[order]
    known_count = int(known.sum())
    last = np.zeros(len(order), bool)
    last[:known_count] = np.append(ranked[1:known_count] != ranked[: known_count - 1], True)[
        :known_count
    ]
    rows = order.copy()
    rows[known_count:] = len(order)
    return Ranking(rows, labels[order] == 1, last, ranked)


def tally(
    rankings: Sequence[Ranking], counts: np.ndarray, *, average_precision: bool = False
) -> Tally:
    """Run the pass for every ranking, each under all redraws of `counts` `[images, redraws]`."""
    redraws = counts.shape[1]
    padded = np.concatenate([counts, np.zeros((1, redraws), np.int32)]).astype(np.int32)
    most = int(counts.sum(axis=0, dtype=np.int64).max(initial=0))
    whole = jnp.int32 if most <= _MAX_INT32_IMAGES else jnp.int64
    run = partial(_pass, whole=whole, average_precision=average_precision)
    with jax.enable_x64(True):
        on_device = jnp.asarray(padded)
        columns = [(r.rows, r.positive, r.last) for r in rankings]
        if jax.default_backend() == "cpu":
            parts = _each_in_a_thread(run, on_device, columns)
        else:
            stacked = [jnp.asarray(np.stack(column)) for column in zip(*columns, strict=True)]
            whole_numbers, precision = jax.vmap(run, in_axes=(None, 0, 0, 0))(on_device, *stacked)
            parts = [(np.asarray(whole_numbers), np.asarray(precision))]
            parts = list(zip(*parts[0], strict=True))
    numbers = np.stack([part[0] for part in parts], axis=1).astype(np.int64)
    positives, negatives, wins, true_positives, false_positives, at_rank = numbers
    precision = np.stack([part[1] for part in parts]) if average_precision else None
    return Tally(positives, negatives, wins, true_positives, false_positives, at_rank, precision)


def _each_in_a_thread(run, counts, columns):
    """On a CPU one pass fits the caches of one core; more cores take more passes."""

    def one(column: tuple[np.ndarray, ...]) -> tuple[np.ndarray, np.ndarray]:
        with jax.enable_x64(True):
            return tuple(np.asarray(part) for part in run(counts, *column))  # type: ignore[return-value]

    with ThreadPoolExecutor(len(os.sched_getaffinity(0))) as pool:
        return list(pool.map(one, columns))


@partial(jax.jit, static_argnames=("whole", "average_precision"))
def _pass(
    counts: jax.Array,
    rows: jax.Array,
    positive: jax.Array,
    last: jax.Array,
    *,
    whole: jnp.dtype,
    average_precision: bool,
) -> tuple[jax.Array, jax.Array]:
    """Scan down one ranking.

    Args:
      counts: `[images + 1, redraws]` int32, the last row zero.
      rows, positive, last: as in `Ranking`.
      whole: the integer type to count in.
      average_precision: whether to add that up too.

    Returns:
      The six whole numbers of a `Tally`, `[6, redraws]`, and the precision sum, `[redraws]`.
    """
    redraws = counts.shape[1]
    seen = jnp.zeros(counts.shape[0], bool).at[rows].set(True).at[-1].set(False)
    is_positive = jnp.zeros(counts.shape[0], bool).at[rows].set(positive).at[-1].set(False)
    total = jnp.sum(jnp.where(seen[:, None], counts, 0), axis=0, dtype=whole)
    positives = jnp.sum(jnp.where(is_positive[:, None], counts, 0), axis=0, dtype=whole)
    negatives = total - positives

    def step(state, image):
        found, found_above, wins, youden, best, best_found, best_rank, images_seen, precision = (
            state
        )
        row, is_positive, is_last, here = image
        count = lax.dynamic_index_in_dim(counts, row, keepdims=False).astype(whole)
        found = found + jnp.where(is_positive, count, 0)
        # Positives found above this score count twice, those tied with it once.
        wins = wins + jnp.where(is_positive, 0, count) * (found + found_above)
        # J * positives * negatives = true positives * negatives - false positives * positives.
        youden = youden + count * jnp.where(is_positive, negatives, -positives)
        better = is_last & (youden > best)
        best = jnp.where(better, youden, best)
        best_found = jnp.where(better, found, best_found)
        best_rank = jnp.where(better, here, best_rank)
        if average_precision:
            images_seen = images_seen + count
            precise = found.astype(jnp.float64) / jnp.maximum(images_seen, 1)
            term = (found - found_above) * precise
            precision = precision + jnp.where(is_last, term, 0.0)
        found_above = jnp.where(is_last, found, found_above)
        state = (
            found,
            found_above,
            wins,
            youden,
            best,
            best_found,
            best_rank,
            images_seen,
            precision,
        )
        return state, None

    zero = jnp.zeros(redraws, whole)
    none = jnp.zeros(redraws if average_precision else 0, jnp.float64)
    start = (zero,) * 6 + (
        jnp.full(redraws, -1, jnp.int32),
        zero if average_precision else none,
        none,
    )
    ranks = jnp.arange(rows.shape[0], dtype=jnp.int32)
    end, _ = lax.scan(step, start, (rows, positive, last, ranks), unroll=_UNROLL)
    wins, best, best_found, best_rank, precision = end[2], end[4], end[5], end[6], end[8]
    false_positives = (best_found * negatives - best) // jnp.maximum(positives, 1)
    rows_out = (positives, negatives, wins, best_found, false_positives, best_rank.astype(whole))
    return jnp.stack(rows_out), precision
