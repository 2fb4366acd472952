"""Operating points, calibration and decision curves as files."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any

from jaxcxr.results.calibration import DISTANCES, SCALINGS
from jaxcxr.results.operating_tables import COUNTS, rule_words, wilson_words
from jaxcxr.results.table_files import latex_tabular, write_csv, write_text
from jaxcxr.results.text_tables import percent_with_interval
from jaxcxr.results.thresholds import RATIOS, RULES, SHARES

_ENDS = ("value", "low", "high")
_POINT = ("label", "rule", "threshold", "validation_positives", "validation_negatives", *COUNTS)
_OPERATING_HEADER = (*_POINT, "prevalence", "metric", *_ENDS, "effective_number")
_CALIBRATION_HEADER = ("label", "scaling", "metric", *_ENDS)
_CURVE = ("threshold", "net_benefit", "low", "high", "treat_all", "called")


def write_rates(out_dir: Path, statistics: dict[str, Any]) -> None:
    """Write `operating_points` as CSV and LaTeX, `calibration` and `decision_curves` as CSV."""
    rows = statistics["labels"]
    if any(row["at_validation_threshold"] for row in rows):
        write_csv(out_dir / "operating_points.csv", _OPERATING_HEADER, _operating_rows(rows))
        write_text(out_dir / "operating_points.tex", _operating_latex(statistics))
    if any(row["calibration"] for row in rows):
        write_csv(out_dir / "calibration.csv", _CALIBRATION_HEADER, _calibration_rows(rows))
        header = ("label", "after", *_CURVE)
        write_csv(out_dir / "decision_curves.csv", header, _decision_rows(rows))


def _operating_rows(rows: list[dict[str, Any]]) -> Iterable[list[Any]]:
    for row in rows:
        for rule in RULES:
            at = (row["operating_points"] or {}).get(rule)
            if at is None:
                continue
            known = [row["label"], rule, *(at[key] for key in _POINT[2:])]
            for name in (*SHARES, *RATIOS):
                ends = [at[name][end] for end in _ENDS]
                yield [*known, "", name, *ends, at[name].get("effective_number")]
            for elsewhere in at["at_prevalence"]:
                for name in ("ppv", "npv"):
                    ends = [elsewhere[name][end] for end in _ENDS]
                    yield [*known, elsewhere["prevalence"], name, *ends, ""]


def _operating_latex(statistics: dict[str, Any]) -> str:
    rule = statistics["operating_point"]
    names = ("sensitivity", "specificity", "ppv", "npv", "balanced_accuracy")
    lines = []
    for row in statistics["labels"]:
        at = (row["operating_points"] or {}).get(rule)
        if at is None:
            lines.append([row["label"], "not estimable", *[""] * (len(COUNTS) + len(names) - 1)])
            continue
        counts = [f"{at[name]:,}" for name in COUNTS]
        lines.append([row["label"], *counts, *(percent_with_interval(at[name]) for name in names)])
    rates = ("Sensitivity", "Specificity", "PPV", "NPV", "Balanced accuracy")
    header = ["Label", *COUNTS.values(), *rates]
    note = f"At {rule_words(statistics, rule)}; {wilson_words(statistics)}."
    return latex_tabular(header, lines, None, note)


def _calibration_rows(rows: list[dict[str, Any]]) -> Iterable[list[Any]]:
    for row in rows:
        for scaling in ("none", *SCALINGS):
            entry = row["calibration"]
            if entry and scaling != "none":
                entry = entry.get(scaling)
            if not entry:
                continue
            known = [row["label"], scaling]
            for name, key in (("brier", "brier"), ("intercept", "intercept")):
                yield [*known, name, *(entry[key][end] for end in _ENDS)]
            yield [*known, "slope", *(entry["slope_of_truth"][end] for end in _ENDS)]
            yield [*known, "ece", entry["ece"]["value"]]
            for name in ("floor", "floor_high", "debiased"):
                yield [*known, f"ece_{name}", entry["ece"][name]]
            for name in DISTANCES:
                yield [*known, name, entry[name]]


def _decision_rows(rows: list[dict[str, Any]]) -> Iterable[list[Any]]:
    for row in rows:
        curve = row["calibration"] and row["calibration"]["decision_curve"]
        if curve:
            for point in zip(*(curve[name] for name in _CURVE), strict=True):
                yield [row["label"], curve["after"], *point]
