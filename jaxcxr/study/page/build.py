"""Put the page together and write it."""

from __future__ import annotations

import base64
from collections.abc import Sequence
from dataclasses import dataclass
from importlib import resources
from pathlib import Path
from typing import Any

import numpy as np
from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from input_pipeline.labels import PAPER_DATASETS
from jaxcxr import __version__
from jaxcxr.files import atomic_path
from jaxcxr.results.table_files import Table
from jaxcxr.results.terminal import p_value
from jaxcxr.study.analyses.captions import average_words
from jaxcxr.study.analyses.cohorts import WHOLE
from jaxcxr.study.analyses.families import AVERAGE
from jaxcxr.study.analyses.figures import Drawing
from jaxcxr.study.analyses.paired import Measured
from jaxcxr.study.analyses.paper_tables import Difference
from jaxcxr.study.page.answer import answers, signed
from jaxcxr.study.page.commands import evaluate_command
from jaxcxr.study.page.forest import scale
from jaxcxr.study.page.gallery import galleries
from jaxcxr.study.page.palette import variables
from jaxcxr.study.page.provenance import Entry, data_entries, run_entries
from jaxcxr.study.page.roc import curve_sets
from jaxcxr.study.page.views import View, view
from jaxcxr.study.page.words import PAGE_WORDS
from jaxcxr.study.planning.definition import Study
from jaxcxr.study.planning.example_jobs import without_attention
from jaxcxr.study.planning.jobs import Plan

PAGE = "index.html"
_LABEL_SETS = {
    "paper": "All labels of each dataset",
    "mimic_transfer": "The labels shared with MIMIC-CXR",
    "merged_sides": "Right and left as one label",
}
_OPEN = ("table4", "table5", "comparisons", "differences_from_paper", "equivalence")


@dataclass(frozen=True)
class Results:
    """What a study's report holds.

    Attributes:
      comparisons: every two initializations, measured.
      differences: between them.
      tables, drawings: the paper's, in its order.
      acting, decisions: tables and drawings of what calls mean where the model would be used.
      more_tables, more_drawings: beyond the paper.
    """

    comparisons: Sequence[Measured]
    differences: Sequence[Difference]
    tables: Sequence[Table]
    drawings: Sequence[Drawing]
    acting: Sequence[Table] = ()
    decisions: Sequence[Drawing] = ()
    more_tables: Sequence[Table] = ()
    more_drawings: Sequence[Drawing] = ()


def write_page(study: Study, plan: Plan, out: Path, report: Path, results: Results) -> Path:
    """Write `report/index.html`; the drawings must lie in `report`.

    The same runs give the same bytes, wherever the study's directory lies.

    Raises:
      InputError: maps of attention do not belong to the predictions.
    """
    page = report / PAGE
    text = (
        _environment(report).get_template("page.html").render(_context(study, plan, out, results))
    )
    with atomic_path(page) as temporary:
        temporary.write_text(text, encoding="utf-8")
    return page


def _environment(report: Path) -> Environment:
    environment = Environment(
        loader=PackageLoader("jaxcxr.study.page"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {"signed": signed, "p": p_value, "tick": _tick, "score": _score}
    environment.globals |= {
        "static": _static,
        "variables": variables,
        "source": lambda drawing: _source(report, drawing),
        "question_title": _question_title,
    }
    return environment


def _static(*names: str) -> Markup:
    """Our own style and code, as they are."""
    folder = resources.files("jaxcxr.study.page") / "static"
    return Markup("\n".join((folder / name).read_text(encoding="utf-8") for name in names))


def _question_title(study: Study, label_set: str, titles: Sequence[str]) -> str:
    """Title what a grid says of two initializations: its labels, and the two of several pairs."""
    grid = next(grid for grid in study.grids if grid.label_set == label_set)
    labels = _LABEL_SETS.get(label_set, f"The label set {label_set}")
    pair = " against ".join(titles)
    if len(grid.compared) == 1:
        return labels
    return pair if len(study.grids) == 1 else f"{labels}: {pair}"


def _source(report: Path, drawing: Drawing) -> str:
    # As an image of its own: the ids of two drawings in one document would clash.
    data = (report / f"{drawing.name}.svg").read_bytes()
    return "data:image/svg+xml;base64," + base64.b64encode(data).decode()


def _context(study: Study, plan: Plan, out: Path, results: Results) -> dict[str, Any]:
    runs = run_entries(study, plan, out, results.comparisons)
    data = data_entries(plan, out)
    views = _views(plan, results.tables, runs, data)
    found = answers(results.differences)
    by_figure: dict[str, list[Drawing]] = {"figure3": [], "figure4": []}
    for drawing in results.drawings:
        by_figure[drawing.name.split("_")[0]].append(drawing)
    return {
        "study": study,
        "version": __version__,
        "answers": found,
        "scale": scale(found),
        "facts": _facts(study, results.comparisons),
        "main_figures": by_figure["figure3"],
        "curve_figures": by_figure["figure4"],
        "curve_sets": [
            {"title": _question_title(study, one.paired.label_set, one.paired.titles)} | of_one
            for one, of_one in curve_sets(results.comparisons)
        ],
        "tables": views,
        "open_tables": _OPEN,
        "acting": _views(plan, results.acting, runs, data),
        "decisions": results.decisions,
        "more_tables": _views(plan, results.more_tables, runs, data),
        "more_drawings": results.more_drawings,
        "average_words": average_words(results.comparisons),
        "galleries": _by_dataset(galleries(study, plan.experiments)),
        "without_attention": without_attention(study, plan.experiments),
        "words": PAGE_WORDS[study.paper],
        "pairs": max(len(grid.compared) for grid in study.grids),
        "runs": list(runs.values()),
        "data": list(data.values()),
        "checks": _checks(study, results),
    }


def _views(
    plan: Plan, tables: Sequence[Table], runs: dict[str, Entry], data: dict[str, Entry]
) -> list[View]:
    targets = {name: f"#{entry.anchor}" for name, entry in runs.items()}
    datasets = {
        PAPER_DATASETS[experiment.dataset]: f"#{data[experiment.data].anchor}"
        for experiment in plan.experiments.values()
        if experiment.label_set in WHOLE and not experiment.variant and experiment.data in data
    }
    return [view(table, targets, datasets) for table in tables]


def _by_dataset(found: Sequence[Any]) -> dict[str, list[Any]]:
    grouped: dict[str, list[Any]] = {}
    for gallery in found:
        grouped.setdefault(gallery.dataset, []).append(gallery)
    return grouped


def _facts(study: Study, comparisons: Sequence[Measured]) -> list[tuple[str, str]]:
    """Say in a few words what kind of data and of uncertainty stand behind the numbers."""
    first = {one.paired.dataset: one.paired for one in reversed(comparisons)}
    images = sum(len(paired.labels) for paired in first.values())
    named = [one.patients for one in first.values() if one.patients is not None]
    patients = sum(len(np.unique(of_one)) for of_one in named)
    unnamed = [PAPER_DATASETS[name] for name, one in first.items() if one.patients is None]
    whose = f"{patients:,} patients" + (f"; {', '.join(unnamed)} names none" if unnamed else "")
    trained = "once" if len(study.seeds) == 1 else f"with {len(study.seeds)} seeds"
    return [
        ("Images", "phantoms: drawings" if study.phantom else "chest radiographs"),
        ("Datasets", str(len(first))),
        ("Test images", f"{images:,}" + (f" of {whose}" if named else "")),
        ("Training", f"each model {trained}"),
        ("Intervals", _interval_fact(comparisons)),
        ("Averages", f"labels with at least {study.least_patients} patients in the smaller class"),
    ]


def _interval_fact(comparisons: Sequence[Measured]) -> str:
    if comparisons[0].seeds > 1:
        return "95 %, over test patients and trainings"
    redraws = sorted({one.resamples for one in comparisons})
    return f"95 %, {' or '.join(f'{one:,}' for one in redraws)} redraws of test patients"


def _checks(study: Study, results: Results) -> dict[str, Any]:
    """One table experiment, one difference and one curve, with the commands that recompute them."""
    measured = next((one for one in results.comparisons if one.averaged.any()), None)
    if measured is None:
        return {}
    paired = measured.paired
    label = int(np.flatnonzero(measured.averaged)[0])
    first, second = paired.runs[:2]
    asked: dict[str, Any] = {"least_patients": study.least_patients}
    name = paired.label_names[label]
    row = next(
        row
        for row in results.differences
        if row.label == name
        and row.label != AVERAGE
        and (row.dataset, row.label_set) == (PAPER_DATASETS[paired.dataset], paired.label_set)
        and (row.first, row.second) == paired.titles
    )
    return {
        "label": name,
        "dataset": PAPER_DATASETS[paired.dataset],
        "titles": paired.titles,
        "runs": (first[0], second[0]),
        "one": evaluate_command(first, measured.resamples, **asked),
        "two": evaluate_command(first, measured.resamples, second, **asked),
        "interval": measured.column("auc", 0, label)[0],
        "difference": row,
    }


def _score(value: float) -> str:
    return f"{value:.2f}".replace("-", "\N{MINUS SIGN}")


def _tick(value: float) -> str:
    return f"{value:g}".replace("-", "\N{MINUS SIGN}")
