"""The examples of the page as jobs: maps of attention over what a model calls positive."""

from __future__ import annotations

import sys
from functools import partial

from jaxcxr.errors import InputError
from jaxcxr.provenance import origin_of
from jaxcxr.run.directory import PREDICTIONS
from jaxcxr.study.planning.asked_config import experiment_spec
from jaxcxr.study.planning.definition import Study
from jaxcxr.study.planning.jobs import Experiment, Job, experiment_id

ROLLOUT = "attention.npz"
COUNT = 2  # of true and of false positives, for each label and model


def example_experiments(study: Study, experiments: dict[str, Experiment]) -> list[Experiment]:
    """Return the experiments that give examples: of the first grid and seed, or none.

    Those of a model without attention are left out; `without_attention` names them.
    """
    found = _labelled_experiments(study, experiments)
    return [experiment for experiment in found if not _is_convnext(experiment)]


def without_attention(study: Study, experiments: dict[str, Experiment]) -> list[str]:
    """Name the initializations, by title, whose models have no attention to give examples of."""
    left = filter(_is_convnext, _labelled_experiments(study, experiments))
    return list(dict.fromkeys(study.initialization(one.initialization).title for one in left))


def _is_convnext(experiment: Experiment) -> bool:
    spec = experiment_spec(experiment)
    return spec is not None and spec.architecture == "convnext"


def _labelled_experiments(study: Study, experiments: dict[str, Experiment]) -> list[Experiment]:
    grid = study.grids[0]
    found = [
        experiments[experiment_id(dataset, grid.label_set, name, study.seeds[0])]
        for dataset in grid.datasets
        for name in grid.initializations
    ]
    return [experiment for experiment in found if example_labels(study, experiment)]


def example_labels(study: Study, experiment: Experiment) -> list[str]:
    """Return the labels that an experiment gives examples of."""
    return [name for name in study.examples if name in experiment.labels]


def example_jobs(study: Study, experiments: dict[str, Experiment]) -> dict[str, Job]:
    """One job for each such experiment, by id, which is the experiment's and -attention."""
    jobs = {}
    for experiment in example_experiments(study, experiments):
        file = experiment.directory / ROLLOUT
        command = (
            *(sys.executable, "-m", "jaxcxr.explain", f"--run={experiment.directory}"),
            *(f"--out={file}", f"--count={COUNT}", "--labels", *example_labels(study, experiment)),
        )
        data = (name for name in experiment.needs if name not in experiments)
        jobs[f"{experiment.id}-attention"] = Job(
            f"{experiment.id}-attention",
            command,
            (file,),
            (experiment.id, *data),
            partial(maps_misfit, experiment),
        )
    return jobs


def maps_misfit(experiment: Experiment) -> str:
    """Say that an experiment's maps are not of its predictions; empty if they are."""
    from jaxcxr.inference.rollout import read_rollout

    path = experiment.directory / ROLLOUT
    try:
        made_of = read_rollout(path)["origin"].get("weights_sha256")
        wanted = origin_of(experiment.directory / PREDICTIONS).get("weights_sha256")
    except InputError as error:
        return str(error)
    return "" if made_of == wanted else f"{path.name} is of other weights than {PREDICTIONS}"
