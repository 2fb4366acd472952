"""Wrong labels made on purpose, to see how much of them a training bears.

As in the follow-up study (arXiv 2510.07191): a positive label becomes negative with the given
probability, a negative one positive with a quarter of it, and "No finding" follows the others.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd

from input_pipeline.labels import NAMES
from input_pipeline.splits import fraction

NO_FINDING = NAMES["no_finding"]
OF_NEGATIVES = 0.25  # their share of the probability with which positives flip


def noisy_labels(
    records: pd.DataFrame, labels: Sequence[str], probability: float, seed: int
) -> np.ndarray:
    """Return the labels of images with noise; it depends on seed, label and image id alone.

    A label flips if `input_pipeline.splits.fraction(image_id, "label_noise:SEED:LABEL")` is below
    its probability. So the same labels flip whatever the order of the images, whoever else is
    among them and which other labels are learnt, and those that flip at 0.1 flip at 0.2 as well.
    An unknown label stays unknown.

    "No finding" is not drawn where there are others: it is negative where another is positive
    after the noise, positive where all are negative, and stays as it was where that is not known.

    Args:
      records: one row an image, with `image_id` and `labels`.
      labels: all names that the dataset has, since "No finding" speaks of them all.
      probability: that a positive label flips, from 0 to 1; 0 leaves all labels as they are.
      seed: another seed flips others.

    Returns:
      `[images, labels]` int8: 1, 0, or -1 where unknown.
    """
    truth = records[list(labels)].to_numpy(np.int8)
    if not probability:
        return truth
    images = records["image_id"].astype(str).tolist()
    noisy = truth.copy()
    follows = _following(labels)
    for column, label in enumerate(labels):
        if column == follows:
            continue
        purpose = f"label_noise:{seed}:{label}"
        drawn = np.array([fraction(image, purpose) for image in images])
        positive, negative = truth[:, column] == 1, truth[:, column] == 0
        noisy[positive & (drawn < probability), column] = 0
        noisy[negative & (drawn < OF_NEGATIVES * probability), column] = 1
    if follows is not None:
        _follow_the_others(noisy, follows)
    return noisy


def _following(labels: Sequence[str]) -> int | None:
    """The place of "No finding" among others."""
    return list(labels).index(NO_FINDING) if NO_FINDING in labels and len(labels) > 1 else None


def _follow_the_others(noisy: np.ndarray, column: int) -> None:
    """Set "No finding" of each image by its other labels, in place."""
    others = np.delete(noisy, column, axis=1)
    known = noisy[:, column] >= 0
    noisy[known & (others == 1).any(1), column] = 0
    noisy[known & (others == 0).all(1), column] = 1


def count_flips(truth: np.ndarray, noisy: np.ndarray, labels: Sequence[str]) -> dict[str, Any]:
    """Count by label what noise has changed.

    Args:
      truth, noisy: `[images, labels]` int8, before and after.
      labels: all that `noisy_labels` was given.

    Returns:
      Of each label its `positives` and `negatives` before, and how many of them `became_negative`
      and `became_positive`; of "No finding" also how many changed `without_a_flip` in the image:
      those say that the release's own "No finding" knows of more than these labels.
    """
    follows = _following(labels)
    drawn = [column for column in range(len(labels)) if column != follows]
    untouched = (truth[:, drawn] == noisy[:, drawn]).all(axis=1)
    counted = {}
    for column, label in enumerate(labels):
        before, after = truth[:, column], noisy[:, column]
        counted[label] = {
            "positives": int((before == 1).sum()),
            "negatives": int((before == 0).sum()),
            "became_negative": int(((before == 1) & (after == 0)).sum()),
            "became_positive": int(((before == 0) & (after == 1)).sum()),
        }
        if column == follows:
            counted[label]["without_a_flip"] = int((untouched & (before != after)).sum())
    return counted
