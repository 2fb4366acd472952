"""Tables for the terminal."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from rich.table import Table

COLUMNS = {
    "auc": "AUC",
    "average_precision": "AP",
    "accuracy": "Accuracy",
    "sensitivity": "Sensitivity",
    "specificity": "Specificity",
}


def label_table(statistics: dict[str, Any]) -> Table:
    """Lay out each label's metrics, in percent, with their intervals."""
    from rich.table import Table

    settings = statistics["bootstrap"]
    table = Table(
        title=f"{statistics['split']}: {images_and_patients(statistics)}",
        caption=f"value [{settings['level']:.0%} {settings['interval']} interval], percent; "
        f"{settings['resamples']:,} redraws by {settings['unit']}, seed {settings['seed']}",
        title_justify="left",
        caption_justify="left",
    )
    table.add_column("Label")
    for name in ("Positive", "Negative", *COLUMNS.values()):
        table.add_column(name, justify="right")
    for row in statistics["labels"]:
        counts = f"{row['positives']:,}", f"{row['negatives']:,}"
        if row["estimable"]:
            table.add_row(row["label"], *counts, *metric_cells(row["metrics"]))
        else:
            table.add_row(row["label"], *counts, "not estimable", style="dim")
    average = statistics["average"]
    if average["metrics"]:
        table.add_section()
        name = f"Average of {len(average['labels'])}"
        table.add_row(name, "", "", *metric_cells(average["metrics"]))
    return table


def images_and_patients(statistics: dict[str, Any]) -> str:
    """Say how many images there are, and of how many patients where that is known."""
    images = f"{statistics['images']:,} images"
    patients = statistics["patients"]
    return images if patients is None else f"{images} of {patients:,} patients"


def metric_cells(metrics: dict[str, Any]) -> list[str]:
    """Write each metric as "84.2 [81.0, 87.1]"."""
    return [percent_with_interval(metrics[name]) for name in COLUMNS]


def percent_with_interval(summary: dict[str, Any]) -> str:
    """Write a value and its interval in percent, a hyphen where there is none."""
    if summary["value"] is None:
        return "-"
    if summary["low"] is None:
        return f"{100 * summary['value']:.1f} [-]"
    value, low, high = (100 * summary[key] for key in ("value", "low", "high"))
    return f"{value:.1f} [{low:.1f}, {high:.1f}]"


def notes(statistics: dict[str, Any]) -> list[str]:
    """Say in sentences what a reader of the table has to know."""
    resamples = statistics["bootstrap"]["resamples"]
    lines = [
        f"{row['label']}: not estimable, {row['positives']:,} positive and {row['negatives']:,} "
        "negative images."
        for row in statistics["labels"]
        if not row["estimable"]
    ]
    lines += [
        f"{row['label']}: {row['unknown']:,} images of unknown label left out."
        for row in statistics["labels"]
        if row["unknown"]
    ]
    lines += [
        f"{row['label']}: {row['unusable_redraws']:,} of {resamples:,} redraws had one class only "
        "and are left out of its interval."
        for row in statistics["labels"]
        if row["estimable"] and row["unusable_redraws"]
    ]
    lost = statistics["average"]["unusable_redraws"]
    if statistics["average"]["metrics"] and lost:
        lines.append(
            f"Average: {lost:,} of {resamples:,} redraws lacked a class of some label and are left "
            "out of its interval."
        )
    return lines
