"""The cross-dataset matrix as jobs: each fully trained model predicts the others' test splits."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

from input_pipeline.labels import NAMES, label_set
from jaxcxr.study.data import prepared_data
from jaxcxr.study.definition import Grid, Study
from jaxcxr.study.jobs import Cell, Job, Plan, cell_id

CROSS = "-cross"  # ends the ids of these jobs


def cross_jobs(
    study: Study, cells: dict[str, Cell], out: Path, data: dict[str, Job]
) -> dict[str, Job]:
    """One job for each model of a grid with `cross_dataset`; by id, which is the cell's and -cross.

    Args:
      study: whose grids.
      cells: the fully trained ones, by id.
      out: the study's directory.
      data: gets the jobs that make the other datasets, where the study makes its own.
    """
    jobs = {}
    for grid in study.grids:
        if not grid.cross_dataset:
            continue
        for cell in cells_of(study, grid, cells):
            targets = other_datasets(grid, cell)
            prepared = {
                name: prepared_data(study, name, grid.label_set, 0, out, data) for name in targets
            }
            if not targets:
                continue
            files = tuple(cross_predictions(cell, name) for name in targets)
            command = (
                *(sys.executable, "-m", "jaxcxr.predict", f"--run={cell.directory}"),
                *("--data", *(where for where, _ in prepared.values())),
                *("--out", *map(str, files)),
            )
            needs = (cell.id, *(needed for _, makers in prepared.values() for needed in makers))
            name = f"{cell.id}{CROSS}"
            jobs[name] = Job(name, command, files, needs)
    return jobs


def cells_of(study: Study, grid: Grid, cells: dict[str, Cell], variant: str = "") -> list[Cell]:
    """Return the grid's cells of one variant, or the fully trained ones."""
    return [
        cells[cell_id(dataset, grid.label_set, name, seed, variant)]
        for dataset in grid.datasets
        for name in grid.initializations
        for seed in study.seeds
    ]


def finished(study: Study, plan: Plan) -> Iterator[Cell]:
    """Give the fully trained cells of the study's grids that are done."""
    for grid in study.grids:
        for cell in cells_of(study, grid, plan.cells):
            if cell.job().is_done:
                yield cell


def other_datasets(grid: Grid, cell: Cell) -> list[str]:
    """Datasets of the grid that the cell was not trained on, and share a label with it."""
    return [
        name
        for name in grid.datasets
        if name != cell.dataset
        and set(cell.labels) & {NAMES[finding] for finding in label_set(name, grid.label_set)}
    ]


def cross_predictions(cell: Cell, dataset: str) -> Path:
    """Where a cell's predictions of another dataset's test split lie: with its run."""
    return cell.directory / f"predictions_{dataset}.parquet"
