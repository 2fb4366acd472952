"""A table of other labels for images that were predicted: whose they are, and what they say."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from input_pipeline.datasets.declared import images_of
from input_pipeline.declared.declaration import LabelTable, read_label_table
from input_pipeline.declared.declared_labels import any_row, findings_of
from input_pipeline.declared.declared_tables import Column, columns_of, named_by
from input_pipeline.declared.table_sections import Identifier
from input_pipeline.labels import NAMES
from input_pipeline.tables import ids, raw_tables
from jaxcxr.errors import InputError

IDENTIFIERS = (("image_id", "dicom_id"), "study_id", ("patient_id", "subject_id"))


@dataclass(frozen=True)
class OtherLabels:
    """Labels of images, or of studies.

    Attributes:
      where: file and column of the keys, for messages.
      of: `image` or `study`, which the keys name.
      keys: one a row.
      patients, studies: of each row; None where the table names none.
      findings: one int8 column a finding id, or name of a label that is none; 1, 0, -1 unknown.
    """

    where: str
    of: str
    keys: pd.Series
    patients: pd.Series | None
    studies: pd.Series | None
    findings: pd.DataFrame


def read_labels(path: Path, wanted: Collection[str]) -> OtherLabels:
    """Read a declaration (`.toml`, its table beside it), or a table with the wanted labels' names.

    Args:
      path: of either.
      wanted: finding ids, or names of labels that have none.

    Raises:
      InputError: it cannot be read, or names neither images nor studies.
    """
    return _declared(path) if path.suffix == ".toml" else _plain(path, wanted)


def finding(name: str) -> str:
    """The id of a finding, however its name is spelled; of other labels the name."""
    known = {ids.key(text): one for one, title in NAMES.items() for text in (one, title)}
    return known.get(ids.key(name), name)


def _plain(path: Path, wanted: Collection[str]) -> OtherLabels:
    table = raw_tables.read(path, [], IDENTIFIERS)
    of = next((one for one in ("image", "study") if f"{one}_id" in table), None)
    if of is None:
        raise InputError(f"{path} lacks the column image_id (or study_id); whose are its labels?")
    keys = raw_tables.identifiers(path, f"{of}_id", table[f"{of}_id"])
    findings = {}
    for name in table.columns:
        if finding(name) in wanted:
            values = raw_tables.numbers(path, name, table[name]).fillna(-1)
            raw_tables.refuse(
                path, name, table[name], ~values.isin([1, 0, -1]), "1, 0, -1 or blank"
            )
            findings[finding(name)] = values.astype(np.int8)
    patients = studies = None
    if "patient_id" in table:
        patients = raw_tables.identifiers(path, "patient_id", table["patient_id"], images=keys)
    if "study_id" in table and of == "image":
        studies = table["study_id"].where(~ids.nobody(table["study_id"]), "")
    found = pd.DataFrame(findings, index=table.index)
    return OtherLabels(f"{path} column {of}_id", of, keys, patients, studies, found)


def _declared(path: Path) -> OtherLabels:
    declared = read_label_table(path)
    column = columns_of(path.parent, declared).column
    if declared.image is not None:
        of, heading = "image", declared.image.column
        where, keys = images_of(declared, column)
    else:
        assert declared.study is not None
        of, heading = "study", declared.study.column
        where, keys = _named(declared.study, column, None)
    findings = findings_of(declared, column)
    patients = _patients(declared, column, keys)
    if declared.image is not None and declared.image.several_rows:
        findings = any_row(findings, keys)
        first = ~keys.duplicated()
        keys, findings = keys[first], findings[first]
        patients = None if patients is None else patients[first]
    return OtherLabels(f"{where} column {heading}", of, keys, patients, None, findings)


def _patients(declared: LabelTable, column: Column, keys: pd.Series) -> pd.Series | None:
    return _named(declared.patient, column, keys)[1] if declared.patient else None


def _named(declared: Identifier, column: Column, images: pd.Series | None) -> tuple[str, pd.Series]:
    where, cells = column(declared.column)
    named = named_by(declared, where, cells, ids.nobody(cells), images)
    return where, raw_tables.identifiers(Path(where), declared.column, named, images=images)
