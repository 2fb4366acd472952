"""PadChest (BIMCV): 160,861 radiographs, labels as lists of terms.

Layout: `PADCHEST_chest_x_ray_images_labels_160K_01.02.19.csv[.gz]` beside the folders `0` … `54`
of 16-bit PNG files, or all files in one folder.
"""

from __future__ import annotations

import ast
from collections.abc import Callable
from functools import cache
from pathlib import Path

import numpy as np
import pandas as pd

from input_pipeline.datasets.release import Release
from input_pipeline.label_rule import LabelRule
from input_pipeline.tables import codes, ids, raw_tables

TABLES = (
    "PADCHEST_chest_x_ray_images_labels_160K_01.02.19.csv",
    "PADCHEST_chest_x_ray_images_labels_160K.csv",
)
COLUMNS = (
    "ImageID",
    "ImageDir",
    "StudyDate_DICOM",
    "StudyID",
    "PatientID",
    "PatientBirth",
    "PatientSex_DICOM",
    "Projection",
    "Labels",
)
FRONTAL = ("PA", "AP", "AP_horizontal")
VIEWS = {codes.fold(name): name for name in (*FRONTAL, "L", "COSTAL", "EXCLUDE", "UNK")}

# The study: positive where any of these stands anywhere in the lower-cased label terms.
SUBSTRINGS = {
    "cardiomegaly": ("cardiomegaly",),
    "pleural_effusion": ("pleural effusion",),
    "pneumonia": ("pneumonia",),
    "atelectasis": ("atelectasis",),
    "no_finding": ("normal",),
    "consolidation": ("consolidation",),
    "pneumothorax": ("pneumothorax",),
    "emphysema": ("emphysema",),
    "hernia": ("hernia",),
    "scoliosis": ("scoliosis",),
    "congestion": ("congestion",),
    "aortic_elongation": ("aortic elongation",),
    "kyphosis": ("kyphosis",),
    "copd": ("copd signs",),
    "pleural_thickening": ("pleural thickening",),
    "nodule_mass": ("nodule", "mass"),
    "infiltrates": ("infiltrates",),
    "pulmonary_fibrosis": ("pulmonary fibrosis",),
    "chronic_changes": ("chronic changes",),
    "sternotomy": ("sternotomy",),
    "cavitation": ("cavitation",),
    "volume_loss": ("volume loss",),
    "pacemaker": ("pacemaker",),
    "bronchiectasis": ("bronchiectasis",),
    "air_trapping": ("air trapping",),
}

# Curated: positive where one of these is a whole term. A node of the publisher's label tree counts
# with the nodes beneath it, except where docs/datasets.md says why not.
TERMS = {
    "cardiomegaly": ("cardiomegaly",),
    "pleural_effusion": (
        "pleural effusion",
        "loculated pleural effusion",
        "loculated fissural effusion",
        "hydropneumothorax",
        "empyema",
        "hemothorax",
    ),
    "pneumonia": ("pneumonia", "atypical pneumonia"),
    "atelectasis": (
        "atelectasis",
        "total atelectasis",
        "lobar atelectasis",
        "segmental atelectasis",
        "laminar atelectasis",
        "round atelectasis",
        "atelectasis basal",
    ),
    "no_finding": ("normal",),
    "consolidation": ("consolidation",),
    "pneumothorax": ("pneumothorax", "hydropneumothorax"),
    "emphysema": ("emphysema",),
    "hernia": ("hiatal hernia",),
    "scoliosis": ("scoliosis",),
    "congestion": ("hilar congestion",),
    "aortic_elongation": (
        "aortic elongation",
        "descendent aortic elongation",
        "ascendent aortic elongation",
        "aortic button enlargement",
        "supra aortic elongation",
    ),
    "kyphosis": ("kyphosis",),
    "copd": ("copd signs",),
    "pleural_thickening": (
        "pleural thickening",
        "apical pleural thickening",
        "calcified pleural thickening",
    ),
    "nodule_mass": (
        "nodule",
        "multiple nodules",
        "mass",
        "mediastinal mass",
        "pleural mass",
        "pulmonary mass",
    ),
    "infiltrates": ("infiltrates",),
    "pulmonary_fibrosis": ("pulmonary fibrosis", "post radiotherapy changes", "asbestosis signs"),
    "chronic_changes": ("chronic changes",),
    "sternotomy": ("sternotomy",),
    "cavitation": ("cavitation",),
    "volume_loss": ("volume loss",),
    "pacemaker": ("pacemaker",),
    "bronchiectasis": ("bronchiectasis",),
    "air_trapping": ("air trapping",),
}

# Terms that say nothing about the radiograph's content. "unchanged" refers to an earlier report.
SILENT = frozenset({"", "unchanged", "exclude", "suboptimal study"})


def read(raw_dir: Path, rule: LabelRule) -> Release:
    """Read the release in `raw_dir`."""
    path = raw_tables.require(raw_dir, TABLES)
    table = raw_tables.read(path, COLUMNS)
    labelled = ~ids.missing(table["Labels"])
    terms = _terms(path, table["Labels"].where(labelled, "[]"))
    rows, ages = _rows(raw_dir, path, table)
    steps = [
        (f"frontal (Projection {', '.join(FRONTAL)})", rows["view"].isin(FRONTAL)),
        ("with labels (Labels not null)", labelled),
    ]
    if rule.name == "curated":
        says = ~terms.map(SILENT.issuperset).astype(bool) | ~labelled
        steps.append(("labels say something (not only unchanged, exclude, suboptimal study)", says))
    matches = _substring_matches if rule.name == "paper" else _term_matches
    return Release(
        rows=rows,
        findings=_findings(terms, matches),
        steps=steps,
        evidence=lambda finding: _evidence(terms, finding),
        sources=(path,),
        notes=tuple(filter(None, [ages.note])),
    )


def _terms(path: Path, cells: pd.Series) -> pd.Series:
    """Each cell, a Python list of strings, as a tuple of lower-cased terms."""

    def parse(cell: str) -> tuple[str, ...] | None:
        try:
            items = ast.literal_eval(cell)
        except (ValueError, SyntaxError, MemoryError, RecursionError):
            return None
        if not isinstance(items, list) or not all(isinstance(item, str) for item in items):
            return None
        return tuple(item.strip().lower() for item in items)

    known = {cell: parse(cell) for cell in cells.unique()}
    terms = cells.map(known)
    raw_tables.refuse(path, "Labels", cells, terms.isna(), "a list of terms such as ['normal']")
    return terms


def _substring_matches(term: str, finding: str) -> bool:
    return any(substring in term for substring in SUBSTRINGS[finding])


def _term_matches(term: str, finding: str) -> bool:
    return term in TERMS[finding]


def _findings(terms: pd.Series, matches: Callable[[str, str], bool]) -> pd.DataFrame:
    vocabulary = sorted({term for row in terms.unique() for term in row})
    columns = {}
    for finding in SUBSTRINGS:
        positive = {term for term in vocabulary if matches(term, finding)}
        columns[finding] = (~terms.map(positive.isdisjoint).astype(bool)).astype(np.int8)
    return pd.DataFrame(columns, index=terms.index)


def _evidence(terms: pd.Series, finding: str) -> pd.Series:
    """The terms of each row that either rule reads for this finding."""

    @cache
    def read_by_a_rule(row: tuple[str, ...]) -> str:
        return ", ".join(
            term
            for term in dict.fromkeys(row)
            if _substring_matches(term, finding) or _term_matches(term, finding)
        )

    return terms.map(read_by_a_rule)


def _rows(raw_dir: Path, path: Path, table: pd.DataFrame) -> tuple[pd.DataFrame, codes.Ages]:
    dates = table["StudyDate_DICOM"]
    year = raw_tables.numbers(path, "StudyDate_DICOM", dates.str[:4])
    birth = raw_tables.numbers(path, "PatientBirth", table["PatientBirth"])
    names = raw_tables.file_names(path, "ImageID", table["ImageID"])
    patients = raw_tables.identifiers(path, "PatientID", table["PatientID"], images=names)
    studies = raw_tables.identifiers(path, "StudyID", table["StudyID"], images=names)
    _refuse_other_studies(path, names, studies)
    views = codes.translate(table["Projection"], VIEWS)
    codes.refuse_unknown(
        table["Projection"], views, str(path), "Projection", ", ".join(VIEWS.values())
    )
    # A year of birth of 0 is no year: six rows of the release have it.
    ages = codes.plausible(year - birth)
    rows = pd.DataFrame(
        {
            "image_id": names,
            "image_path": _image_paths(raw_dir, path, table["ImageDir"], names),
            "patient_id": patients,
            "study_id": studies,
            "view": views,
            "age": ages.years,
            "sex": codes.sexes(table["PatientSex_DICOM"], str(path), "PatientSex_DICOM"),
            "official_split": "",
        }
    )
    return rows, ages


def _refuse_other_studies(path: Path, names: pd.Series, studies: pd.Series) -> None:
    """The release's file names begin with the study: one that begins with another is misplaced."""
    inside, theirs = ids.keys(names.str.rsplit("_", n=1).str[0]), ids.keys(studies)
    other = inside.isin(set(theirs)) & inside.ne(theirs)
    raw_tables.refuse(path, "ImageID", names, other, "an image of the row's StudyID")


def _image_paths(raw_dir: Path, path: Path, folders: pd.Series, names: pd.Series) -> pd.Series:
    """`<base>/<ImageDir>/<ImageID>`, or `<base>/<ImageID>` where all files lie in one folder."""
    raw_tables.refuse(
        path, "ImageDir", folders, ~folders.str.fullmatch(r"\d{1,3}(\.0)?"), "a folder number"
    )
    numbered = folders.str.removesuffix(".0")
    base = path.parent
    places = [base, base / "images", raw_dir, raw_dir / "images"]
    for place in places:
        if any((place / folder).is_dir() for folder in numbered.unique()):
            return raw_tables.prefix(raw_dir, place) + numbered + "/" + names
    for place in places:
        if (place / names.iloc[0]).is_file():
            return raw_tables.prefix(raw_dir, place) + names
    return raw_tables.prefix(raw_dir, base) + numbered + "/" + names
