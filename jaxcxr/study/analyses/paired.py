"""Models on the same test images, measured in shared redraws and over their trainings."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import numpy as np

from jaxcxr.stats import (
    LEAST_UNITS,
    Interval,
    Trained,
    auc_difference,
    auc_interval,
    bootstrap,
    bootstrap_p,
    first_usable,
    over_trainings,
    percentile_interval,
    pooled_spread,
    trained,
    wanted,
)
from jaxcxr.stats.delong_interval import FEW_UNITS
from jaxcxr.study.analyses.contrasts import Contrast, contrast_of

METRICS = ("auc", "accuracy", "sensitivity", "specificity")


@dataclass(frozen=True)
class Paired:
    """The test predictions of models that differ in one thing, every seed of each.

    Of the paper's tables the models are a grid's initializations.

    Attributes:
      dataset, label_set: where and on which labels.
      titles: of the models.
      runs: ids of the experiments, `[models][seeds]`.
      label_names: in the order of the columns.
      labels: `[images, labels]`; 1, 0, -1 unknown.
      scores: `[models, seeds, images, labels]`, logits.
      patients: `[images]`, or None where none are named.
      origins: what each run's predictions say of their making, by experiment id.
      pair: names the two models where a grid compares several pairs.
    """

    dataset: str
    label_set: str
    titles: tuple[str, ...]
    runs: tuple[tuple[str, ...], ...]
    label_names: tuple[str, ...]
    labels: np.ndarray
    scores: np.ndarray
    patients: np.ndarray | None
    origins: dict[str, Any]
    pair: str = ""

    @property
    def question(self) -> str:
        """What is compared: the label set, and the pair where a grid has several."""
        return self.label_set + (f"_{self.pair}" if self.pair else "")


@dataclass(frozen=True)
class Measured:
    """Metrics of models on the same images, each the mean over the trainings of a model.

    Attributes:
      paired: what was measured.
      by_seed: of the data themselves, by metric, `[models, seeds, labels]`.
      replicates: of the redraws, by metric, `[models, seeds, drawn, labels]`.
      trained: the AUCs with their covariances.
      resamples: usable redraws that each number is of.
      least_patients: in the smaller class of a label that averages and tests count.
      positives, negatives: `[labels]` images.
    """

    paired: Paired
    by_seed: dict[str, np.ndarray]
    replicates: dict[str, np.ndarray]
    trained: Trained
    resamples: int
    least_patients: int
    positives: np.ndarray
    negatives: np.ndarray

    @property
    def values(self) -> dict[str, np.ndarray]:
        """Means over the trainings, by metric, `[models, labels]`."""
        return {name: values.mean(axis=1) for name, values in self.by_seed.items()}

    @property
    def seeds(self) -> int:
        """Trainings of each model."""
        return self.paired.scores.shape[1]

    @property
    def drawn(self) -> int:
        """Redraws drawn until `resamples` were usable for every number."""
        return next(iter(self.replicates.values())).shape[2]

    @property
    def estimable(self) -> np.ndarray:
        """`[labels]` bool: whether the label has both classes among the test images."""
        return self.trained.units > 0

    @property
    def spread_known(self) -> np.ndarray:
        """`[labels]` bool: whether a spread can be told; not where a class is a single patient."""
        return self.trained.units > 1

    @property
    def averaged(self) -> np.ndarray:
        """`[labels]` bool: whether enough patients tell of the label for averages and tests."""
        return self.trained.averaged

    def column(self, metric: str, which: int, label: int | None) -> tuple[Interval, float]:
        """Return the interval and the spread of one label, or of the average (None).

        With several trainings the interval is over these as well; of one training it is DeLong's
        for the AUC of a label. The spread is the standard
        deviation over redraws; that of the average, as the paper prints it, over all redraws of
        all its labels together: it shows how labels differ.
        """
        labels = self._labels(label)
        found = self.redrawn(metric, which, label)
        if self.seeds > 1 and self.spread_known[labels].all():
            if metric == "auc":
                judged = self.trained.judged(self._contrast({which: 1}), label)
            else:
                values = self.by_seed[metric][which][:, labels].mean(axis=1)
                covariance = np.cov(self._usable(metric, which, labels).T)
                judged = over_trainings([values], covariance, (1,))
            found = replace(found, low=np.array(judged.low), high=np.array(judged.high))
        if self.seeds == 1 and metric == "auc" and label is not None and self.estimable[label]:
            truth, scores = self._of_label(label, which)
            own = auc_interval(truth, scores[0], self._units)
            found = replace(found, low=np.array(own.low), high=np.array(own.high))
        spread = self._pooled(metric, which, labels)[1] if label is None else float(found.sd)
        return found, spread

    def redrawn(self, metric: str, which: int, label: int | None) -> Interval:
        """Return the percentile interval over redraws alone, of these trainings' mean."""
        labels = self._labels(label)
        value = self.values[metric][which][labels].mean()
        if not self.spread_known[labels].all():
            return percentile_interval(value, np.full(2, np.nan))
        return percentile_interval(value, self._usable(metric, which, labels).mean(axis=1))

    def all_labels(self, metric: str, which: int) -> tuple[float, float, float]:
        """Return value, mean of redraws and spread over all estimable labels, as the paper's."""
        kept = self.estimable
        value = float(self.values[metric][which][kept].mean())
        return value, *self._pooled(metric, which, kept)

    def usable(self, label: int | None) -> bool:
        """Whether there is such a label, or an average (None), to tell of."""
        return bool(self.averaged.any() if label is None else self.estimable[label])

    def difference(
        self, label: int | None, first: int = 0, second: int = 1
    ) -> tuple[Interval, float]:
        """Return AUC of the first model less that of the second, and its two-sided p-value.

        With one training a model it is of these trained models, in paired redraws, or by DeLong's
        test with Student's t where a class has too few patients to redraw; with several
        trainings it is of what they were trained from. A label with too few patients for a test
        has an interval and no p.
        """
        found = self.contrast(label, {first: 1, second: -1})
        return found.interval, found.p

    def contrast(self, label: int | None, factors: dict[int, int]) -> Contrast:
        """Judge any contrast of the models' AUCs as `difference` does, which is one.

        Args:
          label: number of the label; None for the average.
          factors: what each model counts, by its number; they add up to 0.
        """
        labels, places = self._labels(label), list(factors)
        of_models = self.values["auc"][:, labels].mean(axis=1)
        value = sum(factor * of_models[which] for which, factor in factors.items())
        if not self.spread_known[labels].all():
            nothing = percentile_interval(value, np.full(2, np.nan))
            return Contrast(nothing, np.nan, np.nan, np.nan)
        tested = self.averaged[labels].all()
        few = label is not None and bool(self.trained.units[label] < FEW_UNITS)
        if self.seeds > 1 or (few and len(factors) > 2):
            judged = self.trained.judged(self._contrast(factors), label)
            return contrast_of(value, judged, judged.p if tested else np.nan)
        if few and label is not None:
            assert list(factors.values()) == [1, -1]
            by_delong = auc_difference(*self._of_label(label, *places), self._units)
            return contrast_of(value, by_delong, by_delong.p if tested else np.nan)
        drawn = {which: self._usable("auc", which, labels)[:, 0] for which in factors}
        redraws = sum(factor * drawn[which] for which, factor in factors.items())
        found = percentile_interval(value, redraws)
        p = float(bootstrap_p(redraws)) if tested else np.nan
        return Contrast(found, float(found.sd), np.inf, p)

    def seed_sd(self, metric: str, which: int, label: int | None) -> float:
        """Return the standard deviation over training seeds; NaN with one seed."""
        of_seeds = self.by_seed[metric][which][:, self._labels(label)].mean(axis=1)
        return float(of_seeds.std(ddof=1)) if len(of_seeds) > 1 else float("nan")

    @cached_property
    def _units(self) -> np.ndarray | None:
        """Number of each image's patient, since comparing long ids once a label takes time."""
        patients = self.paired.patients
        return None if patients is None else np.unique(patients, return_inverse=True)[1]

    def _of_label(self, label: int, *models: int) -> tuple[np.ndarray, np.ndarray]:
        """Return labels `[images]` and scores `[models, images]` of models trained once."""
        return self.paired.labels[:, label], self.paired.scores[list(models), 0, :, label]

    def _labels(self, label: int | None) -> np.ndarray:
        return self.averaged if label is None else np.arange(len(self.averaged)) == label

    def _usable(self, metric: str, which: int, labels: np.ndarray) -> np.ndarray:
        """Return the first usable redraws of the mean over some labels, `[resamples, seeds]`."""
        drawn = self.replicates[metric][which][..., labels].mean(axis=-1).T
        return first_usable(drawn, self.resamples).values

    def _pooled(self, metric: str, which: int, labels: np.ndarray) -> tuple[float, float]:
        redraws = self.replicates[metric][which][:, : self.resamples, labels]
        return pooled_spread(redraws.mean(axis=0))

    def _contrast(self, factors: dict[int, int]) -> list[float]:
        return [factors.get(which, 0) for which in range(len(self.paired.titles))]


def measure(
    paired: Paired,
    resamples: int,
    seed: int = 0,
    least_patients: int = LEAST_UNITS,
    average_precision: bool = False,
) -> Measured:
    """Measure every label in redraws of patients (images where no patients are named).

    Args:
      paired: models on the same images.
      resamples: usable redraws of each number.
      seed: of the redraws.
      least_patients: in the smaller class of a label that averages and tests count.
      average_precision: measure that as well.
    """
    names = (*METRICS, *(["average_precision"] if average_precision else []))
    models, seeds = paired.scores.shape[:2]
    of_models = trained(
        paired.labels, list(paired.scores), groups=paired.patients, least_units=least_patients
    )
    found = bootstrap(
        paired.labels,
        paired.scores.reshape(models * seeds, *paired.labels.shape),
        resamples=resamples,
        seed=seed,
        groups=paired.patients,
        until_usable=wanted(of_models.units, of_models.averaged),
        average_precision=average_precision,
    )

    def by_model(values: np.ndarray) -> np.ndarray:
        return values.reshape(models, seeds, *values.shape[1:])

    return Measured(
        paired=paired,
        by_seed={name: by_model(getattr(found.estimates, name)) for name in names},
        replicates={name: by_model(getattr(found, name)) for name in names},
        trained=of_models,
        resamples=resamples,
        least_patients=least_patients,
        positives=found.positives,
        negatives=found.negatives,
    )
