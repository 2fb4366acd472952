"""The cross-dataset matrix as jobs: each fully trained model predicts the others' test splits."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

from input_pipeline.labels import NAMES, label_set
from jaxcxr.study.planning.datasets import prepared_data
from jaxcxr.study.planning.definition import Grid, Study
from jaxcxr.study.planning.jobs import Experiment, Job, Plan, experiment_id

CROSS = "-cross"  # ends the ids of these jobs


def cross_jobs(
    study: Study, experiments: dict[str, Experiment], out: Path, data: dict[str, Job]
) -> dict[str, Job]:
    """One job for each model of a grid with `cross_dataset`; by id, the experiment's and -cross.

    Args:
      study: whose grids.
      experiments: the fully trained ones, by id.
      out: the study's directory.
      data: gets the jobs that make the other datasets, where the study makes its own.
    """
    jobs = {}
    for grid in study.grids:
        if not grid.cross_dataset:
            continue
        for experiment in experiments_of(study, grid, experiments):
            targets = other_datasets(grid, experiment)
            prepared = {
                name: prepared_data(study, name, grid.label_set, 0, out, data) for name in targets
            }
            if not targets:
                continue
            files = tuple(cross_predictions(experiment, name) for name in targets)
            command = (
                *(sys.executable, "-m", "jaxcxr.predict", f"--run={experiment.directory}"),
                *("--data", *(where for where, _ in prepared.values())),
                *("--out", *map(str, files)),
            )
            needs = (
                experiment.id,
                *(needed for _, makers in prepared.values() for needed in makers),
            )
            name = f"{experiment.id}{CROSS}"
            jobs[name] = Job(name, command, files, needs)
    return jobs


def experiments_of(
    study: Study, grid: Grid, experiments: dict[str, Experiment], variant: str = ""
) -> list[Experiment]:
    """Return the grid's experiments of one variant, or the fully trained ones."""
    return [
        experiments[experiment_id(dataset, grid.label_set, name, seed, variant)]
        for dataset in grid.datasets
        for name in grid.initializations
        for seed in study.seeds
    ]


def finished(study: Study, plan: Plan) -> Iterator[Experiment]:
    """Give the fully trained experiments of the study's grids that are done."""
    for grid in study.grids:
        for experiment in experiments_of(study, grid, plan.experiments):
            if experiment.job().is_done:
                yield experiment


def other_datasets(grid: Grid, experiment: Experiment) -> list[str]:
    """Datasets of the grid that the experiment was not trained on, and share a label with it."""
    return [
        name
        for name in grid.datasets
        if name != experiment.dataset
        and set(experiment.labels) & {NAMES[finding] for finding in label_set(name, grid.label_set)}
    ]


def cross_predictions(experiment: Experiment, dataset: str) -> Path:
    """Where an experiment's predictions of another dataset's test split lie: with its run."""
    return experiment.directory / f"predictions_{dataset}.parquet"
