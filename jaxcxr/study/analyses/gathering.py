"""Read the test predictions of models that differ in one thing, every seed of each."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from input_pipeline.identity import differences
from jaxcxr.errors import InputError
from jaxcxr.results.comparison import all_aligned
from jaxcxr.results.predictions import Predictions, read_predictions
from jaxcxr.run.directory import PREDICTIONS
from jaxcxr.study.analyses.paired import Paired
from jaxcxr.study.planning.definition import Study
from jaxcxr.study.planning.grid_definition import Grid
from jaxcxr.study.planning.jobs import Experiment, Plan, experiment_id
from jaxcxr.terminal import say


def finished_names(study: Study, plan: Plan, grid: Grid, dataset: str) -> list[str]:
    """Name the initializations whose experiments are all done, where some pair of them is."""
    done = [
        name
        for name in grid.initializations
        if all(one.job().is_done for one in experiments_from(study, plan, grid, dataset, name))
    ]
    paired = any({*pair} <= set(done) for pair in grid.compared)
    return done if paired else []


def experiments_from(
    study: Study, plan: Plan, grid: Grid, dataset: str, name: str, variant: str = ""
) -> list[Experiment]:
    """Return the experiments of one initialization and variant, a seed each."""
    ids = (experiment_id(dataset, grid.label_set, name, seed, variant) for seed in study.seeds)
    return [plan.experiments[one] for one in ids]


def read_paired(study: Study, plan: Plan, grid: Grid, dataset: str) -> Paired | None:
    """Read the test predictions of the finished initializations; None if none can be compared."""
    names = finished_names(study, plan, grid, dataset)
    if not names:
        return None
    models = [experiments_from(study, plan, grid, dataset, name) for name in names]
    return gather(models, tuple(study.initialization(name).title for name in names))


def gather(models: Sequence[Sequence[Experiment]], titles: tuple[str, ...]) -> Paired | None:
    """Read the test predictions of models that were trained on one dataset.

    Args:
      models: `[models][seeds]`, experiments.
      titles: of the models.

    Returns:
      None if one is not finished, or they do not agree.
    """
    experiments = [experiment for seeds in models for experiment in seeds]
    if not all(experiment.job().is_done for experiment in experiments):
        return None
    read = [
        read_predictions(experiment.directory / PREDICTIONS).of_split("test")
        for experiment in experiments
    ]
    return paired_of(experiments[0].dataset, experiments[0].label_set, models, titles, read)


def paired_of(
    dataset: str,
    label_set: str,
    models: Sequence[Sequence[Experiment]],
    titles: tuple[str, ...],
    read: Sequence[Predictions],
) -> Paired | None:
    """Align the test predictions of models, a file an experiment, on the labels that all have.

    Returns:
      None if they do not agree on data, images or labels; why is printed.
    """
    try:
        _check_same_data(models, read)
        read = all_aligned(read)
    except InputError as error:
        say(f"left out: {dataset}-{label_set}: {error}", error=True)
        return None
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


def _check_same_data(models: Sequence[Sequence[Experiment]], read: Sequence[Predictions]) -> None:
    """Stop where runs that are to be compared learnt from different data under one name."""
    experiments = [experiment for seeds in models for experiment in seeds]
    first: dict[str, tuple[str, Any]] = {}
    for experiment, predictions in zip(experiments, read, strict=True):
        data = predictions.origin.get("data")
        name, known = first.setdefault(experiment.data, (experiment.id, data))
        if data is not None and known is not None and (changed := differences(known, data)):
            raise InputError(
                f"{name} and {experiment.id} are of different data, in {changed}; run one of them "
                "again"
            )
