"""The same metrics within subgroups of images, and how far each is from everyone else."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from jaxcxr.stats.arrays import UNKNOWN, check_columns
from jaxcxr.stats.bootstrap import bootstrap
from jaxcxr.stats.sums import at_threshold


@dataclass(frozen=True)
class Cells:
    """Metrics of each subgroup; the first entry is of the data, then one for each redraw.

    Attributes:
      metrics: by name, `[1 + resamples, count, labels]`: "auc", "average_precision", and
        "accuracy", "balanced_accuracy", "sensitivity", "specificity" at thresholds common to all
        subgroups. NaN where the subgroup lacks a class.
      gaps: the same of the subgroup minus all other images; NaN where either lacks a class.
      positives, negatives: `[count, labels]`.
    """

    metrics: dict[str, np.ndarray]
    gaps: dict[str, np.ndarray]
    positives: np.ndarray
    negatives: np.ndarray


def subgroups(
    labels: Any,
    scores: Any,
    subgroup: Any,
    thresholds: Any,
    *,
    count: int,
    resamples: int = 1000,
    seed: int = 0,
    groups: Any = None,
) -> Cells:
    """Compute metrics within subgroups over redraws of all images.

    The redraws are of all images (or patients), so the gap between two subgroups is paired.

    Args:
      labels, scores: `[images, labels]`.
      subgroup: `[images]`, number of each image's subgroup; -1 where unknown, left out everywhere.
      thresholds: `[labels]`, the operating points. With a threshold fitted anew in each
        subgroup, a gap in sensitivity would tell about the thresholds.
      count: number of subgroups.
      resamples, seed, groups: as in `bootstrap`.
    """
    columns = check_columns(labels, scores)
    subgroup = np.asarray(subgroup)
    number = columns.labels.shape[1]
    inside = subgroup[:, None] == np.arange(count)
    others = ~inside & (subgroup[:, None] != UNKNOWN)
    member = np.concatenate([inside, others], axis=1)
    # One column for each subgroup, or everyone else, and label; unknown outside of it.
    masked = np.where(member[:, :, None], columns.labels[:, None, :], UNKNOWN)
    masked = masked.reshape(len(subgroup), -1)
    repeated = np.tile(columns.scores[0], (1, 2 * count))
    asked = {"resamples": resamples, "seed": seed, "groups": groups}
    ranked = bootstrap(masked, repeated, average_precision=True, **asked)
    fixed = at_threshold(masked, repeated, np.tile(thresholds, 2 * count), **asked)

    def shaped(values: np.ndarray) -> np.ndarray:
        return values.reshape(len(values), 2, count, number)

    both = {
        name: shaped(np.concatenate([getattr(ranked.estimates, name)[None], getattr(ranked, name)]))
        for name in ("auc", "average_precision")
    } | {name: shaped(getattr(fixed, name)) for name in ("accuracy", "sensitivity", "specificity")}
    both["balanced_accuracy"] = (both["sensitivity"] + both["specificity"]) / 2
    return Cells(
        metrics={name: values[:, 0] for name, values in both.items()},
        gaps={name: values[:, 0] - values[:, 1] for name, values in both.items()},
        positives=ranked.positives.reshape(2, count, number)[0],
        negatives=ranked.negatives.reshape(2, count, number)[0],
    )
