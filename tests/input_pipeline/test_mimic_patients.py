"""MIMIC's patients: age and sex by MIMIC-IV's table, worked out by hand; without it as ever."""

import json

import numpy as np
import pandas as pd
import pytest
from phantom_tables import release

from input_pipeline.__main__ import main
from input_pipeline.cohort import load_cohort
from input_pipeline.phantom.release import write_table
from input_pipeline.phantom.releases.mimic_cxr import plan
from jaxcxr.errors import InputError

STUDY_YEAR = 2150  # of the phantom


def _table(images=90, seed=0):
    """MIMIC-IV's table of the phantom's patients, but for every seventh, and of others."""
    rng = np.random.default_rng(seed)
    metadata = plan(images, 5, 64).tables["mimic-cxr-2.0.0-metadata.csv.gz"]
    subjects = sorted(set(metadata["subject_id"]))
    subjects = [one for n, one in enumerate(subjects) if n % 7] + [19_999_998, 19_999_999]
    years = rng.integers(2140, 2160, len(subjects))
    ages = rng.integers(30, 80, len(subjects))
    ages[0] = 91
    return pd.DataFrame(
        {
            "subject_id": subjects,
            "gender": rng.choice(["F", "M"], len(subjects)),
            "anchor_age": ages,
            "anchor_year": years,
            "anchor_year_group": "2011 - 2013",
            "dod": "",
        }
    )


def _cohorts(folder, table, place="patients.csv.gz"):
    """The phantom's cohort with the table and without."""
    before = load_cohort("mimic_cxr", release("mimic_cxr", folder / "without"))
    release("mimic_cxr", folder / "with")
    write_table(folder / "with" / place, table)
    return before, load_cohort("mimic_cxr", folder / "with")


@pytest.mark.parametrize(
    "place", ["patients.csv.gz", "hosp/patients.csv", "mimic-iv-3.1/hosp/patients.csv.gz"]
)
def test_age_and_sex_are_those_at_the_study(tmp_path, place):
    table = _table().set_index("subject_id")
    before, after = _cohorts(tmp_path, table.reset_index(), place)
    for row in after.records.to_dict("records"):
        if int(row["patient_id"]) not in table.index:
            assert np.isnan(row["age"]) and row["sex"] == ""
            continue
        of = table.loc[int(row["patient_id"])]
        assert row["age"] == of["anchor_age"] + STUDY_YEAR - of["anchor_year"]
        assert row["sex"] == of["gender"]
    assert before.records["age"].isna().all() and before.records["sex"].eq("").all()
    same = [name for name in before.records if name not in ("age", "sex")]
    pd.testing.assert_frame_equal(before.records[same], after.records[same])
    assert after.funnel == before.funnel


def test_how_many_joined_is_told(tmp_path, capsys):
    table = _table()
    before, after = _cohorts(tmp_path, table)
    (joined,) = (one for one in after.settings["joins"] if one["name"] == "patients and MIMIC-IV")
    metadata = plan(90, 5, 64).tables["mimic-cxr-2.0.0-metadata.csv.gz"]
    patients = set(metadata["subject_id"])
    assert joined["left"] == len(patients)
    assert joined["left_alone"] == len(patients - set(table["subject_id"])) > 0
    assert (joined["right"], joined["right_alone"]) == (len(table), 2)
    assert len(before.settings["joins"]) == len(after.settings["joins"]) - 1
    assert set(after.settings["tables"]) - set(before.settings["tables"]) == {"patients.csv.gz"}
    main(["cohort", "mimic_cxr", "--raw-dir", str(tmp_path / "with"), "--out", str(tmp_path / "c")])
    said = " ".join(capsys.readouterr().out.split())
    known = len(patients) - joined["left_alone"]
    assert f"{known} of {len(patients)} patients are in it" in said
    assert "over 89, whose age MIMIC-IV gives as 91" in said
    assert json.loads((tmp_path / "c").read_text())["settings"]["notes"]


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda t: pd.concat([t, t.head(1)]), "each patient once"),
        (lambda t: t.assign(subject_id=t["subject_id"] + 5_000_000), "are not in"),
        (lambda t: t.assign(gender="woman?"), "where F, M or blank is expected"),
        (lambda t: t.assign(anchor_age="old"), "where an age in years is expected"),
        (lambda t: t.drop(columns="anchor_year"), "lacks the column anchor_year"),
    ],
)
def test_a_damaged_table_is_refused_and_no_patient_named(tmp_path, change, said):
    table = _table()
    with pytest.raises(InputError, match=said) as error:
        _cohorts(tmp_path, change(table))
    told = str(error.value)
    assert not any(str(one) in told for one in table["subject_id"])


def test_studies_without_dates_are_refused(tmp_path):
    release("mimic_cxr", tmp_path, metadata=lambda rows: rows.drop(columns="StudyDate"))
    load_cohort("mimic_cxr", tmp_path)
    write_table(tmp_path / "patients.csv.gz", _table())
    with pytest.raises(InputError, match="lacks the column StudyDate"):
        load_cohort("mimic_cxr", tmp_path)
