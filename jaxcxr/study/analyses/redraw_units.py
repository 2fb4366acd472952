"""Intervals over redraws of patients beside those over redraws of images, which the paper gave."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from input_pipeline.labels import PAPER_DATASETS
from jaxcxr.results.table_files import Table
from jaxcxr.stats import Interval
from jaxcxr.study.analyses.captions import average_words
from jaxcxr.study.analyses.paired import Measured, measure
from jaxcxr.study.analyses.row_table import percent, row_table


@dataclass(frozen=True)
class BothIntervals:
    """The average AUC of one initialization, in percent, with both intervals.

    Attributes:
      dataset, label_set, initialization: what it is of.
      images, patients: of the test split; no number where no patients are named.
      value: of the test images themselves.
      patient_low, patient_high: 95 % interval over redraws of patients.
      image_low, image_high: over redraws of images.
      ratio: width of the first over width of the second.
      runs: ids of the experiments.
    """

    dataset: str
    label_set: str
    initialization: str
    images: int
    patients: int | None
    value: float | None
    patient_low: float | None
    patient_high: float | None
    image_low: float | None
    image_high: float | None
    ratio: float | None
    runs: str


def intervals_table(comparisons: Sequence[Measured]) -> Table:
    """Measure each paired again, redrawing images."""
    rows = []
    for measured in comparisons:
        paired = measured.paired
        if not measured.usable(None):
            continue
        patients = paired.patients
        named = patients is not None
        by_image = _by_image(measured) if named else measured
        for which, title in enumerate(paired.titles):
            ours = measured.redrawn("auc", which, None)
            theirs = by_image.redrawn("auc", which, None)
            rows.append(
                BothIntervals(
                    dataset=PAPER_DATASETS[paired.dataset],
                    label_set=paired.label_set,
                    initialization=title,
                    images=len(paired.labels),
                    patients=None if patients is None else len(np.unique(patients)),
                    value=percent(ours.value),
                    patient_low=percent(ours.low) if named else None,
                    patient_high=percent(ours.high) if named else None,
                    image_low=percent(theirs.low),
                    image_high=percent(theirs.high),
                    ratio=_ratio(ours, theirs) if named else None,
                    runs=" ".join(paired.runs[which]),
                )
            )
    notes = (
        "Average AUC over labels, percent; 95 % percentile intervals over redraws of the test "
        "images or patients alone, of the mean over trainings where there are several.",
        *([average_words(comparisons)] if comparisons else []),
        "Images of one patient resemble each other, so that redraws of images, which the "
        "paper made, claim more than the data hold wherever patients have several.",
    )
    title = "Intervals over redraws of patients and of images"
    return row_table("intervals", title, BothIntervals, rows, notes)


def _by_image(measured: Measured) -> Measured:
    """Measure again over redraws of images, on the labels that the average by patient counts."""
    paired, kept = measured.paired, measured.averaged
    same = replace(
        paired,
        patients=None,
        label_names=tuple(np.array(paired.label_names)[kept].tolist()),
        labels=paired.labels[:, kept],
        scores=paired.scores[..., kept],
    )
    return measure(same, measured.resamples, least_patients=measured.least_patients)


def _ratio(ours: Interval, theirs: Interval) -> float | None:
    width, other = float(ours.high - ours.low), float(theirs.high - theirs.low)
    return width / other if other > 0 and width >= 0 else None
