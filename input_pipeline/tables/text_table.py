"""Read a table as text, whole rows or nothing: delimited text, `.xlsx`, `.parquet`, or JSON.

Arrow's reader of delimited text is used because it refuses rows that are shorter or longer than the
header. Others fill them up or take the first column for row names, and then every value stands
under a neighbour's heading.
"""

from __future__ import annotations

import codecs
import csv
import io
import re
import unicodedata
import zipfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow
from pyarrow import csv as arrow_csv

from input_pipeline.tables import ids, json_table, table_files
from jaxcxr.errors import InputError, refuse_pipe
from jaxcxr.unpacking import read_unpacked

JSON = {".json": "JSON", ".jsonl": "JSON"}
SEPARATORS = {",": "comma", ";": "semicolon", "\t": "tab", "|": "bar"}
LONGEST_CELL = 2**24  # characters; the csv module's own bound is too short for long headers


@dataclass(frozen=True)
class Form:
    """What a file does not tell of itself.

    Attributes:
      separator: between cells; empty to take the only one under which the rows fit the header.
      encoding: of the text; empty for Unicode.
      sheet: of a workbook; empty for the only one that holds anything.
    """

    separator: str = ""
    encoding: str = ""
    sheet: str = ""


AS_IT_SAYS = Form()


def read_text(path: Path, form: Form = AS_IT_SAYS) -> pd.DataFrame:
    """The table at `path`, all cells text without blanks around them.

    `attrs["separator"]` of what is returned says which was found, empty where there is none.

    Args:
      path: `.xlsx`, `.parquet`, `.json` or `.jsonl` (`json_table`), or any other name for
        delimited text; plain or gzipped.
      form: what the file does not tell of itself.

    Raises:
      InputError: the file cannot be read, two columns have one name, a row is shorter or longer
        than the header or has swallowed others, or it can be read in two ways; no message holds a
        row's content.
    """
    refuse_pipe(path, "give the table as a file")
    kind = path.with_suffix("" if path.suffix.lower() == ".gz" else path.suffix).suffix.lower()
    separator = ""
    try:
        if kind == ".xlsx":
            table = table_files.workbook(path, form.sheet)
        elif kind == ".parquet":
            table = table_files.parquet(path)
        elif kind in JSON:
            table = json_table.records(_text(path, form.encoding))
        else:
            table, separator = delimited(_text(path, form.encoding), form.separator)
        _check_header(list(table.columns))
    except InputError:
        raise
    except zipfile.BadZipFile:
        raise InputError(f"{path} is not a readable Excel table: it is damaged") from None
    except Exception as error:  # each library raises its own for a damaged file
        reason = " ".join(str(error).split())[:300]
        named = {".xlsx": "Excel", ".parquet": "parquet", **JSON}.get(kind, "CSV")
        raise InputError(f"{path} is not a readable {named} table: {reason}") from None
    if separator:
        for column in table:
            _refuse_swallowed_rows(path, table[column], len(table.columns), separator)
    table = table.apply(lambda cells: cells.str.strip())
    table.attrs["separator"] = separator
    return table


def _text(path: Path, encoding: str) -> str:
    """The file's text: Unicode, with or without its mark, or the encoding that is declared."""
    content = read_unpacked(path)
    if content.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        return content.decode("utf-16")
    try:
        return content.decode(encoding or "utf-8-sig")
    except UnicodeDecodeError as error:
        row = content[: error.start].count(b"\n") + 1
        what = encoding or "UTF-8"
        raise ValueError(f"row {row} is not {what} text; export it as UTF-8") from None
    except LookupError:
        raise ValueError(f"no encoding is called {encoding!r}") from None


def delimited(text: str, separator: str = "") -> tuple[pd.DataFrame, str]:
    """Cells of delimited text, and the separator under which its rows fit its header.

    Raises:
      ValueError: there is none, or there are two.
    """
    if not text.strip():
        raise ValueError("the file is empty")
    candidates = separator or "".join(one for one in SEPARATORS if len(_header(text, one)) > 1)
    if len(candidates) <= 1:
        return _parse(text, candidates or ","), candidates or ","
    read, refused = {}, {}
    for one in candidates:
        try:
            read[one] = _parse(text, one)
        except ValueError as error:
            refused[one] = error
    if len(read) > 1:
        names = " and ".join(SEPARATORS[one] for one in read)
        raise ValueError(f"its cells may be separated by {names}; save it with one of them alone")
    if not read:
        raise refused[max(candidates, key=lambda one: len(_header(text, one)))]
    return next(iter(read.values())), next(iter(read))


def _header(text: str, separator: str) -> list[str]:
    csv.field_size_limit(LONGEST_CELL)
    return next(csv.reader(io.StringIO(text, newline=""), delimiter=separator), [])


def _check_header(names: list[str]) -> None:
    words = [ids.word(name) for name in names]
    if not words:
        raise ValueError("the file is empty")
    if len(set(words)) < len(words):
        raise ValueError("two columns have the same name")


def _parse(text: str, separator: str) -> pd.DataFrame:
    header = _header(text, separator)
    _check_header(header)
    ragged: list[Any] = []

    def note(row: Any) -> str:
        ragged.append(row)
        return "skip"

    content = text.encode("utf-8", "surrogatepass")
    table = arrow_csv.read_csv(
        io.BytesIO(content),
        # One block: a row may be longer than Arrow's own, in a table of thousands of columns.
        read_options=arrow_csv.ReadOptions(use_threads=False, block_size=len(content) + 1),
        parse_options=arrow_csv.ParseOptions(
            delimiter=separator, newlines_in_values=True, invalid_row_handler=note
        ),
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


def _refuse_swallowed_rows(path: Path, cells: pd.Series, columns: int, separator: str) -> None:
    """Two stray quotation marks make one cell of all rows between them."""
    several = cells.str.contains("\n", regex=False)
    for row, cell in cells[several].items():
        lines = cell.split("\n")[1:]
        if columns > 1 and any(line.count(separator) >= columns - 1 for line in lines):
            raise InputError(
                f"{path} row {int(str(row)) + 2}, column {cells.name}: the cell holds whole rows; "
                "is a quotation mark not closed?"
            )


def heading(name: str) -> str:
    """A heading as it is compared: without case, and all but letters and digits."""
    parts = unicodedata.normalize("NFKD", ids.word(name))
    return re.sub(r"[^\w]|_", "", parts)
