"""How often the intervals of AUCs, rates, calibration and average precision cover the truth.

    python -m benchmarks.coverage_intervals [--data-sets 400]

Prints the tables of `docs/statistics.md`. Scores are binormal with a standard deviation of 1, so
AUC, sensitivity and specificity are known; average precision, calibration error and net benefit are
taken from a million images. Of 400 data sets a coverage of 95 % has a standard error of 1.1 %.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from scipy.special import expit, ndtr, ndtri

from jaxcxr.stats import (
    at_threshold,
    auc_difference,
    auc_interval,
    average_precision,
    bootstrap,
    calibration,
    decision_curve,
    expected_calibration_error,
    logit_ends,
    newcombe_interval,
    noise_floor,
    percentile_interval,
    positive_predictive,
    recalibration,
    two_by_two,
)

SIZES = ((10, 90), (20, 180), (50, 450), (100, 100))
RESAMPLES = 400
MANY = 1_000_000
IMAGES_A_PATIENT = 4


def shift_of(auc: float) -> float:
    return float(np.sqrt(2) * ndtri(auc))


def sets_of(
    rng: np.random.Generator, sizes: tuple[int, int], shift: float, count: int, patients: bool
) -> tuple[np.ndarray, np.ndarray, np.ndarray | None]:
    """Labels `[images]` of so many positives and negatives, scores `[images, sets]`, patients.

    With patients, each positive and negative is a patient of one class with four images that share
    half of their variance.
    """
    truth = np.repeat([1, 0], sizes)
    if not patients:
        return truth, rng.normal(size=(len(truth), count)) + shift * truth[:, None], None
    patient = np.repeat(np.arange(len(truth)), IMAGES_A_PATIENT)
    shared = rng.normal(size=(len(truth), count))[patient]
    own = rng.normal(size=shared.shape)
    scores = np.sqrt(0.5) * (shared + own) + shift * truth[patient][:, None]
    return truth[patient], scores, patient


def share(ends: Sequence[tuple[float, float]], value: float) -> str:
    """Write the percentage of intervals that hold the value; none is no cover."""
    low, high = np.array(ends, float).T
    return f"{100 * np.mean((low <= value) & (value <= high)):.1f}"


def redrawn(values: np.ndarray, replicates: np.ndarray) -> list[tuple[float, float]]:
    """Give percentile intervals of `[sets]` values from `[redraws, sets]`."""
    found = percentile_interval(values, replicates)
    return list(zip(found.low, found.high, strict=True))


def ends(found: Any) -> tuple[float, float]:
    return found.low, found.high


def aucs(count: int, rng: np.random.Generator) -> None:
    print("\nAUC\n| P/N | units | AUC | ours | percentile |\n|---|---|---|---|---|")
    for patients in (False, True):
        for sizes in SIZES:
            for auc in (0.7, 0.85, 0.95, 0.99):
                truth, scores, owner = sets_of(rng, sizes, shift_of(auc), count, patients)
                ours = [ends(auc_interval(truth, column, owner)) for column in scores.T]
                labels = np.tile(truth[:, None], count)
                found = bootstrap(labels, scores, resamples=RESAMPLES, groups=owner)
                theirs = redrawn(found.estimates.auc, found.auc)
                unit = "patients of 4 images" if patients else "images"
                shares = share(ours, auc), share(theirs, auc)
                print("|", f"{sizes[0]}/{sizes[1]} | {unit} | {auc} |", " | ".join(shares), "|")


def unequal(count: int, rng: np.random.Generator) -> None:
    """Positives that spread half, or twice, as widely as negatives; Newcombe's alone beside."""
    print(
        "\nAUC, unequal spreads\n| P/N | spread | AUC | ours | Newcombe's |\n|---|---|---|---|---|"
    )
    for sizes in ((10, 90), (20, 180)):
        truth = np.repeat([1, 0], sizes)
        for spread in (0.5, 2.0):
            for auc in (0.7, 0.85, 0.95):
                drawn = rng.normal(size=(len(truth), count))
                above = float(ndtri(auc)) * np.hypot(1, spread) + spread * drawn
                scores = np.where(truth[:, None] == 1, above, drawn)
                found = [auc_interval(truth, column) for column in scores.T]
                alone = [newcombe_interval(one.value, *sizes) for one in found]
                shares = share([ends(one) for one in found], auc), share(alone, auc)
                print("|", f"{sizes[0]}/{sizes[1]} | {spread} | {auc} |", " | ".join(shares), "|")


def differences(count: int, rng: np.random.Generator) -> None:
    print(
        "\nPaired difference of equal AUCs (0.85)\n| P/N | DeLong t | percentile |\n|---|---|---|"
    )
    for sizes in ((5, 95), (10, 90), (15, 135), (50, 450)):
        truth = np.repeat([1, 0], sizes)
        shape = len(truth), count
        shared = rng.normal(size=shape)
        scores = np.sqrt(0.5) * (shared + rng.normal(size=(2, *shape)))
        scores = scores + shift_of(0.85) * truth[:, None]
        ours = [ends(auc_difference(truth, scores[:, :, one])) for one in range(count)]
        found = bootstrap(np.tile(truth[:, None], count), scores, resamples=RESAMPLES)
        value = found.estimates.auc[0] - found.estimates.auc[1]
        theirs = redrawn(value, found.auc[0] - found.auc[1])
        print(f"| {sizes[0]}/{sizes[1]} | {share(ours, 0)} | {share(theirs, 0)} |")


def rates(count: int, rng: np.random.Generator) -> None:
    """Thresholds that are fixed before, for a specificity of 0.9, and Youden's, refitted."""
    columns = ("sensitivity", "specificity", "accuracy", "PPV at 5 %", "LR+", "LR-", "J")
    print("\nRates at a fixed threshold, ours; percentile of sensitivity and of the refitted J")
    head = ("P/N", "units", "sensitivity is", *columns, "percentile", "refitted J")
    print("|", " | ".join(head), "|\n|" + "---|" * len(head))
    threshold = float(ndtri(0.9))
    for patients in (False, True):
        for sizes in SIZES:
            for sensitivity in (0.8, 0.95):
                shift = threshold + float(ndtri(sensitivity))
                truth, scores, owner = sets_of(rng, sizes, shift, count, patients)
                found = [two_by_two(truth, column, threshold, owner) for column in scores.T]
                positives = sizes[0] / sum(sizes)
                known = {
                    "sensitivity": sensitivity,
                    "specificity": 0.9,
                    "accuracy": positives * sensitivity + (1 - positives) * 0.9,
                    "lr_positive": sensitivity / 0.1,
                    "lr_negative": (1 - sensitivity) / 0.9,
                    "youden": sensitivity - 0.1,
                }
                cells = {
                    name: share([ends(getattr(one, name)) for one in found], value)
                    for name, value in known.items()
                }
                ppv = [ends(positive_predictive(one.lr_positive, 0.05)) for one in found]
                odds = known["lr_positive"] * 0.05 / 0.95
                labels = np.tile(truth[:, None], count)
                asked: dict[str, Any] = {"resamples": RESAMPLES, "groups": owner}
                fixed = at_threshold(labels, scores, np.full(count, threshold), **asked)
                row = [
                    *(cells[name] for name in ("sensitivity", "specificity", "accuracy")),
                    share(ppv, odds / (1 + odds)),
                    *(cells[name] for name in ("lr_positive", "lr_negative", "youden")),
                    share(redrawn(fixed.sensitivity[0], fixed.sensitivity[1:]), sensitivity),
                    refitted(labels, scores, shift, asked),
                ]
                unit = "patients of 4 images" if patients else "images"
                names = f"{sizes[0]}/{sizes[1]} | {unit} | {sensitivity}"
                print("|", names, "|", " | ".join(row), "|")


def refitted(labels: np.ndarray, scores: np.ndarray, shift: float, asked: dict[str, Any]) -> str:
    """How often the percentile interval of the refitted J holds the chosen threshold's own J."""
    found = bootstrap(labels, scores, **asked)
    once = found.estimates
    own = ndtr(shift - once.threshold) - ndtr(-once.threshold)
    value = once.sensitivity + once.specificity - 1
    low, high = np.array(redrawn(value, found.sensitivity + found.specificity - 1)).T
    return f"{100 * np.mean((low <= own) & (own <= high)):.1f}"


def calibrations(count: int, rng: np.random.Generator) -> None:
    """Probabilities that are right, and some that are too extreme and too high."""
    head = (
        *("images", "positive", "true slope", "intercept", "slope", "ECE, percentile"),
        *("ECE below the noise's 95th percentile", "mean ECE", "debiased", "true ECE"),
    )
    print("\nCalibration\n|", " | ".join(head), "|\n|" + "---|" * len(head))
    for images, middle in ((100, -2.2), (400, -2.2), (2000, -2.2), (400, 0.0)):
        for intercept, slope in ((0.0, 1.0), (-0.5, 0.7)):

            def drawn(
                number: int,
                middle: float = middle,
                intercept: float = intercept,
                slope: float = slope,
            ) -> tuple[np.ndarray, np.ndarray]:
                logits = rng.normal(middle, 1.3, number)
                truth = rng.random(number) < expit(intercept + slope * logits)
                return truth.astype(int), expit(logits)

            many = drawn(MANY)
            true_ece = expected_calibration_error(many[0][:, None], many[1][:, None])[0]
            large = recalibration(*many, points=2)
            sets = [drawn(images) for _ in range(count)]
            sets = [one for one in sets if 2 <= one[0].sum() <= images - 2]
            fits = [recalibration(*one) for one in sets]
            noise = [noise_floor(*one, draws=200) for one in sets]
            labels, probabilities = (np.stack(part, axis=1) for part in zip(*sets, strict=True))
            ece = calibration(labels, probabilities, resamples=RESAMPLES).ece
            row = [
                share([ends(one.intercept) for one in fits], large.intercept.value),
                share([ends(one.slope) for one in fits], slope),
                share(redrawn(ece[0], ece[1:]), true_ece),
                f"{100 * np.mean([one.ece <= one.floor_high for one in noise]):.1f}",
                f"{np.mean([one.ece for one in noise]):.3f}",
                f"{np.mean([one.debiased for one in noise]):.3f}",
                f"{true_ece:.3f}",
            ]
            positive = f"{100 * many[0].mean():.0f} %"
            print(f"| {images} | {positive} | {slope} |", " | ".join(row), "|")


def precision_and_benefit(count: int, rng: np.random.Generator) -> None:
    print("\nAverage precision and net benefit (at a threshold of the prevalence)")
    print("| P/N | AUC | AP, logit | AP, percentile | bias of AP | of its redraws | net benefit |")
    print("|" + "---|" * 7)
    for sizes in SIZES:
        for auc in (0.7, 0.85, 0.95):
            shift, prevalence = shift_of(auc), sizes[0] / sum(sizes)
            many = (np.arange(MANY) < MANY * prevalence).astype(int)
            true = average_precision(many, rng.normal(size=MANY) + shift * many)
            truth, scores, _ = sets_of(rng, sizes, shift, count, False)
            labels = np.tile(truth[:, None], count)
            found = bootstrap(labels, scores, resamples=RESAMPLES, average_precision=True)
            assert found.average_precision is not None
            assert found.estimates.average_precision is not None
            value, replicates = found.estimates.average_precision, found.average_precision
            sd = np.nanstd(replicates, axis=0, ddof=1)
            ours = [logit_ends(*one, min(sizes)) for one in zip(value, sd, strict=True)]
            bias = value.mean() - true, np.nanmean(replicates) - true
            # The true probability given the score, so that acting at the prevalence is right; with
            # as many positives as chance gives, for net benefit depends on how many.
            log_odds = np.log(prevalence / (1 - prevalence))
            gained = []
            for _ in range(count):
                own = (rng.random(sum(sizes)) < prevalence).astype(int)
                logits = log_odds + shift * (rng.normal(size=len(own)) + shift * own) - shift**2 / 2
                gained.append(decision_curve(own, expit(logits), thresholds=[prevalence]))
            right = prevalence * (ndtr(shift / 2) - ndtr(-shift / 2))
            bands = [(one.low[0], one.high[0]) for one in gained]
            cells = [share(ours, true), share(redrawn(value, replicates), true)]
            cells += [f"{one:+.3f}" for one in bias]
            print(
                f"| {sizes[0]}/{sizes[1]} | {auc} |",
                " | ".join(cells),
                f"| {share(bands, right)} |",
            )


TABLES: dict[str, Callable[[int, np.random.Generator], None]] = {
    "auc": aucs,
    "difference": differences,
    "rates": rates,
    "calibration": calibrations,
    "precision": precision_and_benefit,
    "unequal": unequal,
}


def main() -> None:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.coverage_intervals", description=__doc__
    )
    parser.add_argument("--data-sets", type=int, default=400, help="a cell (default: 400)")
    parser.add_argument("--only", choices=TABLES, nargs="+", default=list(TABLES))
    chosen = parser.parse_args()
    for number, name in enumerate(TABLES):
        if name in chosen.only:
            # Redraws of few positives may all be of one class; such a set has no interval.
            with np.errstate(invalid="ignore", divide="ignore"):
                TABLES[name](chosen.data_sets, np.random.default_rng(number))


if __name__ == "__main__":
    main()
