"""One pass down the ranked images, for all redraws at once.

The order of the scores is the same in every redraw, so the images are sorted once and each redraw
only says how often each image counts. Between two positives the negatives need only be added
up, so the pass takes one step for each distinct score that a positive has. It keeps whole
numbers (images of each class, pairs ranked rightly, Youden's J times positives times
negatives): the results are exact, with ties, and the same on every device and for any block
size. They become fractions on the host, in float64.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from functools import partial
from typing import TYPE_CHECKING

import numpy as np

from jaxcxr.stats.compiled import kernels
from jaxcxr.stats.cores import LANES, thread_pool
from jaxcxr.stats.ranking import Ranking
from jaxcxr.stats.rates import exact_rate
from jaxcxr.stats.walk import walk_by_numpy, walk_compiled

if TYPE_CHECKING:
    import jax

# With more images than this in a redraw, twice the number of pairs may not fit 32 bits, nor the
# images of a class 16.
_MAX_NARROW_IMAGES = 65_535


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
    device: jax.Device | None = None,
) -> Tally:
    """Run the pass for every ranking, each under all redraws of `counts` `[images, redraws]` uint8.

    On the cores of the host, or on a `device` of JAX if one is given.
    """
    rate = exact_rate(fixed_rate)
    if device is not None:
        return Tally(*_on_device(rankings, counts, average_precision, rate, device))
    chunks = [counts[:, first : first + LANES] for first in range(0, counts.shape[1], LANES)]
    with thread_pool() as pool:
        run = partial(_of_lanes, rankings, average_precision=average_precision, fixed_rate=rate)
        parts = list(pool.map(run, chunks))
    return Tally(*(np.concatenate(column, axis=1) for column in zip(*parts, strict=True)))


def _of_lanes(
    rankings: Sequence[Ranking],
    counts: np.ndarray,
    average_precision: bool,
    fixed_rate: Fraction,
) -> list[np.ndarray]:
    """Give the fields of a `Tally`, `[rankings, redraws]`, of up to `LANES` redraws."""
    images, redraws = counts.shape
    compiled = kernels()
    walk = walk_by_numpy
    if compiled is not None:
        walk = partial(walk_compiled, compiled)
        counts = np.concatenate([counts, np.zeros((images, LANES - redraws), np.uint8)], axis=1)
    whole = _whole(counts)
    rows = [walk(ranking, counts, whole, average_precision, fixed_rate) for ranking in rankings]
    return [np.stack(column)[:, :redraws] for column in zip(*rows, strict=True)]


def _on_device(
    rankings: Sequence[Ranking],
    counts: np.ndarray,
    average_precision: bool,
    fixed_rate: Fraction,
    device: jax.Device,
) -> list[np.ndarray]:
    import jax  # Only here: what runs on the host must not take an accelerator.

    from jaxcxr.stats.sweep import sweep_on_device

    whole = _whole(counts)
    placed = jax.device_put(counts, device)
    steps = max(len(ranking.mixed) for ranking in rankings)
    run = partial(
        sweep_on_device,
        counts=placed,
        whole=whole,
        average_precision=average_precision,
        fixed_rate=fixed_rate,
        steps=steps,
    )
    # An accelerator is filled by one label, and its memory by few.
    with thread_pool(2) as pool:
        parts = list(pool.map(run, rankings))
    return [np.stack(column) for column in zip(*parts, strict=True)]


def _whole(counts: np.ndarray) -> type:
    """Choose whole numbers that hold twice the pairs of every redraw."""
    most = int(counts.sum(axis=0, dtype=np.uint32).max(initial=0))
    return np.int32 if most <= _MAX_NARROW_IMAGES else np.int64
