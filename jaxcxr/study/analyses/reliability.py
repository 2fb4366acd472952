"""Calibration of each fully trained run, before and after temperature scaling."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

from input_pipeline.labels import PAPER_DATASETS
from jaxcxr.errors import InputError
from jaxcxr.files import sha256
from jaxcxr.results.table_files import Table
from jaxcxr.run.directory import PREDICTIONS, STATISTICS
from jaxcxr.study.analyses.row_table import NO_ENDS, Ends, row_table
from jaxcxr.study.planning.cross_jobs import finished
from jaxcxr.study.planning.definition import Study
from jaxcxr.study.planning.jobs import Experiment, Plan


@dataclass(frozen=True)
class CalibrationRow:
    """Calibration of one label of one run, times 100, before and after temperature scaling.

    Attributes:
      dataset, label_set, initialization, label: what it is of.
      brier, brier_low, brier_high, ece, ece_low, ece_high: as predicted, with 95 % interval.
      temperature: fitted on the validation split.
      scaled_brier, ... scaled_ece_high: after dividing logits by it.
      note: what is missing.
      run: id of the experiment.
    """

    dataset: str
    label_set: str
    initialization: str
    label: str
    brier: float | None
    brier_low: float | None
    brier_high: float | None
    ece: float | None
    ece_low: float | None
    ece_high: float | None
    temperature: float | None
    scaled_brier: float | None
    scaled_brier_low: float | None
    scaled_brier_high: float | None
    scaled_ece: float | None
    scaled_ece_low: float | None
    scaled_ece_high: float | None
    note: str
    run: str


def calibration_table(study: Study, plan: Plan) -> Table:
    """Collect what each finished run's `statistics.json` says of its calibration."""
    rows = [
        row for experiment in finished(study, plan) for row in calibration_rows(study, experiment)
    ]
    notes = [
        "Brier score and expected calibration error (10 bins of equal width) of the test split, "
        "times 100, with 95 % percentile intervals, from each run's statistics.json. One "
        "temperature a label, fitted on the validation split. Training with positive weights "
        "inflates the probabilities of rare findings by design. No AUC is changed by scaling."
    ]
    title = "Calibration before and after temperature scaling"
    return row_table("calibration", title, CalibrationRow, rows, notes)


def calibration_rows(study: Study, experiment: Experiment) -> list[CalibrationRow]:
    """Give each label's row of one run.

    Raises:
      InputError: its statistics are not of its predictions.
    """
    path = experiment.directory / STATISTICS
    statistics = json.loads(path.read_text(encoding="utf-8"))
    if statistics.get("predictions_sha256") != sha256(experiment.directory / PREDICTIONS):
        raise InputError(f"{path}: is not of the predictions beside it; remove it and run again")
    title = study.initialization(experiment.initialization).title
    rows = []
    for of in statistics["labels"]:
        before = of["calibration"]
        after = None if before is None else before.get("temperature")
        note = "" if after else "no temperature: one class only in validation"
        rows.append(
            CalibrationRow(
                PAPER_DATASETS[experiment.dataset],
                experiment.label_set,
                title,
                of["label"],
                *_of(before, "brier"),
                *_of(before, "ece"),
                1 / after["slope"] if after else None,
                *_of(after, "brier"),
                *_of(after, "ece"),
                note if before else "one class only in test",
                experiment.id,
            )
        )
    return rows


def _of(entry: dict[str, Any] | None, name: str) -> Ends:
    if entry is None:
        return NO_ENDS
    value, low, high = (
        None if entry[name][end] is None else 100 * entry[name][end]
        for end in ("value", "low", "high")
    )
    return value, low, high
