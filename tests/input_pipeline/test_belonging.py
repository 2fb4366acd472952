"""What belongs together in a release and between its tables, case by case."""

import json

import numpy as np
import pandas as pd
import pytest
from phantom_tables import release

from input_pipeline import shards
from input_pipeline.__main__ import main
from input_pipeline.cohort import cohort_json, load_cohort
from input_pipeline.loader import eval_batches, open_prepared
from input_pipeline.prepare import prepare
from jaxcxr.errors import InputError

# ChestX-ray14: file names carry the patient.


def test_an_image_of_another_patient_than_its_row_is_refused(tmp_path):
    def swap(rows):
        rows.loc[4, "Patient ID"] = 999
        return rows

    folder = release("chestxray14", tmp_path, Data_Entry=swap)
    with pytest.raises(InputError, match=r"row 6, column Image Index: .*of the row's Patient ID"):
        load_cohort("chestxray14", folder)


def test_an_image_on_no_spelling_of_the_lists_is_told(tmp_path):
    folder = release("chestxray14", tmp_path)
    listed = (folder / "test_list.txt").read_text()
    (folder / "test_list.txt").write_text(listed.upper())  # .PNG
    assert set(load_cohort("chestxray14", folder).records["official_split"]) == {"train", "test"}
    for name in ("test_list.txt", "train_val_list.txt"):
        (folder / name).write_text((folder / name).read_text().replace("0000", "9"))
    with pytest.raises(InputError, match="not of one release"):
        load_cohort("chestxray14", folder)


# MIMIC-CXR: labels by study.


def test_labels_are_found_where_an_export_made_floats_of_the_studies(tmp_path):
    plain = load_cohort("mimic_cxr", release("mimic_cxr", tmp_path / "plain"))
    floats = release(
        "mimic_cxr",
        tmp_path / "floats",
        chexpert=lambda rows: rows.assign(study_id=rows["study_id"].astype(float)),
    )
    found = load_cohort("mimic_cxr", floats)
    pd.testing.assert_frame_equal(found.records, plain.records)
    assert found.findings.sum().sum() > 0
    joins = cohort_json(found)["settings"]["joins"]
    assert [one["name"] for one in joins] == [
        *("studies and labels", "images and official split", "images and their files")
    ]
    assert joins[0]["left_alone"] > 0 == joins[0]["right_alone"]


@pytest.mark.parametrize(
    ("part", "change", "message"),
    [
        ("chexpert", lambda r: r.assign(study_id=r["study_id"] + 10**6), "are the two of one rel"),
        ("chexpert", lambda r: r.iloc[: len(r) // 2], "studies and labels: .* are not in"),
        ("chexpert", lambda r: r.assign(subject_id=r["subject_id"] + 1), "another subject_id"),
        ("split", lambda r: r.assign(subject_id=r["subject_id"].iloc[::-1].array), "another subj"),
        ("split", lambda r: r.assign(study_id=r["study_id"].iloc[::-1].array), "another study_id"),
        ("split", lambda r: r.iloc[: len(r) // 2], "images and official split: .* are not in"),
        ("FILENAMES", lambda r: [line.replace("/p10000001", "/p19999999") for line in r], "anothe"),
    ],
)
def test_tables_of_two_releases_are_refused(part, change, message, tmp_path):
    folder = release("mimic_cxr", tmp_path, **{part: change})
    with pytest.raises(InputError, match=message):
        load_cohort("mimic_cxr", folder)


def test_a_view_in_another_case_stays_frontal_and_an_unknown_one_is_said(tmp_path, capsys):
    plain = load_cohort("mimic_cxr", release("mimic_cxr", tmp_path / "plain"))

    def lower(rows):
        rows["ViewPosition"] = rows["ViewPosition"].str.lower()
        rows.loc[rows.index[:2], "ViewPosition"] = "oblique"
        return rows

    folder = release("mimic_cxr", tmp_path / "lower", metadata=lower)
    found = load_cohort("mimic_cxr", folder)
    assert len(plain.records) - 2 <= len(found.records) <= len(plain.records)
    main(["cohort", "mimic_cxr", "--raw-dir", str(folder)])
    assert "2 images have the ViewPosition 'oblique'" in " ".join(capsys.readouterr().out.split())


# PadChest: file names carry the study.


def test_studies_a_row_too_low_are_refused(tmp_path):
    def shifted(rows):
        return rows.assign(StudyID=np.roll(rows["StudyID"], 1))

    with pytest.raises(InputError, match=r"column ImageID: .* an image of the row's StudyID"):
        load_cohort("padchest", release("padchest", tmp_path, PADCHEST=shifted))


# A hospital's table.


def test_optional_columns_are_found_whatever_their_case(tmp_path):
    plain = load_cohort("uka_cxr", release("uka_cxr", tmp_path / "plain"))
    names = {"split": "Split", "gender": "Gender", "age": " AGE", "subset": "SubSet"}
    folder = release("uka_cxr", tmp_path / "cased", uka_cxr=lambda rows: rows.rename(columns=names))
    found = load_cohort("uka_cxr", folder)
    assert found.settings["split"] == "official"
    pd.testing.assert_frame_equal(found.records, plain.records)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda r: r.rename(columns={"split": "splits"}), "has a column 'splits': name it split"),
        (lambda r: r.assign(Sex=r["gender"]), "has two columns gender: 'gender' and 'Sex'"),
        (lambda r: r.assign(gender="h"), "'h' where F, M or blank is expected"),
        (lambda r: r.assign(split="holdout"), "'holdout' where train, validation or test"),
        (lambda r: r.assign(study_id="S1"), "are of one study and of two patients"),
        (
            lambda r: r.assign(subject_id=r["subject_id"].where(r.index % 2 == 0, "nan")),
            "column subject_id: a value .of image 'uka.* where an identifier",
        ),
    ],
)
def test_a_hospitals_table_that_can_be_misread_is_refused(change, message, tmp_path):
    with pytest.raises(InputError, match=message):
        load_cohort("uka_cxr", release("uka_cxr", tmp_path, uka_cxr=change))


def test_women_in_words_stay_women(tmp_path):
    plain = load_cohort("uka_cxr", release("uka_cxr", tmp_path / "plain"))
    words = {"F": "Woman", "M": "Man"}
    folder = release(
        "uka_cxr", tmp_path / "words", uka_cxr=lambda r: r.assign(gender=r["gender"].map(words))
    )
    assert load_cohort("uka_cxr", folder).records["sex"].equals(plain.records["sex"])
    folder = release("uka_cxr", tmp_path / "ages", uka_cxr=lambda r: r.assign(age=999))
    found = load_cohort("uka_cxr", folder)
    assert found.records["age"].isna().all()
    assert found.settings["notes"] == ["90 ages outside 0 to 120 years are taken as unknown"]


def test_a_list_of_other_patients_is_refused(tmp_path):
    folder = release("padchest", tmp_path / "raw")
    rows = load_cohort("padchest", folder).records[["image_id", "patient_id", "split"]]
    path = tmp_path / "list.csv"
    rows.assign(Split=" " + rows.pop("split").str.upper()).to_csv(path, index=False)
    again = load_cohort("padchest", folder, split_list=path).records
    assert again["split"].tolist() == load_cohort("padchest", folder).records["split"].tolist()
    rows = pd.read_csv(path, dtype=str)
    rows["patient_id"] = rows["patient_id"].iloc[::-1].array
    rows.to_csv(path, index=False)
    with pytest.raises(InputError, match="another patient_id there than here for image"):
        load_cohort("padchest", folder, split_list=path)


def test_a_quotation_mark_that_swallows_rows_is_refused(tmp_path):
    folder = release("uka_cxr", tmp_path)
    lines = (folder / "uka_cxr.csv").read_text().splitlines()
    lines = [lines[0] + ",note", *(line + "," for line in lines[1:])]
    lines[5] += '"seen'
    lines[30] = lines[30] + 'again"' if not lines[30].endswith(",") else lines[30][:-1] + ',again"'
    (folder / "uka_cxr.csv").write_text("\n".join(lines) + "\n")
    with pytest.raises(InputError, match=r"holds whole rows|readable CSV"):
        load_cohort("uka_cxr", folder)


# VinDr-CXR names no patients.


def test_vindr_names_no_patients_anywhere(tmp_path, capsys):
    folder = release("vindr_cxr", tmp_path / "raw")
    out, splits, tables = (tmp_path / name for name in ("cohort.json", "splits.csv", "tables"))
    writes = ["--out", str(out), "--splits", str(splits), "--tables", str(tables)]
    main(["cohort", "vindr_cxr", "--raw-dir", str(folder), *writes])
    written = json.loads(out.read_text())
    assert written["patients"] == {}
    assert all(step["patients"] is None for step in written["funnel"])
    assert pd.read_csv(splits)["patient_id"].isna().all()
    first = pd.read_csv(tables / "table1.csv", keep_default_na=False).set_index("row")
    assert first.loc["Patients", "ours"] == "N/A"
    cohort = load_cohort("vindr_cxr", folder)
    assert cohort.records["patient_id"].eq("").all()
    again = load_cohort("vindr_cxr", folder, split_list=splits).records
    assert again["split"].equals(cohort.records["split"])


# From the cohort to the prepared dataset.


def test_a_folder_without_the_images_is_told_before_the_pass(cohort, raw_dir, tmp_path):
    for path in (raw_dir / "images").iterdir():
        path.unlink()

    def refuse(todo):
        raise AssertionError("works")

    with pytest.raises(InputError, match="48 of 48 images looked for are not in"):
        prepare(cohort, raw_dir, tmp_path / "out", size=32, write=refuse)


@pytest.mark.parametrize("spoil", ["order", "labels"])
def test_records_that_are_not_those_of_the_shards_are_refused(cohort, raw_dir, tmp_path, spoil):
    out = tmp_path / "out"
    write = lambda todo: [shards.write(shard) for shard in todo]  # noqa: E731
    prepare(cohort, raw_dir, out, size=32, write=write)
    batch = next(eval_batches(open_prepared(out), split="test", labels=None, batch_size=4))
    assert batch["valid"].all()
    records = pd.read_parquet(out / "records.parquet")
    if spoil == "order":
        records = records.sort_values("age", kind="stable", ignore_index=True)
    else:
        records[cohort.labels[0]] = np.int8(1) - records[cohort.labels[0]].clip(0)
    records.to_parquet(out / "records.parquet", index=False)
    with pytest.raises(InputError, match=r"of the shards is row .* prepare again"):
        list(eval_batches(open_prepared(out), split="test", labels=None, batch_size=4))
