"""What a study tells beyond the paper, where its file asks for it."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from jaxcxr.files import write_json
from jaxcxr.results.predictions import read_predictions
from jaxcxr.results.table_files import Table
from jaxcxr.study.analyses.adaptation import adaptation_table
from jaxcxr.study.analyses.auc_curves import draw_efficiency, draw_noise, draw_sizes
from jaxcxr.study.analyses.cross_dataset import cross_rows, cross_table, draw_matrices
from jaxcxr.study.analyses.demographics import subgroups_table
from jaxcxr.study.analyses.external import measure_external, unpredicted
from jaxcxr.study.analyses.figures import Drawing
from jaxcxr.study.analyses.label_efficiency import efficiency_rows, efficiency_tables
from jaxcxr.study.analyses.paired import Measured
from jaxcxr.study.analyses.redraw_units import intervals_table
from jaxcxr.study.analyses.reliability import calibration_table
from jaxcxr.study.analyses.scaling import scaling_rows, scaling_table
from jaxcxr.study.analyses.size_differences import (
    difference_rows,
    difference_table,
    equivalence_rows,
    equivalence_table,
)
from jaxcxr.study.analyses.trainings import (
    Trainings,
    compares_sizes,
    measure_trainings,
    unfinished,
)
from jaxcxr.study.analyses.wrong_labels import noise_rows, noise_table
from jaxcxr.study.planning.cross_jobs import CROSS
from jaxcxr.study.planning.definition import Study
from jaxcxr.study.planning.jobs import Plan

_TWICE = (
    "Of the first image size the differences between initializations stand in `comparisons` too, "
    "where p is the same and adjusted over that size alone."
)


def further_analyses(
    study: Study, plan: Plan, out: Path, comparisons: Sequence[Measured]
) -> tuple[list[Table], list[Drawing]]:
    """Make the tables that the study asks for of its finished runs, and draw its figures in `out`.

    Args:
      study: what is asked.
      plan: its experiments and jobs.
      out: directory of the report.
      comparisons: the fully trained initializations, measured.

    Raises:
      InputError: files of a run are not of each other.
    """
    tables: list[Table] = []
    drawings: list[Drawing] = []
    if any(grid.cross_dataset for grid in study.grids):
        rows = cross_rows(study, plan, comparisons)
        tables.append(cross_table(study, plan, rows))
        drawings += draw_matrices(study, out, rows)
    variants = [variant for grid in study.grids for variant in grid.variants]
    trainings = measure_trainings(study, plan)
    missing = unfinished(study, plan)
    sized = [one for one in trainings if compares_sizes(one.grid)]
    if sized:
        made, drawn = _sizes(study, out, "resolution", "Image sizes", sized, missing)
        tables += made
        drawings += drawn
    if sized and any(one.grid.margin for one in sized):
        tables.append(equivalence_table(study, sized, equivalence_rows(sized)))
    if any(variant.patients < 1 for variant in variants):
        tables += efficiency_tables(study, trainings, missing)
        drawings += draw_efficiency(out, [row for one in trainings for row in efficiency_rows(one)])
    if any(variant.adapts for variant in variants):
        tables.append(adaptation_table(study, trainings, missing))
    if any(variant.label_noise for variant in variants):
        noisy = noise_rows(trainings)
        tables.append(noise_table(study, trainings, noisy, missing))
        drawings += draw_noise(out, noisy)
    if any(grid.external for grid in study.grids):
        made, drawn = _sizes(
            study,
            out,
            "external",
            "External tests",
            measure_external(study, plan),
            unpredicted(plan),
        )
        tables += made
        drawings += drawn
    if "subgroups" in study.analyses:
        tables.append(subgroups_table(study, plan))
    if "calibration" in study.analyses:
        tables.append(calibration_table(study, plan))
    if "intervals" in study.analyses:
        tables.append(intervals_table(comparisons))
    if tables:
        write_json(out / "provenance_beyond.json", _origins(plan))
    return tables, drawings


def _sizes(
    study: Study,
    out: Path,
    name: str,
    what: str,
    every: Sequence[Trainings],
    missing: Sequence[str],
) -> tuple[list[Table], list[Drawing]]:
    """Make the tables of values and of differences at all image sizes, and their figure."""
    of_each = scaling_table(study, name, f"{what}: AUC and average precision", every, missing)
    title = f"{what}: differences and interactions"
    rows = difference_rows(every)
    elsewhere = name == "external"
    notes = [] if elsewhere else [_TWICE]
    differences = difference_table(study, f"{name}_differences", title, every, rows, notes)
    drawn_rows = [row for one in every for row in scaling_rows(one)]
    words = "image size in external tests" if elsewhere else "image size"
    drawn = draw_sizes(out, name, drawn_rows, words)
    return [of_each, differences], drawn


def _origins(plan: Plan) -> dict[str, Any]:
    """Say what predictions of variants and of other datasets come from, by job and file."""
    variants = [name for name, experiment in plan.experiments.items() if experiment.variant]
    cross = [name for name in plan.after if name.endswith(CROSS)]
    jobs = plan.jobs
    return {
        name: {
            path.name: read_predictions(path).origin
            for path in jobs[name].done
            if path.suffix == ".parquet"
        }
        for name in [*variants, *cross]
        if jobs[name].is_done
    }
