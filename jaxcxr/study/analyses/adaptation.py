"""Adaptation: a linear probe and LoRA beside full fine-tuning."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from jaxcxr.results.table_files import Table
from jaxcxr.study.analyses.families import adjusted, family_words
from jaxcxr.study.analyses.row_table import UNTESTED, row_table
from jaxcxr.study.analyses.trainings import (
    Trainings,
    average_auc,
    average_difference,
    compares_sizes,
    interval_words_of,
    key_of,
    origins_of,
    scope_of,
    seed_sd_of,
)
from jaxcxr.study.planning.definition import Study


@dataclass(frozen=True)
class AdaptationRow:
    """Average AUC, in percent, where some of the parameters learn.

    Attributes:
      dataset, label_set, training, initialization: what it is of.
      trained_parameters: how many learn.
      auc, low, high: with 95 % interval over redraws of test patients.
      difference, difference_low, difference_high, p: less full fine-tuning.
      adjusted_p: over the differences of a label set, by Holm.
      seed_sd: standard deviation over training seeds.
      runs: ids of the experiments.
    """

    dataset: str
    label_set: str
    training: str
    initialization: str
    trained_parameters: int | None
    auc: float | None
    low: float | None
    high: float | None
    difference: float | None
    difference_low: float | None
    difference_high: float | None
    p: float | None
    adjusted_p: float | None
    seed_sd: float | None
    runs: str


def adaptation_rows(trainings: Trainings) -> list[AdaptationRow]:
    """Give a row for each way to train on all patients, and initialization."""
    full = {(one.initialization, one.image_size): one for one in trainings.models if one.is_full}
    variants = trainings.grid.variants_of(trainings.trained_on)
    adapted = {variant.image_size for variant in variants if variant.adapts}
    rows = []
    for model in trainings.models:
        own_size = 0 if model.variant is None else model.variant.image_size
        if model.is_full and own_size not in adapted:
            continue
        if not model.is_full and not (model.variant and model.variant.adapts):
            continue
        against = UNTESTED
        place = model.initialization, model.image_size
        if not model.is_full and place in full:
            against = average_difference(trainings.measured, model, full[place])
        dataset, label_set, training, initialization = key_of(trainings, model)
        if model.variant is not None:
            title = model.variant.title
            training = f"{training}, {title}" if model.is_full else title
        learnt = origins_of(trainings, model)
        rows.append(
            AdaptationRow(
                dataset,
                label_set,
                training,
                initialization,
                learnt[0].get("trained_parameters"),
                *average_auc(trainings, model),
                *against,
                None,
                seed_sd_of(trainings, model),
                " ".join(trainings.measured.paired.runs[model.place]),
            )
        )
    return rows


def adaptation_table(study: Study, every: Sequence[Trainings], missing: Sequence[str]) -> Table:
    """Make `adaptation`; `missing` names experiments to come."""
    rows = adjusted([row for one in every for row in adaptation_rows(one)])
    at_size = " and image size" if any(compares_sizes(one.grid) for one in every) else ""
    notes = [
        f"Average AUC over labels, percent; {interval_words_of(study, every)}. The "
        f"difference is to full fine-tuning of the same initialization{at_size}. "
        f"{family_words(rows)}",
        *scope_of(study, every),
    ]
    if missing:
        notes.append(f"Not finished: {', '.join(missing)}.")
    return row_table("adaptation", "Adaptation: which parameters learn", AdaptationRow, rows, notes)
