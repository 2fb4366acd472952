"""Models on the same test images: their predictions, measured in shared redraws."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from jaxcxr.errors import InputError
from jaxcxr.files import sha256
from jaxcxr.results.comparison import aligned
from jaxcxr.results.predictions import Predictions, read_predictions
from jaxcxr.run.directory import PREDICTIONS, WEIGHTS
from jaxcxr.stats import (
    Interval,
    bootstrap,
    bootstrap_p,
    fewest_units,
    percentile_interval,
    pooled_spread,
)
from jaxcxr.study.planning.definition import Grid, Study
from jaxcxr.study.planning.jobs import Experiment, Plan, experiment_id

METRICS = ("auc", "accuracy", "sensitivity", "specificity")


@dataclass(frozen=True)
class Paired:
    """The test predictions of models that differ in one thing, every seed of each.

    Of the paper's tables the models are a grid's two initializations.

    Attributes:
      dataset, label_set: where and on which labels.
      titles: of the models.
      runs: ids of the experiments, `[models][seeds]`.
      label_names: in the order of the columns.
      labels: `[images, labels]`; 1, 0, -1 unknown.
      scores: `[models, seeds, images, labels]`, logits.
      patients: `[images]`, or None where none are named.
      origins: what each run's predictions say of their making, by experiment id.
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


@dataclass(frozen=True)
class Measured:
    """Metrics of a paired, averaged over seeds within each redraw.

    Attributes:
      paired: what was measured.
      values: of the data themselves, by metric, `[models, labels]`.
      replicates: of the redraws, by metric, `[models, resamples, labels]`.
      by_seed: of the data themselves, by metric, `[models, seeds, labels]`.
      positives, negatives: `[labels]` images.
    """

    paired: Paired
    values: dict[str, np.ndarray]
    replicates: dict[str, np.ndarray]
    by_seed: dict[str, np.ndarray]
    positives: np.ndarray
    negatives: np.ndarray

    @property
    def estimable(self) -> np.ndarray:
        """`[labels]` bool: whether the label has both classes among the test images."""
        return (self.positives > 0) & (self.negatives > 0)

    @cached_property
    def spread_known(self) -> np.ndarray:
        """`[labels]` bool: whether redraws tell a spread; not where a class is a single patient.

        The values of such a label stand, and count in averages.
        """
        patients = self.paired.patients
        # Numbers, since comparing long ids once a label takes time.
        units = None if patients is None else np.unique(patients, return_inverse=True)[1]
        return np.array([fewest_units(column, units) > 1 for column in self.paired.labels.T])

    def column(self, metric: str, which: int, label: int | None) -> tuple[Interval, float]:
        """Return the interval and the spread of one label, or of the average (None).

        The spread is the standard deviation over redraws; that of the average, as the paper
        prints it, over all redraws of all labels together: it shows how labels differ.
        """
        value, redraws = self.values[metric][which], self.replicates[metric][which]
        if label is not None:
            found = percentile_interval(value[label], self._redraws(redraws, label))
            return found, float(found.sd)
        kept = self.estimable
        found = percentile_interval(value[kept].mean(), redraws[:, kept].mean(axis=1))
        return found, pooled_spread(redraws[:, kept])[1]

    def difference(
        self, label: int | None, first: int = 0, second: int = 1
    ) -> tuple[Interval, float]:
        """Return AUC of the first model less that of the second, and its two-sided p-value."""
        value = self.values["auc"][first] - self.values["auc"][second]
        redraws = self.replicates["auc"][first] - self.replicates["auc"][second]
        if label is None:
            kept = self.estimable
            one, many = value[kept].mean(), redraws[:, kept].mean(axis=1)
        else:
            one, many = value[label], self._redraws(redraws, label)
        return percentile_interval(one, many), float(bootstrap_p(many))

    def seed_sd(self, metric: str, which: int, label: int | None) -> float:
        """Return the standard deviation over training seeds; NaN with one seed."""
        seeds = self.by_seed[metric][which]
        of_seeds = seeds[:, self.estimable].mean(axis=1) if label is None else seeds[:, label]
        return float(of_seeds.std(ddof=1)) if len(of_seeds) > 1 else float("nan")

    def _redraws(self, redraws: np.ndarray, label: int) -> np.ndarray:
        """Return a label's column, NaN where it tells no spread."""
        return redraws[:, label] if self.spread_known[label] else np.full(len(redraws), np.nan)


def read_paired(study: Study, plan: Plan, grid: Grid, dataset: str) -> Paired | None:
    """Read the test predictions of the two initializations; None if a run has none yet.

    Raises:
      InputError: the runs do not agree on images or labels, or one did not start from the weights
        that lie where it says.
    """
    models = [
        [
            plan.experiments[experiment_id(dataset, grid.label_set, name, seed)]
            for seed in study.seeds
        ]
        for name in grid.initializations
    ]
    titles = tuple(study.initialization(name).title for name in grid.initializations)
    return gather(plan, models, titles)


def gather(
    plan: Plan, models: Sequence[Sequence[Experiment]], titles: tuple[str, ...]
) -> Paired | None:
    """Read the test predictions of models that were trained on one dataset; None if one has none.

    Args:
      plan: of the study.
      models: `[models][seeds]`, experiments.
      titles: of the models.

    Raises:
      InputError: as `read_paired`.
    """
    experiments = [experiment for seeds in models for experiment in seeds]
    if not all(experiment.job().is_done for experiment in experiments):
        return None
    read = [
        read_predictions(experiment.directory / PREDICTIONS).of_split("test")
        for experiment in experiments
    ]
    for experiment, predictions in zip(experiments, read, strict=True):
        _check_origin(plan, experiment, predictions)
    return paired_of(experiments[0].dataset, experiments[0].label_set, models, titles, read)


def paired_of(
    dataset: str,
    label_set: str,
    models: Sequence[Sequence[Experiment]],
    titles: tuple[str, ...],
    read: Sequence[Predictions],
) -> Paired:
    """Align the test predictions of models, a file an experiment, on the labels that all have.

    Raises:
      InputError: they do not agree on images or labels.
    """
    first = read[0]
    for other in read[1:]:
        first = aligned(first, other)[0]
    read = [first, *(aligned(first, other)[1] for other in read[1:])]
    scores = np.stack([one.scores.astype(np.float64) for one in read])
    experiments = [experiment for seeds in models for experiment in seeds]
    return Paired(
        dataset=dataset,
        label_set=label_set,
        titles=titles,
        runs=tuple(tuple(experiment.id for experiment in seeds) for seeds in models),
        label_names=first.label_names,
        labels=first.labels,
        scores=scores.reshape(len(models), -1, *scores.shape[1:]),
        patients=first.patients,
        origins={
            experiment.id: one.origin for experiment, one in zip(experiments, read, strict=True)
        },
    )


def _check_origin(plan: Plan, experiment: Experiment, predictions: Predictions) -> None:
    if set(predictions.label_names) != set(experiment.labels):
        raise InputError(
            f"{predictions.path}: is of the labels {', '.join(predictions.label_names)}, but "
            f"{experiment.id} is of {', '.join(experiment.labels)}; remove "
            f"{experiment.directory} and run again"
        )
    for needed in experiment.needs:
        if needed not in plan.experiments:
            continue
        weights = plan.experiments[needed].directory / WEIGHTS
        before = predictions.origin.get("initialized_from", {}).get("sha256")
        if weights.is_file() and before != sha256(weights):
            raise InputError(
                f"{experiment.id}: did not start from {weights} as it now is; remove "
                f"{experiment.directory} and run again"
            )


def measure(paired: Paired, resamples: int, seed: int = 0) -> Measured:
    """Measure every label in redraws of patients (images where no patients are named)."""
    models, seeds = paired.scores.shape[:2]
    found = bootstrap(
        paired.labels,
        paired.scores.reshape(models * seeds, *paired.labels.shape),
        resamples=resamples,
        seed=seed,
        groups=paired.patients,
    )
    by_seed, replicates = {}, {}
    for name in METRICS:
        once, redrawn = getattr(found.estimates, name), getattr(found, name)
        by_seed[name] = once.reshape(models, seeds, *once.shape[1:])
        replicates[name] = redrawn.reshape(models, seeds, *redrawn.shape[1:]).mean(axis=1)
    return Measured(
        paired=paired,
        values={name: values.mean(axis=1) for name, values in by_seed.items()},
        replicates=replicates,
        by_seed=by_seed,
        positives=found.positives,
        negatives=found.negatives,
    )
