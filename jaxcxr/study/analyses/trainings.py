"""The trainings of a dataset beside each other: fewer patients, fewer parameters, and full."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from input_pipeline.labels import PAPER_DATASETS
from jaxcxr.study.analyses.captions import average_words, interval_words, scope_words
from jaxcxr.study.analyses.families import redraws_of
from jaxcxr.study.analyses.gathering import experiments_from, gather
from jaxcxr.study.analyses.paired import Measured, measure
from jaxcxr.study.analyses.row_table import NO_ENDS, UNTESTED, Ends, Tested, ends, percent, tested
from jaxcxr.study.planning.asked_config import experiment_config
from jaxcxr.study.planning.definition import Study
from jaxcxr.study.planning.grid_definition import Grid
from jaxcxr.study.planning.jobs import Experiment, Plan
from jaxcxr.study.planning.variants import Variant

TRAINING = {"all": "Full", "lora": "LoRA", "head": "Linear probe"}


@dataclass(frozen=True)
class Model:
    """One training of one initialization among those measured together.

    Attributes:
      variant: None for full fine-tuning on all patients, and images of every experiment's size.
      initialization: its name.
      place: among the models measured together.
      image_size: pixels a side.
    """

    variant: Variant | None
    initialization: str
    place: int
    image_size: int

    @property
    def share(self) -> float:
        """Of the training patients."""
        return 1.0 if self.variant is None else self.variant.patients

    @property
    def is_full(self) -> bool:
        """Whether it is full fine-tuning on all patients, at whatever image size."""
        return self.variant is None or self.variant.is_size

    @property
    def training(self) -> str:
        """Which parameters learn, in words."""
        return TRAINING["all" if self.variant is None else self.variant.trainable]


@dataclass(frozen=True)
class Trainings:
    """All finished trainings on one label set of one dataset, in shared redraws.

    Attributes:
      measured: their models.
      models: what each is.
      grid: that they are of.
      trained_on: name of the dataset that they learnt from, which external tests are not of.
    """

    measured: Measured
    models: tuple[Model, ...]
    grid: Grid
    trained_on: str


def measure_trainings(study: Study, plan: Plan) -> list[Trainings]:
    """Measure what is finished of the grids with variants, full fine-tuning included."""
    found = []
    for grid in study.grids:
        for dataset in grid.datasets:
            if not grid.variants_of(dataset):
                continue
            models: list[Model] = []
            experiments: list[list[Experiment]] = []
            for variant, name in _trained(grid, dataset):
                word = "" if variant is None else variant.name
                seeds = experiments_from(study, plan, grid, dataset, name, word)
                if all(experiment.job().is_done for experiment in seeds):
                    models.append(Model(variant, name, len(models), size_of(seeds[0])))
                    experiments.append(seeds)
            titles = tuple(study.initialization(model.initialization).title for model in models)
            paired = gather(experiments, titles) if experiments else None
            if paired is not None:
                measured = measure(
                    paired,
                    redraws_of(study, grid),
                    least_patients=study.least_patients,
                    average_precision=compares_sizes(grid),
                )
                found.append(Trainings(measured, tuple(models), grid, dataset))
    return found


def _trained(grid: Grid, dataset: str) -> list[tuple[Variant | None, str]]:
    variants: list[Variant | None] = [None, *grid.variants_of(dataset)]
    return [
        (variant, name)
        for variant in variants
        for name in grid.initializations
        if variant is None or variant in grid.variants_of(dataset, name)
    ]


def size_of(experiment: Experiment) -> int:
    """Pixels a side of the images that an experiment learns from."""
    return int(experiment_config(experiment).image_size)


def compares_sizes(grid: Grid) -> bool:
    """Whether a grid trains on images of several sizes."""
    return any(variant.is_size for variant in grid.variants)


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
