"""The cross-dataset matrix as jobs: each fully trained model predicts the others' test splits."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from functools import partial
from pathlib import Path

from input_pipeline.labels import NAMES, label_set
from jaxcxr.study.planning.belonging import cross_misfit
from jaxcxr.study.planning.datasets import prepared_data
from jaxcxr.study.planning.definition import Study
from jaxcxr.study.planning.grid_definition import Grid
from jaxcxr.study.planning.jobs import Experiment, Job, Plan, experiment_id

CROSS = "-cross"  # ends the ids of these jobs


def cross_jobs(
    study: Study, experiments: dict[str, Experiment], out: Path, data: dict[str, Job]
) -> dict[str, Job]:
    """One job for each model that is tested elsewhere; by id, the experiment's and -cross.

    Args:
      study: whose grids.
      experiments: of these grids, by id.
      out: the study's directory.
      data: gets the jobs that make the other datasets, where the study makes its own.
    """
    jobs = {}
    for grid in study.grids:
        for experiment in _tested_elsewhere(study, grid, experiments):
            targets = other_datasets(grid, experiment)
            size = image_size_of(grid, experiment)
            prepared = {
                name: prepared_data(study, name, grid.label_set, 0, out, data, size)
                for name in targets
            }
            if not targets:
                continue
            files = tuple(cross_predictions(experiment, name) for name in targets)
            where = {file: prepared[name][0] for file, name in zip(files, targets, strict=True)}
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
            jobs[name] = Job(name, command, files, needs, partial(_misfit, experiment, where))
    return jobs


def _tested_elsewhere(
    study: Study, grid: Grid, experiments: dict[str, Experiment]
) -> list[Experiment]:
    """Return the fully trained ones; for external tests at every image size."""
    if not grid.cross_dataset and not grid.external:
        return []
    variants = [variant for variant in grid.variants if variant.is_size and grid.external]
    names = ["", *(variant.name for variant in variants)]
    return [one for name in names for one in experiments_of(study, grid, experiments, name)]


def image_size_of(grid: Grid, experiment: Experiment) -> int:
    """Pixels of the variant that an experiment is of; 0 where it has no size of its own."""
    sizes = {variant.name: variant.image_size for variant in grid.variants}
    return sizes.get(experiment.variant, 0)


def _misfit(experiment: Experiment, where: dict[Path, str]) -> str:
    found = (cross_misfit(file, experiment.directory, data) for file, data in where.items())
    return next((sentence for sentence in found if sentence), "")


def experiments_of(
    study: Study, grid: Grid, experiments: dict[str, Experiment], variant: str = ""
) -> list[Experiment]:
    """Return the grid's experiments of one variant, or the fully trained ones."""
    ids = (
        experiment_id(dataset, grid.label_set, name, seed, variant)
        for dataset in grid.datasets
        for name in grid.initializations
        for seed in study.seeds
    )
    # A variant may be of some datasets and initializations alone.
    return [experiments[one] for one in ids if not variant or one in experiments]


def finished(study: Study, plan: Plan) -> Iterator[Experiment]:
    """Give the fully trained experiments of the study's grids that are done."""
    for grid in study.grids:
        for experiment in experiments_of(study, grid, plan.experiments):
            if experiment.job().is_done:
                yield experiment


def other_datasets(grid: Grid, experiment: Experiment) -> list[str]:
    """Datasets that the experiment is tested on: others of the grid that share a label with it."""
    return [
        name
        for name in grid.datasets
        if name != experiment.dataset
        and (not grid.external or (experiment.dataset, name) in grid.external)
        and set(experiment.labels) & {NAMES[finding] for finding in label_set(name, grid.label_set)}
    ]


def cross_predictions(experiment: Experiment, dataset: str) -> Path:
    """Where an experiment's predictions of another dataset's test split lie: with its run."""
    return experiment.directory / f"predictions_{dataset}.parquet"
