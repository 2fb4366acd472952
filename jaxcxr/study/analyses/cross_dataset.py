"""The cross-dataset matrix: each fully trained model on every other dataset's test split."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from input_pipeline.labels import PAPER_DATASETS
from jaxcxr.results.plots import STYLE, save_figure
from jaxcxr.results.predictions import read_predictions
from jaxcxr.results.table_files import Table
from jaxcxr.run.directory import PREDICTIONS
from jaxcxr.study.analyses.captions import interval_words, scope_words
from jaxcxr.study.analyses.families import AVERAGE, adjusted, family_words, redraws_of
from jaxcxr.study.analyses.figures import Drawing
from jaxcxr.study.analyses.gathering import experiments_from, finished_names, paired_of
from jaxcxr.study.analyses.paired import Measured, measure
from jaxcxr.study.analyses.row_table import NO_ENDS, UNTESTED, ends, row_table, tested
from jaxcxr.study.planning.cross_jobs import CROSS, cross_predictions, other_datasets
from jaxcxr.study.planning.definition import Study
from jaxcxr.study.planning.jobs import Experiment, Plan

if TYPE_CHECKING:
    from matplotlib.figure import Figure


@dataclass(frozen=True)
class CrossRow:
    """AUC of one training dataset on one test split, in percent.

    Attributes:
      trained_on, tested_on, label_set, label, initialization: the label may be `Average`.
      labels: how many the average is over; 1 of a label.
      averaged_labels: their names; nothing of a label.
      images: of the test split.
      auc, low, high: with 95 % interval.
      difference, difference_low, difference_high: AUC less that of the model trained where it is
        tested, on the same labels and images; nothing on the diagonal.
      p, adjusted_p: of an average's difference, adjusted by Holm over those of a label set.
      runs: ids of the experiments.
      home_runs: ids of the experiments that the difference is to.
    """

    trained_on: str
    tested_on: str
    label_set: str
    label: str
    initialization: str
    labels: int
    averaged_labels: str
    images: int
    auc: float | None
    low: float | None
    high: float | None
    difference: float | None
    difference_low: float | None
    difference_high: float | None
    p: float | None
    adjusted_p: float | None
    runs: str
    home_runs: str


def cross_rows(study: Study, plan: Plan, comparisons: Sequence[Measured]) -> list[CrossRow]:
    """Measure all that is predicted of the grids that ask for it, and fits.

    `comparisons` are the initializations of each dataset, all that are finished together.
    """
    at_home = {(one.paired.dataset, one.paired.label_set): one for one in comparisons}
    rows = []
    for grid in study.grids:
        if not grid.cross_dataset:
            continue
        for name in grid.initializations:
            for trained_on in grid.datasets:
                experiments = experiments_from(study, plan, grid, trained_on, name)
                for tested_on in grid.datasets:
                    if tested_on == trained_on:
                        home = at_home.get((trained_on, grid.label_set))
                        names = finished_names(study, plan, grid, trained_on)
                        if home is not None and name in names:
                            rows += _rows(home, trained_on, names.index(name))
                    elif tested_on in other_datasets(grid, experiments[0]):
                        home_experiments = experiments_from(study, plan, grid, tested_on, name)
                        redraws = redraws_of(study, grid)
                        measured = _measured(
                            study, plan, redraws, experiments, home_experiments, tested_on
                        )
                        rows += [] if measured is None else _rows(measured, trained_on, 0)
    return adjusted(rows)


def _measured(
    study: Study,
    plan: Plan,
    redraws: int,
    experiments: list[Experiment],
    home_experiments: list[Experiment],
    tested_on: str,
) -> Measured | None:
    """Measure models away from home, beside those at home where these are finished."""
    files = [cross_predictions(experiment, tested_on) for experiment in experiments]
    if not all(plan.after[f"{experiment.id}{CROSS}"].is_done for experiment in experiments):
        return None
    if not all(experiment.job().is_done for experiment in experiments):
        return None
    read = [read_predictions(path) for path in files]
    models = [experiments]
    if all(experiment.job().is_done for experiment in home_experiments):
        models.append(home_experiments)
        read += [
            read_predictions(experiment.directory / PREDICTIONS) for experiment in home_experiments
        ]
    titles = (study.initialization(experiments[0].initialization).title,) * len(models)
    tests = [predictions.of_split("test") for predictions in read]
    paired = paired_of(tested_on, experiments[0].label_set, models, titles, tests)
    if paired is None:
        return None
    return measure(paired, redraws, least_patients=study.least_patients)


def _rows(measured: Measured, trained_on: str, which: int) -> list[CrossRow]:
    """Give each label's row, then the average's."""
    paired = measured.paired
    columns: list[tuple[str, int | None]] = [
        *((name, column) for column, name in enumerate(paired.label_names)),
        (AVERAGE, None),
    ]
    away = trained_on != paired.dataset
    rows = []
    for name, label in columns:
        usable = measured.usable(label)
        with_home = away and len(paired.titles) == 2
        averaged = np.array(paired.label_names)[measured.averaged] if label is None else []
        found = tested(*measured.difference(label)) if usable and with_home else UNTESTED
        rows.append(
            CrossRow(
                PAPER_DATASETS[trained_on],
                PAPER_DATASETS[paired.dataset],
                paired.label_set,
                name,
                paired.titles[which],
                len(averaged) if label is None else 1,
                "; ".join(averaged),
                len(paired.labels),
                *(ends(measured.column("auc", which, label)[0]) if usable else NO_ENDS),
                # Labels show where a difference lies; only averages are tested.
                *(found if label is None else (*found[:3], None)),
                None,
                " ".join(paired.runs[which]),
                " ".join(paired.runs[1]) if with_home else "",
            )
        )
    return rows


def cross_table(study: Study, plan: Plan, rows: Sequence[CrossRow]) -> Table:
    """Make the long table."""
    redraws = max(redraws_of(study, grid) for grid in study.grids if grid.cross_dataset)
    missing = [name for name, job in plan.after.items() if name.endswith(CROSS) and not job.is_done]
    notes = [
        f"AUC in percent, {interval_words(len(study.seeds), redraws)} of the tested dataset. "
        "Labels are those of one finding in both datasets; sides and the size of a nodule are not "
        "merged. The difference is to the model trained where it is tested, on the same labels and "
        f"images; only averages are tested. {family_words(rows)} {scope_words(len(study.seeds))}",
        f"Averages are over labels with at least {study.least_patients} patients in the smaller "
        "class, named in their rows. Those over different labels cannot be compared: on the "
        "diagonal they are over labels of the dataset that no other may share.",
        "Each dataset's labels are made in its own way, so that a lower AUC elsewhere is of the "
        "labels as well as of the images.",
    ]
    if missing:
        notes.append(f"Not predicted yet: {', '.join(missing)}.")
    title = "Each model on every dataset's test split"
    return row_table("cross_dataset", title, CrossRow, rows, notes)


def draw_matrices(study: Study, out: Path, rows: Sequence[CrossRow]) -> list[Drawing]:
    """Draw a heat map `cross_dataset_LABELSET_INITIALIZATION` of the averages."""
    import matplotlib as mpl

    drawn = []
    with mpl.rc_context(STYLE):
        for grid in study.grids:
            for name in grid.initializations:
                title = study.initialization(name).title
                chosen = {
                    (row.trained_on, row.tested_on): row
                    for row in rows
                    if (row.label_set, row.initialization, row.label)
                    == (grid.label_set, title, AVERAGE)
                }
                if not chosen:
                    continue
                drawn.append(
                    Drawing(
                        f"cross_dataset_{grid.label_set}_{name}",
                        f"AUC across datasets, {title}, labels {grid.label_set}",
                        f"Heat map of the average AUC of {title}: a row for each dataset trained "
                        "on, a column for each tested on. The numbers are in the table.",
                    )
                )
                names = [PAPER_DATASETS[dataset] for dataset in grid.datasets]
                save_figure(_matrix(names, chosen), out / drawn[-1].name)
    return drawn


def _matrix(names: list[str], rows: dict[tuple[str, str], CrossRow]) -> Figure:
    from matplotlib.figure import Figure

    values = np.array(
        [
            [
                np.nan if (row := rows.get((one, other))) is None or row.auc is None else row.auc
                for other in names
            ]
            for one in names
        ]
    )
    side = 1.6 + 0.95 * len(names)
    figure = Figure(figsize=(side + 0.8, side), layout="constrained")
    axes = figure.subplots()
    image = axes.imshow(np.ma.masked_invalid(values), cmap="Blues")
    low, high = np.nanmin(values), np.nanmax(values)
    for (line, column), value in np.ndenumerate(values):
        if np.isfinite(value):
            labels = rows[names[line], names[column]].labels
            dark = value > low + 0.6 * (high - low)
            text = f"{value:.1f}\n{labels} label{'s' * (labels != 1)}"
            color = "white" if dark else "black"
            axes.text(column, line, text, ha="center", va="center", fontsize=7, color=color)
    axes.set_xticks(range(len(names)), names, rotation=30, ha="right")
    axes.set_yticks(range(len(names)), names)
    axes.set(xlabel="Tested on", ylabel="Trained on")
    axes.spines[:].set_visible(False)
    figure.colorbar(image, ax=axes, shrink=0.7, label="Average AUC [%]")
    return figure
