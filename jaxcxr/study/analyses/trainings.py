"""The trainings of a dataset beside each other: fewer patients, fewer parameters, and full."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from input_pipeline.labels import PAPER_DATASETS
from jaxcxr.study.analyses.captions import average_words, interval_words, scope_words
from jaxcxr.study.analyses.families import redraws_of
from jaxcxr.study.analyses.gathering import gather
from jaxcxr.study.analyses.paired import Measured, measure
from jaxcxr.study.analyses.row_table import NO_ENDS, UNTESTED, Ends, Tested, ends, percent, tested
from jaxcxr.study.planning.definition import Study
from jaxcxr.study.planning.grid_definition import Grid
from jaxcxr.study.planning.jobs import Experiment, Plan, experiment_id
from jaxcxr.study.planning.variants import Variant

TRAINING = {"all": "Full", "lora": "LoRA", "head": "Linear probe"}


@dataclass(frozen=True)
class Model:
    """One training of one initialization among those measured together.

    Attributes:
      variant: None for full fine-tuning on all patients.
      initialization: its name.
      place: among the models measured together.
    """

    variant: Variant | None
    initialization: str
    place: int

    @property
    def share(self) -> float:
        """Of the training patients."""
        return 1.0 if self.variant is None else self.variant.patients

    @property
    def training(self) -> str:
        """Which parameters learn, in words."""
        return TRAINING["all" if self.variant is None else self.variant.trainable]


@dataclass(frozen=True)
class Trainings:
    """All finished trainings on one label set of one dataset, in shared redraws."""

    measured: Measured
    models: tuple[Model, ...]


def measure_trainings(study: Study, plan: Plan) -> list[Trainings]:
    """Measure what is finished of the grids with variants, full fine-tuning included."""
    found = []
    for grid in study.grids:
        for dataset in grid.datasets:
            variants = grid.variants_of(dataset)
            if not variants:
                continue
            models: list[Model] = []
            experiments: list[list[Experiment]] = []
            for variant in (None, *variants):
                for name in grid.initializations:
                    ids = _experiment_ids(study, grid, dataset, name, variant)
                    seeds = [plan.experiments[one] for one in ids]
                    if all(experiment.job().is_done for experiment in seeds):
                        models.append(Model(variant, name, len(models)))
                        experiments.append(seeds)
            titles = tuple(study.initialization(model.initialization).title for model in models)
            paired = gather(experiments, titles) if experiments else None
            if paired is not None:
                found.append(
                    Trainings(
                        measure(
                            paired, redraws_of(study, grid), least_patients=study.least_patients
                        ),
                        tuple(models),
                    )
                )
    return found


def _experiment_ids(
    study: Study, grid: Grid, dataset: str, name: str, variant: Variant | None
) -> list[str]:
    word = "" if variant is None else variant.name
    return [experiment_id(dataset, grid.label_set, name, seed, word) for seed in study.seeds]


def unfinished(study: Study, plan: Plan) -> list[str]:
    """Ids of the variants' experiments that are not finished."""
    return [
        name
        for name, experiment in plan.experiments.items()
        if experiment.variant and not experiment.job().is_done
    ]


def key_of(trainings: Trainings, model: Model) -> tuple[str, str, str, str]:
    """Dataset, label set, training and initialization, as tables name them."""
    paired = trainings.measured.paired
    title = paired.titles[model.place]
    return PAPER_DATASETS[paired.dataset], paired.label_set, model.training, title


def interval_words_of(study: Study, every: Sequence[Trainings]) -> str:
    """Say what the intervals of a table are of."""
    resamples = max((one.measured.resamples for one in every), default=study.resamples)
    return interval_words(len(study.seeds), resamples)


def scope_of(study: Study, every: Sequence[Trainings]) -> list[str]:
    """Say what a difference is of, and which labels the averages are over."""
    words = [average_words([one.measured for one in every])] if every else []
    return [scope_words(len(study.seeds)), *words]


def origins_of(trainings: Trainings, model: Model) -> list[dict]:
    """What the predictions of each seed say of their making."""
    paired = trainings.measured.paired
    return [paired.origins[name] for name in paired.runs[model.place]]


def average_auc(trainings: Trainings, model: Model) -> Ends:
    """Average AUC and the ends of its interval, in percent."""
    if not trainings.measured.usable(None):
        return NO_ENDS
    return ends(trainings.measured.column("auc", model.place, None)[0])


def average_difference(measured: Measured, first: Model, second: Model) -> Tested:
    """Difference in average AUC, in percentage points, the ends of its interval, and p."""
    if not measured.usable(None):
        return UNTESTED
    return tested(*measured.difference(None, first.place, second.place))


def seed_sd_of(trainings: Trainings, model: Model) -> float | None:
    """Standard deviation of the average AUC over training seeds; None with one."""
    measured = trainings.measured
    return percent(measured.seed_sd("auc", model.place, None)) if measured.usable(None) else None
