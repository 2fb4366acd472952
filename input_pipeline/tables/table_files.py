"""Cells of a workbook and of a parquet file as text, as a CSV export would hold them.

A number loses no digit that the file has, a date in Excel is written as `02-Jan-2026`, which no
identifier is, and an error or a formula without a value is never a blank.
"""

from __future__ import annotations

import datetime
import zipfile
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa

from jaxcxr.parquet import read_parquet
from jaxcxr.unpacking import check_unpacked

# Bytes that a cell takes as text, more than its own, and a byte of a workbook's XML as cells.
CELL, XML = 16, 8
MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")


def workbook(path: Path, sheet: str = "") -> pd.DataFrame:
    """The cells of one sheet; the header is its first row.

    Raises:
      InputError: it unpacks to too much.
      ValueError: there is no such sheet, or several; a row is longer than the header; a formula has
        no value.
    """
    sheets = _sheets(path)
    if sheet and sheet not in sheets:
        raise ValueError(f"it has no sheet {sheet!r}; it has {', '.join(map(repr, sheets))}")
    filled = [sheet] if sheet else [name for name, rows in sheets.items() if rows]
    if not filled:
        raise ValueError("the file is empty")
    if len(filled) > 1:
        names = ", ".join(map(repr, filled))
        raise ValueError(f"several sheets hold cells ({names}); keep one, or declare which")
    header, *rows = sheets[filled[0]] or [[]]
    for number, row in enumerate(rows, 2):
        if len(row) > len(header) or any(
            cell and not name for name, cell in zip(header, row, strict=False)
        ):
            raise ValueError(f"row {number} has cells in a column without a heading")
    kept = [place for place, name in enumerate(header) if name]
    cells = [[row[place] if place < len(row) else "" for row in rows] for place in kept]
    table = pd.DataFrame(dict(enumerate(cells)), dtype="str")
    return table.set_axis([header[place] for place in kept], axis="columns")


def _sheets(path: Path) -> dict[str, list[list[str]]]:
    """The text of every sheet, without the blank cells and rows at its ends."""
    import openpyxl

    with zipfile.ZipFile(path) as packed:
        check_unpacked(path, XML * sum(one.file_size for one in packed.infolist()))
    written = openpyxl.load_workbook(path)
    values = openpyxl.load_workbook(path, data_only=True)
    return {one.title: _rows(one, values[one.title]) for one in written.worksheets}


def _rows(written: Any, values: Any) -> list[list[str]]:
    found = []
    for number, (formulas, cells) in enumerate(
        zip(written.iter_rows(), values.iter_rows(values_only=True), strict=True), 1
    ):
        for formula, cell in zip(formulas, cells, strict=True):
            if formula.data_type == "f" and cell is None:
                raise ValueError(
                    f"row {number} holds a formula without a value; paste the values and save"
                )
        row = [text(cell) for cell in cells]
        while row and not row[-1]:
            row.pop()
        found.append(row)
    while found and not found[-1]:
        found.pop()
    return found


def text(value: Any) -> str:
    """One cell as a CSV would hold it."""
    if value is None or value is pd.NaT:
        return ""
    if isinstance(value, bool):
        return str(value).upper()
    if isinstance(value, float):
        if value != value:
            return ""
        return str(int(value)) if value.is_integer() and abs(value) < 1e21 else repr(value)
    if isinstance(value, datetime.date):  # and a date with a time
        return f"{value.day:02d}-{MONTHS[value.month - 1]}-{value.year}"
    return str(value).strip()


def parquet(path: Path) -> pd.DataFrame:
    """The columns of a parquet file; lists as `['a', 'b']`.

    Raises:
      InputError: the file is damaged, or unpacks to too much.
    """
    table = read_parquet(path, "a table", "give the file that its maker wrote")
    check_unpacked(path, CELL * table.num_rows * table.num_columns)
    columns = {}
    for name, column in zip(table.column_names, table.columns, strict=True):
        kind = column.type
        if pa.types.is_integer(kind) or pa.types.is_large_string(kind):
            column = column.cast(pa.string())
        columns[name] = pd.Series(_texts(column.combine_chunks()), dtype="str")
    return pd.DataFrame(columns)


def _texts(column: pa.Array) -> Any:
    """The text of each cell; of equal ones it is made once."""
    if pa.types.is_nested(column.type):
        return [text(cell) for cell in column.to_pylist()]
    encoded = column.dictionary_encode()
    words = pa.array([text(cell) for cell in encoded.dictionary.to_pylist()], pa.string())
    return words.take(encoded.indices).fill_null("").to_pandas()
