"""Read a CSV table as text, whole rows or nothing.

Arrow's reader is used because it refuses rows that are shorter or longer than the header. Others
fill them up or take the first column for row names, and then every value stands under a
neighbour's heading.
"""

from __future__ import annotations

import csv
import io
import re
import unicodedata
import zlib
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow
from pyarrow import csv as arrow_csv

from input_pipeline import ids
from jaxcxr.errors import InputError
from jaxcxr.unpacking import read_unpacked


def read_text(path: Path) -> pd.DataFrame:
    """The table at `path`, plain or gzipped, all cells text without blanks around them.

    Raises:
      InputError: the file cannot be read, two columns have one name, or a row is shorter or longer
        than the header or has swallowed others; no message holds a row's content.
    """
    try:
        table = _parse(path)
    except InputError:
        raise
    except (OSError, EOFError, ValueError, csv.Error, zlib.error) as error:
        reason = " ".join(str(error).split())[:300]
        raise InputError(f"{path} is not a readable CSV table: {reason}") from None
    for column in table:
        _refuse_swallowed_rows(path, table[column], len(table.columns))
    return table.apply(lambda cells: cells.str.strip())


def _parse(path: Path) -> pd.DataFrame:
    content = read_unpacked(path)
    try:
        first = content.decode("utf-8-sig").split("\n", 1)[0]
    except UnicodeDecodeError as error:
        row = content[: error.start].count(b"\n") + 1
        raise ValueError(f"row {row} is not UTF-8 text; export it as UTF-8") from None
    if first.count('"') % 2:
        raise ValueError("a quotation mark of its header is not closed in the first line")
    header = next(csv.reader([first]), [])
    names = [ids.word(name) for name in header]
    if not header:
        raise ValueError("the file is empty")
    if len(set(names)) < len(names):
        raise ValueError("two columns have the same name")
    ragged: list[Any] = []

    def note(row: Any) -> str:
        ragged.append(row)
        return "skip"

    table = arrow_csv.read_csv(
        io.BytesIO(content),
        read_options=arrow_csv.ReadOptions(use_threads=False),
        parse_options=arrow_csv.ParseOptions(newlines_in_values=True, invalid_row_handler=note),
        convert_options=arrow_csv.ConvertOptions(
            column_types={name: pyarrow.string() for name in header}, strings_can_be_null=False
        ),
    )
    if ragged:
        raise ValueError(
            f"row {ragged[0].number} has {ragged[0].actual_columns} cells where the header has "
            f"{ragged[0].expected_columns} ({len(ragged)} such rows)"
        )
    if any(field.type != pyarrow.string() for field in table.schema):
        raise ValueError("its header cannot be told from its rows")
    return table.to_pandas()


def _refuse_swallowed_rows(path: Path, cells: pd.Series, columns: int) -> None:
    """Two stray quotation marks make one cell of all rows between them."""
    several = cells.str.contains("\n", regex=False)
    for row, cell in cells[several].items():
        if columns > 1 and any(line.count(",") >= columns - 1 for line in cell.split("\n")[1:]):
            raise InputError(
                f"{path} row {int(str(row)) + 2}, column {cells.name}: the cell holds whole rows; "
                "is a quotation mark not closed?"
            )


def heading(name: str) -> str:
    """A heading as it is compared: without case, and all but letters and digits."""
    parts = unicodedata.normalize("NFKD", ids.word(name))
    return re.sub(r"[^\w]|_", "", parts)
