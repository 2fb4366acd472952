"""What a run reached on its test images: performance, subgroups, errors, robustness."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from jaxcxr.reporting.document import Grid
from jaxcxr.reporting.run_record import RunRecord
from jaxcxr.reporting.words import average_sentence, interval_sentence, level_words, with_interval
from jaxcxr.results.predictions import Predictions
from jaxcxr.stats import auc_interval

WORST = 3  # errors of each kind, of each label
RATES = ("sensitivity", "specificity")


def performance(run: RunRecord) -> Grid:
    """AUC, and sensitivity and specificity at the validation threshold, of each label."""
    header = (
        *("Label", "Positive / negative images", "AUC", "Average precision"),
        *("Sensitivity", "Specificity", "Brier score"),
    )
    rows = []
    for row in run.statistics["labels"]:
        metrics = row["metrics"] or {}
        at = row.get("at_validation_threshold") or {}
        calibration = row.get("calibration") or {}
        rows.append(
            (
                row["label"],
                f"{row['positives']:,} / {row['negatives']:,}",
                with_interval(metrics.get("auc")),
                with_interval(metrics.get("average_precision")),
                *(with_interval(at.get(name)) for name in RATES),
                with_interval(calibration.get("brier")),
            )
        )
    note = (
        f"{interval_sentence(run.statistics)} Sensitivity and specificity are at thresholds chosen "
        f"on the validation images (Youden's){_rates_words(run)}; a hyphen stands where there are "
        "images of one class only, here or there. "
        f"{average_sentence(run.statistics)}"
    )
    return Grid(f"Performance on the {run.split} images: {run.name}", header, tuple(rows), note)


def _rates_words(run: RunRecord) -> str:
    wilson = run.statistics["bootstrap"]["interval"] == "delong"
    return ", with Wilson's intervals" if wilson else ""


def subgroups(run: RunRecord) -> Grid | None:
    """AUC within each subgroup and the gap to all others; None where no attribute has two."""
    rows = tuple(
        (
            row["attribute"],
            row["subgroup"],
            row["label"],
            f"{row['positives']:,} / {row['negatives']:,}",
            with_interval((row["metrics"] or {}).get("auc")),
            with_interval((row["gap"] or {}).get("auc"), signed=True),
        )
        for row in run.statistics["subgroups"]
        if row["metrics"] is not None
    )
    if not rows:
        return None
    header = ("Attribute", "Subgroup", "Label", "Positive / negative images", "AUC", "Gap")
    note = (
        "Gap: AUC less that of all other images whose subgroup is known. These are many "
        "comparisons without a test: take a gap whose interval excludes zero for a question. "
        "Labels with one class only in a subgroup are left out."
    )
    return Grid(f"AUC by sex, age and view: {run.name}", header, rows, note)


def failures(run: RunRecord) -> Grid:
    """Name the images whose calls were most wrong, of each label with a threshold."""
    header = ("Label", "Error", "Image", "Logit", "Threshold", "Probability")
    rows = tuple(_errors(run))
    without = [card.label for card in run.card if card.threshold is None]
    note = (
        f"Up to {WORST} of each kind, the worst first, among the {run.split} images: called at the "
        "threshold that the validation images chose. Probabilities are calibrated on the "
        "validation images."
    )
    if without:
        note += f" Without a threshold, so without calls: {', '.join(without)}."
    return Grid(f"The worst errors: {run.name}", header, rows, note)


def _errors(run: RunRecord) -> Iterator[tuple[str, ...]]:
    reported = run.reported
    for column, card in enumerate(run.card):
        if card.threshold is None:
            continue
        truth, logits = reported.labels[:, column], reported.scores[:, column]
        called = logits >= card.threshold
        kinds = (
            ("missed", (truth == 1) & ~called, logits),
            ("false alarm", (truth == 0) & called, -logits),
        )
        for kind, wrong, order in kinds:
            rows = [row for row in np.lexsort((reported.image_id, order)) if wrong[row]]
            for row in rows[:WORST]:
                yield (
                    card.label,
                    f"{kind} ({int(wrong.sum()):,} in all)",
                    str(reported.image_id[row]),
                    f"{float(logits[row]):.3f}",
                    f"{card.threshold:.3f}",
                    f"{float(card.probability(logits[row])):.3f}",
                )


def robustness(run: RunRecord) -> Grid | None:
    """AUC of each label under each disturbance; None where it was not measured."""
    if run.robustness is None:
        return None
    rows = tuple(
        (
            one["name"],
            label["label"],
            with_interval(label["auc"]),
            with_interval(label["difference"], signed=True),
        )
        for one in run.robustness["disturbances"]
        for label in one["labels"]
    )
    header = ("Disturbance", "Label", "AUC", "Less the undisturbed")
    note = (
        f"{run.robustness['images']:,} {run.robustness['split']} images, disturbed after their "
        f"preparation. DeLong's {level_words(run.robustness['level'])} intervals by "
        f"{run.robustness['unit']}, with Student's t; the difference is paired."
    )
    return Grid(f"AUC on disturbed images: {run.name}", header, rows, note)


def elsewhere(run: RunRecord) -> list[Grid]:
    """AUC on each other dataset that the run has predicted."""
    return [_of_other(run, other) for other in run.elsewhere]


def _of_other(run: RunRecord, other: Predictions) -> Grid:
    rows = []
    for column, label in enumerate(other.label_names):
        truth = other.labels[:, column]
        positives, negatives = int((truth == 1).sum()), int((truth == 0).sum())
        auc = "-"
        if positives and negatives:
            found = auc_interval(truth, other.scores[:, column], other.patients)
            ends = {name: getattr(found, name) for name in ("value", "low", "high")}
            auc = with_interval({k: v if np.isfinite(v) else None for k, v in ends.items()})
        rows.append((label, f"{positives:,} / {negatives:,}", auc))
    unit = "image" if other.patients is None else "patient"
    note = f"{len(other.labels):,} images. DeLong's 95 % intervals by {unit}, with Student's t."
    title = f"AUC on {other.origin['predicted'].get('dataset', 'other data')}: {run.name}"
    return Grid(title, ("Label", "Positive / negative images", "AUC"), tuple(rows), note)
