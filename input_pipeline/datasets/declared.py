"""Any table that a declaration describes: a hospital's own, or a publisher's beside the six.

Layout: as `table.toml` says, see `input_pipeline.declaration` and docs/own_data.md.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import partial
from pathlib import Path

import pandas as pd

from input_pipeline import codes, ids, joins, text_table
from input_pipeline.datasets import tables
from input_pipeline.datasets.release import Release
from input_pipeline.declaration import Declaration
from input_pipeline.declared_labels import evidence_of, findings_of
from input_pipeline.image_places import image_paths
from input_pipeline.table_sections import Coded, Identifier, TableFile
from jaxcxr.errors import InputError

Columns = dict[str, tuple[Path, pd.Series]]
Column = Callable[[str], tuple[str, pd.Series]]  # the file of a heading, and its cells
Steps = list[tuple[str, pd.Series]]


def read(raw_dir: Path, declared: Declaration, declaration: Path) -> Release:
    """Read the tables below `raw_dir` by a declaration, which lies at `declaration`.

    Raises:
      InputError: a file or column is absent, a cell is none of the declared words, or what
        `docs/joins.md` says of identifiers does not hold.
    """
    column, joined = columns_of(raw_dir, declared)
    rows, steps, notes = _rows(raw_dir, declared, column)
    files = [raw_dir / one.file for one in (declared.table, *declared.join)]
    return Release(
        rows=rows,
        findings=findings_of(declared, column),
        steps=steps,
        evidence=partial(evidence_of, declared, column),
        sources=(declaration, *files),
        lists="" if declared.split is None else f"the column {declared.split.column}",
        joins=joined,
        notes=tuple(notes),
    )


def columns_of(raw_dir: Path, declared: Declaration) -> tuple[Column, tuple[joins.Joined, ...]]:
    """The cells of any heading of the tables, on the rows of the first; and how they matched.

    Raises:
      InputError: a table cannot be read, or two do not belong together.
    """
    columns, joined = _tables(raw_dir, declared)

    def column(heading: str) -> tuple[str, pd.Series]:
        found = columns.get(text_table.heading(heading))
        if found is None:
            raise InputError(
                f"{raw_dir / declared.table.file} lacks the declared column {heading!r}"
            )
        return str(found[0]), found[1]

    return column, tuple(joined)


def _tables(raw_dir: Path, declared: Declaration) -> tuple[Columns, list[joins.Joined]]:
    """All columns by their compared heading, on the rows of the first table."""
    path, first = _table(raw_dir, declared.table)
    columns: Columns = {text_table.heading(name): (path, first[name]) for name in first.columns}
    joined = []
    for one in declared.join:
        path, other = _table(raw_dir, one)
        key = text_table.heading(one.key)
        theirs = {text_table.heading(name): other[name] for name in other.columns}
        for place, known in ((raw_dir / declared.table.file, columns), (path, theirs)):
            if key not in known:
                raise InputError(f"{place} lacks the column {one.key}, the key of the join")
        where, cells = columns[key]
        match = joins.join(
            joins.Side(cells, f"{where} column {one.key}"),
            joins.Side(theirs[key], f"{path} column {one.key}"),
            f"{where.name} and {path.name}",
        )
        joined.append(match)
        for name, added in theirs.items():
            taken = match.take(added, "", cells.index).astype("str")
            if name == key:
                continue
            if name in columns and not columns[name][1].eq(taken).all():
                raise InputError(
                    f"{columns[name][0]} and {path} both have a column {name} and differ in it; "
                    "rename one"
                )
            columns[name] = (path, taken)
    return columns, joined


def _table(raw_dir: Path, declared: TableFile) -> tuple[Path, pd.DataFrame]:
    tables.relative_paths(Path("the declaration"), "file", pd.Series([declared.file]))
    path = raw_dir / declared.file
    table = text_table.read_text(path, declared.form)
    if table.empty:
        raise InputError(f"{path} holds a header and no row")
    headings = [text_table.heading(name) for name in table.columns]
    if len(set(headings)) < len(headings):
        twice = next(name for name in headings if headings.count(name) > 1)
        raise InputError(f"{path} has two columns {twice!r}; rename one")
    return path, table


def _rows(
    raw_dir: Path, declared: Declaration, column: Column
) -> tuple[pd.DataFrame, Steps, list[str]]:
    """The rows of the release, the steps of its funnel, and what was taken for unknown."""
    where, named = column(declared.image.column)
    images = tables.identifiers(Path(where), declared.image.column, named)
    places, absent = image_paths(raw_dir, declared.image, column)
    nothing = pd.Series("", index=images.index)
    patients = nothing
    if declared.patient:
        patients = _identifiers(declared.patient, column, images, whole=True)
    studies = images
    if declared.study:
        found = _identifiers(declared.study, column, images, whole=False)
        studies = found.where(found.ne(""), images)
    view, steps = _view(declared, column, nothing)
    age_where, age = _coded(declared.age, column, nothing)
    sex_where, sex = _coded(declared.sex, column, nothing)
    ages = codes.ages(age, age_where, "age")
    rows = pd.DataFrame(
        {
            "image_id": images,
            "image_path": places,
            "patient_id": patients,
            "study_id": studies,
            "view": view,
            "age": ages.years,
            "sex": codes.sexes(sex, sex_where, "sex"),
            "official_split": _splits(declared, column, nothing),
        }
    )
    for rule in declared.exclude:
        where, cells = column(rule.column)
        left_out, kept = ({ids.key(word) for word in some} for some in (rule.cells, rule.kept))
        if kept:
            known = cells.where(ids.keys(cells).isin(left_out | kept), None)
            wanted = f"one of cells or kept ({rule.reason})"
            codes.refuse_unknown(cells, known, where, rule.column, wanted)
        steps.append((rule.reason, ~ids.keys(cells).isin(left_out)))
    lost = f"{absent:,} images have no file under the declared folders and suffixes"
    return rows, steps, [note for note in (ages.note, lost if absent else "") if note]


def _identifiers(
    declared: Identifier, column: Column, images: pd.Series, *, whole: bool
) -> pd.Series:
    """Patients or studies, by the declared pattern; blank where none is named, unless `whole`."""
    where, cells = column(declared.column)
    blank = ids.nobody(cells)
    if declared.pattern:
        pattern = re.compile(declared.pattern)

        def taken(cell: str) -> str | None:
            found = pattern.fullmatch(cell)
            if found is None:
                return None
            return found[1] if pattern.groups else found[0]

        found = ids.each(cells, taken)
        bad = found.isna() & ~blank
        if bad.any():
            raise InputError(
                f"{where} row {tables.row_number(bad)}, column {declared.column}: the cell (of "
                f"image {images[bad].iloc[0]!r}) does not match the declared pattern "
                f"{declared.pattern!r} ({int(bad.sum()):,} such rows)"
            )
        cells = found.where(~blank, cells).astype("str")
    if whole or not blank.any():
        return tables.identifiers(Path(where), declared.column, cells, images=images)
    named = tables.identifiers(
        Path(where), declared.column, cells.where(~blank, images), images=images
    )
    return named.where(~blank, "")


def _view(declared: Declaration, column: Column, nothing: pd.Series) -> tuple[pd.Series, Steps]:
    """The views, and the step that keeps the frontal ones."""
    rule = declared.view
    if rule.all is not None:
        view = nothing + rule.all
        return view, [("frontal (by the declaration, all are)", view.eq(view))]
    where, cells = column(rule.column)
    known = {ids.key(word): True for word in rule.frontal}
    known |= {ids.key(word): False for word in rule.other}
    frontal = ids.each(cells, lambda cell: known.get(ids.key(cell)))
    codes.refuse_unknown(cells, frontal, where, rule.column, "one of view.frontal or view.other")
    view = codes.views(_replaced(rule.values, cells))
    words = ", ".join(word or "blank" for word in rule.frontal)
    return view, [(f"frontal ({words})", frontal.astype(bool))]


def _coded(declared: Coded | None, column: Column, nothing: pd.Series) -> tuple[str, pd.Series]:
    if declared is None:
        return "", nothing
    where, cells = column(declared.column)
    return where, _replaced(declared.values, cells)


def _replaced(values: dict[str, str], cells: pd.Series) -> pd.Series:
    words = {ids.key(word): meant for word, meant in values.items()}
    return ids.each(cells, lambda cell: words.get(ids.key(cell), cell)).astype("str")


def _splits(declared: Declaration, column: Column, nothing: pd.Series) -> pd.Series:
    if declared.split is None:
        return nothing
    where, cells = _coded(declared.split, column, nothing)
    found = codes.translate(cells, codes.SPLIT_WORDS)
    known = found.where(found.ne(""), None)
    codes.refuse_unknown(cells, known, where, declared.split.column, "train, validation or test")
    return found.astype("str")
