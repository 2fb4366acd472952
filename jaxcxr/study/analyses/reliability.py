"""Calibration of each fully trained run, before and after temperature scaling."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from input_pipeline.labels import PAPER_DATASETS
from jaxcxr.results.table_files import Table
from jaxcxr.run.run_files import read_statistics
from jaxcxr.study.analyses.row_table import NO_ENDS, Ends, row_table
from jaxcxr.study.planning.cross_jobs import finished
from jaxcxr.study.planning.definition import Study
from jaxcxr.study.planning.jobs import Experiment, Plan


@dataclass(frozen=True)
class CalibrationRow:
    """Calibration of one label of one run, times 100, before and after temperature scaling.

    Attributes:
      dataset, label_set, initialization, label: what it is of.
      brier, brier_low, brier_high: as predicted, with 95 % interval.
      ece, ece_floor, ece_debiased: as predicted; its mean if every probability were right, and
        what is left of it without chance.
      slope, slope_low, slope_high: of the truth on the predicted logits, not times 100; 1 is right.
      temperature: fitted on the validation split.
      scaled_brier, ... scaled_slope_high: after dividing logits by it.
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
    ece_floor: float | None
    ece_debiased: float | None
    slope: float | None
    slope_low: float | None
    slope_high: float | None
    temperature: float | None
    scaled_brier: float | None
    scaled_brier_low: float | None
    scaled_brier_high: float | None
    scaled_ece: float | None
    scaled_ece_floor: float | None
    scaled_ece_debiased: float | None
    scaled_slope: float | None
    scaled_slope_low: float | None
    scaled_slope_high: float | None
    note: str
    run: str


def calibration_table(study: Study, plan: Plan) -> Table:
    """Collect what each finished run's `statistics.json` says of its calibration."""
    rows = [
        row for experiment in finished(study, plan) for row in calibration_rows(study, experiment)
    ]
    notes = [
        "Brier score and expected calibration error (10 bins of equal width) of the test split, "
        "times 100, from each run's statistics.json: the Brier score with its 95 % percentile "
        "interval; ECE, which chance alone keeps above zero, beside its mean if every probability "
        "were right (floor) and without what chance adds (debiased). Slope of the truth on the "
        "predicted logits: 1 is right, less is too extreme. One temperature a label, fitted on the "
        "validation split. Training with positive weights "
        "inflates the probabilities of rare findings by design. No AUC is changed by scaling."
    ]
    title = "Calibration before and after temperature scaling"
    return row_table("calibration", title, CalibrationRow, rows, notes)


def calibration_rows(study: Study, experiment: Experiment) -> list[CalibrationRow]:
    """Give each label's row of one finished run."""
    statistics = read_statistics(experiment.directory)
    title = study.initialization(experiment.initialization).title
    rows = []
    for of in statistics.get("labels", []):
        before = of.get("calibration")
        after = None if before is None else before.get("temperature")
        note = "" if after else "no temperature: one class only in validation"
        plain, scaled = _of(before), _of(after)
        rows.append(
            CalibrationRow(
                PAPER_DATASETS[experiment.dataset],
                experiment.label_set,
                title,
                of["label"],
                *plain[0],
                *plain[1],
                *plain[2],
                1 / after["slope"] if after else None,
                *scaled[0],
                *scaled[1],
                *scaled[2],
                note if before else "one class only in test",
                experiment.id,
            )
        )
    return rows


def _of(entry: dict[str, Any] | None) -> tuple[Ends, Ends, Ends]:
    """Give Brier score with its ends, ECE with floor and debiased, and slope with its ends.

    Statistics that were written before ECE had a floor, and calibration a slope, lack these.
    """
    if entry is None:
        return NO_ENDS, NO_ENDS, NO_ENDS
    brier, ece, slope = entry["brier"], entry["ece"], entry.get("slope_of_truth", {})
    return (
        (_times_100(brier["value"]), _times_100(brier["low"]), _times_100(brier["high"])),
        (_times_100(ece["value"]), _times_100(ece.get("floor")), _times_100(ece.get("debiased"))),
        (slope.get("value"), slope.get("low"), slope.get("high")),
    )


def _times_100(value: float | None) -> float | None:
    return None if value is None else 100 * value
