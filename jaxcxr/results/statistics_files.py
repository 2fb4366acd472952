"""The tables as files: CSV for other programs, LaTeX for a manuscript."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np

from jaxcxr.results.captions import average_words, comparison_words, interval_words
from jaxcxr.results.predictions import Predictions
from jaxcxr.results.rate_files import write_rates
from jaxcxr.results.table_files import latex_tabular, write_csv, write_text
from jaxcxr.results.terminal import COLUMNS
from jaxcxr.results.text_tables import p_value, percent_with_interval

_SUMMARY = ("value", "mean", "sd", "low", "high")
_COMPARED = (
    "auc",
    "against_auc",
    "difference",
    "sd",
    "low",
    "high",
    "p",
    "q",
    "holm_p",
    "delong_p",
    "disagree",
    "test",
    "in_family",
    "fewest_units",
    "detectable",
)

_MARGIN = ("margin", "noninferior_p", "equivalent_p")


# All that `jaxcxr.evaluate` may leave in a folder, the file that says it is complete first.
WRITTEN = (
    "statistics.json",
    *("labels.csv", "labels.tex", "subgroups.csv", "comparison.csv", "comparison.tex"),
    *("curves.csv", "operating_points.csv", "operating_points.tex"),
    *("calibration.csv", "decision_curves.csv"),
    *(
        f"{plot}{suffix}"
        for plot in ("roc", "precision_recall", "reliability", "decision", "forest")
        for suffix in (".svg", ".png")
    ),
)


def remove_written(out_dir: Path) -> None:
    """Remove what an earlier evaluation left, so that none of it lies beside what is written."""
    for name in WRITTEN:
        (out_dir / name).unlink(missing_ok=True)
    for of_one in out_dir.glob("training_[0-9]*"):
        remove_written(of_one)
        with suppress(OSError):  # holds something that is not ours
            of_one.rmdir()


def write_tables(out_dir: Path, statistics: dict[str, Any]) -> None:
    """Write `labels`, `subgroups`, `comparison` as CSV, all but the second as LaTeX, and rates."""
    write_csv(out_dir / "labels.csv", _LABEL_HEADER, _label_rows(statistics))
    write_text(out_dir / "labels.tex", _labels_latex(statistics))
    write_rates(out_dir, statistics)
    if statistics["subgroups"]:
        write_csv(out_dir / "subgroups.csv", _SUBGROUP_HEADER, _subgroup_rows(statistics))
    if "comparison" in statistics:
        first = ("label", "positives", "negatives", *_COMPARED)
        header = (*first, *_MARGIN, "averaged_labels")
        rows = [
            [
                *map(row.get, first),
                *map((row["equivalence"] or {}).get, _MARGIN),
                "; ".join(row.get("labels", ())),
            ]
            for row in _compared(statistics)
        ]
        write_csv(out_dir / "comparison.csv", header, rows)
        write_text(out_dir / "comparison.tex", _comparison_latex(statistics))


def write_curves(out_dir: Path, models: Sequence[tuple[str, Predictions]]) -> None:
    """Write `curves.csv`: of each model and label with both classes, the points of its ROC curve.

    Points on a straight line between two others are left out: they change no curve. The first
    point of each calls no image positive; its threshold is infinite.

    Args:
      out_dir: where to.
      models: names with the predictions of the reported split.
    """
    header = ("model", "label", "threshold", "false_positive_rate", "sensitivity")
    write_csv(out_dir / "curves.csv", header, _curve_rows(models))


def _curve_rows(models: Sequence[tuple[str, Predictions]]) -> Iterable[list[Any]]:
    from jaxcxr.stats import curve

    for model, predictions in models:
        for column, label in enumerate(predictions.label_names):
            truth = predictions.labels[:, column]
            if not ((truth == 1).any() and (truth == 0).any()):
                continue
            points = curve(truth, predictions.scores[:, column])
            kept = turns(points)
            numbers = points.threshold, 1 - points.specificity, points.sensitivity
            for row in zip(*(values[kept].tolist() for values in numbers), strict=True):
                yield [model, label, *row]


def turns(points: Any) -> np.ndarray:
    """Where a `jaxcxr.stats.Curve` begins, ends and changes its direction, as indices."""
    steps = np.diff(points.true_positives), np.diff(points.false_positives)
    # Cross products, not slopes: whole numbers, so that what is straight is exactly straight.
    cross = steps[0][:-1] * steps[1][1:] - steps[0][1:] * steps[1][:-1]
    return np.concatenate([[0], 1 + np.flatnonzero(cross), [len(points.threshold) - 1]])


_OF_LABEL = ("label", "positives", "negatives", "unknown", "unusable_redraws")
_LABEL_HEADER = (*_OF_LABEL, "metric", *_SUMMARY, "seed_sd", "averaged_labels")
_OF_CELL = ("label", "attribute", "subgroup", "images", "positives", "negatives")
_SUBGROUP_HEADER = (*_OF_CELL, "metric", *_SUMMARY, *(f"gap_{key}" for key in _SUMMARY))


def _label_rows(statistics: dict[str, Any]) -> Iterable[list[Any]]:
    for row in statistics["labels"]:
        known = [row[key] for key in _OF_LABEL]
        if not row["estimable"]:
            yield [*known, "not estimable"]
            continue
        metrics = dict(row["metrics"])
        for name, summary in (row["at_validation_threshold"] or {}).items():
            if isinstance(summary, dict):
                metrics[f"{name}_at_validation_threshold"] = summary
        for name in ("brier", "ece"):
            if row["calibration"]:
                metrics[name] = row["calibration"][name]
        for name, summary in metrics.items():
            yield [*known, name, *map(summary.get, _SUMMARY), summary.get("seed_sd")]
    average = statistics["average"]
    for name, summary in (average["metrics"] or {}).items():
        known = ["Average", "", "", "", average["unusable_redraws"]]
        numbers = *(summary[key] for key in _SUMMARY), summary.get("seed_sd")
        yield [*known, name, *numbers, "; ".join(average["labels"])]
    if average["left_out"]:
        every = "; ".join([*average["labels"], *average["left_out"]])
        for name, value in average["all_labels"].items():
            yield ["All labels", "", "", "", "", name, value, *[""] * 5, every]


def _subgroup_rows(statistics: dict[str, Any]) -> Iterable[list[Any]]:
    for row in statistics["subgroups"]:
        known = [row[key] for key in _OF_CELL]
        if row["metrics"] is None:
            yield [*known, "not estimable"]
            continue
        for name, summary in row["metrics"].items():
            gap = (row["gap"] or {}).get(name, {})
            yield [*known, name, *map(summary.get, _SUMMARY), *map(gap.get, _SUMMARY)]


def _compared(statistics: dict[str, Any]) -> list[dict[str, Any]]:
    comparison = statistics["comparison"]
    return [*comparison["labels"], {"label": "Average", **comparison["average"]}]


def _labels_latex(statistics: dict[str, Any]) -> str:
    rows = [
        [row["label"], f"{row['positives']:,}", f"{row['negatives']:,}"]
        + (
            [percent_with_interval(row["metrics"][name]) for name in COLUMNS]
            if row["estimable"]
            else ["not estimable", *[""] * (len(COLUMNS) - 1)]
        )
        for row in statistics["labels"]
    ]
    average = statistics["average"]["metrics"]
    last = average and ["Average", "", "", *(percent_with_interval(average[n]) for n in COLUMNS)]
    refitted = (
        "Accuracy, sensitivity and specificity are at thresholds refitted on the same images and "
        "in every redraw, as the study printed: operating_points.tex has those of a threshold "
        "chosen elsewhere."
    )
    caption = f"{interval_words(statistics)}. {refitted} {average_words(statistics)}"
    return latex_tabular(["Label", "Positive", "Negative", *COLUMNS.values()], rows, last, caption)


def _comparison_latex(statistics: dict[str, Any]) -> str:
    def cells(row: dict[str, Any]) -> list[str]:
        name = row["label"]
        if row["difference"] is None:
            return [name, "not estimable", "", "", "", "", ""]
        return [
            name,
            f"{100 * row['auc']:.1f}",
            f"{100 * row['against_auc']:.1f}",
            percent_with_interval(row | {"value": row["difference"]}, signed=True),
            *(p_value(row.get(key)) for key in ("p", "q", "delong_p")),
        ]

    *labels, average = _compared(statistics)
    header = ["Label", "AUC", "Against", "Difference", "p", "q", "DeLong p"]
    caption = f"{comparison_words(statistics)}. {average_words(statistics)}"
    return latex_tabular(header, [cells(row) for row in labels], cells(average), caption)
