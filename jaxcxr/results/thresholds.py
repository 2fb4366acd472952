"""What is fitted on the validation split and applied to the reported one: thresholds, scaling."""

from __future__ import annotations

from typing import Any

import numpy as np

from jaxcxr.errors import InputError
from jaxcxr.results.predictions import Predictions
from jaxcxr.results.statistics import Options, number, redraw_settings, summary_of_column


def validation_thresholds(validation: Predictions) -> np.ndarray:
    """Youden's threshold of each label, `[labels]`; NaN for a label without both classes."""
    from jaxcxr.stats import estimate

    return estimate(validation.labels, validation.scores).threshold


def transferred(
    predictions: Predictions, thresholds: np.ndarray, options: Options
) -> list[dict[str, Any] | None]:
    """Apply thresholds to the reported split: one entry a label, None if not estimable."""
    from jaxcxr.stats import at_threshold

    applied = at_threshold(
        predictions.labels,
        predictions.scores,
        np.where(np.isnan(thresholds), np.inf, thresholds),
        **redraw_settings(predictions, options),
    )
    return [
        {
            "threshold": number(threshold),
            **{
                name: summary_of_column(getattr(applied, name)[:, column], options)
                for name in ("accuracy", "sensitivity", "specificity")
            },
        }
        if not np.isnan(threshold) and not np.isnan(applied.accuracy[0, column])
        else None
        for column, threshold in enumerate(thresholds)
    ]


def calibrated(
    predictions: Predictions, validation: Predictions | None, options: Options
) -> list[dict[str, Any]] | None:
    """Calibration of each label, and after scaling fitted on validation where there is one.

    None if the scores are neither logits nor probabilities.
    """
    probabilities = predictions.probabilities
    if probabilities is None:
        return None
    entries = _calibration(predictions, probabilities, options, with_bins=True)
    if validation is None or validation.probabilities is None:
        return entries
    for kind in ("temperature", "platt"):
        scaled, fits = _scaled(predictions, validation, kind)
        after = _calibration(predictions, scaled, options, with_bins=False)
        for entry, changed, fit in zip(entries, after, fits, strict=True):
            entry[kind] = None if fit is None else fit | changed
    return entries


def _calibration(
    predictions: Predictions, probabilities: np.ndarray, options: Options, *, with_bins: bool
) -> list[dict[str, Any]]:
    from jaxcxr.stats import calibration, percentile_interval

    found = calibration(predictions.labels, probabilities, **redraw_settings(predictions, options))
    entries = []
    for column in range(probabilities.shape[1]):
        entry: dict[str, Any] = {
            name: summary_of_column(getattr(found, name)[:, column], options)
            for name in ("brier", "ece")
        }
        if with_bins:
            observed = found.observed[:, column]
            spread = percentile_interval(observed[0], observed[1:], options.level)
            entry["bins"] = [
                {
                    "images": int(images),
                    "predicted": number(found.predicted[0, column, bin_]),
                    "observed": number(spread.value[bin_]),
                    "low": number(spread.low[bin_]),
                    "high": number(spread.high[bin_]),
                }
                for bin_, images in enumerate(found.images[column])
            ]
        entries.append(entry)
    return entries


def _scaled(
    predictions: Predictions, validation: Predictions, kind: str
) -> tuple[np.ndarray, list[dict[str, float] | None]]:
    """Probabilities after scaling, and each label's fit; None where it could not be fitted."""
    from jaxcxr.stats import fit_platt, fit_temperature

    fit = {"temperature": fit_temperature, "platt": fit_platt}[kind]
    logits, fit_on = _logits(predictions), _logits(validation)
    scaled = np.empty_like(logits)
    fits: list[dict[str, float] | None] = []
    for column in range(logits.shape[1]):
        truth = validation.labels[:, column]
        if not (truth == 1).any() or not (truth == 0).any():
            scaled[:, column] = 0.5
            fits.append(None)
            continue
        scaling = fit(truth, fit_on[:, column])
        scaled[:, column] = scaling(logits[:, column])
        fits.append({"slope": scaling.slope, "offset": scaling.offset})
    return scaled, fits


def _logits(predictions: Predictions) -> np.ndarray:
    if predictions.are_logits:
        return predictions.scores.astype(np.float64)
    from scipy.special import logit

    if predictions.probabilities is None:
        raise InputError(f"scores of {predictions.path} are not probabilities")
    # A saturated probability has no finite logit.
    return logit(np.clip(predictions.probabilities, 1e-12, 1 - 1e-12))
