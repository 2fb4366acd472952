"""The images of one label in order of score, cut into the steps that the bootstrap walks down."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

# Steps walked in one call.
STEPS = 512


@dataclass(frozen=True)
class Ranking:
    """The known images of one label under one model, highest score first, cut into steps.

    A step is the positives of one score and the negatives between them and the next positives. The
    first step may have no positives.

    Attributes:
      images: `[known]` int32, the image at each rank.
      row: `[known]` int32, not decreasing: twice the step, plus 1 for a negative.
      mixed: `[steps]` bool, whether the negatives of the step are tied with its positives.
      scores: `[steps]`, the score of the step's positives.
    """

    images: np.ndarray
    row: np.ndarray
    mixed: np.ndarray
    scores: np.ndarray

    def padded_mixed(self, steps: int = 1) -> np.ndarray:
        """`mixed` filled up to whole blocks of `STEPS`, for at least so many steps."""
        blocks = -(-max(steps, len(self.mixed)) // STEPS)
        return np.append(self.mixed, np.zeros(blocks * STEPS - len(self.mixed), bool))


def rank(labels: np.ndarray, scores: np.ndarray) -> Ranking:
    """Sort one column: `labels` `[images]` in 1, 0, -1 and `scores` `[images]`."""
    known = np.flatnonzero(labels >= 0)
    images = known[np.lexsort((-labels[known], -scores[known]))].astype(np.int32)
    positive, ranked = labels[images] == 1, scores[images]
    new_score = np.append(True, ranked[1:] != ranked[:-1])[: len(images)]
    group = np.cumsum(new_score) - 1
    has_positive = np.bincount(group, positive) > 0
    has_both = has_positive & (np.bincount(group, ~positive) > 0)
    # The negatives below a mixed group are not tied with it, so they begin a step of their own.
    begins = has_positive | np.append(True, has_both[:-1])[: len(has_both)]
    step_of_group = np.cumsum(begins) - 1
    first_groups = np.flatnonzero(begins)
    return Ranking(
        images=images,
        row=(2 * step_of_group[group] + ~positive).astype(np.int32),
        mixed=has_both[first_groups],
        scores=ranked[new_score][first_groups],
    )
