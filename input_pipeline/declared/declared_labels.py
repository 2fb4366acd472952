"""Labels of a declared table: what its cells say of each, and which words they say it with."""

from __future__ import annotations

import ast
import re
from collections.abc import Callable

import numpy as np
import pandas as pd

from input_pipeline.declared.declaration import LabelTable
from input_pipeline.declared.label_sections import ColumnLabel, TermColumn
from input_pipeline.label_rule import UNKNOWN
from input_pipeline.tables import ids, raw_tables
from jaxcxr.errors import InputError

LIST = "list"  # the separator of cells such as `['a', 'b']`
LONGEST_LIST = 10_000  # characters of a cell that is taken apart as a list


def findings_of(
    declared: LabelTable, column: Callable[[str], tuple[str, pd.Series]]
) -> pd.DataFrame:
    """One int8 column a finding id: 1, 0, or -1 for unknown.

    Args:
      declared: of the table.
      column: gives a heading's file, for messages, and its cells.

    Raises:
      InputError: a cell holds a word that the declaration does not name, or is no list.
    """
    found: dict[str, pd.Series] = {}
    for label in declared.label:
        where, cells = column(label.column)
        found[label.id] = _of_column(label, where, cells)
    for terms in declared.terms:
        where, cells = column(terms.column)
        found |= _of_terms(terms, where, cells)
    return pd.DataFrame(found)


def any_row(findings: pd.DataFrame, images: pd.Series) -> pd.DataFrame:
    """The labels of images that stand in several rows, in each of those rows.

    Positive if any row is; else unknown if any row is; else negative.
    """
    positive = findings.eq(1).groupby(images).transform("any")
    unknown = findings.eq(UNKNOWN).groupby(images).transform("any")
    return findings.mask(unknown, UNKNOWN).mask(positive, 1).astype(np.int8)


def evidence_of(
    declared: LabelTable, column: Callable[[str], tuple[str, pd.Series]], finding: str
) -> pd.Series:
    """The cells that a label rests on."""
    names = {label.id: label.column for label in declared.label}
    names |= {label.id: one.column for one in declared.terms for label in one.label}
    return column(names[finding])[1]


def _of_column(label: ColumnLabel, where: str, cells: pd.Series) -> pd.Series:
    values = {ids.key(word): 1 for word in label.positive}
    values |= {ids.key(word): 0 for word in label.negative}
    values |= {ids.key(word): UNKNOWN for word in label.unknown}
    pattern = re.compile(label.positive_pattern) if label.positive_pattern else None

    def value(cell: str) -> int | None:
        known = values.get(ids.key(cell))
        return 1 if known is None and pattern and pattern.fullmatch(cell) else known

    found = ids.each(cells, value)
    _refuse_unnamed(
        where, label.column, cells, found, f"positive, negative or unknown of {label.label}"
    )
    return found.astype(np.int8)


def _of_terms(column: TermColumn, where: str, cells: pd.Series) -> dict[str, pd.Series]:
    positives = {label.id: {ids.key(term) for term in label.terms} for label in column.label}
    unknown, ignored = (
        {ids.key(term) for term in some} for some in (column.unknown, column.ignored)
    )
    known = unknown.union(ignored, *positives.values())

    def apart(cell: str) -> frozenset[str] | None:
        terms = split_terms(cell, column.separator)
        return None if terms is None else frozenset(map(ids.key, terms))

    terms = ids.each(cells, apart)
    form = "a list such as ['a', 'b']" if column.separator == LIST else "terms"
    _refuse_unnamed(where, column.column, cells, terms, form)
    named = terms.map(lambda some: True if some <= known else None)
    _refuse_unnamed(
        where, column.column, cells, named, "a term of a label, of unknown or of ignored"
    )
    blank = 0 if column.blank == "negative" else UNKNOWN

    def value(some: frozenset[str], wanted: set[str]) -> int:
        if not some:
            return blank
        return 1 if some & wanted else UNKNOWN if some & unknown else 0

    return {
        finding: terms.map(lambda some, wanted=wanted: value(some, wanted)).astype(np.int8)
        for finding, wanted in positives.items()
    }


def split_terms(cell: str, separator: str) -> list[str] | None:
    """The terms of a cell; none where it says nothing, None where it is no list.

    A list is read as Python's literal, which is never run as a program.
    """
    if ids.word(cell) in ids.MISSING:
        return []
    if separator != LIST:
        parts = cell.split(separator) if separator else [cell]
        return [part.strip() for part in parts if ids.word(part) not in ids.MISSING]
    try:
        found = ast.literal_eval(cell) if len(cell) <= LONGEST_LIST else None
    except (ValueError, SyntaxError, MemoryError, RecursionError):
        return None
    if not isinstance(found, list) or not all(isinstance(term, str) for term in found):
        return None
    return [term.strip() for term in found if ids.word(term) not in ids.MISSING]


def _refuse_unnamed(
    where: str, column: str, cells: pd.Series, found: pd.Series, wanted: str
) -> None:
    bad = found.isna()
    if bad.any():
        raise InputError(
            f"{where} row {raw_tables.row_number(bad)}, column {column}: "
            f"{str(cells[bad].iloc[0])[:80]!r} is none of the declaration's words ({wanted}; "
            f"{int(bad.sum()):,} such rows)"
        )
