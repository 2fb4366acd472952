"""Draft the labels: columns of yes and no, or columns of findings."""

from __future__ import annotations

import pandas as pd

from input_pipeline.describing import roles
from input_pipeline.describing.toml_text import question, said, shown
from input_pipeline.labels import NAMES
from input_pipeline.sides import sides_named
from input_pipeline.tables import ids, text_table


def draft_labels(table: pd.DataFrame, used: list[str]) -> list[str]:
    """The sections `[[label]]` and `[[terms]]`; columns that become labels are added to `used`."""
    free = [str(column) for column in table.columns if column not in used]
    columns = [column for column in free if roles.yes_no(table[column])]
    used += columns
    lines = [line for column in columns for line in _column(table[column], column)]
    findings = [column for column in roles.by_heading(table, "findings") if column not in used]
    for column in findings:
        found = roles.terms(table, column)
        if found.counts and (found.separator or len(found.counts) * 2 <= len(table)):
            used.append(column)
            lines += _terms(found)
    if not lines:
        return [question("no column looks like labels; add [[label]] or [[terms]]")]
    return lines


def _name(text: str, *, also: str = "") -> list[str]:
    """A finding of the vocabulary if the text is one, else a label of its own."""
    if finding := roles.VOCABULARY.get(text_table.heading(text)):
        return [f"finding = {said(finding)}  # {NAMES[finding]}"]
    near = [
        finding
        for heading, finding in roles.VOCABULARY.items()
        if len(text_table.heading(text)) > 4 and text_table.heading(text) in heading
    ]
    sides = sides_named(text) or sides_named(also)
    lines = [f"name = {said(text)}"]
    if near:
        lines.insert(0, question(f"is it, in place of name, finding = {said(near[0])}?"))
    if len(sides) == 1:
        side = sides.pop()
        lines += [
            question(f'of the {side} side? Then write the name without it, and side = "{side}"'),
            '# side = "none"',
        ]
    return lines


def _column(cells: pd.Series, column: str) -> list[str]:
    found = roles.counts(cells)
    keys = {text: ids.key(text) for text in found}
    positive = [text for text in found if keys[text] in roles.YES]
    negative = [text for text in found if keys[text] in roles.NO]
    open_ = [text for text in found if text not in positive and text not in negative]
    lines = ["[[label]]", *_name(column), f"column = {said(column)}", f"# {shown(found)}"]
    if open_:
        lines.append(
            question(f"unknown, or negative: {shown({text: found[text] for text in open_})}?")
        )
    if not positive or not negative:
        lines.append(question("no row is positive, or none negative: is it a label?"))
    return [
        *lines,
        f"positive = {said(_one_spelling(positive) or ['1'])}",
        f"negative = {said(_one_spelling(negative) or ['0'])}",
        f"unknown = {said(_one_spelling(open_))}",
        "",
    ]


def _one_spelling(texts: list[str]) -> list[str]:
    """One of the spellings that are compared as one."""
    return list({ids.key(text): text for text in reversed(texts)}.values())[::-1]


def _terms(found: roles.Terms) -> list[str]:
    spelled: dict[str, str] = {}
    for term in found.counts:
        spelled.setdefault(ids.key(term), term)
    terms = list(spelled.values())
    known = [term for term in terms if text_table.heading(term) in roles.VOCABULARY]
    chosen = terms if len(terms) <= roles.MOST_TERMS else known
    ignored = [term for term in terms if term not in chosen]
    lines = [
        "[[terms]]",
        f"# {shown(found.counts)}",
        f"column = {said(found.column)}",
    ]
    if found.separator:
        lines.append(f"separator = {said(found.separator)}")
    if found.blank:
        lines.append(question(f"{found.blank:,} rows are blank: unknown, or negative throughout?"))
    lines.append('blank = "unknown"')
    if ignored:
        lines += [
            question(f"{len(ignored):,} terms are no label here; which belong to one?"),
            f"ignored = {said(ignored)}",
        ]
    labels: dict[str, list[str]] = {}
    for term in chosen:
        name = roles.VOCABULARY.get(text_table.heading(term), term)
        labels.setdefault(name, []).append(term)
    lines.append(question("does one term imply another, as a kind of pneumonia a pneumonia?"))
    for terms_of_one in labels.values():
        lines += ["[[terms.label]]", *_name(terms_of_one[0]), f"terms = {said(terms_of_one)}"]
    return [*lines, ""]
