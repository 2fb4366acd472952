"""CheXpert v1.0, small and full: 223,414 training radiographs and the radiologists' sets.

Layout: `train.csv`, `valid.csv` and perhaps `test.csv` (no age, sex or view) beside the folders of
JPEG files they name, with or without a leading `CheXpert-v1.0[-small]/` in the path; or the four
batches of the full download; or CheXlocalize's `CheXpert/test_labels.csv` for the test set.
"""

from __future__ import annotations

import re
from pathlib import Path

import pandas as pd

from input_pipeline.datasets import chexpert_labels
from input_pipeline.datasets.chexpert_places import image_paths
from input_pipeline.datasets.release import Release
from input_pipeline.label_rule import LabelRule
from input_pipeline.tables import codes, ids, raw_tables

TABLES = {"train.csv": "train", "valid.csv": "validation", "test.csv": "test"}
TEST_TABLES = ("test.csv", "test_labels.csv")  # the second as CheXlocalize ships it
PERSONAL = ("Sex", "Age", "Frontal/Lateral", "AP/PA")
OWN_PATIENTS = (("patient_id", "PatientID", "deid_patient_id"),)  # in some copies, beside Path
FOLDERS = {"train": "train", "validation": "valid", "test": "test"}
SIDES = {"frontal": "Frontal", "lateral": "Lateral"}
VIEWS = {name.lower(): name for name in ("AP", "PA", "LL", "RL")}
# The study dropped images uncertain in these five; with that its counts come out exactly.
DROPPED_BY_STUDY = ("cardiomegaly", "lung_opacity", "lung_lesion", "pneumonia", "edema")
_PLACE = re.compile(
    r"(?:^|/)(?P<name>(?:train|valid|test)/(?P<patient>patient\d+)/(?P<study>study\d+)"
    r"/view\d+_(?P<side>frontal|lateral)\.jpg)$"
)


def read(raw_dir: Path, rule: LabelRule) -> Release:
    """Read the release in `raw_dir`."""
    train = raw_tables.require(raw_dir, ["train.csv"])
    found = {
        "train": train,
        "validation": raw_tables.find(raw_dir, ["valid.csv"]),
        "test": raw_tables.find(raw_dir, TEST_TABLES, deeper=("*/CheXpert",)),
    }
    sources = {split: path for split, path in found.items() if path is not None}
    parts = [_read_part(raw_dir, path, split) for split, path in sources.items()]
    rows = pd.concat([part[0] for part in parts], ignore_index=True)
    marks = pd.concat([part[1] for part in parts], ignore_index=True)
    frontal = rows.pop("side").eq("Frontal")
    steps = [("frontal", frontal)]
    if (step := chexpert_labels.certain(marks, rule, DROPPED_BY_STUDY)) is not None:
        steps.append(step)
    return Release(
        rows=rows,
        findings=chexpert_labels.findings(marks, rule),
        steps=steps,
        evidence=lambda finding: chexpert_labels.evidence(marks, finding),
        sources=tuple(sources.values()),
        lists=", ".join(TABLES),
        # Other patients than those of train.csv, and labelled by radiologists.
        held_out=("validation", "test"),
        notes=tuple(filter(None, [ages.note for _, _, ages in parts])),
    )


def _read_part(
    raw_dir: Path, path: Path, split: str
) -> tuple[pd.DataFrame, pd.DataFrame, codes.Ages]:
    required, optional = ((), PERSONAL) if split == "test" else (PERSONAL, ())
    table = raw_tables.read(
        path,
        ["Path", *required, *chexpert_labels.HEADINGS],
        [*optional, *OWN_PATIENTS],
    )
    cells = raw_tables.relative_paths(path, "Path", table["Path"])
    places = cells.str.extract(_PLACE)
    names = places["name"]
    wanted = f"…/{FOLDERS[split]}/patient00001/study1/view1_frontal.jpg"
    odd = names.isna() | ~names.str.startswith(f"{FOLDERS[split]}/").fillna(False).astype(bool)
    raw_tables.refuse(path, "Path", cells, odd, wanted)
    raw_tables.identifiers(path, "Path", names)
    if "patient_id" in table:
        own = raw_tables.identifiers(path, "patient_id", table["patient_id"], images=names)
        other = ids.keys(own.str.removeprefix("patient")) != ids.keys(places["patient"].str[7:])
        raw_tables.refuse(path, "Path", names, other, "an image of the patient that the row names")
    sides, views = _views(path, table, places["side"])
    ages = _ages(path, table)
    rows = pd.DataFrame(
        {
            "image_id": names,
            "image_path": image_paths(raw_dir, path, cells, names),
            "patient_id": places["patient"],
            "study_id": places["patient"] + "/" + places["study"],
            "view": views,
            # Everybody is an adult in this release: the three ages of 0 are unknown ages.
            "age": ages.years.where(ages.years.gt(0)),
            "sex": codes.sexes(_optional(table, "Sex"), str(path), "Sex"),
            "official_split": split,
            "side": sides,
        }
    )
    return rows, chexpert_labels.marks(path, table), ages


def _optional(table: pd.DataFrame, column: str) -> pd.Series:
    return table[column] if column in table else pd.Series("", index=table.index)


def _ages(path: Path, table: pd.DataFrame) -> codes.Ages:
    return codes.ages(_optional(table, "Age"), str(path), "Age")


def _views(path: Path, table: pd.DataFrame, named: pd.Series) -> tuple[pd.Series, pd.Series]:
    """`Frontal` or `Lateral`, on which table and file name agree; and the view if it is told."""
    sides = named.str.capitalize()
    if "Frontal/Lateral" in table:
        column = table["Frontal/Lateral"]
        told = codes.translate(column, SIDES)
        bad = told.where(told.ne(""), None)
        codes.refuse_unknown(column, bad, str(path), "Frontal/Lateral", "Frontal or Lateral")
        wanted = "the side that the file name tells"
        raw_tables.refuse(path, "Frontal/Lateral", column, told.ne(sides), wanted)
    views = codes.translate(_optional(table, "AP/PA"), VIEWS)
    codes.refuse_unknown(
        _optional(table, "AP/PA"), views, str(path), "AP/PA", ", ".join(VIEWS.values())
    )
    return sides, views.where(views.ne(""), sides)
