"""Calibration of probabilities, before and after scaling that is fitted on the validation split."""

from __future__ import annotations

from typing import Any

import numpy as np

from jaxcxr.errors import InputError
from jaxcxr.results.options import Options, groups_of, redraw_settings
from jaxcxr.results.predictions import Predictions
from jaxcxr.results.summaries import interval_of, number, summary_of_column

SCALINGS = ("temperature", "platt")
BINS = 10  # of ECE and of the reliability plot
DISTANCES = ("ici", "e50", "e90", "e_max")


def calibrated(
    predictions: Predictions, validation: Predictions | None, options: Options
) -> list[dict[str, Any]] | None:
    """Calibration of each label, and after scaling fitted on validation where there is one.

    Each has a decision curve, of the probabilities after Platt's scaling where that was fitted.
    None if the scores are neither logits nor probabilities.
    """
    probabilities = predictions.probabilities
    if probabilities is None:
        return None
    entries = _calibration(predictions, probabilities, options, with_curves=True)
    best, after = probabilities.copy(), ["nothing"] * len(entries)
    if validation is not None and validation.probabilities is not None:
        for kind in SCALINGS:
            scaled, fits = _scaled(predictions, validation, kind)
            changed = _calibration(predictions, scaled, options, with_curves=False)
            for column, fit in enumerate(fits):
                entries[column][kind] = None if fit is None else fit | changed[column]
                if fit is not None and kind == "platt":
                    best[:, column], after[column] = scaled[:, column], kind
    for column, entry in enumerate(entries):
        curve = _decision_curve(predictions, column, best[:, column], options)
        entry["decision_curve"] = None if curve is None else {"after": after[column]} | curve
    return entries


def _calibration(
    predictions: Predictions, probabilities: np.ndarray, options: Options, *, with_curves: bool
) -> list[dict[str, Any]]:
    from jaxcxr.stats import calibration

    # Of the redraws only the Brier score is used, which knows no bins.
    settings = redraw_settings(predictions, options)
    brier = calibration(predictions.labels, probabilities, bins=1, **settings).brier
    groups = groups_of(predictions, options)
    entries = []
    for column, truth in enumerate(predictions.labels.T):
        probability = probabilities[:, column]
        entry: dict[str, Any] = {
            "brier": summary_of_column(brier[:, column], options),
            "ece": _ece(truth, probability, groups, options),
            **_recalibration(truth, probability, groups, options, with_curve=with_curves),
        }
        if with_curves:
            entry["bins"] = _bins(truth, probability, groups, options)
        entries.append(entry)
    return entries


def _ece(
    truth: np.ndarray, probability: np.ndarray, groups: np.ndarray | None, options: Options
) -> dict[str, float | None]:
    """Give ECE beside what chance makes of it; no interval, for redraws only add to it."""
    from jaxcxr.stats import noise_floor

    found = noise_floor(truth, probability, groups, bins=BINS, seed=options.seed)
    names = ("floor", "floor_high", "debiased")
    return {
        "value": number(found.ece),
        **dict.fromkeys(("mean", "sd", "low", "high")),
        **{name: number(getattr(found, name)) for name in names},
    }


def _recalibration(
    truth: np.ndarray,
    probability: np.ndarray,
    groups: np.ndarray | None,
    options: Options,
    *,
    with_curve: bool,
) -> dict[str, Any]:
    """Give intercept, slope, and how far the probabilities lie from the flexible curve."""
    from jaxcxr.stats import recalibration

    if not ((truth == 1).any() and (truth == 0).any()):
        nothing = dict.fromkeys(("value", "low", "high"))
        return {"intercept": nothing, "slope_of_truth": nothing, **dict.fromkeys(DISTANCES)}
    found = recalibration(truth, probability, groups, options.level)
    entry: dict[str, Any] = {
        "intercept": interval_of(found.intercept),
        "slope_of_truth": interval_of(found.slope),
        **{name: number(getattr(found, name)) for name in DISTANCES},
    }
    if with_curve:
        names = ("predicted", "observed", "low", "high")
        curve = {name: [number(one) for one in getattr(found, name)] for name in names}
        entry["curve"] = {"knots": found.knots, **curve}
    return entry


def _bins(
    truth: np.ndarray, probability: np.ndarray, groups: np.ndarray | None, options: Options
) -> list[dict[str, Any]]:
    """Give each bin's share of positives with Wilson's interval on the effective number."""
    from jaxcxr.stats import proportion

    bin_of = np.minimum((probability * BINS).astype(int), BINS - 1)
    entries = []
    for bin_ in range(BINS):
        inside = (bin_of == bin_) & (truth >= 0)
        own = None if groups is None else groups[inside]
        found = proportion(truth[inside] == 1, own, options.level)
        mean = probability[inside].mean() if inside.any() else np.nan
        entry = {"images": found.number, "predicted": number(mean)}
        entries.append(entry | {"observed": number(found.value)} | _ends(found))
    return entries


def _ends(found: Any) -> dict[str, float | None]:
    return {"low": number(found.low), "high": number(found.high)}


def _decision_curve(
    predictions: Predictions, column: int, probability: np.ndarray, options: Options
) -> dict[str, Any] | None:
    from jaxcxr.stats import decision_curve

    truth = predictions.labels[:, column]
    if not ((truth == 1).any() and (truth == 0).any()):
        return None
    found = decision_curve(truth, probability, groups_of(predictions, options), options.level)
    names = ("threshold", "net_benefit", "low", "high", "treat_all")
    curve: dict[str, Any] = {name: [number(one) for one in getattr(found, name)] for name in names}
    return curve | {"called": found.called.tolist()}


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
