"""AUC and average precision of each initialization at each image size, here or elsewhere."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

from input_pipeline.labels import PAPER_DATASETS
from jaxcxr.results.table_files import Table
from jaxcxr.study.analyses.families import AVERAGE
from jaxcxr.study.analyses.row_table import NO_ENDS, Ends, ends, percent, row_table
from jaxcxr.study.analyses.trainings import Model, Trainings, interval_words_of, scope_of
from jaxcxr.study.planning.definition import Study

Row = TypeVar("Row", bound=Any)


@dataclass(frozen=True)
class ScalingRow:
    """AUC and average precision, in percent, of full fine-tuning at one image size.

    Attributes:
      trained_on, dataset: learnt from, where that is another one, and tested on.
      label_set, image_size, initialization, label: what it is of; the label may be `Average`.
      auc, low, high, average_precision, ap_low, ap_high: with 95 % interval.
      seed_sd: standard deviation of the AUC over training seeds.
      runs: ids of the experiments.
    """

    trained_on: str | None
    dataset: str
    label_set: str
    image_size: int
    initialization: str
    label: str
    auc: float | None
    low: float | None
    high: float | None
    average_precision: float | None
    ap_low: float | None
    ap_high: float | None
    seed_sd: float | None
    runs: str


def full_models(trainings: Trainings) -> list[Model]:
    """Return the fully fine-tuned models, from small images to large."""
    full = [model for model in trainings.models if model.is_full]
    return sorted(full, key=lambda model: model.image_size)


def columns_of(trainings: Trainings) -> list[tuple[str, int | None]]:
    """Name the average and the labels with their numbers."""
    names = trainings.measured.paired.label_names
    return [(AVERAGE, None), *((name, column) for column, name in enumerate(names))]


def where_of(trainings: Trainings) -> tuple[str | None, str, str]:
    """Dataset learnt from, where that is another one, dataset tested on, and label set."""
    paired = trainings.measured.paired
    trained_on = PAPER_DATASETS[trainings.trained_on]
    away = trainings.trained_on != paired.dataset
    return trained_on if away else None, PAPER_DATASETS[paired.dataset], paired.label_set


def scaling_rows(trainings: Trainings) -> list[ScalingRow]:
    """Give a row for each model and label, its average first."""
    measured, rows = trainings.measured, []
    paired = measured.paired
    for model in full_models(trainings):
        for name, label in columns_of(trainings):
            usable = measured.usable(label)
            spread = measured.seed_sd("auc", model.place, label) if usable else float("nan")
            rows.append(
                ScalingRow(
                    *where_of(trainings),
                    model.image_size,
                    paired.titles[model.place],
                    name,
                    *_ends(trainings, model, label, "auc"),
                    *_ends(trainings, model, label, "average_precision"),
                    percent(spread),
                    " ".join(paired.runs[model.place]),
                )
            )
    return rows


def _ends(trainings: Trainings, model: Model, label: int | None, metric: str) -> Ends:
    if not trainings.measured.usable(label):
        return NO_ENDS
    return ends(trainings.measured.column(metric, model.place, label)[0])


def averages_first(rows: Sequence[Row]) -> list[Row]:
    """Put the rows of averages, which answer, before those of labels, which tell where."""
    return sorted(rows, key=lambda row: row.label != AVERAGE)


def scaling_table(
    study: Study, name: str, title: str, every: Sequence[Trainings], missing: Sequence[str]
) -> Table:
    """Make a table of all rows; `missing` names what is to come."""
    notes = [
        f"AUC and average precision (AP) in percent; {interval_words_of(study, every)}; those of "
        "average precision with one training are percentiles throughout. What average precision "
        "chance gives is the share of positives, so that it compares within one dataset alone.",
        *scope_of(study, every)[1:],
    ]
    if missing:
        notes.append(f"Not finished: {', '.join(missing)}.")
    rows = averages_first([row for one in every for row in scaling_rows(one)])
    return row_table(name, title, ScalingRow, rows, notes)
