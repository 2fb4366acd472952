"""AUCs of models that were each trained several times, label by label and on average."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from jaxcxr.stats.arrays import check_columns
from jaxcxr.stats.influence import Influence, averaged, influences
from jaxcxr.stats.multiplicity import benjamini_hochberg, holm
from jaxcxr.stats.trainings import OverTrainings, over_trainings
from jaxcxr.stats.usable import LEAST_UNITS, check_least_units, units_of_labels


@dataclass(frozen=True)
class Trained:
    """Models with their trainings on the same images, ready to be judged in any contrast.

    Attributes:
      counts: trainings of each model.
      of_labels: what each group adds to the AUCs of all trainings; None without both classes.
      of_average: the same of the mean over the averaged labels; None if there are none.
      units: `[labels]`, images (or groups) of the smaller class.
      averaged: `[labels]` bool, those with enough of them.
    """

    counts: tuple[int, ...]
    of_labels: list[Influence | None]
    of_average: Influence | None
    units: np.ndarray
    averaged: np.ndarray

    def judged(
        self, contrast: Sequence[float], label: int | None = None, level: float = 0.95
    ) -> OverTrainings:
        """Judge a contrast of the models' AUCs of one label, or of the average (None).

        Args:
          contrast: what each model counts, as (1, -1) of two, or (0, 1) for the second alone.
          label: number of the label.
          level: of the interval.
        """
        influence = self.of_average if label is None else self.of_labels[label]
        chosen = [model for model, factor in enumerate(contrast) if factor]
        if influence is None:
            several = all(self.counts[model] > 1 for model in chosen)
            nan = float("nan")
            return OverTrainings(nan, nan, nan, nan, nan, nan, of_initializations=several)
        last = np.cumsum(self.counts)
        places = [np.arange(last[model] - self.counts[model], last[model]) for model in chosen]
        every = np.concatenate(places)
        return over_trainings(
            [influence.auc[of_model] for of_model in places],
            influence.covariance[np.ix_(every, every)],
            [contrast[model] for model in chosen],
            level,
        )

    def of_trainings(self, counts: tuple[int, ...], chosen: list[int]) -> Trained:
        """Give some models alone: how many trainings each has, and their numbers among all."""

        def those(one: Influence | None) -> Influence | None:
            return None if one is None else one.of_models(chosen)

        of_labels = [those(one) for one in self.of_labels]
        return Trained(counts, of_labels, those(self.of_average), self.units, self.averaged)


def trained(
    labels: Any, models: Sequence[Any], *, groups: Any = None, least_units: int = LEAST_UNITS
) -> Trained:
    """Take models that were each trained once or more.

    Args:
      labels: `[images, labels]`; 1, 0, or -1 for unknown.
      models: scores of each, `[trainings, images, labels]`; they may differ in trainings.
      groups: `[images]`; names of patients whose images are not independent.
      least_units: images (or groups) in the smaller class of a label that the average counts.

    Raises:
      ValueError: as `bootstrap`, or too small a `least_units`.
    """
    check_least_units(least_units)
    columns = check_columns(labels, np.concatenate([np.asarray(scores) for scores in models]))
    of_labels = influences(columns.labels, columns.scores, groups)
    units = units_of_labels(columns.labels, groups)
    kept = units >= least_units
    counted = [one for one, keep in zip(of_labels, kept, strict=True) if keep and one is not None]
    counts = tuple(len(scores) for scores in models)
    return Trained(counts, of_labels, averaged(counted) if counted else None, units, kept)


@dataclass(frozen=True)
class TrainingsComparison:
    """AUC of the first model less AUC of the second, means over the trainings of each.

    Attributes:
      labels: of each label.
      average: of the mean over the averaged labels.
      q, holm: `[labels]`, p adjusted over the averaged labels; NaN for others.
      units, averaged: as of `Trained`.
    """

    labels: tuple[OverTrainings, ...]
    average: OverTrainings
    q: np.ndarray
    holm: np.ndarray
    units: np.ndarray
    averaged: np.ndarray


def compare_trainings(
    labels: Any,
    first: Any,
    second: Any,
    *,
    groups: Any = None,
    level: float = 0.95,
    least_units: int = LEAST_UNITS,
) -> TrainingsComparison:
    """Compare two models by several trainings of each, `[trainings, images, labels]`.

    Without redraws: the covariances are those of DeLong and Obuchowski. With one training a model
    it is DeLong's test of two trained models, and tells nothing of another training.
    """
    models = trained(labels, [first, second], groups=groups, least_units=least_units)
    by_label = tuple(models.judged((1, -1), label, level) for label in range(len(models.units)))
    p = np.where(models.averaged, [one.p for one in by_label], np.nan)
    return TrainingsComparison(
        by_label,
        models.judged((1, -1), level=level),
        benjamini_hochberg(p),
        holm(p),
        models.units,
        models.averaged,
    )
