"""Subgroups: the AUC of each fully trained run by sex, age and view."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from input_pipeline.labels import PAPER_DATASETS
from jaxcxr.results.options import Options, groups_of
from jaxcxr.results.predictions import Predictions, read_predictions
from jaxcxr.results.strata import measure_strata
from jaxcxr.results.table_files import Table
from jaxcxr.run.directory import PREDICTIONS
from jaxcxr.stats import auc_interval, percentile_interval
from jaxcxr.study.analyses.families import AVERAGE
from jaxcxr.study.analyses.row_table import NO_ENDS, Ends, ends, percent, row_table
from jaxcxr.study.planning.cross_jobs import finished
from jaxcxr.study.planning.definition import Study
from jaxcxr.study.planning.jobs import Experiment, Plan


@dataclass(frozen=True)
class SubgroupRow:
    """AUC within a subgroup, in percent, and less the AUC of all other images of known group.

    Attributes:
      dataset, label_set, initialization, attribute, subgroup, label: the label may be `Average`.
      images: of the subgroup.
      positives, negatives: images of the label; nothing of an average.
      labels: how many the average is over; 1 of a label.
      auc, low, high: with 95 % interval over redraws of all patients.
      gap, gap_low, gap_high: of the labels that both sides can tell.
      unusable: redraws without both classes in the subgroup, left out.
      note: what is missing; of an average, its labels.
      run: id of the experiment.
    """

    dataset: str
    label_set: str
    initialization: str
    attribute: str
    subgroup: str
    label: str
    images: int
    positives: int | None
    negatives: int | None
    labels: int
    auc: float | None
    low: float | None
    high: float | None
    gap: float | None
    gap_low: float | None
    gap_high: float | None
    unusable: int
    note: str
    run: str


def subgroups_table(study: Study, plan: Plan) -> Table:
    """Measure every finished run within each sex, age band and view."""
    rows = [row for experiment in finished(study, plan) for row in subgroup_rows(study, experiment)]
    notes = [
        "AUC in percent with 95 % interval: DeLong's with Student's t of a label, percentiles over "
        f"{study.resamples:,} redraws of all patients of an average and of gaps. The gap is the "
        "subgroup less all other images whose group is known, in the same "
        f"redraws. An average is over the labels with at least {study.least_patients} patients in "
        "the smaller class of the subgroup, its gap over those with as many on both sides; "
        "they are named in its row. These are many comparisons, without a test: treat a gap "
        "whose interval excludes zero as a question."
    ]
    title = "Subgroups: AUC by sex, age and view"
    return row_table("subgroups", title, SubgroupRow, rows, notes)


def subgroup_rows(study: Study, experiment: Experiment) -> list[SubgroupRow]:
    """Measure one run: each label's row, then the average's, of each subgroup."""
    predictions = read_predictions(experiment.directory / PREDICTIONS).of_split("test")
    options = Options(resamples=study.resamples)
    title = study.initialization(experiment.initialization).title
    key = (PAPER_DATASETS[experiment.dataset], experiment.label_set, title)
    rows = []
    for one in measure_strata(predictions, options):
        of_stratum = (*key, one.attribute, one.name)
        auc, gap = one.metrics["auc"], one.gaps["auc"]
        fewest_both = np.minimum(one.fewest, one.fewest_others)
        for column, label in enumerate(predictions.label_names):
            positives, negatives = int(one.positives[column]), int(one.negatives[column])
            chosen = np.arange(len(one.fewest)) == column
            rows.append(
                SubgroupRow(
                    *(*of_stratum, label, one.images, positives, negatives, 1),
                    *_of_label(predictions, one.labels[:, column], column, options),
                    *_spread(gap, chosen, fewest_both),
                    int(np.isnan(auc[1:, column]).sum()),
                    _note(positives, negatives, one.fewest_others[column] > 0),
                    experiment.id,
                )
            )
        kept = one.fewest >= study.least_patients
        both = fewest_both >= study.least_patients
        rows.append(
            SubgroupRow(
                *(*of_stratum, AVERAGE, one.images, None, None, int(kept.sum())),
                *_spread(auc, kept, one.fewest),
                *_spread(gap, both, fewest_both),
                int(np.isnan(auc[1:, kept]).any(axis=1).sum()),
                _named(predictions.label_names, kept, both),
                experiment.id,
            )
        )
    return rows


def _of_label(predictions: Predictions, truth: np.ndarray, column: int, options: Options) -> Ends:
    """Give the AUC of one label where its `truth` is known with DeLong's interval, in percent."""
    if not ((truth == 1).any() and (truth == 0).any()):
        return NO_ENDS
    groups = groups_of(predictions, options)
    found = auc_interval(truth, predictions.scores[:, column], groups, options.level)
    return percent(found.value), percent(found.low), percent(found.high)


def _spread(values: np.ndarray, labels: np.ndarray, fewest: np.ndarray) -> Ends:
    """Average `[1 + redraws, labels]` over some labels: value and interval, in percent.

    No interval where a class is a single patient, as in `jaxcxr.results`: redraws know no spread.
    """
    usable = labels & (fewest > 0)
    if not usable.any():
        return NO_ENDS
    average = values[:, usable].mean(axis=1)
    value, low, high = ends(percentile_interval(average[0], average[1:]))
    return (value, low, high) if fewest[usable].min() > 1 else (value, None, None)


def _named(names: Sequence[str], kept: np.ndarray, both: np.ndarray) -> str:
    """Name the labels of an average, and of its gap where they are others."""
    words = [", ".join(np.array(names)[chosen]) or "no label" for chosen in (kept, both)]
    return f"over {words[0]}" + ("" if words[0] == words[1] else f"; gap over {words[1]}")


def _note(positives: int, negatives: int, others: bool) -> str:
    if positives == 0 or negatives == 0:
        return "one class only: no " + ("positives" if positives == 0 else "negatives")
    return "" if others else "no gap: one class only among the others"
