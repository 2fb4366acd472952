"""Any table that a declaration describes: a hospital's own, or a publisher's beside the six.

Layout: as `table.toml` says, see `input_pipeline.declared.declaration` and docs/own_data.md.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path

import pandas as pd

from input_pipeline.datasets.release import Release
from input_pipeline.declared.declaration import Declaration, LabelTable
from input_pipeline.declared.declared_labels import any_row, evidence_of, findings_of
from input_pipeline.declared.declared_tables import Column, columns_of, named_by
from input_pipeline.declared.image_places import image_paths
from input_pipeline.declared.table_sections import Coded, Identifier
from input_pipeline.tables import codes, ids, raw_tables
from jaxcxr.errors import InputError

Steps = list[tuple[str, pd.Series]]


def read(raw_dir: Path, declared: Declaration, declaration: Path) -> Release:
    """Read the tables below `raw_dir` by a declaration, which lies at `declaration`.

    Raises:
      InputError: a file or column is absent, a cell is none of the declared words, or what
        `docs/joins.md` says of identifiers does not hold.
    """
    column, joined, counted = columns_of(raw_dir, declared)
    rows, steps, notes = _rows(raw_dir, declared, column)
    findings = findings_of(declared, column)
    evidence: Callable[[str], pd.Series] = partial(evidence_of, declared, column)
    if declared.image.several_rows:
        rows, steps, findings, evidence, note = _one_row_an_image(rows, steps, findings, evidence)
        notes.append(note)
    files = [raw_dir / file for one in (declared.table, *declared.join) for file in one.files]
    return Release(
        rows=rows,
        findings=findings,
        steps=steps,
        evidence=evidence,
        sources=(declaration, *files),
        lists="" if declared.split is None else f"the column {declared.split.column}",
        joins=joined,
        notes=(*counted, *notes),
    )


def _one_row_an_image(
    rows: pd.DataFrame,
    steps: Steps,
    findings: pd.DataFrame,
    evidence: Callable[[str], pd.Series],
) -> tuple[pd.DataFrame, Steps, pd.DataFrame, Callable[[str], pd.Series], str]:
    """Gather the rows of each image, which may differ in its labels alone."""
    images = rows["image_id"]
    for name, cells in [*((str(one), rows[one]) for one in rows), *steps]:
        differ = cells.groupby(images).transform("nunique", dropna=False).gt(1)
        if differ.any():
            raise InputError(
                f"image {images[differ].iloc[0]!r}: its rows differ in {name}, and all but labels "
                f"has to be the same in them ({images[differ].nunique():,} such images)"
            )
    first = ~images.duplicated()
    note = (
        f"{len(rows):,} rows stand for {int(first.sum()):,} images; a label is positive for an "
        "image if it is in any of its rows"
    )

    def gathered(finding: str) -> pd.Series:
        cells = evidence(finding).astype("str").groupby(images).agg(_said)
        return images[first].map(cells)

    chosen = [(reason, passes[first]) for reason, passes in steps]
    return rows[first], chosen, any_row(findings, images)[first], gathered, note


def _said(cells: pd.Series) -> str:
    return " | ".join(dict.fromkeys(cells))


def _rows(
    raw_dir: Path, declared: Declaration, column: Column
) -> tuple[pd.DataFrame, Steps, list[str]]:
    """The rows of the release, the steps of its funnel, and what was taken for unknown."""
    where, images = images_of(declared, column)
    places, absent = image_paths(raw_dir, declared.image, images, column)
    nothing = pd.Series("", index=images.index)
    patients = nothing
    if declared.patient:
        patients = _identifiers(declared.patient, column, images, whole=True)
    studies = images
    if declared.study:
        found = _identifiers(declared.study, column, images, whole=False)
        studies = found.where(found.ne(""), images)
    view, steps, assumed = _view(declared, column, images)
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
    return rows, steps, [note for note in (assumed, ages.note, lost if absent else "") if note]


def images_of(declared: LabelTable, column: Column) -> tuple[str, pd.Series]:
    """Where the images are named, and the name of each row's.

    Raises:
      InputError: the declared pattern does not match a cell, or one is no identifier.
    """
    assert declared.image is not None
    where, cells = column(declared.image.column)
    named = named_by(declared.image, where, cells, ids.nobody(cells), None)
    return where, raw_tables.identifiers(Path(where), declared.image.column, named)


def _identifiers(
    declared: Identifier, column: Column, images: pd.Series, *, whole: bool
) -> pd.Series:
    """Patients or studies, by the declared pattern; blank where none is named, unless `whole`."""
    where, cells = column(declared.column)
    blank = ids.nobody(cells)
    cells = named_by(declared, where, cells, blank, images)
    if whole or not blank.any():
        return raw_tables.identifiers(Path(where), declared.column, cells, images=images)
    named = raw_tables.identifiers(
        Path(where), declared.column, cells.where(~blank, images), images=images
    )
    return named.where(~blank, "")


def _view(declared: Declaration, column: Column, images: pd.Series) -> tuple[pd.Series, Steps, str]:
    """The views, the step that keeps the frontal ones, and how many of those are assumed to be."""
    rule = declared.view
    if rule.all is not None:
        view = pd.Series(rule.all, index=images.index, dtype="str")
        told = (
            f"that all {images.nunique():,} images are frontal is told by the declaration, not by "
            "a column"
        )
        return view, [("frontal (by the declaration, all are)", view.eq(view))], told
    where, cells = column(rule.column)
    known = {ids.key(word): True for word in (*rule.frontal, *rule.assumed)}
    known |= {ids.key(word): False for word in rule.other}
    frontal = ids.each(cells, lambda cell: known.get(ids.key(cell)))
    codes.refuse_unknown(
        cells, frontal, where, rule.column, "one of view.frontal, other or assumed"
    )
    view = codes.views(_replaced(rule.values, cells))
    words = ", ".join(rule.frontal)
    if not rule.assumed:
        return view, [(f"frontal ({words})", frontal.astype(bool))], ""
    silent = ids.keys(cells).isin({ids.key(word) for word in rule.assumed})
    taken = images[silent].nunique()
    assumed = ", ".join(word or "blank" for word in rule.assumed)
    step = f"frontal ({words}; and, by assumption, {taken:,} {assumed})"
    note = f"{taken:,} images whose {rule.column} is {assumed} are assumed to be frontal"
    return view, [(step, frontal.astype(bool))], note


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
