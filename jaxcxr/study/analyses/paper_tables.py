"""Rows of the paper's Tables 4, 5 and S1 to S6: ours, the paper's, the difference."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from input_pipeline import paper
from input_pipeline.labels import PAPER_DATASETS
from jaxcxr.study.analyses.families import AVERAGE, adjusted
from jaxcxr.study.analyses.paired import METRICS, Measured
from jaxcxr.study.analyses.row_table import UNTESTED, Tested, percent, tested

if TYPE_CHECKING:
    import pandas as pd

ALL_LABELS = "All labels"
# Of paper tables, what (dataset, label, metric, initialization) was printed: mean and spread.
Printed = dict[tuple[str, str, str, str], tuple[float, float]]


@dataclass(frozen=True)
class Row:
    """One number of a table, all in percent.

    Attributes:
      dataset, label, metric, initialization: what it is of; the label may be `Average`, of the
        labels with enough patients, or `All labels`, which has no interval.
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
      dataset, label_set, label, first, second: what it is of; the label as in `Row`.
      difference, low, high: with 95 % interval.
      p: two-sided; None of a label with too few patients for a test.
      adjusted_p: as `jaxcxr.study.analyses.families` says.
      paper: difference of the paper's two means; None where it has no such numbers.
      paper_inside: whether that lies in our interval.
      runs: ids of the experiments.
      trainings: of each initialization; with one, the difference is of two trained models.
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
    adjusted_p: float | None
    paper: float | None
    paper_inside: bool | None
    runs: str
    trainings: int


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
    """Give each label's rows, then the average's, then the values of all labels if they differ."""
    paired = measured.paired
    dataset = PAPER_DATASETS[paired.dataset]
    rows = []
    for name, label in _columns(measured):
        for metric in metrics:
            for which, title in enumerate(paired.titles):
                known = theirs.get((dataset, name, metric, title))
                rows.append(_row(measured, label, (dataset, name, metric, title), which, known))
    for metric in metrics if _differ(measured) else ():
        for which, title in enumerate(paired.titles):
            known = theirs.get((dataset, AVERAGE, metric, title))
            rows.append(_all_labels(measured, (dataset, ALL_LABELS, metric, title), which, known))
    return rows


def _differ(measured: Measured) -> bool:
    """Whether some label has both classes and too few patients for the average."""
    return bool((measured.estimable & ~measured.averaged).any())


def _all_labels(
    measured: Measured,
    key: tuple[str, str, str, str],
    which: int,
    known: tuple[float, float] | None,
) -> Row:
    value, mean, sd = (percent(one) for one in measured.all_labels(key[2], which))
    theirs, theirs_sd = known or (None, None)
    difference = None if mean is None or theirs is None else mean - theirs
    runs = " ".join(measured.paired.runs[which])
    return Row(*key, value, mean, sd, None, None, None, theirs, theirs_sd, difference, None, runs)


def _row(
    measured: Measured,
    label: int | None,
    key: tuple[str, str, str, str],
    which: int,
    known: tuple[float, float] | None,
) -> Row:
    runs = " ".join(measured.paired.runs[which])
    paper_mean, paper_sd = known or (None, None)
    if label is None and _differ(measured):
        paper_mean, paper_sd = None, None  # The paper's average is of all labels.
    if not measured.usable(label):
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
    """Compare the two initializations on every label and on average, adjusted as families."""
    rows: list[Difference] = []
    for measured in comparisons:
        theirs = printed(measured.paired.label_set)
        rows += [_test(measured, name, label, theirs) for name, label in _columns(measured)]
        if _differ(measured):
            first, second = (measured.all_labels("auc", which)[0] for which in (0, 1))
            found: Tested = (percent(first - second), None, None, None)
            of_paper = _printed_difference(measured, AVERAGE, theirs)
            rows.append(_difference(measured, ALL_LABELS, found, of_paper))
    return adjusted(rows)


def _test(measured: Measured, name: str, label: int | None, theirs: Printed) -> Difference:
    of_paper = _printed_difference(measured, name, theirs)
    if label is None and _differ(measured):
        of_paper = None  # The paper's average is of all labels.
    found = tested(*measured.difference(label)) if measured.usable(label) else UNTESTED
    return _difference(measured, name, found, of_paper)


def _printed_difference(measured: Measured, name: str, theirs: Printed) -> float | None:
    dataset = PAPER_DATASETS[measured.paired.dataset]
    known = [theirs.get((dataset, name, "auc", title)) for title in measured.paired.titles]
    return known[0][0] - known[1][0] if known[0] and known[1] else None


def _difference(measured: Measured, name: str, found: Tested, of_paper: float | None) -> Difference:
    paired = measured.paired
    value, low, high, p = found
    first, second = paired.titles
    return Difference(
        dataset=PAPER_DATASETS[paired.dataset],
        label_set=paired.label_set,
        label=name,
        first=first,
        second=second,
        difference=value,
        low=low,
        high=high,
        p=p,
        adjusted_p=None,
        paper=of_paper,
        paper_inside=_inside(of_paper, low, high),
        runs=" ".join(one for seeds in paired.runs for one in seeds),
        trainings=measured.seeds,
    )


def _columns(measured: Measured) -> list[tuple[str, int | None]]:
    names = measured.paired.label_names
    return [*((name, column) for column, name in enumerate(names)), (AVERAGE, None)]


def _inside(value: float | None, low: float | None, high: float | None) -> bool | None:
    return None if value is None or low is None or high is None else low <= value <= high
