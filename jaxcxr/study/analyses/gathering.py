"""Read the test predictions of models that differ in one thing, every seed of each."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from jaxcxr.errors import InputError
from jaxcxr.files import sha256
from jaxcxr.results.comparison import all_aligned
from jaxcxr.results.predictions import Predictions, read_predictions
from jaxcxr.run.directory import PREDICTIONS, WEIGHTS
from jaxcxr.study.analyses.paired import Paired
from jaxcxr.study.planning.definition import Grid, Study
from jaxcxr.study.planning.jobs import Experiment, Plan, experiment_id


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
    read = all_aligned(read)
    first = read[0]
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
