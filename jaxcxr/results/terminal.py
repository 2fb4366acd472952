"""Tables for the terminal, and sentences on what a reader of them has to know."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from jaxcxr.results.captions import (
    all_labels_name,
    average_name,
    comparison_words,
    images_and_patients,
    interval_words,
)

if TYPE_CHECKING:
    from rich.table import Table

# In the terminal a line is short.
SHORT = {
    "auc": "AUC",
    "average_precision": "AP",
    "accuracy": "Acc.",
    "sensitivity": "Sens.",
    "specificity": "Spec.",
}
COLUMNS = {
    "auc": "AUC",
    "average_precision": "AP",
    "accuracy": "Accuracy",
    "sensitivity": "Sensitivity",
    "specificity": "Specificity",
}


def terminal_tables(statistics: dict[str, Any], *, subgroups: bool) -> list[Table]:
    """Lay out all there is, the labels first; the long table of subgroups only if asked for."""
    tables = [_label_table(statistics)]
    if any(row["at_validation_threshold"] for row in statistics["labels"]):
        tables.append(_validation_table(statistics))
    if subgroups and statistics["subgroups"]:
        tables.append(_subgroup_table(statistics))
    if "paper" in statistics:
        tables.append(_paper_table(statistics))
    if "comparison" in statistics:
        tables.append(_comparison_table(statistics))
    return tables


def _table(title: str, caption: str, first: tuple[str, ...], rest: tuple[str, ...]) -> Table:
    from rich.box import HORIZONTALS
    from rich.table import Table
    from rich.text import Text

    table = Table(
        title=Text(title),
        caption=Text(caption, style="dim"),
        title_justify="left",
        caption_justify="left",
        box=HORIZONTALS,
        pad_edge=False,
    )
    for name in first:
        table.add_column(name, overflow="fold")
    for name in rest:
        table.add_column(name, justify="right", overflow="fold")
    return table


def _add(table: Table, *cells: str, style: str | None = None) -> None:
    from rich.text import Text

    # As text, because a label's name may hold brackets, which rich takes for markup.
    table.add_row(*(Text(cell) for cell in cells), style=style)


def _label_table(statistics: dict[str, Any]) -> Table:
    table = _table(
        f"{statistics['split']}: {images_and_patients(statistics)}",
        f"{interval_words(statistics)}; threshold by Youden's J on this split",
        ("Label",),
        ("Pos.", "Neg.", "AUC, redraws", *SHORT.values()),
    )
    for row in statistics["labels"]:
        counts = f"{row['positives']:,}", f"{row['negatives']:,}"
        if row["estimable"]:
            spread = _mean_and_sd(row["metrics"]["auc"])
            _add(table, row["label"], *counts, spread, *_cells(row["metrics"]))
        else:
            _add(table, row["label"], *counts, "not estimable", style="dim")
    average = statistics["average"]
    table.add_section()
    if average["metrics"]:
        spread = _mean_and_sd(average["metrics"]["auc"])
        _add(table, average_name(average), "", "", spread, *_cells(average["metrics"]))
    if average["left_out"]:
        values = [f"{100 * average['all_labels'][name]:.1f} [-]" for name in SHORT]
        _add(table, all_labels_name(average), "", "", "-", *values, style="dim")
    return table


def _mean_and_sd(summary: dict[str, Any]) -> str:
    """Write the mean and standard deviation over redraws, "84.2 ± 1.9", in percent."""
    if summary["mean"] is None or summary["sd"] is None:
        return "-"
    return f"{100 * summary['mean']:.1f} ± {100 * summary['sd']:.1f}"


def _validation_table(statistics: dict[str, Any]) -> Table:
    names = ("accuracy", "sensitivity", "specificity")
    table = _table(
        f"{statistics['split']} at the thresholds of the {statistics['validation']['split']} split",
        interval_words(statistics),
        ("Label",),
        ("Threshold", *(SHORT[name] for name in names)),
    )
    for row in statistics["labels"]:
        at = row["at_validation_threshold"]
        if at is None:
            _add(table, row["label"], "not estimable", style="dim")
        else:
            threshold = "inf" if at["threshold"] is None else f"{at['threshold']:.3f}"
            _add(table, row["label"], threshold, *_cells(at, names))
    return table


def _subgroup_table(statistics: dict[str, Any]) -> Table:
    table = _table(
        "AUC by subgroup",
        f"{interval_words(statistics)}; gap: subgroup minus all other images",
        ("Label", "Subgroup"),
        ("Images", "Pos.", "AUC", "Gap"),
    )
    label = None
    for row in sorted(statistics["subgroups"], key=lambda row: _place(statistics, row)):
        if row["label"] != label:
            table.add_section()
        name = f"{row['attribute']} {row['subgroup']}"
        auc = percent_with_interval(row["metrics"]["auc"]) if row["metrics"] else "not estimable"
        gap = percent_with_interval(row["gap"]["auc"], signed=True) if row["gap"] else "-"
        _add(
            table,
            row["label"] if row["label"] != label else "",
            name,
            f"{row['images']:,}",
            f"{row['positives']:,}",
            auc,
            gap,
            style=None if row["estimable"] else "dim",
        )
        label = row["label"]
    return table


def _place(statistics: dict[str, Any], row: dict[str, Any]) -> int:
    return [entry["label"] for entry in statistics["labels"]].index(row["label"])


def _paper_table(statistics: dict[str, Any]) -> Table:
    pooled = statistics["paper"]
    table = _table(
        "As the study of arXiv 2308.07688 printed it",
        "percent, mean ± sd over redraws; the average's ± is of all redraws of all labels pooled: "
        "it shows how labels differ, not how sure the average is",
        ("Label",),
        tuple(SHORT[name] for name in pooled),
    )
    for row in statistics["labels"]:
        if row["estimable"]:
            cells = [mean_and_sd(row["metrics"][name], "sd") for name in pooled]
            _add(table, row["label"], *cells)
    table.add_section()
    _add(table, "Average", *(mean_and_sd(pooled[name], "pooled_sd") for name in pooled))
    return table


def _comparison_table(statistics: dict[str, Any]) -> Table:
    comparison = statistics["comparison"]
    table = _table(
        f"AUC against {comparison['against']}",
        comparison_words(statistics),
        ("Label",),
        ("AUC", "Against", "Difference", "p", "q", "DeLong p"),
    )
    average = comparison["average"]
    for row in [*comparison["labels"], average]:
        if row is average:
            table.add_section()
        name = row.get("label") or average_name(average)
        if row["difference"] is None:
            _add(table, name, "not estimable", style="dim")
            continue
        _add(
            table,
            name,
            f"{100 * row['auc']:.1f}",
            f"{100 * row['against_auc']:.1f}",
            percent_with_interval(row | {"value": row["difference"]}, signed=True),
            _floored(row["p"], comparison["smallest_p"]),
            p_value(row.get("q")),
            p_value(row.get("delong_p")) + (" (!)" if row.get("disagree") else ""),
        )
    if average["left_out"] and average["all_labels"]["difference"] is not None:
        whole = average["all_labels"]
        numbers = f"{100 * whole['auc']:.1f}", f"{100 * whole['against_auc']:.1f}"
        difference = f"{100 * whole['difference']:+.1f} [-]"
        _add(table, all_labels_name(average), *numbers, difference, "-", "-", "-", style="dim")
    return table


def _floored(p: float | None, smallest: float | None) -> str:
    """Write p, marked where it is the smallest that the redraws can give."""
    at_floor = p is not None and smallest is not None and p <= smallest * (1 + 1e-9)
    return ("\N{LESS-THAN OR EQUAL TO}" if at_floor else "") + p_value(p)


def _cells(metrics: dict[str, Any], names: tuple[str, ...] = tuple(COLUMNS)) -> list[str]:
    return [percent_with_interval(metrics[name]) for name in names]


def percent_with_interval(summary: dict[str, Any], *, signed: bool = False) -> str:
    """Write "84.2 [81.0, 87.1]" in percent, a hyphen where there is no number."""
    if summary["value"] is None:
        return "-"
    form = "{:+.1f}" if signed else "{:.1f}"
    if summary["low"] is None or summary["high"] is None:
        return form.format(100 * summary["value"]) + " [-]"
    value, low, high = (form.format(100 * summary[key]) for key in ("value", "low", "high"))
    return f"{value} [{low}, {high}]"


def mean_and_sd(summary: dict[str, Any], sd: str) -> str:
    """Write "84.20 ± 1.43" in percent."""
    if summary["mean"] is None or summary[sd] is None:
        return "-"
    return f"{100 * summary['mean']:.2f} ± {100 * summary[sd]:.2f}"


def p_value(p: float | None) -> str:
    """Write a p-value to two digits, none as a hyphen."""
    if p is None:
        return "-"
    return "<0.0001" if p < 0.0001 else f"{p:.2g}" if p < 0.1 else f"{p:.2f}"
