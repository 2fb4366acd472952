"""One pass down the ranked images, for all redraws at once.

The order of the scores is the same in every redraw, so the images are sorted once and each redraw
only says how often each image counts. Between two positives the negatives need only be added
up, so the pass takes one step for each distinct score that a positive has. It keeps whole
numbers (images of each class, pairs ranked rightly, Youden's J times positives times
negatives): the results are exact, with ties, and the same on every device and for any block
size. They become fractions on the host, in float64.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import jax
import numpy as np

from jaxcxr.stats.cores import thread_pool
from jaxcxr.stats.ranking import Ranking
from jaxcxr.stats.rates import exact_rate
from jaxcxr.stats.sweep import sweep_on_device
from jaxcxr.stats.walk import walk_on_host

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
) -> Tally:
    """Run the pass for every ranking, each under all redraws of `counts` `[images, redraws]`."""
    most = int(counts.sum(axis=0, dtype=np.int64).max(initial=0))
    narrow = most <= _MAX_NARROW_IMAGES
    counts = counts.astype(np.uint16 if narrow else np.int32, copy=False)
    asked: dict[str, Any] = {
        "whole": np.int32 if narrow else np.int64,
        "average_precision": average_precision,
        "fixed_rate": exact_rate(fixed_rate),
    }
    on_host = jax.default_backend() == "cpu"
    run: Callable[[Ranking], tuple[np.ndarray, ...]]
    if on_host:
        run = partial(walk_on_host, counts=counts, **asked)
    else:
        steps = max(len(ranking.mixed) for ranking in rankings)
        run = partial(sweep_on_device, counts=jax.device_put(counts), steps=steps, **asked)
    # One pass fits a core; an accelerator is filled by one label, and its memory by few.
    with thread_pool(0 if on_host else 2) as pool:
        parts = list(pool.map(run, rankings))
    return Tally(*(np.stack(column) for column in zip(*parts, strict=True)))
