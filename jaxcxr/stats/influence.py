"""What each patient adds to AUCs: variances and covariances without redraws.

DeLong, DeLong and Clarke-Pearson 1988, by midranks as Sun and Xu 2014; with groups (patients),
the variance for clustered data of Obuchowski 1997, which is DeLong's where each group is a single
image. What a group adds to an average over labels is the average of what it adds to each, so the
same sums give the covariance between averages of AUCs that share their patients.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from jaxcxr.stats.arrays import Columns, check_columns, group_codes

# Rounding leaves variances of about 1e-34 where the exact one is zero.
_NOTHING = 1e-18


@dataclass(frozen=True)
class Influence:
    """AUCs of several models on the same images, with what each group adds to them.

    Attributes:
      auc: `[models]`, of one label or averaged over labels.
      parts: `[4, models, groups]`: what the group's positives and negatives add, scaled for the
        covariance within a class, then the same scaled for that between the classes. NaN where
        a class comes from a single group.
      effective: `[2, models]`: as many independent images as the positives, and as the negatives,
        tell of the AUC: images over the design effect, from groups up to images. NaN of an average.
    """

    auc: np.ndarray
    parts: np.ndarray
    effective: np.ndarray

    def of_models(self, chosen: list[int]) -> Influence:
        """Give those of some models, in that order."""
        return Influence(self.auc[chosen], self.parts[:, chosen], self.effective[:, chosen])

    @property
    def covariance(self) -> np.ndarray:
        """Covariance between the models' AUCs, `[models, models]`."""
        positives, negatives, to_positives, to_negatives = self.parts
        across = to_positives @ to_negatives.T
        return positives @ positives.T + negatives @ negatives.T + across + across.T


def influences(labels: Any, scores: Any, groups: Any = None) -> list[Influence | None]:
    """Give each label's influence; None for a label without both classes.

    Args:
      labels: `[images, labels]`; 1, 0, or -1 for unknown, left out of that label.
      scores: `[images, labels]` or `[models, images, labels]`.
      groups: `[images]`; names of patients whose images are not independent.

    Raises:
      ValueError: as `check_columns`.
    """
    columns = check_columns(labels, scores)
    images = len(columns.labels)
    codes, number = np.arange(images), images
    if groups is not None:
        codes, number = group_codes(groups, images)
    return [_influence(columns, label, codes, number) for label in range(columns.labels.shape[1])]


def averaged(of_labels: list[Influence]) -> Influence:
    """Give the influence on the mean AUC of labels, of the same images each (Obuchowski 1997)."""
    count = len(of_labels)
    auc, parts = of_labels[0].auc / count, of_labels[0].parts / count
    for one in of_labels[1:]:
        auc, parts = auc + one.auc / count, parts + one.parts / count
    return Influence(auc, parts, np.full((2, len(auc)), np.nan))


def _influence(columns: Columns, label: int, codes: np.ndarray, number: int) -> Influence | None:
    known = columns.labels[:, label] >= 0
    positive = columns.labels[known, label] == 1
    if not positive.any() or positive.all():
        return None
    models, codes = columns.scores[:, known, label], codes[known]
    placements = _placements(positive, models)
    auc = placements[:, positive].mean(axis=1)
    added, within, effective = [], [], []
    for own in (positive, ~positive):
        deviation = np.where(own, placements - auc[:, None], 0.0) / own.sum()
        added.append(np.stack([np.bincount(codes, row, number) for row in deviation]))
        groups = len(np.unique(codes[own]))
        within.append(_small_sample(groups))
        alone = _small_sample(int(own.sum())) * np.sum(deviation**2, axis=1)
        together = within[-1] * np.sum(added[-1] ** 2, axis=1)
        # Where nothing varies, nothing tells the design effect: then images of a group are one.
        share = np.divide(alone, together, out=np.zeros(len(auc)), where=together > _NOTHING)
        effective.append(np.clip(share * own.sum(), groups, own.sum()))
    between = _small_sample(len(np.unique(codes)))
    scales = np.sqrt([*within, between, between])
    parts = np.stack([*added, *added]) * scales[:, None, None]
    return Influence(auc, parts, np.stack(effective))


def _small_sample(groups: int) -> float:
    return groups / (groups - 1) if groups > 1 else np.nan


def _placements(positive: np.ndarray, models: np.ndarray) -> np.ndarray:
    """Share of the other class that each image is ranked rightly against, `[models, images]`."""
    from scipy.stats import rankdata  # Slow to import, and of use here only.

    positives, negatives = int(positive.sum()), int((~positive).sum())
    among_all = rankdata(models, axis=1)
    among_own = np.empty_like(among_all)
    for own in (positive, ~positive):
        among_own[:, own] = rankdata(models[:, own], axis=1)
    below = among_all - among_own
    return np.where(positive, below / negatives, 1 - below / positives)
