"""The report of a study: all of the paper's tables and figures that its finished runs allow."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from input_pipeline.labels import PAPER_DATASETS
from jaxcxr import __version__
from jaxcxr.files import fresh_directory, write_json
from jaxcxr.results.table_files import Table, write_table
from jaxcxr.study.analyses.acting import draw_decisions, predictive_tables
from jaxcxr.study.analyses.captions import (
    average_words,
    drawn_words,
    floor_words,
    interval_words,
    scope_words,
    titled,
)
from jaxcxr.study.analyses.cohorts import WHOLE, cohort_tables
from jaxcxr.study.analyses.contradictions import CONTRADICTIONS, notes_on
from jaxcxr.study.analyses.families import AVERAGE, family_words
from jaxcxr.study.analyses.figures import write_figures
from jaxcxr.study.analyses.further import further_analyses
from jaxcxr.study.analyses.paired import Measured
from jaxcxr.study.analyses.pairs import measure_grid, pairs_of
from jaxcxr.study.analyses.paper_tables import (
    ALL_LABELS,
    Difference,
    Row,
    comparison_rows,
    metric_rows,
    printed,
    printed_averages,
)
from jaxcxr.study.analyses.row_table import row_table
from jaxcxr.study.page.build import Results, write_page
from jaxcxr.study.page.follow_up import follow_up_table
from jaxcxr.study.planning.definition import FIRST, FOLLOW_UP, Study
from jaxcxr.study.planning.grid_definition import Grid
from jaxcxr.study.planning.jobs import Plan

REPORT = "report"


def write_report(study: Study, plan: Plan, out: Path) -> list[str]:
    """Write tables, figures, provenance and page to `out/report`; return what they lack.

    The same runs give the same files, whichever process writes them, and none of an earlier report
    stays beside them.
    """
    with fresh_directory(out / REPORT) as report:
        return _write(study, plan, out, report)


def _write(study: Study, plan: Plan, out: Path, report: Path) -> list[str]:
    every: list[Measured] = []  # initializations of each dataset, all together
    comparisons: list[Measured] = []  # and pair by pair
    missing = []
    for grid in study.grids:
        for dataset in grid.datasets:
            measured = measure_grid(study, plan, grid, dataset)
            pairs = [] if measured is None else pairs_of(study, plan, grid, measured)
            missing += _missing(grid, dataset, pairs)
            if measured is not None:
                every.append(measured)
                comparisons += pairs
    # Figures and the page tell of one question after the other.
    comparisons.sort(key=lambda one: _place(study, one))
    tables = _cohorts(study, plan)
    more: list[Table] = []
    acting: list[Table] = []
    if comparisons:
        differences = comparison_rows(comparisons)
        tables += [
            *_metrics(study, every),
            _differences(study, comparisons, differences),
            *([_contradictions()] if study.paper == FIRST else []),
        ]
        drawings = write_figures(report, comparisons, differences, study.paper)
        acting = predictive_tables(plan, every)
        decisions = draw_decisions(report, plan, comparisons)
        more, more_drawings = further_analyses(study, plan, report, every)
        if study.paper == FOLLOW_UP:
            more.insert(0, follow_up_table(study, plan, more))
        write_json(report / "provenance.json", _provenance(study, plan, every))
    for table in (*tables, *acting, *more):
        write_table(report, table)
    if comparisons:
        found = Results(
            comparisons, differences, tables, drawings, acting, decisions, more, more_drawings
        )
        write_page(study, plan, out, report, found)
    return missing


def _missing(grid: Grid, dataset: str, pairs: Sequence[Measured]) -> list[str]:
    """Name what is not finished of a dataset: all, or the pairs that are not."""
    if not pairs:
        return [f"{dataset}-{grid.label_set}"]
    known = {one.paired.pair for one in pairs if one.paired.pair}
    names = [f"{first}_{second}" for first, second in grid.compared]
    return [f"{dataset}-{grid.label_set}-{name}" for name in names if known and name not in known]


def _place(study: Study, one: Measured) -> tuple[int, int]:
    """Number of the grid, and of the pair within it, that a comparison is of."""
    grid = next(grid for grid in study.grids if grid.label_set == one.paired.label_set)
    names = [f"{first}_{second}" for first, second in grid.compared]
    return study.grids.index(grid), names.index(one.paired.pair) if one.paired.pair else 0


def _cohorts(study: Study, plan: Plan) -> list[Table]:
    titles = {
        "table1": titled(study.paper, "Table 1", "cohorts"),
        "table2": titled(study.paper, "Table 2", "positives of each finding"),
        "table3": titled(study.paper, "Table 3", "labels"),
    }
    return [
        Table(
            name,
            titles[name],
            tuple(table.columns),
            [*map(tuple, table.astype(object).where(table.notna(), None).to_numpy().tolist())],
            tuple(notes_on(name, study.paper)),
        )
        for name, table in cohort_tables(plan).items()
    ]


def _metrics(study: Study, comparisons: Sequence[Measured]) -> list[Table]:
    of_paper = [one for one in comparisons if one.paired.label_set in WHOLE]
    of_transfer = [one for one in comparisons if one.paired.label_set == "mimic_transfer"]
    of_first = study.paper == FIRST
    averages = [
        row
        for measured in of_paper
        for row in metric_rows(measured, printed_averages() if of_first else {})
        if row.label in (AVERAGE, ALL_LABELS)
    ]
    shared = [
        row
        for measured in of_transfer
        for row in metric_rows(measured, printed("mimic_transfer") if of_first else {}, ("auc",))
    ]
    tables = []
    if averages:
        title = titled(study.paper, "Table 4", "averages over labels")
        tables.append(_metric_table("table4", title, averages, study, of_paper))
    if shared:
        title = titled(study.paper, "Table 5", "AUC on the labels shared with MIMIC-CXR")
        tables.append(_metric_table("table5", title, shared, study, of_transfer))
    for measured in of_paper:
        dataset = measured.paired.dataset
        number = list(PAPER_DATASETS).index(dataset) + 1  # the six, then those declared
        rows = metric_rows(measured, printed("paper") if of_first else {})
        title = titled(study.paper, f"Table S{number}", PAPER_DATASETS[dataset])
        tables.append(_metric_table(f"table_s{number}", title, rows, study, [measured]))
    return tables


def _metric_table(
    name: str, title: str, rows: Sequence[Row], study: Study, comparisons: Sequence[Measured]
) -> Table:
    units = {
        one.paired.dataset: "patients" for one in comparisons if one.paired.patients is not None
    }
    images = [one.paired.dataset for one in comparisons if one.paired.dataset not in units]
    most = max(one.resamples for one in comparisons)
    notes = [
        f"Percent. {interval_words(len(study.seeds), most)}"
        + (f" (images on {', '.join(images)}, which names no patients)" if images else "")
        + "; the paper redrew images. The sd of an average is over labels and redraws"
        + (
            ", as in the paper. The difference is our mean of redraws less the paper's."
            if study.paper == FIRST
            else "."
        ),
        average_words(comparisons),
        *drawn_words(comparisons),
    ]
    if any(row.label == ALL_LABELS for row in rows):
        notes.append(
            f"{ALL_LABELS}: the values with the rare labels, as the paper's averages; no interval "
            "of them can be trusted."
        )
    inside = [row.paper_inside for row in rows if row.paper_inside is not None]
    if inside:
        notes.append(f"The paper's number lies in our interval in {sum(inside)} of {len(inside)}.")
    elif study.paper == FIRST:
        notes.append("The paper has no such initialization to compare with.")
    return row_table(name, title, Row, rows, [*notes, *notes_on(name, study.paper)])


def _differences(
    study: Study, comparisons: Sequence[Measured], rows: Sequence[Difference]
) -> Table:
    most = max(one.resamples for one in comparisons)
    notes = [
        f"Percentage points of AUC, first less second; {interval_words(len(study.seeds), most)}, "
        f"paired. {family_words(rows)}",
        scope_words(len(study.seeds)),
        average_words(comparisons),
        *floor_words(rows, len(study.seeds), most),
        *notes_on("comparisons", study.paper),
    ]
    title = "Differences between initializations"
    return row_table("comparisons", title, Difference, rows, notes)


def _contradictions() -> Table:
    header = ("tables", "topic", "paper", "fact")
    rows = [(" ".join(one.tables), one.topic, one.paper, one.fact) for one in CONTRADICTIONS]
    return Table("contradictions", "Where the paper contradicts itself", header, rows)


def _provenance(study: Study, plan: Plan, comparisons: Sequence[Measured]) -> dict[str, Any]:
    """Say what each run's numbers come from, and which runs do not count, by experiment id."""
    runs = {name: of for one in comparisons for name, of in one.paired.origins.items()}
    told = {"study": study.name, "question": study.question, "jaxcxr": __version__, "runs": runs}
    return told | {"left_out": plan.left_out()}
