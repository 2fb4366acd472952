"""Rows of the paper's Tables 4, 5 and S1 to S6: ours, the paper's, the difference."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from input_pipeline import paper
from input_pipeline.labels import PAPER_DATASETS
from jaxcxr.stats import benjamini_hochberg
from jaxcxr.study.analyses.paired import METRICS, Measured
from jaxcxr.study.analyses.row_table import UNTESTED, percent, tested

if TYPE_CHECKING:
    import pandas as pd

AVERAGE = "Average"
# Of paper tables, what (dataset, label, metric, initialization) was printed: mean and spread.
Printed = dict[tuple[str, str, str, str], tuple[float, float]]


@dataclass(frozen=True)
class Row:
    """One number of a table, all in percent.

    Attributes:
      dataset, label, metric, initialization: what it is of; the label may be `Average`.
      value: of the test images themselves.
      mean, sd: over redraws, as the paper prints; the average's sd is over labels as well.
      low, high: 95 % interval.
      seed_sd: standard deviation over training seeds; None with one seed.
      paper, paper_sd: as printed; None where the paper has no such number.
      difference: `mean` less `paper`.
      paper_inside: whether the paper's number lies in our interval.
      runs: ids of the experiments.
    """

    dataset: str
    label: str
    metric: str
    initialization: str
    value: float | None
    mean: float | None
    sd: float | None
    low: float | None
    high: float | None
    seed_sd: float | None
    paper: float | None
    paper_sd: float | None
    difference: float | None
    paper_inside: bool | None
    runs: str


@dataclass(frozen=True)
class Difference:
    """AUC from the first initialization less AUC from the second, in percent.

    Attributes:
      dataset, label_set, label, first, second: what it is of; the label may be `Average`.
      difference, low, high: with 95 % interval.
      p: two-sided, from the paired redraws.
      q: p adjusted by Benjamini-Hochberg over all labels of all datasets; None of an average.
      paper: difference of the paper's two means; None where it has no such numbers.
      paper_inside: whether that lies in our interval.
      runs: ids of the experiments.
    """

    dataset: str
    label_set: str
    label: str
    first: str
    second: str
    difference: float | None
    low: float | None
    high: float | None
    p: float | None
    q: float | None
    paper: float | None
    paper_inside: bool | None
    runs: str


def printed(label_set: str) -> Printed:
    """What the paper printed for a label set: Tables S1 to S6, or 5."""
    if label_set == "mimic_transfer":
        return _printed(paper.table("table5_auc").assign(metric="auc"), "auc_mean", "auc_std")
    if label_set == "paper":
        return _printed(paper.table("per_label"), "mean", "std")
    return {}


def printed_averages() -> Printed:
    """What Table 4 printed."""
    return _printed(paper.table("table4_averages").assign(label=AVERAGE), "mean", "std")


def _printed(table: pd.DataFrame, mean: str, sd: str) -> Printed:
    columns = ["dataset", "label", "metric", "pretraining", f"{mean}_percent", f"{sd}_percent"]
    return {
        (dataset, label, metric, title): (float(value), float(spread))
        for dataset, label, metric, title, value, spread in table[columns].to_numpy(dtype=str)
    }


def metric_rows(measured: Measured, theirs: Printed, metrics: Sequence[str] = METRICS) -> list[Row]:
    """Give each label's rows, then the average's."""
    paired = measured.paired
    dataset = PAPER_DATASETS[paired.dataset]
    rows = []
    for name, label in _columns(measured):
        for metric in metrics:
            for which, title in enumerate(paired.titles):
                known = theirs.get((dataset, name, metric, title))
                rows.append(_row(measured, label, (dataset, name, metric, title), which, known))
    return rows


def _row(
    measured: Measured,
    label: int | None,
    key: tuple[str, str, str, str],
    which: int,
    known: tuple[float, float] | None,
) -> Row:
    runs = " ".join(measured.paired.runs[which])
    paper_mean, paper_sd = known or (None, None)
    usable = measured.estimable.any() if label is None else measured.estimable[label]
    if not usable:
        blank = (None,) * 6
        return Row(*key, *blank, paper_mean, paper_sd, None, None, runs)
    found, sd = measured.column(key[2], which, label)
    mean, low, high = (percent(value) for value in (found.mean, found.low, found.high))
    return Row(
        *key,
        percent(found.value),
        mean,
        percent(sd),
        low,
        high,
        percent(measured.seed_sd(key[2], which, label)),
        paper_mean,
        paper_sd,
        None if mean is None or paper_mean is None else mean - paper_mean,
        _inside(paper_mean, low, high),
        runs,
    )


def comparison_rows(comparisons: Sequence[Measured]) -> list[Difference]:
    """Compare the two initializations on every label; adjust once over all of these tests."""
    rows = [
        _test(measured, name, label, printed(measured.paired.label_set))
        for measured in comparisons
        for name, label in _columns(measured)
    ]
    p = [np.nan if row.p is None or row.label == AVERAGE else row.p for row in rows]
    return [
        replace(row, q=float(q) if np.isfinite(q) else None)
        for row, q in zip(rows, benjamini_hochberg(p), strict=True)
    ]


def _test(measured: Measured, name: str, label: int | None, theirs: Printed) -> Difference:
    paired = measured.paired
    dataset = PAPER_DATASETS[paired.dataset]
    known = [theirs.get((dataset, name, "auc", title)) for title in paired.titles]
    paper_difference = known[0][0] - known[1][0] if known[0] and known[1] else None
    first, second = paired.titles
    key = (dataset, paired.label_set, name, first, second)
    runs = " ".join(one for seeds in paired.runs for one in seeds)
    usable = measured.estimable.any() if label is None else measured.estimable[label]
    if not usable:
        return Difference(*key, *UNTESTED, None, paper_difference, None, runs)
    value, low, high, p = tested(*measured.difference(label))
    inside = _inside(paper_difference, low, high)
    return Difference(*key, value, low, high, p, None, paper_difference, inside, runs)


def _columns(measured: Measured) -> list[tuple[str, int | None]]:
    names = measured.paired.label_names
    return [*((name, column) for column, name in enumerate(names)), (AVERAGE, None)]


def _inside(value: float | None, low: float | None, high: float | None) -> bool | None:
    return None if value is None or low is None or high is None else low <= value <= high
