"""NIH ChestX-ray14: 112,120 radiographs, pipe-separated findings, official split by patient.

Layout: `Data_Entry_2017_v2020.csv` (or the older `Data_Entry_2017.csv`), `train_val_list.txt`,
`test_list.txt`, and the images in `images_001/images` … `images_012/images` or in one folder.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd

from input_pipeline.datasets.release import ROW_COLUMNS, Release
from input_pipeline.label_rule import LabelRule
from input_pipeline.tables import codes, ids, joins, raw_tables
from jaxcxr.errors import InputError

TABLES = ("Data_Entry_2017_v2020.csv", "Data_Entry_2017.csv")
COLUMNS = (
    "Image Index",
    "Finding Labels",
    "Follow-up #",
    "Patient ID",
    "Patient Age",
    ("Patient Gender", "Patient Sex"),
    "View Position",
)
VIEWS = {"pa": "PA", "ap": "AP"}
NAME = r"(?P<patient>\d+)_\d+\.[A-Za-z]+"  # of an image: the patient and a running number
LISTS = {"train": "train_val_list.txt", "test": "test_list.txt"}
FINDINGS = {
    "Atelectasis": "atelectasis",
    "Cardiomegaly": "cardiomegaly",
    "Consolidation": "consolidation",
    "Edema": "edema",
    "Effusion": "pleural_effusion",
    "Emphysema": "emphysema",
    "Fibrosis": "pulmonary_fibrosis",
    "Hernia": "hernia",
    "Infiltration": "infiltrates",
    "Mass": "mass",
    "No Finding": "no_finding",
    "Nodule": "nodule",
    "Pleural_Thickening": "pleural_thickening",
    "Pneumonia": "pneumonia",
    "Pneumothorax": "pneumothorax",
}


def read(raw_dir: Path, rule: LabelRule) -> Release:
    """Read the release in `raw_dir`. Both label rules agree: every image is kept as labelled."""
    path = raw_tables.require(raw_dir, TABLES)
    table = raw_tables.read(path, COLUMNS)
    findings = _findings(path, table["Finding Labels"])
    ages = codes.ages(table["Patient Age"], str(path), "Patient Age")
    rows = _rows(raw_dir, path, table).assign(age=ages.years)
    rows["official_split"], joined = _official(raw_dir, path, rows["image_id"])
    return Release(
        rows=rows[list(ROW_COLUMNS)],
        findings=findings,
        steps=[("frontal (the release holds no other view)", rows["view"].ne(""))],
        evidence=lambda finding: table["Finding Labels"].where(findings[finding] == 1, ""),
        sources=(path, *_lists(raw_dir).values()),
        lists=" and ".join(LISTS.values()),
        joins=joined,
        notes=tuple(filter(None, [ages.note])),
    )


def _findings(path: Path, cells: pd.Series) -> pd.DataFrame:
    items = {cell: frozenset(cell.split("|")) for cell in cells.unique()}
    wrong = {cell for cell, names in items.items() if not names <= FINDINGS.keys()}
    raw_tables.refuse(
        path, "Finding Labels", cells, cells.isin(wrong), "names of findings, | between"
    )
    both = {cell for cell, names in items.items() if "No Finding" in names and len(names) > 1}
    raw_tables.refuse(path, "Finding Labels", cells, cells.isin(both), "No Finding or findings")
    columns = {
        finding: cells.map({cell: name in names for cell, names in items.items()}).astype(np.int8)
        for name, finding in FINDINGS.items()
    }
    columns["nodule_mass"] = columns["nodule"] | columns["mass"]
    return pd.DataFrame(columns)


def _rows(raw_dir: Path, path: Path, table: pd.DataFrame) -> pd.DataFrame:
    names = raw_tables.file_names(path, "Image Index", table["Image Index"])
    patients = raw_tables.identifiers(path, "Patient ID", table["Patient ID"], images=names)
    inside = names.str.extract(f"^{NAME}$")["patient"]
    other = inside.isna() | ids.keys(inside.fillna("")).ne(ids.keys(patients))
    raw_tables.refuse(
        path, "Image Index", names, other, "the name of an image of the row's Patient ID"
    )
    patients = patients.str.replace(r"^0+(?=\d)", "", regex=True)
    visits = raw_tables.identifiers(path, "Follow-up #", table["Follow-up #"], images=names)
    views = codes.translate(table["View Position"], VIEWS)
    codes.refuse_unknown(table["View Position"], views, str(path), "View Position", "PA or AP")
    return pd.DataFrame(
        {
            "image_id": names,
            "image_path": _image_paths(raw_dir, names),
            "patient_id": patients,
            "study_id": patients + "_" + visits,
            "view": views,
            "sex": codes.sexes(table["Patient Gender"], str(path), "Patient Gender"),
        }
    )


def _lists(raw_dir: Path) -> dict[str, Path]:
    found = {split: raw_tables.find(raw_dir, [file]) for split, file in LISTS.items()}
    return {split: path for split, path in found.items() if path is not None}


def _official(
    raw_dir: Path, path: Path, names: pd.Series
) -> tuple[pd.Series, tuple[joins.Joined, ...]]:
    """`train`, `test`, or empty for images on neither list or where there are no lists."""
    lists = _lists(raw_dir)
    if not lists:
        return pd.Series("", index=names.index), ()
    listed = [(line, split) for split, list_ in lists.items() for line in _lines(list_)]
    lines = pd.Series([line for line, _ in listed], dtype=object)
    split = [split for _, split in listed]
    where = " and ".join(str(list_) for list_ in lists.values())
    places = pd.DataFrame({"line": lines, "key": ids.keys(lines), "split": split})
    both = places.groupby("key")["split"].transform("nunique").gt(1)
    if both.any():
        raise InputError(f"image {lines[both].iloc[0]} is on both official lists; see {where}")
    ids.refuse_alike(lines, where, named=lines, row=None)
    once = places.drop_duplicates("key").reset_index(drop=True)
    joined = joins.join(
        joins.Side(names, f"{path} column Image Index"),
        joins.Side(once["line"], where, row=1),
        "images and official lists",
        # A list may be cut to fewer images than the table's: who asks for it is told so.
        share=None,
    )
    if joined.left_alone and joined.right_alone and not joined.matched.any():
        raise InputError(f"no image of {path} is on {where}; they are not of one release")
    return joined.take(once["split"], "", names.index), (joined,)


def _lines(path: Path) -> list[str]:
    try:
        return path.read_text(encoding="utf-8").split()
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(f"{path} is not a readable list of image names: {error}") from error


def _image_paths(raw_dir: Path, names: pd.Series) -> pd.Series:
    """Where each image lies: numbered folders, one folder, or beside the table."""
    places: dict[str, str] = {}
    for folder in sorted(raw_dir.glob("images_*")):
        inner = folder / "images" if (folder / "images").is_dir() else folder
        for file in inner.glob("*.png"):
            places[file.name] = file.relative_to(raw_dir).as_posix()
    flat = "" if (raw_dir / names.iloc[0]).is_file() else "images/"
    return names.map(lambda name: places.get(name, flat + name))
