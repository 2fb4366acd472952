"""What is read of `statistics.json` for a report; older ones lack what is not required."""

from __future__ import annotations

from pathlib import Path
from typing import Any, NotRequired

from typing_extensions import TypedDict

from jaxcxr.errors import InputError
from jaxcxr.files import sha256
from jaxcxr.run.directory import PREDICTIONS, STATISTICS
from jaxcxr.run.run_files import Calibration, Estimate
from jaxcxr.small_files import Count, Finite, read_json


class Bootstrap(TypedDict):
    """How the statistics were redrawn."""

    unit: str
    resamples: Count
    seed: int
    interval: str
    level: Finite


class AtThreshold(TypedDict, total=False):
    """Rates at the threshold that the validation images chose."""

    threshold: Finite | None
    sensitivity: Estimate
    specificity: Estimate


class LabelRow(TypedDict):
    """One label."""

    label: str
    positives: Count
    negatives: Count
    unknown: Count
    fewest_units: NotRequired[Count]
    metrics: dict[str, Estimate] | None
    at_validation_threshold: NotRequired[AtThreshold | None]
    calibration: NotRequired[Calibration | None]


class Average(TypedDict):
    """The average over labels."""

    labels: list[str]
    metrics: dict[str, Estimate] | None
    least_patients: NotRequired[Count]
    left_out: NotRequired[list[str]]


class SubgroupRow(TypedDict):
    """One label within a subgroup."""

    attribute: str
    subgroup: str
    label: str
    images: Count
    positives: Count
    negatives: Count
    metrics: dict[str, Estimate] | None
    gap: dict[str, Estimate] | None


class Reported(TypedDict):
    """The whole of it."""

    predictions_sha256: str
    split: str
    images: Count
    patients: Count | None
    bootstrap: Bootstrap
    labels: list[LabelRow]
    average: Average
    subgroups: list[SubgroupRow]


def read_reported(directory: Path) -> dict[str, Any]:
    """Read the statistics of a run's own predictions.

    Raises:
      InputError: there are none, they are damaged, or of other predictions.
    """
    remedy = (
        f"run python -m jaxcxr.evaluate {directory / PREDICTIONS} --out {directory}, "
        "which computes them again"
    )
    path = directory / STATISTICS
    found = read_json(path, Reported, "a run's statistics", remedy)
    for row in found["labels"]:
        if row["metrics"] is not None and "auc" not in row["metrics"]:
            raise InputError(f"{path}: damaged (a label has no auc); {remedy}")
    if found["predictions_sha256"] != sha256(directory / PREDICTIONS):
        raise InputError(f"{path}: is of other predictions than {PREDICTIONS} beside it; {remedy}")
    return found
