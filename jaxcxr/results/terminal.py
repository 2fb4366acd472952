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
from jaxcxr.results.operating_tables import calibration_table, deployment_table, operating_table
from jaxcxr.results.text_tables import (
    add_row,
    mean_and_sd,
    new_table,
    p_value,
    percent_with_interval,
)

if TYPE_CHECKING:
    from rich.table import Table

# In the terminal a line is short.
SHORT = {
    "auc": "AUC",
    "average_precision": "AP",
    "accuracy": "Acc.",
    "balanced_accuracy": "Bal. acc.",
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
        tables += [operating_table(statistics), deployment_table(statistics)]
    tables.append(_refitted_table(statistics))
    if any(row["calibration"] for row in statistics["labels"]):
        tables.append(calibration_table(statistics))
    if subgroups and statistics["subgroups"]:
        tables.append(_subgroup_table(statistics))
    if "paper" in statistics:
        tables.append(_paper_table(statistics))
    if "comparison" in statistics:
        tables.append(_comparison_table(statistics))
    return tables


def _label_table(statistics: dict[str, Any]) -> Table:
    names = ("auc", "average_precision")
    table = new_table(
        f"{statistics['split']}: {images_and_patients(statistics)}",
        f"{interval_words(statistics)}; AP (average precision) of a model that tells nothing is "
        "the prevalence",
        ("Label",),
        ("Pos.", "Neg.", "AUC", "AP", "Prevalence"),
    )
    for row in statistics["labels"]:
        counts = f"{row['positives']:,}", f"{row['negatives']:,}"
        if row["estimable"]:
            share = 100 * row["positives"] / (row["positives"] + row["negatives"])
            add_row(table, row["label"], *counts, *_cells(row["metrics"], names), f"{share:.1f}")
        else:
            add_row(table, row["label"], *counts, "not estimable", style="dim")
    _add_averages(table, statistics, names, before=("", ""), after=("",))
    return table


def _refitted_table(statistics: dict[str, Any]) -> Table:
    """Lay out the study's numbers: the threshold is chosen and judged on the same images."""
    names = ("accuracy", "balanced_accuracy", "sensitivity", "specificity")
    table = new_table(
        f"{statistics['split']} at thresholds refitted on the same images, as the study printed "
        "(flattering: do not use as an operating point)",
        f"{interval_words(statistics, 'percentile')}; threshold by Youden's J on this split and in "
        "every redraw; these intervals cover what the chosen threshold has in other images in "
        "3 to 7 of 10 cases only where positives are few",
        ("Label",),
        ("AUC, redraws", *(SHORT[name] for name in names)),
    )
    for row in statistics["labels"]:
        if row["estimable"]:
            spread = _mean_and_sd(row["metrics"]["auc"])
            add_row(table, row["label"], spread, *_cells(row["metrics"], names))
        else:
            add_row(table, row["label"], "not estimable", style="dim")
    metrics = statistics["average"]["metrics"]
    before = (_mean_and_sd(metrics["auc"]) if metrics else "-",)
    _add_averages(table, statistics, names, before=before)
    return table


def _add_averages(
    table: Table,
    statistics: dict[str, Any],
    names: tuple[str, ...],
    *,
    before: tuple[str, ...],
    after: tuple[str, ...] = (),
) -> None:
    """Add the average of the labels with enough patients, and the value of all labels."""
    average = statistics["average"]
    table.add_section()
    if average["metrics"]:
        cells = _cells(average["metrics"], names)
        add_row(table, average_name(average), *before, *cells, *after)
    if average["left_out"]:
        values = [f"{100 * average['all_labels'][name]:.1f} [-]" for name in names]
        blank = tuple("-" if cell else "" for cell in before)
        add_row(table, all_labels_name(average), *blank, *values, *after, style="dim")


def _mean_and_sd(summary: dict[str, Any]) -> str:
    """Write the mean and standard deviation over redraws, "84.2 ± 1.9", in percent."""
    if summary["mean"] is None or summary["sd"] is None:
        return "-"
    return f"{100 * summary['mean']:.1f} ± {100 * summary['sd']:.1f}"


def _subgroup_table(statistics: dict[str, Any]) -> Table:
    table = new_table(
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
        add_row(
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
    table = new_table(
        "As the study of arXiv 2308.07688 printed it",
        "percent, mean ± sd over redraws; the average's ± is of all redraws of all labels pooled: "
        "it shows how labels differ, not how sure the average is",
        ("Label",),
        tuple(SHORT[name] for name in pooled),
    )
    for row in statistics["labels"]:
        if row["estimable"]:
            cells = [mean_and_sd(row["metrics"][name], "sd") for name in pooled]
            add_row(table, row["label"], *cells)
    table.add_section()
    add_row(table, "Average", *(mean_and_sd(pooled[name], "pooled_sd") for name in pooled))
    return table


def _comparison_table(statistics: dict[str, Any]) -> Table:
    comparison = statistics["comparison"]
    with_margin = comparison["average"]["equivalence"] or any(
        row["equivalence"] for row in comparison["labels"]
    )
    margin_header = ("Not worse p", "Same p") if with_margin else ()
    table = new_table(
        f"AUC against {comparison['against']}",
        comparison_words(statistics),
        ("Label",),
        ("AUC", "Against", "Difference", "p", "q", "DeLong p", "Detectable", *margin_header),
    )
    average = comparison["average"]
    for row in [*comparison["labels"], average]:
        if row is average:
            table.add_section()
        name = row.get("label") or average_name(average)
        if row["difference"] is None:
            add_row(table, name, "not estimable", style="dim")
            continue
        add_row(
            table,
            name,
            f"{100 * row['auc']:.1f}",
            f"{100 * row['against_auc']:.1f}",
            percent_with_interval(row | {"value": row["difference"]}, signed=True),
            _floored(row["p"], None if row.get("test") == "delong-t" else comparison["smallest_p"]),
            p_value(row.get("q")),
            p_value(row.get("delong_p")) + (" (!)" if row.get("disagree") else ""),
            "-" if row["detectable"] is None else f"{100 * row['detectable']:.1f}",
            *_margin_cells(row, bool(with_margin)),
        )
    if average["left_out"] and average["all_labels"]["difference"] is not None:
        whole = average["all_labels"]
        numbers = f"{100 * whole['auc']:.1f}", f"{100 * whole['against_auc']:.1f}"
        difference = f"{100 * whole['difference']:+.1f} [-]"
        add_row(table, all_labels_name(average), *numbers, difference, "-", "-", "-", style="dim")
    return table


def _margin_cells(row: dict[str, Any], with_margin: bool) -> list[str]:
    if not with_margin:
        return []
    tested = row["equivalence"] or {}
    return [p_value(tested.get(name)) for name in ("noninferior_p", "equivalent_p")]


def _floored(p: float | None, smallest: float | None) -> str:
    """Write p, marked where it is the smallest that the redraws can give."""
    at_floor = p is not None and smallest is not None and p <= smallest * (1 + 1e-9)
    return ("\N{LESS-THAN OR EQUAL TO}" if at_floor else "") + p_value(p)


def _cells(metrics: dict[str, Any], names: tuple[str, ...] = tuple(COLUMNS)) -> list[str]:
    return [percent_with_interval(metrics[name]) for name in names]
