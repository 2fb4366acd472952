"""Read a publisher's table as text, and refuse what is damaged in one sentence.

Every cell stays text until a reader has said what it may be: an image name such as `007` keeps
its zeros, and nothing in a table is ever evaluated.
"""

from __future__ import annotations

import csv
import gzip
import io
import re
import zlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow
from pyarrow import csv as arrow_csv

from jaxcxr.errors import InputError

MISSING = ("", "nan", "NaN", "None", "NULL")
OLDEST = 120  # years; above it the field is a typing error (the first NIH table holds 413)
# An empty segment, `.` or `..`, a backslash, a control character, or a drive letter.
_ESCAPE = re.compile(r"(^|/)\.{0,2}(/|$)|\\|[\x00-\x1f]|^[A-Za-z]:")


def find(raw_dir: Path, names: Sequence[str]) -> Path | None:
    """The first of `names` (plain or gzipped) in `raw_dir` or in a folder directly inside it."""
    for folder in _folders(raw_dir):
        for name in names:
            for path in (folder / name, folder / f"{name}.gz"):
                if path.is_file():
                    return path
    return None


def _folders(raw_dir: Path) -> Iterator[Path]:
    if not raw_dir.is_dir():
        raise InputError(f"the folder {raw_dir} does not exist; give the release's folder")
    yield raw_dir
    yield from sorted(path for path in raw_dir.iterdir() if path.is_dir())


def require(raw_dir: Path, names: Sequence[str]) -> Path:
    """Like `find`, and an error where there is none."""
    path = find(raw_dir, names)
    if path is None:
        raise InputError(
            f"none of {', '.join(names)} (or .gz) is in {raw_dir} or a folder directly inside it"
        )
    return path


def beside(path: Path, name: str) -> Path | None:
    """`name` (plain or gzipped) in the folder of `path`."""
    for candidate in (path.with_name(name), path.with_name(f"{name}.gz")):
        if candidate.is_file():
            return candidate
    return None


def prefix(raw_dir: Path, folder: Path) -> str:
    """What to put before a path under `folder` to make it relative to `raw_dir`."""
    relative = folder.relative_to(raw_dir).as_posix()
    return "" if relative == "." else f"{relative}/"


def read(path: Path, columns: Iterable[str]) -> pd.DataFrame:
    """The table at `path`, all text, under `columns` spelled as given, whatever the file's case.

    Raises:
        InputError: if the file cannot be read, a row is shorter or longer than the header, no row
            is there, or a column is absent or there twice.
    """
    try:
        table = _parse(path)
    except (OSError, EOFError, ValueError, csv.Error, zlib.error) as error:
        reason = _shortened(" ".join(str(error).split()), 300)
        raise InputError(f"{path} is not a readable CSV table: {reason}") from error
    known = {str(name).strip().lower(): name for name in table.columns}
    absent = [column for column in columns if column.lower() not in known]
    if absent:
        raise InputError(f"{path} lacks the column {', '.join(absent)}; is it the right table?")
    if table.empty:
        raise InputError(f"{path} holds a header and no row")
    table = table.rename(columns={known[column.lower()]: column for column in columns})
    return table.apply(lambda cells: cells.str.strip())


def _parse(path: Path) -> pd.DataFrame:
    """Arrow's reader is used because it refuses short rows, which pandas' fills up silently."""
    content = path.read_bytes()
    if path.suffix == ".gz":
        content = gzip.decompress(content)
    first = content.split(b"\n", 1)[0].decode("utf-8-sig")
    header = next(csv.reader([first]), [])
    names = [name.strip().lower() for name in header]
    if len(set(names)) < len(names):
        raise ValueError("two columns have the same name")
    if not header:
        raise ValueError("the file is empty")
    return arrow_csv.read_csv(
        io.BytesIO(content),
        read_options=arrow_csv.ReadOptions(use_threads=False),
        parse_options=arrow_csv.ParseOptions(newlines_in_values=True),
        convert_options=arrow_csv.ConvertOptions(
            column_types={name: pyarrow.string() for name in header}, strings_can_be_null=False
        ),
    ).to_pandas()


def _shortened(text: str, length: int = 80) -> str:
    return text if len(text) <= length else f"{text[:length]}…"


def row_number(marked: pd.Series) -> int:
    """Line in the file of the first marked row (the header is line 1)."""
    return int(np.flatnonzero(marked.to_numpy())[0]) + 2


def refuse(path: Path, column: str, cells: pd.Series, bad: pd.Series, wanted: str) -> None:
    """Stop at the first bad cell, if any, saying where it stands and what was expected."""
    if bad.any():
        first = _shortened(repr(cells[bad].iloc[0]))
        raise InputError(
            f"{path} row {row_number(bad)}, column {column}: {first} where {wanted} is expected"
        )


def blank(cells: pd.Series) -> pd.Series:
    """True where a cell says nothing."""
    return cells.isin(MISSING)


def identifiers(path: Path, column: str, cells: pd.Series) -> pd.Series:
    """Cells that name an image, study or patient: never blank, no control characters."""
    bad = blank(cells) | cells.str.contains(r"[\x00-\x1f]", regex=True)
    refuse(path, column, cells, bad, "an identifier")
    return cells


def relative_paths(path: Path, column: str, cells: pd.Series) -> pd.Series:
    """Image paths inside the release, POSIX; one that would leave it stops everything."""
    bad = cells.map(lambda cell: _ESCAPE.search(cell) is not None).astype(bool)
    refuse(path, column, cells, bad, "a path inside the release")
    return cells


def file_names(path: Path, column: str, cells: pd.Series) -> pd.Series:
    """Image names that are one file name each, without any folder."""
    bad = cells.str.contains("/", regex=False)
    refuse(path, column, cells, bad, "a plain file name")
    return relative_paths(path, column, cells)


def lookup(cells: pd.Series, table: Mapping[str, str]) -> pd.Series:
    """Each cell's entry in `table`, empty where it has none."""
    return cells.map(lambda cell: table.get(cell, ""))


def numbers(path: Path, column: str, cells: pd.Series) -> pd.Series:
    """Cells as float64, NaN where blank."""
    values = pd.to_numeric(cells.where(~blank(cells), None), errors="coerce")
    refuse(path, column, cells, (values.isna() | np.isinf(values)) & ~blank(cells), "a number")
    return values.astype("float64")


def plausible_ages(years: pd.Series) -> pd.Series:
    """Ages in years; unknown (NaN) where below 0 or above any human age."""
    return years.where((years >= 0) & (years <= OLDEST))


def sexes(cells: pd.Series) -> pd.Series:
    """`F`, `M`, or empty for anything else."""
    letter = cells.str.upper().str[:1]
    return letter.where(letter.isin(["F", "M"]), "")
