"""External tests: models of one dataset on another's test split, at every image size."""

from __future__ import annotations

from jaxcxr.results.predictions import Predictions, read_predictions
from jaxcxr.study.analyses.families import redraws_of
from jaxcxr.study.analyses.gathering import experiments_from, paired_of
from jaxcxr.study.analyses.paired import measure
from jaxcxr.study.analyses.trainings import Model, Trainings, size_of
from jaxcxr.study.planning.cross_jobs import CROSS, cross_predictions
from jaxcxr.study.planning.definition import Study
from jaxcxr.study.planning.grid_definition import Grid
from jaxcxr.study.planning.jobs import Experiment, Plan
from jaxcxr.study.planning.variants import Variant


def measure_external(study: Study, plan: Plan) -> list[Trainings]:
    """Measure what is predicted of every external test, all models of one in shared redraws."""
    found = []
    for grid in study.grids:
        for trained_on, tested_on in grid.external:
            one = _measured(study, plan, grid, trained_on, tested_on)
            found += [] if one is None else [one]
    return found


def unpredicted(plan: Plan) -> list[str]:
    """Ids of the tests elsewhere that are not predicted yet."""
    jobs = (job for name, job in plan.after.items() if name.endswith(CROSS))
    return [job.id for job in jobs if not job.is_done]


def _measured(
    study: Study, plan: Plan, grid: Grid, trained_on: str, tested_on: str
) -> Trainings | None:
    sizes: list[Variant | None] = [None]
    sizes += [variant for variant in grid.variants_of(trained_on) if variant.is_size]
    models: list[Model] = []
    experiments: list[list[Experiment]] = []
    read: list[Predictions] = []
    for variant in sizes:
        for name in grid.initializations:
            if variant is not None and variant not in grid.variants_of(trained_on, name):
                continue
            word = "" if variant is None else variant.name
            seeds = experiments_from(study, plan, grid, trained_on, name, word)
            jobs = [plan.after[f"{experiment.id}{CROSS}"] for experiment in seeds]
            if all(one.job().is_done for one in seeds) and all(job.is_done for job in jobs):
                models.append(Model(variant, name, len(models), size_of(seeds[0])))
                experiments.append(seeds)
                files = (cross_predictions(experiment, tested_on) for experiment in seeds)
                read += [read_predictions(file).of_split("test") for file in files]
    if not models:
        return None
    titles = tuple(study.initialization(model.initialization).title for model in models)
    paired = paired_of(tested_on, grid.label_set, experiments, titles, read)
    if paired is None:
        return None
    redraws = redraws_of(study, grid)
    measured = measure(paired, redraws, least_patients=study.least_patients, average_precision=True)
    return Trainings(measured, tuple(models), grid, trained_on)
