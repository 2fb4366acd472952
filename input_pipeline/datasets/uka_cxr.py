"""UKA-CXR (internal to the University Hospital Aachen), and any hospital's table of that form.

Layout: one table `uka_cxr.csv`, one row an image, severities 1 to 5 and 0 for not reported, per
side where a side matters; see the template in docs/datasets.md. An optional `severities.json`
beside it says which severities are positive and which unknown.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import numpy as np
import pandas as pd
from pydantic import Field
from typing_extensions import TypedDict

from input_pipeline.datasets.release import Release
from input_pipeline.label_rule import UNKNOWN, LabelRule
from input_pipeline.labels import SIDES
from input_pipeline.sides import merge_sides
from input_pipeline.tables import codes, ids, raw_tables
from jaxcxr.errors import InputError
from jaxcxr.small_files import read_json

TABLES = ("uka_cxr.csv", "original_novalid_UKA_master_list.csv")
COLUMNS = {
    "cardiomegaly": "cardiomegaly",
    "congestion": "congestion",
    "pleural_effusion_right": "pleural_effusion_right",
    "pleural_effusion_left": "pleural_effusion_left",
    "pneumonic_infiltrates_right": "pneumonia_right",
    "pneumonic_infiltrates_left": "pneumonia_left",
    "atelectasis_right": "atelectasis_right",
    "atelectasis_left": "atelectasis_left",
    "pneumothorax_right": "pneumothorax_right",
    "pneumothorax_left": "pneumothorax_left",
}
MERGED = ("pleural_effusion", "pneumonia", "atelectasis", "pneumothorax")
OPTIONAL = (
    "split",
    "age",
    ("gender", "sex", "patient_sex", "patient_gender"),
    "study_id",
    "image_path",
    "subset",
)
SEVERITIES = range(6)
Severity = Annotated[int, Field(ge=0, le=5)]


@dataclass(frozen=True)
class Severities:
    """Which of the severities 0 to 5 are positive and which unknown; the others are negative."""

    positive: frozenset[int]
    unknown: frozenset[int]


class SeveritiesFile(TypedDict):
    """A hospital's own rule, in `severities.json`."""

    positive: list[Severity]
    unknown: list[Severity]


STUDY = Severities(positive=frozenset({3, 4}), unknown=frozenset())
CURATED = Severities(positive=frozenset({3, 4, 5}), unknown=frozenset({0}))


def read(raw_dir: Path, rule: LabelRule) -> Release:
    """Read the table in `raw_dir`."""
    path = raw_tables.require(raw_dir, TABLES)
    table = raw_tables.read(path, ["image_id", "subject_id", *COLUMNS, "healthy"], OPTIONAL)
    own = path.with_name("severities.json")
    severities = STUDY if rule.name == "paper" else _severities(own)
    levels = _levels(path, table)
    steps = [("frontal (the release holds no other view)", table["image_id"].ne(""))]
    findings = _findings(levels, severities)
    if rule.name == "curated":
        steps.append(("any finding is reported", levels.ne(0).any(axis=1)))
    healthy = raw_tables.numbers(path, "healthy", table["healthy"])
    raw_tables.refuse(path, "healthy", table["healthy"], ~healthy.isin([0, 1]), "0 or 1")
    rows, ages = _rows(raw_dir, path, table)
    return Release(
        rows=rows,
        findings=findings.assign(no_finding=healthy.astype(np.int8)),
        steps=steps,
        evidence=lambda finding: _evidence(levels, healthy, finding),
        sources=tuple(file for file in (path, own) if file.is_file()),
        lists="the column split" if "split" in table else "",
        notes=tuple(filter(None, [ages.note])),
    )


def _severities(path: Path) -> Severities:
    """The hospital's own rule, or the curated one where it has none."""
    if not path.is_file():
        return CURATED
    form = 'it must read like {"positive": [3, 4, 5], "unknown": [0]}, severities 0 to 5'
    content = read_json(path, SeveritiesFile, "severities", form)
    rule = Severities(frozenset(content["positive"]), frozenset(content["unknown"]))
    if rule.positive & rule.unknown:
        raise InputError(f"{path}: {form}, none of them in both lists")
    return rule


def _levels(path: Path, table: pd.DataFrame) -> pd.DataFrame:
    columns = {}
    for column, finding in COLUMNS.items():
        values = raw_tables.numbers(path, column, table[column]).fillna(0)
        raw_tables.refuse(
            path, column, table[column], ~values.isin(SEVERITIES), "a severity 0 to 5"
        )
        columns[finding] = values.astype(np.int8)
    return pd.DataFrame(columns, index=table.index)


def _findings(levels: pd.DataFrame, severities: Severities) -> pd.DataFrame:
    """Labels a side, and `right or left` for the sets that know no side."""
    findings = levels.isin(severities.positive).astype(np.int8)
    findings = findings.mask(levels.isin(severities.unknown), UNKNOWN)
    for finding in MERGED:
        findings[finding] = merge_sides(findings, finding)
    return findings


def _evidence(levels: pd.DataFrame, healthy: pd.Series, finding: str) -> pd.Series:
    if finding == "no_finding":
        return "healthy " + healthy.astype(int).astype(str)
    sides = [name for name in levels if name in (finding, *(f"{finding}_{side}" for side in SIDES))]
    return "severity " + levels[sides].astype(str).agg(" and ".join, axis=1)


def _rows(raw_dir: Path, path: Path, table: pd.DataFrame) -> tuple[pd.DataFrame, codes.Ages]:
    def optional(column: str) -> pd.Series:
        return table[column] if column in table else pd.Series("", index=table.index)

    images = raw_tables.identifiers(path, "image_id", table["image_id"])
    patients = raw_tables.identifiers(path, "subject_id", table["subject_id"], images=images)
    splits = codes.translate(optional("split"), codes.SPLIT_WORDS)
    if "split" in table:
        known = splits.where(splits.ne(""), None)
        codes.refuse_unknown(table["split"], known, str(path), "split", "train, validation or test")
    studies = optional("study_id")
    unnamed = ids.nobody(studies)
    ids.refuse_alike(studies.where(~unnamed, ""), f"{path} column study_id", named=images)
    ages = codes.ages(optional("age"), str(path), "age")
    rows = pd.DataFrame(
        {
            "image_id": images,
            "image_path": _image_paths(raw_dir, path, table, images),
            "patient_id": patients,
            "study_id": ids.plain(studies).where(~unnamed, images),
            "view": "AP",
            "age": ages.years,
            "sex": codes.sexes(optional("gender"), str(path), "gender"),
            "official_split": splits,
        }
    )
    return rows, ages


def _image_paths(raw_dir: Path, path: Path, table: pd.DataFrame, images: pd.Series) -> pd.Series:
    """The column `image_path`, or `<subset>/<image_id>.jpg` as in Aachen; beside the table."""
    if "image_path" in table:
        column, places = "image_path", table["image_path"]
    elif "subset" in table:
        column, places = "subset", table["subset"] + "/" + images + ".jpg"
    else:
        raise InputError(f"{path} needs a column image_path (or subset) to say where images lie")
    places = raw_tables.relative_paths(path, column, places)
    return raw_tables.prefix(raw_dir, path.parent) + places
