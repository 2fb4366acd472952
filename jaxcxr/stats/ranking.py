"""The images of one label in order of score, cut into the steps that the bootstrap walks down."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

# On a device, lengths are filled up to whole blocks of so many steps, to compile for few of them.
STEPS = 512


@dataclass(frozen=True)
class Ranking:
    """The known images of one label under one model, highest score first, cut into steps.

    A step is the positives of one score and the negatives between them and the next positives. The
    first step may have no positives.

    Attributes:
      images: `[known]` int32, the images by step, of each its positives first.
      ends: `[2 * steps + 1]` int64; the positives of step i are `images[ends[2i] : ends[2i + 1]]`,
        its negatives follow up to `ends[2i + 2]`.
      mixed: `[steps]` bool, whether the negatives of the step are tied with its positives.
      scores: `[steps]`, the score of the step's positives.
    """

    images: np.ndarray
    ends: np.ndarray
    mixed: np.ndarray
    scores: np.ndarray

    def padded_mixed(self, steps: int = 1) -> np.ndarray:
        """`mixed` filled up to whole blocks of `STEPS`, for at least so many steps."""
        blocks = -(-max(steps, len(self.mixed)) // STEPS)
        return np.append(self.mixed, np.zeros(blocks * STEPS - len(self.mixed), bool))


def rank(labels: np.ndarray, scores: np.ndarray) -> Ranking:
    """Sort one column: `labels` `[images]` in 1, 0, -1 and `scores` `[images]`."""
    known = np.flatnonzero(labels >= 0)
    if not len(known):  # One step without an image, so that all rankings have a last one.
        none = np.zeros(0, np.int32)
        return Ranking(none, np.zeros(3, np.int64), np.array([False]), np.array([np.inf]))
    images = known[np.argsort(-scores[known])].astype(np.int32)
    positive, ranked = labels[images] == 1, scores[images]
    new_score = np.append(True, ranked[1:] != ranked[:-1])[: len(images)]
    group = np.cumsum(new_score) - 1
    has_positive = np.bincount(group, positive) > 0
    has_both = has_positive & (np.bincount(group, ~positive) > 0)
    # The negatives below a mixed group are not tied with it, so they begin a step of their own.
    begins = has_positive | np.append(True, has_both[:-1])[: len(has_both)]
    step_of_group = np.cumsum(begins) - 1
    first_groups = np.flatnonzero(begins)
    # Twice the step, plus 1 for a negative: in order but for ties, which the sort leaves in any.
    row = 2 * step_of_group[group] + ~positive
    if has_both.any():
        images = images[np.argsort(row, kind="stable")]
    sizes = np.bincount(row, minlength=2 * len(first_groups))
    return Ranking(
        images=images,
        ends=np.append(0, np.cumsum(sizes)),
        mixed=has_both[first_groups],
        scores=ranked[new_score][first_groups],
    )
