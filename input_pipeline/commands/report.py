"""How cohorts are shown on a terminal."""

from __future__ import annotations

from numbers import Integral
from typing import TYPE_CHECKING, Literal

import pandas as pd
from rich.table import Table
from rich.text import Text

from jaxcxr.terminal import plain

if TYPE_CHECKING:
    from rich.console import Console

    from input_pipeline.cohort import Cohort


def table(title: str, rows: pd.DataFrame) -> Table:
    """A terminal table of any data frame; numbers to the right, with thousands separators."""
    shown = Table(title=title, title_justify="left")
    for name in rows:
        number = pd.api.types.is_numeric_dtype(rows[name])
        heading = str(name).replace("_", " ")
        side: Literal["left", "right"] = "right" if number else "left"
        shown.add_column(heading, justify=side, overflow="fold", no_wrap=number)
    for cells in rows.itertuples(index=False):
        shown.add_row(*(Text(plain(_cell(cell))) for cell in cells))
    return shown


def _cell(value: object) -> str:
    if value is None or value is pd.NA or value != value:
        return ""
    if isinstance(value, Integral):
        return f"{int(value):,}"
    return str(value)


def show(console: Console, cohort: Cohort) -> None:
    """The funnel, the labels of each split, and the paper's tables beside ours."""
    from input_pipeline import against_paper
    from input_pipeline.labels import STUDIED

    told_below = ("tables", "joins", "notes")
    shown = {k: v for k, v in cohort.settings.items() if v is not None and k not in told_below}
    settings = ", ".join(f"{name.replace('_', ' ')} {value}" for name, value in shown.items())
    console.print(f"{cohort.dataset}: {cohort.label_rules} label rules, {settings}")
    console.print(table("Funnel", _funnel(cohort)))
    for line in joins_and_notes(cohort):
        console.print(line, highlight=False)
    console.print(table("Positives", _positives(cohort)))
    if cohort.dataset not in STUDIED:  # the paper has nothing to say of it
        console.print(table("Cohort", against_paper.table1(cohort)[["row", "ours"]]))
        return
    third = against_paper.table3(cohort)
    odd = ", ".join(third.loc[third["ours"] != third["paper"], "label"])
    same = "This is the label set of the paper's Table 3, in the study's order."
    console.print(f"Not both here and in the paper's Table 3: {odd}" if odd else same)
    if not against_paper.whole_release(cohort):
        console.print(table("Table 1", against_paper.table1(cohort)[["row", "ours"]]))
        held, expected = cohort.funnel[0]["images"], against_paper.RELEASE_ROWS[cohort.dataset]
        console.print(
            f"These tables hold {held:,} of the release's {expected:,} rows: the paper's numbers "
            "do not apply."
        )
        return
    notes: dict[str, int] = {}
    paper_tables = {
        "Table 1, beside the paper's": against_paper.table1(cohort),
        "Table 2, beside the paper's": against_paper.table2(cohort).drop(columns="finding"),
    }
    for title, rows in paper_tables.items():
        numbers = [_note(notes, why) for why in rows["explanation"]]
        console.print(table(title, rows.drop(columns="explanation").assign(note=numbers)))
    for why, number in notes.items():
        console.print(f"[{number}] {why}", highlight=False)


def joins_and_notes(cohort: Cohort) -> list[str]:
    """How much of either side each join matched, and what was taken for unknown."""
    return [
        f"{one['name']}: {one['left']:,} here of which {one['left_alone']:,} have no partner, "
        f"{one['right']:,} there of which {one['right_alone']:,} have none"
        for one in cohort.settings.get("joins", [])
    ] + [f"{note}." for note in cohort.settings.get("notes", [])]


def _note(notes: dict[str, int], why: str) -> str:
    return f"[{notes.setdefault(why, len(notes) + 1)}]" if why else ""


def _funnel(cohort: Cohort) -> pd.DataFrame:
    funnel = pd.DataFrame(cohort.funnel)
    dropped = -funnel["images"].diff().fillna(0).astype(int)
    return funnel.assign(images_dropped=dropped)


def _positives(cohort: Cohort) -> pd.DataFrame:
    from input_pipeline.cohort import cohort_json

    summary = cohort_json(cohort)
    total = {**summary["images"], "total": sum(summary["images"].values())}
    rows = [{"label": "images", **total}]
    for label, counts in summary["positives"].items():
        unknown = summary["unknown"].get(label, {}).get("total")
        known = total["total"] - (unknown or 0)
        share = f"{100 * counts['total'] / known:.1f} %" if known else ""
        rows.append({"label": label, **counts, "share": share, "unknown": unknown})
    shown = pd.DataFrame(rows)
    if shown["unknown"].isna().all():
        return shown.drop(columns="unknown")
    return shown.astype({"unknown": "Int64"})
