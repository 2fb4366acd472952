"""The initializations of a grid on one dataset: measured together, then seen pair by pair."""

from __future__ import annotations

from dataclasses import replace

from jaxcxr.study.analyses.families import redraws_of
from jaxcxr.study.analyses.gathering import finished_names, read_paired
from jaxcxr.study.analyses.paired import Measured, measure
from jaxcxr.study.planning.definition import Study
from jaxcxr.study.planning.grid_definition import Grid
from jaxcxr.study.planning.jobs import Plan


def measure_grid(study: Study, plan: Plan, grid: Grid, dataset: str) -> Measured | None:
    """Measure the finished initializations of one dataset; None if no pair of them is."""
    paired = read_paired(study, plan, grid, dataset)
    if paired is None:
        return None
    return measure(paired, redraws_of(study, grid), least_patients=study.least_patients)


def pairs_of(study: Study, plan: Plan, grid: Grid, measured: Measured) -> list[Measured]:
    """Give each pair that the grid compares, and whose models are finished, as two models."""
    names = finished_names(study, plan, grid, measured.paired.dataset)
    several = len(grid.compared) > 1
    return [
        two_of(measured, names.index(first), names.index(second), f"{first}_{second}" * several)
        for first, second in grid.compared
        if {first, second} <= set(names)
    ]


def two_of(measured: Measured, first: int, second: int, pair: str) -> Measured:
    """Give two of the models alone, with the numbers that they have if measured alone.

    Args:
      measured: all models.
      first, second: numbers of two.
      pair: their name among the pairs of a grid; empty if it has one.
    """
    paired, seeds, chosen = measured.paired, measured.seeds, [first, second]
    trainings = [which * seeds + seed for which in chosen for seed in range(seeds)]
    runs = tuple(paired.runs[which] for which in chosen)
    two = replace(
        paired,
        titles=tuple(paired.titles[which] for which in chosen),
        runs=runs,
        scores=paired.scores[chosen],
        origins={run: paired.origins[run] for of_model in runs for run in of_model},
        pair=pair,
    )
    return replace(
        measured,
        paired=two,
        by_seed={name: values[chosen] for name, values in measured.by_seed.items()},
        replicates={name: values[chosen] for name, values in measured.replicates.items()},
        trained=measured.trained.of_trainings((seeds, seeds), trainings),
    )
