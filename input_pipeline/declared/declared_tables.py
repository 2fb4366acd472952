"""The tables that a declaration names, as one: files under one another, lists apart, joins beside.

What comes out is a column of text for every heading, on the rows of the first table.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import pandas as pd

from input_pipeline.declared.declaration import LabelTable
from input_pipeline.declared.table_sections import FILE, Identifier, TableFile
from input_pipeline.tables import ids, joins, json_table, raw_tables, text_table
from jaxcxr.errors import InputError

Column = Callable[[str], tuple[str, pd.Series]]  # the file of a heading, and its cells
Columns = dict[str, tuple[str, pd.Series]]  # by the heading as it is compared


class Tables(NamedTuple):
    """The cells of any heading, how joined tables matched, and what was counted, in sentences."""

    column: Column
    joined: tuple[joins.Joined, ...]
    notes: tuple[str, ...]


def columns_of(raw_dir: Path, declared: LabelTable) -> Tables:
    """Read all tables of a declaration.

    Raises:
      InputError: a table cannot be read, or two do not belong together.
    """
    where, first = _table(raw_dir, declared.table)
    columns: Columns = {text_table.heading(name): (where, first[name]) for name in first.columns}
    joined, notes = [], []
    for one in declared.join:
        path, other = _table(raw_dir, one)
        if again := int((repeats := other.duplicated()).sum()):
            other = other[~repeats].reset_index(drop=True)
            notes.append(f"{again:,} rows of {path} repeat another row whole and count once")
        key = text_table.heading(one.key)
        their_key = text_table.heading(one.their_key or one.key)
        theirs = {text_table.heading(name): other[name] for name in other.columns}
        for place, known, name in ((where, columns, one.key), (path, theirs, one.their_key)):
            if text_table.heading(name or one.key) not in known:
                raise InputError(f"{place} lacks the column {name or one.key}, a key of the join")
        match = joins.join(
            joins.Side(columns[key][1], f"{columns[key][0]} column {one.key}"),
            joins.Side(theirs[their_key], f"{path} column {one.their_key or one.key}"),
            " and ".join(Path(file).name for file in (declared.table.files[0], one.files[0])),
        )
        joined.append(match)
        for name, added in theirs.items():
            taken = match.take(added, "", first.index).astype("str")
            if name == their_key or name == text_table.heading(FILE):
                continue
            if name in columns and not columns[name][1].eq(taken).all():
                raise InputError(
                    f"{columns[name][0]} and {path} both have a column {name} and differ in it; "
                    "rename one"
                )
            columns[name] = (path, taken)

    def column(heading: str) -> tuple[str, pd.Series]:
        found = columns.get(text_table.heading(heading))
        if found is None:
            raise InputError(f"{where} lacks the declared column {heading!r}")
        return found

    return Tables(column, tuple(joined), tuple(notes))


def _table(raw_dir: Path, declared: TableFile) -> tuple[str, pd.DataFrame]:
    """One table, of one file or several, and how messages name it."""
    found = {file: _file(raw_dir, declared, file) for file in declared.files}
    first, *others = found.items()
    table = first[1]
    for file, other in others:
        named = {text_table.heading(name): name for name in other.columns}
        if set(named) != set(map(text_table.heading, table.columns)):
            raise InputError(f"{raw_dir / file} has other columns than {raw_dir / first[0]}")
    where = str(raw_dir / first[0])
    if others:
        parts = []
        for file, part in found.items():
            named = {text_table.heading(name): name for name in part.columns}
            ordered = part[[named[text_table.heading(name)] for name in table.columns]]
            parts.append(ordered.set_axis(table.columns, axis="columns").assign(**{FILE: file}))
        table = pd.concat(parts, ignore_index=True).astype("str")
        where += f" and {len(others)} more files, rows counted through all,"
    if declared.lists:
        table = _apart(where, table, declared.lists)
        where += " with its lists taken apart,"
    return where, table


def _file(raw_dir: Path, declared: TableFile, file: str) -> pd.DataFrame:
    raw_tables.relative_paths(Path("the declaration"), "file", pd.Series([file]))
    path = raw_dir / file
    table = text_table.read_text(path, declared.form)
    if table.empty:
        raise InputError(f"{path} holds a header and no row")
    headings = [text_table.heading(name) for name in table.columns]
    if len(set(headings)) < len(headings):
        twice = next(name for name in headings if headings.count(name) > 1)
        raise InputError(f"{path} has two columns {twice!r}; rename one")
    return table


def _apart(where: str, table: pd.DataFrame, lists: list[str]) -> pd.DataFrame:
    """One row for each entry of the lists of a row."""
    named = {text_table.heading(name): name for name in table.columns}
    found = {}
    for heading in lists:
        column = named.get(text_table.heading(heading))
        if column is None:
            raise InputError(f"{where} lacks the declared column {heading!r}")
        cells = table[column].map(json_table.entries)
        if (bad := cells.isna()).any():
            raise InputError(
                f"{where} row {raw_tables.row_number(bad)}, column {column}: "
                f"{str(table[column][bad].iloc[0])[:80]!r} where a list such as ['a', 'b'] is "
                f"expected ({int(bad.sum()):,} such rows)"
            )
        found[column] = cells
    lengths = pd.DataFrame({column: cells.map(len) for column, cells in found.items()})
    if (uneven := lengths.nunique(axis=1).gt(1)).any():
        raise InputError(
            f"{where} row {raw_tables.row_number(uneven)}: its lists {', '.join(lists)} are not of "
            f"one length ({int(uneven.sum()):,} such rows)"
        )
    some = lengths.iloc[:, 0].gt(0)  # a row of no image names none
    if not some.any():
        raise InputError(f"{where}: its lists {', '.join(lists)} are empty throughout")
    table = table.assign(**found)[some].explode(list(found), ignore_index=True)
    return table.astype("str")


def named_by(
    declared: Identifier, where: str, cells: pd.Series, blank: pd.Series, images: pd.Series | None
) -> pd.Series:
    """Cells by the declared pattern: its first group, or all that it matches; blank ones stay.

    Raises:
      InputError: a cell does not match; `images`, if given, are named in place of the cell.
    """
    if not declared.pattern:
        return cells
    pattern = re.compile(declared.pattern)

    def taken(cell: str) -> str | None:
        found = pattern.fullmatch(cell)
        if found is None:
            return None
        return found[1] if pattern.groups else found[0]

    found = ids.each(cells, taken)
    bad = found.isna() & ~blank
    if bad.any():
        of = f" (of image {images[bad].iloc[0]!r})" if images is not None else ""
        raise InputError(
            f"{where} row {raw_tables.row_number(bad)}, column {declared.column}: the cell{of} "
            f"does not match the declared pattern {declared.pattern!r} "
            f"({int(bad.sum()):,} such rows)"
        )
    return found.where(~blank, cells).astype("str")
