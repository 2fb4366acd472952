"""What `statistics.json` holds, put together from its parts."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from jaxcxr import __version__
from jaxcxr.errors import InputError
from jaxcxr.files import sha256
from jaxcxr.results.calibration import calibrated
from jaxcxr.results.micro import micro_averages
from jaxcxr.results.options import Options
from jaxcxr.results.predictions import Predictions
from jaxcxr.results.statistics import describe
from jaxcxr.results.strata import subgroup_rows
from jaxcxr.results.thresholds import operating_points, validation_thresholds
from jaxcxr.results.trainings import describe_trainings


def statistics_of_trainings(
    everything: Sequence[Predictions], reported: Sequence[Predictions], options: Options
) -> dict[str, Any]:
    """Describe several trainings of one model: `everything` of each file, `reported` of the split.

    Raises:
      InputError: an option is of one training.
    """
    if options.paper:
        raise InputError("--paper is of one training, as the study's numbers are: give one file")
    if options.interval == "bca":
        raise InputError("--interval bca is of one training: give one file, or another interval")
    return {
        "jaxcxr": __version__,
        "trainings": [
            {
                "predictions": str(one.path),
                "predictions_sha256": sha256(one.path),
                "origin": one.origin,
            }
            for one in everything
        ],
        **describe_trainings(reported, options),
    }


def statistics_of(
    everything: Predictions, reported: Predictions, options: Options
) -> dict[str, Any]:
    """Describe one model: `everything` of its file, `reported` of the one split."""
    statistics = {
        "jaxcxr": __version__,
        "predictions": str(everything.path),
        "predictions_sha256": sha256(everything.path),
        "origin": everything.origin,
        "notes": list(everything.notes),
        **describe(reported, options),
        "validation": None,
    }
    labels = statistics["labels"]
    own = [row["metrics"]["threshold"]["value"] if row["estimable"] else None for row in labels]
    thresholds = np.array([np.inf if value is None else value for value in own])
    validation = None
    applied: list[dict[str, Any]] = [{} for _ in labels]
    if everything.has(options.validation) and options.validation != options.split:
        validation = everything.of_split(options.validation)
        found = validation_thresholds(validation)
        applied = operating_points(reported, validation, options)
        thresholds = np.where(np.isnan(found), thresholds, found)
        statistics["validation"] = {
            "split": options.validation,
            "images": len(validation.labels),
            "shared_patients": _shared_patients(reported, validation),
        }
    calibration = calibrated(reported, validation, options)
    for column, row in enumerate(labels):
        row["at_validation_threshold"] = applied[column].get("youden")
        row["operating_points"] = applied[column] or None
        row["calibration"] = calibration[column] if calibration and row["estimable"] else None
    statistics["micro"] = micro_averages(reported, labels, options)
    statistics["subgroups"] = subgroup_rows(reported, thresholds, options)
    return statistics


def _shared_patients(first: Predictions, second: Predictions) -> int:
    if first.patients is None or second.patients is None:
        return 0
    return len(np.intersect1d(first.patients, second.patients))
