"""What wrong training labels cost: average AUC against the share that was flipped."""

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
    interval_words_of,
    key_of,
    scope_of,
    seed_sd_of,
)
from jaxcxr.study.planning.definition import Study


@dataclass(frozen=True)
class NoiseRow:
    """Average AUC, in percent, of training with some labels wrong.

    Attributes:
      dataset, label_set, initialization: what it is of.
      percent_of_positives: that were flipped in training.
      auc, low, high: on test images with their true labels, with 95 % interval.
      difference, difference_low, difference_high, p: less training with all labels right.
      adjusted_p: over the differences of a label set, by Holm.
      seed_sd: standard deviation over training seeds.
      runs: ids of the experiments.
    """

    dataset: str
    label_set: str
    initialization: str
    percent_of_positives: float
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


def noise_rows(every: Sequence[Trainings]) -> list[NoiseRow]:
    """Give a row for each initialization and share, from none to many."""
    rows = []
    for trainings in every:
        noisy = [one for one in trainings.models if one.variant and one.variant.label_noise]
        right = {one.initialization: one for one in trainings.models if one.variant is None}
        clean = [right[name] for name in {one.initialization: 0 for one in noisy} if name in right]
        for model in (*clean, *noisy):
            dataset, label_set, _, title = key_of(trainings, model)
            against = UNTESTED
            if model.variant is not None and model.initialization in right:
                other = right[model.initialization]
                against = average_difference(trainings.measured, model, other)
            share = 0.0 if model.variant is None else model.variant.label_noise
            rows.append(
                NoiseRow(
                    *(dataset, label_set, title, round(100 * share, 6)),
                    *average_auc(trainings, model),
                    *against,
                    None,
                    seed_sd_of(trainings, model),
                    " ".join(trainings.measured.paired.runs[model.place]),
                )
            )
    return adjusted(rows)


def noise_table(
    study: Study, every: Sequence[Trainings], rows: Sequence[NoiseRow], missing: Sequence[str]
) -> Table:
    """Make `label_noise`; `missing` names experiments to come."""
    notes = [
        f"Average AUC over labels, percent; {interval_words_of(study, every)}. Labels were "
        "flipped in training images alone; validation and test keep theirs. Of negatives a quarter "
        "of that share was flipped, and 'No finding' follows from the others. The difference is to "
        f"training with all labels right. {family_words(rows)}",
        *scope_of(study, every),
    ]
    if missing:
        notes.append(f"Not finished: {', '.join(missing)}.")
    return row_table("label_noise", "Wrong labels in training", NoiseRow, rows, notes)
