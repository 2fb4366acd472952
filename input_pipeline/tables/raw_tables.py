"""Read a publisher's table as text, and refuse what is damaged in one sentence.

Every cell stays text until a reader has said what it may be: an image name such as `007` keeps
its zeros, and nothing in a table is ever evaluated.
"""

from __future__ import annotations

import difflib
import gzip
import hashlib
import re
import zlib
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

import numpy as np
import pandas as pd

from input_pipeline.tables import ids, text_table
from jaxcxr.errors import InputError

# An empty segment, `.` or `..`, a backslash, a control character, or a drive letter.
_ESCAPE = re.compile(r"(^|/)\.{0,2}(/|$)|\\|[\x00-\x1f]|^[A-Za-z]:")


def find(raw_dir: Path, names: Sequence[str], deeper: Sequence[str] = ()) -> Path | None:
    """The one table among `names` in `raw_dir` or a folder directly inside it.

    Each may be plain, gzipped, or saved again as `.xlsx` or `.parquet`.

    Args:
        raw_dir: the release.
        names: of the table's editions.
        deeper: patterns of further folders to look into.

    Raises:
        InputError: if there are two that differ: which is meant, nobody can tell.
    """
    found = [
        path
        for folder in _folders(raw_dir, deeper)
        for name in names
        for path in _editions(folder / name)
        if path.is_file()
    ]
    if len(found) > 1 and len({_content(path) for path in found}) > 1:
        raise InputError(
            f"{found[0]} and {found[1]} could both be meant; keep one of them in {raw_dir}"
        )
    return found[0] if found else None


def _editions(path: Path) -> list[Path]:
    """A table's names, by what it may be saved as."""
    again = [path.with_suffix(suffix) for suffix in (".xlsx", ".parquet")]
    return [path, path.with_name(f"{path.name}.gz"), *(again if path.suffix == ".csv" else ())]


def _content(path: Path) -> str:
    """A digest of what a table holds, packed or not."""
    opened = gzip.open if path.suffix == ".gz" else open
    try:
        with opened(path, "rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except (OSError, EOFError, zlib.error) as error:
        raise InputError(f"{path} is not a readable CSV table: {error}") from error


def _folders(raw_dir: Path, deeper: Sequence[str]) -> Iterator[Path]:
    if not raw_dir.is_dir():
        raise InputError(f"the folder {raw_dir} does not exist; give the release's folder")
    yield raw_dir
    yield from sorted(path for path in raw_dir.iterdir() if path.is_dir())
    for pattern in deeper:
        yield from sorted(path for path in raw_dir.glob(pattern) if path.is_dir())


def require(raw_dir: Path, names: Sequence[str]) -> Path:
    """Like `find`, and an error where there is none."""
    path = find(raw_dir, names)
    if path is None:
        raise InputError(
            f"none of {', '.join(names)} (or .gz) is in {raw_dir} or a folder directly inside it"
        )
    return path


def prefix(raw_dir: Path, folder: Path) -> str:
    """What to put before a path under `folder` to make it relative to `raw_dir`."""
    relative = folder.relative_to(raw_dir).as_posix()
    return "" if relative == "." else f"{relative}/"


def read(
    path: Path, columns: Iterable[str | Sequence[str]], optional: Iterable[str | Sequence[str]] = ()
) -> pd.DataFrame:
    """The table at `path`, all text, under the wanted columns' names, whatever the file's case.

    Args:
        path: of the table.
        columns: names that must be there, or several names of one column, the first of which it
            gets.
        optional: likewise, which may be absent.

    Raises:
        InputError: if the file cannot be read, a row is shorter or longer than the header, no row
            is there, or a column is absent, there twice, or nearly an optional one.
    """
    table = named(text_table.read_text(path), path, columns, optional)
    if table.empty:
        raise InputError(f"{path} holds a header and no row")
    return table


def named(
    table: pd.DataFrame,
    path: Path,
    columns: Iterable[str | Sequence[str]],
    optional: Iterable[str | Sequence[str]] = (),
) -> pd.DataFrame:
    """A table with its wanted columns under the wanted names; arguments and errors as of `read`."""
    known: dict[str, list[str]] = {}
    for name in table.columns:
        known.setdefault(text_table.heading(str(name)), []).append(name)
    required = [(column,) if isinstance(column, str) else tuple(column) for column in columns]
    welcome = [(column,) if isinstance(column, str) else tuple(column) for column in optional]
    renamed: dict[str, str] = {}
    absent = []
    for names in (*required, *welcome):
        found = [name for one in names for name in known.get(text_table.heading(one), [])]
        if len(found) > 1:
            raise InputError(f"{path} has two columns {names[0]}: {' and '.join(map(repr, found))}")
        if found:
            renamed[found[0]] = names[0]
        elif names in required:
            absent.append(" (or ".join(names) + ")" * (len(names) - 1))
        else:
            _refuse_nearly(path, names[0], set(table.columns) - set(renamed))
    if absent:
        raise InputError(f"{path} lacks the column {', '.join(absent)}; is it the right table?")
    return table.rename(columns=renamed)


def _refuse_nearly(path: Path, name: str, others: set[str]) -> None:
    """An optional column that is only misspelt would be passed over in silence."""
    headings = {text_table.heading(other): other for other in sorted(others)}
    if close := difflib.get_close_matches(text_table.heading(name), headings, n=1, cutoff=0.85):
        raise InputError(
            f"{path} has a column {headings[close[0]]!r}: name it {name} if that is meant, "
            "or otherwise"
        )


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


def identifiers(
    path: Path, column: str, cells: pd.Series, *, images: pd.Series | None = None
) -> pd.Series:
    """Cells that name an image, study or patient, checked; see `ids.check`."""
    return ids.check(cells, str(path), column, images=images)


def relative_paths(path: Path, column: str, cells: pd.Series) -> pd.Series:
    """Image paths inside the release, POSIX; one that would leave it stops everything."""
    bad = cells.map(lambda cell: _ESCAPE.search(cell) is not None).astype(bool)
    refuse(path, column, cells, bad, "a path inside the release")
    return cells


def file_names(path: Path, column: str, cells: pd.Series) -> pd.Series:
    """Image names that are one file name each, without any folder."""
    bad = cells.str.contains("/", regex=False)
    refuse(path, column, cells, bad, "a plain file name")
    relative_paths(path, column, cells)
    identifiers(path, column, cells)
    return cells


def numbers(path: Path, column: str, cells: pd.Series) -> pd.Series:
    """Cells as float64, NaN where blank."""
    blank = ids.missing(cells)
    # A decimal comma has one or two digits after it; with three it may part thousands.
    points = cells.str.replace(r"^([+-]?[0-9]+),([0-9]{1,2})$", r"\1.\2", regex=True)
    values = pd.to_numeric(points.where(~blank, None), errors="coerce")
    refuse(path, column, cells, (values.isna() | np.isinf(values)) & ~blank, "a number")
    return values.astype("float64")
