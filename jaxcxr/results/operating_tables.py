"""Terminal tables of operating points, of their use elsewhere, and of calibration."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from jaxcxr.results.text_tables import (
    add_row,
    new_table,
    percent_with_interval,
    plain_with_interval,
)

if TYPE_CHECKING:
    from rich.table import Table

COUNTS = {
    "true_positives": "TP",
    "false_positives": "FP",
    "false_negatives": "FN",
    "true_negatives": "TN",
}
_RATES = {
    "sensitivity": "Sens.",
    "specificity": "Spec.",
    "accuracy": "Acc.",
    "balanced_accuracy": "Bal. acc.",
}


def rule_words(statistics: dict[str, Any], rule: str) -> str:
    """Say how the thresholds of a rule were chosen."""
    split, rate = statistics["validation"]["split"], f"{100 * statistics['fixed_rate']:g}%"
    if rule == "youden":
        return f"thresholds of the {split} split by Youden's J"
    return f"thresholds of the {split} split for a {rule} of {rate} there"


def wilson_words(statistics: dict[str, Any]) -> str:
    """Say what the brackets of rates hold."""
    settings = statistics["bootstrap"]
    level = f"{100 * settings['level']:g}%"
    if settings["interval"] != "delong":
        return f"percent, with {level} percentile interval (balanced accuracy: Wilson's)"
    unit = " on the effective number of images" if settings["unit"] == "patient" else ""
    return f"percent, with {level} Wilson interval{unit}"


def _points(statistics: dict[str, Any]) -> list[tuple[dict[str, Any], dict[str, Any] | None]]:
    rule = statistics["operating_point"]
    rows = statistics["labels"]
    return [(row, (row.get("operating_points") or {}).get(rule)) for row in rows]


def operating_table(statistics: dict[str, Any]) -> Table:
    """Lay out the calls at the thresholds of the validation split, counts with every rate."""
    table = new_table(
        f"{statistics['split']} at {rule_words(statistics, statistics['operating_point'])}",
        f"{wilson_words(statistics)}; for the threshold as it is",
        ("Label",),
        ("Threshold", *COUNTS.values(), *_RATES.values()),
    )
    for row, at in _points(statistics):
        if at is None:
            add_row(table, row["label"], "not estimable", style="dim")
            continue
        threshold = "inf" if at["threshold"] is None else f"{at['threshold']:.3f}"
        counts = [f"{at[name]:,}" for name in COUNTS]
        rates = [percent_with_interval(at[name]) for name in _RATES]
        add_row(table, row["label"], threshold, *counts, *rates)
    return table


def deployment_table(statistics: dict[str, Any]) -> Table:
    """Lay out predictive values here and at other prevalences, with likelihood ratios."""
    table = new_table(
        f"Predictive values at {rule_words(statistics, statistics['operating_point'])}",
        f"{wilson_words(statistics)} where the prevalence is that of these images; otherwise from "
        "the likelihood ratios (Koopman's interval)",
        ("Label",),
        ("LR+", "LR-", "Prevalence", "PPV", "NPV"),
    )
    for row, at in _points(statistics):
        if at is None:
            continue
        table.add_section()
        ratios = plain_with_interval(at["lr_positive"]), plain_with_interval(at["lr_negative"])
        here = row["positives"] / (row["positives"] + row["negatives"])
        values = percent_with_interval(at["ppv"]), percent_with_interval(at["npv"])
        add_row(table, row["label"], *ratios, f"{100 * here:.1f} (here)", *values)
        for elsewhere in at["at_prevalence"]:
            values = (
                percent_with_interval(elsewhere["ppv"]),
                percent_with_interval(elsewhere["npv"]),
            )
            add_row(table, "", "", "", f"{100 * elsewhere['prevalence']:g}", *values)
    return table


def calibration_table(statistics: dict[str, Any]) -> Table:
    """Lay out calibration as predicted and after Platt's scaling."""
    level = f"{100 * statistics['bootstrap']['level']:g}%"
    table = new_table(
        "Calibration",
        "ECE, its noise floor (mean and 95th percentile if every probability were right), ICI and "
        f"E90 in percent; intercept (right: 0) and slope (right: 1) with {level} interval; without "
        "one where the classes are separated",
        ("Label", "Scaling"),
        ("Brier", "ECE", "Noise", "Debiased", "Intercept", "Slope", "ICI", "E90"),
    )
    for row in statistics["labels"]:
        if not row["calibration"]:
            continue
        add_row(table, row["label"], "none", *_calibration_cells(row["calibration"]))
        if row["calibration"].get("platt"):
            add_row(table, "", "Platt", *_calibration_cells(row["calibration"]["platt"]))
    return table


def _calibration_cells(entry: dict[str, Any]) -> list[str]:
    ece = entry["ece"]

    def percent(value: float | None) -> str:
        return "-" if value is None else f"{100 * value:.1f}"

    return [
        percent(entry["brier"]["value"]),
        percent(ece["value"]),
        f"{percent(ece['floor'])}, {percent(ece['floor_high'])}",
        percent(ece["debiased"]),
        plain_with_interval(entry["intercept"]),
        plain_with_interval(entry["slope_of_truth"]),
        percent(entry["ici"]),
        percent(entry["e90"]),
    ]
