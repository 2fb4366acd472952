"""Age and sex of MIMIC-CXR's patients, from MIMIC-IV's `patients.csv.gz` where the user has it.

Its dates are shifted by patient, as those of MIMIC-CXR are: `anchor_age` is the age in the shifted
year `anchor_year`, so that a patient is as old at a study as `anchor_age` plus the years between.
"""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

import pandas as pd

from input_pipeline.tables import codes, ids, joins, raw_tables

NAMES = ("patients.csv",)
PLACES = ("hosp", "*/hosp")  # of MIMIC-IV, beside or below which it may lie
OVER_89 = 91  # what MIMIC-IV writes for everybody older than 89


class Patients(NamedTuple):
    """Of each image: years (NaN unknown) and `F`, `M` or empty; the join and what it left open."""

    age: pd.Series
    sex: pd.Series
    path: Path | None = None
    joined: tuple[joins.Joined, ...] = ()
    notes: tuple[str, ...] = ()


def patients(raw_dir: Path, metadata: pd.DataFrame, where: Path) -> Patients:
    """Look up the patients of the images, if the table is in `raw_dir` or a `hosp` folder in it.

    Args:
      raw_dir: of MIMIC-CXR-JPG.
      metadata: one row an image, with `dicom_id`, `subject_id`, and `StudyDate` if it has it.
      where: the file of the metadata.

    Raises:
      InputError: the table is damaged, is of other patients, or the studies have no dates.
    """
    path = raw_tables.find(raw_dir, NAMES, deeper=PLACES)
    nothing = pd.Series("", index=metadata.index)
    if path is None:
        return Patients(pd.Series(float("nan"), index=metadata.index), nothing)
    table = raw_tables.read(path, ["subject_id", "gender", "anchor_age", "anchor_year"])
    rows = pd.Series([f"row {number + 2}" for number in range(len(table))], index=table.index)
    subjects = raw_tables.identifiers(path, "subject_id", table["subject_id"], images=rows)
    again = ids.keys(subjects).duplicated()
    raw_tables.refuse(path, "subject_id", rows, again, "each patient once")
    sides = (
        joins.Side(metadata["subject_id"], f"{where} column subject_id"),
        joins.Side(subjects, f"{path} column subject_id"),
    )
    joined = joins.join(*sides, "patients and MIMIC-IV", share=None)
    if not joined.matched.any():
        joins.join(*sides, "patients and MIMIC-IV")  # refuses, and counts
    anchor = codes.ages(table["anchor_age"], str(path), "anchor_age").years
    years = raw_tables.numbers(path, "anchor_year", table["anchor_year"])
    at_anchor, in_year = (joined.take(one, float("nan"), metadata.index) for one in (anchor, years))
    ages = codes.plausible(at_anchor + _study_years(where, metadata) - in_year)
    oldest = int(at_anchor.eq(OVER_89).sum())
    sexes = codes.sexes(table["gender"], str(path), "gender")
    notes = [
        f"age and sex are MIMIC-IV's ({path.name}): {joined.left - joined.left_alone:,} of "
        f"{joined.left:,} patients are in it, and of the others both are unknown",
        f"{oldest:,} images are of patients over 89, whose age MIMIC-IV gives as {OVER_89}"
        if oldest
        else "",
        ages.note,
    ]
    return Patients(
        ages.years,
        joined.take(sexes, "", metadata.index).astype("str"),
        path,
        (joined,),
        tuple(filter(None, notes)),
    )


def _study_years(where: Path, metadata: pd.DataFrame) -> pd.Series:
    """The shifted year of each study; NaN where its date is blank."""
    dates = raw_tables.named(metadata, where, ["StudyDate"])["StudyDate"]
    found = dates.str.extract(r"^(\d{4})-?\d{2}-?\d{2}(?:\.0)?$")[0]
    odd = found.isna() & dates.ne("")
    raw_tables.refuse(where, "StudyDate", dates, odd, "a date such as 21800506")
    return pd.to_numeric(found)
