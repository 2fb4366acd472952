"""Label efficiency: how far each initialization gets with a share of the training patients."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from jaxcxr.results.table_files import Table
from jaxcxr.study.analyses.families import adjusted, family_words
from jaxcxr.study.analyses.row_table import row_table
from jaxcxr.study.analyses.trainings import (
    Model,
    Trainings,
    average_auc,
    average_difference,
    interval_words_of,
    key_of,
    origins_of,
    scope_of,
    seed_sd_of,
)
from jaxcxr.study.planning.definition import Study


@dataclass(frozen=True)
class EfficiencyRow:
    """Average AUC, in percent, of training on a share of the patients.

    Attributes:
      dataset, label_set, training, initialization: what it is of.
      percent_of_patients: asked for.
      patients, images: that it learnt from; the mean over seeds, which draw their own.
      auc, low, high: with 95 % interval over redraws of test patients.
      seed_sd: standard deviation over training seeds.
      runs: ids of the experiments.
    """

    dataset: str
    label_set: str
    training: str
    initialization: str
    percent_of_patients: float
    patients: float | None
    images: float | None
    auc: float | None
    low: float | None
    high: float | None
    seed_sd: float | None
    runs: str


@dataclass(frozen=True)
class EfficiencyDifference:
    """Average AUC of the first initialization less that of the second, in percentage points."""

    dataset: str
    label_set: str
    training: str
    percent_of_patients: float
    first: str
    second: str
    difference: float | None
    low: float | None
    high: float | None
    p: float | None
    adjusted_p: float | None
    runs: str


def efficiency_rows(trainings: Trainings) -> list[EfficiencyRow]:
    """Give a row for each share of patients and initialization, from few patients to all."""
    rows = []
    for model in sorted(_on_curves(trainings), key=lambda one: (one.training, one.share)):
        learnt = origins_of(trainings, model)
        rows.append(
            EfficiencyRow(
                *key_of(trainings, model),
                100 * model.share,
                _mean([one.get("trained_on", {}).get("patients") for one in learnt]),
                _mean([one.get("trained_on", {}).get("images") for one in learnt]),
                *average_auc(trainings, model),
                seed_sd_of(trainings, model),
                " ".join(trainings.measured.paired.runs[model.place]),
            )
        )
    return rows


def _on_curves(trainings: Trainings) -> list[Model]:
    """Keep the trainings on fewer patients, and on all of them where that is the curve's end."""
    fewer = {model.training for model in trainings.models if model.share < 1}
    ends = [m for m in trainings.models if m.variant is None or m.variant.trainable != "all"]
    return [m for m in trainings.models if m.training in fewer and (m.share < 1 or m in ends)]


def efficiency_differences(study: Study, trainings: Trainings) -> list[EfficiencyDifference]:
    """Compare the pairs of initializations at each share of patients where both are finished."""
    paired = trainings.measured.paired
    pairs: dict[str, list[Model]] = {}
    for model in _on_curves(trainings):
        pairs.setdefault("" if model.variant is None else model.variant.name, []).append(model)
    rows = []
    compared = [
        (first, second)
        for models in pairs.values()
        for pair in trainings.grid.compared
        for first in models
        for second in models
        if (first.initialization, second.initialization) == pair
    ]
    for first, second in compared:
        dataset, label_set, training, _ = key_of(trainings, first)
        rows.append(
            EfficiencyDifference(
                dataset,
                label_set,
                training,
                100 * first.share,
                study.initialization(first.initialization).title,
                study.initialization(second.initialization).title,
                *average_difference(trainings.measured, first, second),
                None,
                " ".join((*paired.runs[first.place], *paired.runs[second.place])),
            )
        )
    return sorted(rows, key=lambda row: (row.training, row.percent_of_patients))


def _mean(values: Sequence[float | None]) -> float | None:
    known = [value for value in values if value is not None]
    mean = sum(known) / len(known) if len(known) == len(values) else None
    return int(mean) if mean is not None and mean == int(mean) else mean


def efficiency_tables(
    study: Study, every: Sequence[Trainings], missing: Sequence[str]
) -> list[Table]:
    """Make `label_efficiency` and `label_efficiency_differences`; `missing` is to come."""
    notes = [
        f"Average AUC over labels, percent; {interval_words_of(study, every)}. "
        "Subsets are of patients, drawn by a hash of patient and seed, each within the larger "
        "ones; validation and test stay whole. A training on fewer patients has as many epochs, "
        "and so fewer steps, unless its variant says otherwise.",
        *scope_of(study, every)[1:],
    ]
    if missing:
        notes.append(f"Not finished: {', '.join(missing)}.")
    rows = [row for one in every for row in efficiency_rows(one)]
    title = "Label efficiency: AUC on a share of the training patients"
    of_each = row_table("label_efficiency", title, EfficiencyRow, rows, notes)
    differences = adjusted([row for one in every for row in efficiency_differences(study, one)])
    notes = [
        "Percentage points of average AUC, first less second; "
        f"{interval_words_of(study, every)}. {family_words(differences)}",
        *scope_of(study, every),
    ]
    title = "Label efficiency: differences between initializations"
    name = "label_efficiency_differences"
    return [of_each, row_table(name, title, EfficiencyDifference, differences, notes)]
