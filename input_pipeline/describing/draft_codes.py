"""Draft the columns of codes: view, age, sex and split; a word that none knows is a question."""

from __future__ import annotations

import pandas as pd

from input_pipeline.describing import roles
from input_pipeline.describing.toml_text import question, said, shown
from input_pipeline.tables import codes, ids


def draft_view(table: pd.DataFrame, used: list[str]) -> list[str]:
    """The views, those that cannot be told as a question."""
    columns = [column for column in roles.by_heading(table, "view") if column not in used]
    if not columns:
        return [
            "[view]",
            question("no column's heading speaks of views. Are all images frontal, PA or AP?"),
            'all = "Frontal"',
            "",
        ]
    column = columns[0]
    used.append(column)
    frontal, other, open_ = roles.views(table[column])
    open_ = [word for word in open_ if ids.word(word) not in ids.MISSING]
    lines = ["[view]", f"# {shown(roles.counts(table[column]))}", f"column = {said(column)}"]
    if open_:
        lines.append(
            question(f"are these frontal or not: {shown(open_)}? Put each into one of the lists")
        )
    lines += [f"frontal = {said(frontal)}", f"other = {said(other)}"]
    silent = int(ids.missing(table[column]).sum())
    if silent:
        lines += [
            question(
                f"{silent:,} rows do not tell the view. Who takes these images for frontal all the "
                "same assumes it, and the funnel says so. Or do they belong into other?"
            ),
            '# assumed = [""]',
        ]
    return [*lines, ""]


def draft_age(table: pd.DataFrame, used: list[str]) -> list[str]:
    """The ages, those that are none as a question."""
    columns = roles.by_heading(table, "age")
    if not columns:
        return []
    column = columns[0]
    used.append(column)
    wrong, odd = roles.no_ages(table[column])
    blank = int(ids.missing(table[column]).sum())
    lines = ["[age]", f"# {blank:,} rows are blank", f"column = {said(column)}"]
    if odd:
        lines.append(question(f"suspicious ages: {shown(odd)}. Above {codes.OLDEST} is unknown"))
    if wrong:
        values = ", ".join(f'{said(text)} = ""' for text in wrong)
        lines += [
            question(f"no ages: {shown(wrong)}. Give each a number, or leave it unknown as here"),
            f"# values = {{ {values} }}",
        ]
    return [*lines, ""]


def draft_sex(table: pd.DataFrame, used: list[str]) -> list[str]:
    """The sexes, those that cannot be told as a question."""
    columns = roles.by_heading(table, "sex")
    if not columns:
        return []
    column = columns[0]
    used.append(column)
    cells = table[column]
    unknown = roles.counts(cells[codes.translate(cells, codes.SEXES).isna()])
    lines = ["[sex]", f"# {shown(roles.counts(cells))}", f"column = {said(column)}"]
    if unknown:
        values = ", ".join(f'{said(text)} = ""' for text in unknown)
        lines += [question(f"which of M and F are {shown(unknown)}?"), f"# values = {{ {values} }}"]
    return [*lines, ""]


def draft_split(table: pd.DataFrame, used: list[str]) -> list[str]:
    """The publisher's split, if a column's every word is one."""
    columns = [column for column in roles.by_heading(table, "split") if column not in used]
    for column in columns:
        cells = table[column]
        if codes.translate(cells, codes.SPLIT_WORDS).notna().all() and cells.ne("").any():
            used.append(column)
            return ["[split]", f"# {shown(roles.counts(cells))}", f"column = {said(column)}", ""]
    if not columns:
        return []
    return [
        question(
            f"is {columns[0]!r} a split ({shown(roles.counts(table[columns[0]]))})? Then add it"
        ),
        "# [split]",
        f"# column = {said(columns[0])}",
        "",
    ]
