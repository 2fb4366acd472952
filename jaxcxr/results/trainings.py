"""The statistics of several trainings of one model: means, with what another training changes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from jaxcxr.results.comparison import all_aligned
from jaxcxr.results.options import Options, redraw_settings
from jaxcxr.results.predictions import Predictions
from jaxcxr.results.statistics import (
    AVERAGED,
    FIXED,
    label_facts,
    labels_of_average,
    what_is_described,
)
from jaxcxr.results.summaries import number, without_precision_mean, without_spread
from jaxcxr.stats import (
    OverTrainings,
    Trained,
    bootstrap,
    first_usable,
    over_trainings,
    trained,
    wanted,
)


def describe_trainings(trainings: Sequence[Predictions], options: Options) -> dict[str, Any]:
    """Give each metric's mean over the trainings of a model, with interval over these as well.

    As `describe` of one, without what belongs to a trained model: thresholds, calibration,
    subgroups.

    Args:
      trainings: predictions of the one split, a file a training.
      options: of the evaluation.

    Raises:
      InputError: the files are not of the same images and labels.
    """
    read = all_aligned(trainings)
    settings = redraw_settings(read[0], options)
    scores = np.stack([one.scores.astype(np.float64) for one in read])
    model = trained(
        read[0].labels,
        [scores],
        groups=settings["groups"],
        least_units=options.least_patients,
    )
    redraws = bootstrap(
        read[0].labels,
        scores,
        average_precision=True,
        fixed_rate=options.fixed_rate,
        until_usable=wanted(model.units, model.averaged),
        **settings,
    )
    one = np.eye(len(model.units), dtype=bool)
    return {
        **what_is_described(read[0], options),
        "labels": [
            {
                **label_facts(read[0], column, int(units)),
                **_metrics(model, redraws, options, column, one[column], (*AVERAGED, *FIXED)),
                "at_validation_threshold": None,
                "calibration": None,
            }
            for column, units in enumerate(model.units)
        ],
        "average": {
            **labels_of_average(read[0], model.units, options),
            **_metrics(model, redraws, options, None, model.averaged, AVERAGED),
            "all_labels": _values(redraws, model.units > 0),
        },
        "validation": None,
        "subgroups": [],
    }


def _metrics(
    model: Trained,
    redraws: Any,
    options: Options,
    column: int | None,
    labels: np.ndarray,
    names: Sequence[str],
) -> dict[str, Any]:
    """Give the metrics of a label, or of the average over some labels (no column)."""
    if not labels.any() or model.units[labels].min() == 0:
        return {"unusable_redraws": 0, "metrics": None}
    metrics, lost = {}, 0
    for name in names:
        values = getattr(redraws.estimates, name)[:, labels].mean(axis=1)
        # [drawn, trainings]: all trainings share their redraws.
        drawn = getattr(redraws, name)[:, :, labels].mean(axis=2).T
        usable = first_usable(drawn, options.resamples)
        lost = usable.drawn - len(usable.values)
        found = over_trainings([values], np.cov(usable.values.T), (1,), options.level)
        if name == "auc":
            found = model.judged((1,), column, options.level)
        metrics[name] = summary_of_trainings(found, values, usable.values.mean(axis=1))
    spread_known = model.units[labels].min() > 1
    return {
        "unusable_redraws": lost,
        "metrics": without_precision_mean(metrics if spread_known else without_spread(metrics)),
    }


def summary_of_trainings(
    found: OverTrainings, by_training: np.ndarray, replicates: np.ndarray
) -> dict[str, float | None]:
    """Give the numbers of one metric, None where there is none.

    Args:
      found: with its interval.
      by_training: `[trainings]`.
      replicates: `[resamples]`, of the mean over the trainings.
    """
    return {
        "value": number(found.value),
        "mean": number(replicates.mean()),
        "sd": number(replicates.std(ddof=1)) if len(replicates) > 1 else None,
        "low": number(found.low),
        "high": number(found.high),
        "seed_sd": number(np.std(by_training, ddof=1)),
    }


def _values(redraws: Any, labels: np.ndarray) -> dict[str, float] | None:
    if not labels.any():
        return None
    of = redraws.estimates
    return {name: float(getattr(of, name)[:, labels].mean()) for name in AVERAGED}
