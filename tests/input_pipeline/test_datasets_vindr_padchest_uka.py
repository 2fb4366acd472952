"""Editions of VinDr-CXR, PadChest and UKA-CXR, from tables small enough to read here."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from input_pipeline.cohort import load_cohort, read_release
from input_pipeline.label_rule import LabelRule
from input_pipeline.phantom.releases.vindr_cxr import COLUMNS as VINDR_LABELS
from jaxcxr.errors import InputError

PADCHEST = "PADCHEST_chest_x_ray_images_labels_160K_01.02.19.csv"


def write(path, text):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")


def touch(folder, *names):
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).touch()


def release(dataset, folder, rule="paper", **options):
    read = read_release(dataset, folder, LabelRule(rule, **options))
    rows = read.rows.set_index("image_id")
    return read, rows, read.findings.set_index(rows.index)


# VinDr-CXR


def vindr_rows(image, readers, findings, *, other="Other diseases", reader_column="rad_id"):
    names = [*VINDR_LABELS[:-2], other, VINDR_LABELS[-1]]
    rows = []
    for reader, seen in zip(readers, findings, strict=True):
        row = {"image_id": image, reader_column: reader}
        rows.append(row | {name: int(name in seen) for name in names})
    return rows


@pytest.mark.parametrize(
    ("other", "reader_column"), [("Other diseases", "rad_id"), ("Other disease", "rad_ID")]
)
def test_vindr_takes_the_majority_in_training_and_the_consensus_in_test(
    tmp_path, other, reader_column
):
    seen = [{"Cardiomegaly", "Rib fracture"}, {"Cardiomegaly"}, {"No finding"}]
    train = vindr_rows("a" * 32, "123", seen, other=other, reader_column=reader_column)
    test = [{"image_id": "b" * 32} | train[0] | {"image_id": "b" * 32}]
    (tmp_path / "annotations").mkdir()
    pd.DataFrame(train).to_csv(tmp_path / "annotations/image_labels_train.csv", index=False)
    tested = pd.DataFrame(test).drop(columns=reader_column)
    tested.to_csv(tmp_path / "annotations/image_labels_test.csv", index=False)
    read, rows, findings = release("vindr_cxr", tmp_path)
    columns = ["cardiomegaly", "fracture", "no_finding"]
    assert findings.loc["a" * 32, columns].tolist() == [1, 0, 0]
    assert findings.loc["b" * 32, columns].tolist() == [1, 1, 0]
    assert rows["official_split"].tolist() == ["train", "test"]
    assert rows["image_path"].tolist() == [f"train/{'a' * 32}.dicom", f"test/{'b' * 32}.dicom"]
    assert read.evidence("cardiomegaly").tolist() == ["2 of 3 readers", "3 of 3 readers"]


def test_vindr_refuses_an_image_that_only_two_readers_saw(tmp_path):
    rows = vindr_rows("a" * 32, "12", [{"Cardiomegaly"}, {"No finding"}])
    pd.DataFrame(rows).to_csv(tmp_path / "image_labels_train.csv", index=False)
    with pytest.raises(InputError, match="3 readers' rows"):
        release("vindr_cxr", tmp_path)


# PadChest


def padchest(folder, labels, **columns):
    rows = pd.DataFrame(
        {
            "ImageID": [f"{n}.png" for n in range(len(labels))],
            "ImageDir": "7",
            "StudyDate_DICOM": "20140915",
            "StudyID": [f"s{n}" for n in range(len(labels))],
            "PatientID": [f"p{n}" for n in range(len(labels))],
            "PatientBirth": "1930.0",
            "PatientSex_DICOM": "O",
            "Projection": "PA",
            "Labels": labels,
        }
    )
    rows.assign(**columns).to_csv(folder / PADCHEST, index=False)


CONFUSING = [
    "['pseudonodule', ' subcutaneous emphysema']",
    "['abnormal foreign body', 'COPD signs']",
    "[' normal']",
    "['unchanged', '']",
    "",
    "['multiple nodules', ' hydropneumothorax', 'Hiatal hernia', 'pericardial effusion']",
    "['soft tissue mass', 'air bronchogram', 'interstitial pattern']",
]


def test_padchest_reads_substrings_as_the_study_did_and_terms_under_curated(tmp_path):
    padchest(tmp_path, CONFUSING)
    columns = ["nodule_mass", "emphysema", "no_finding", "copd", "pneumothorax", "hernia"]
    paper, _, findings = release("padchest", tmp_path)
    assert paper.kept().tolist() == [True, True, True, True, False, True, True]
    assert findings.loc["0.png", columns].tolist() == [1, 1, 0, 0, 0, 0]
    assert findings.loc["1.png", columns].tolist() == [0, 0, 1, 1, 0, 0]
    assert findings.loc["5.png", [*columns, "pleural_effusion"]].tolist() == [1, 0, 0, 0, 1, 1, 0]
    assert findings.loc["6.png"].sum() == findings.loc["6.png", "nodule_mass"] == 1
    curated, _, findings = release("padchest", tmp_path, "curated")
    assert curated.kept().tolist() == [True, True, True, False, False, True, True]
    assert findings.loc["0.png"].sum() == 0
    assert findings.loc["1.png", columns].tolist() == [0, 0, 0, 1, 0, 0]
    assert findings.loc["2.png", "no_finding"] == 1
    assert findings.loc["5.png", [*columns, "pleural_effusion"]].tolist() == [1, 0, 0, 0, 1, 1, 1]
    assert findings.loc["6.png"].sum() == 0


def test_padchest_keeps_the_studys_projections_alone(tmp_path):
    projections = ["PA", "AP", "AP_horizontal", "L", "COSTAL", "EXCLUDE", "UNK"]
    padchest(tmp_path, ["['normal']"] * 7, Projection=projections)
    assert release("padchest", tmp_path)[0].kept().tolist() == [True] * 3 + [False] * 4


def test_padchest_numbered_folders_flat_folder_and_unknown_people(tmp_path):
    padchest(tmp_path, ["['normal']"], ImageDir="7.0", PatientBirth="nan", PatientSex_DICOM="nan")
    _, rows, _ = release("padchest", tmp_path)
    assert rows["image_path"].tolist() == ["7/0.png"]
    assert np.isnan(rows["age"].iloc[0]) and rows["sex"].tolist() == [""]
    touch(tmp_path, "images/0.png")
    assert release("padchest", tmp_path)[1]["image_path"].tolist() == ["images/0.png"]
    touch(tmp_path, "7/0.png")
    assert release("padchest", tmp_path)[1]["image_path"].tolist() == ["7/0.png"]


# UKA-CXR


def uka(folder, **columns):
    row = {
        "image_id": ["i1", "i2", "i3"],
        "subject_id": ["p1", "p2", "p3"],
        "image_path": ["a/i1.jpg", "a/i2.jpg", "b/i3.jpg"],
        "cardiomegaly": [3, 2, 0],
        "congestion": [5, 1, 0],
        "healthy": [0, 1, 0],
    }
    for finding in ("pleural_effusion", "pneumonic_infiltrates", "atelectasis", "pneumothorax"):
        row[f"{finding}_right"] = [4, 1, 0]
        row[f"{finding}_left"] = [1, 1, 0]
    pd.DataFrame(row | columns).to_csv(folder / "uka_cxr.csv", index=False)


def test_uka_severities_of_the_study_and_curated(tmp_path):
    uka(tmp_path)
    columns = ["cardiomegaly", "congestion", "pneumonia_right", "pneumonia_left", "pneumonia"]
    read, rows, findings = release("uka_cxr", tmp_path)
    assert read.kept().all()
    # The study counted 3 and 4 alone, and a missing mark as negative.
    assert findings.loc["i1", columns].tolist() == [1, 0, 1, 0, 1]
    assert findings.loc["i3", columns].tolist() == [0] * 5
    assert rows["image_path"].tolist() == ["a/i1.jpg", "a/i2.jpg", "b/i3.jpg"]
    read, _, findings = release("uka_cxr", tmp_path, "curated")
    assert read.kept().tolist() == [True, True, False]
    assert findings.loc["i1", columns].tolist() == [1, 1, 1, 0, 1]
    assert findings.loc["i3", columns].tolist() == [-1] * 5
    assert findings["no_finding"].tolist() == [0, 1, 0]


def test_uka_reads_a_hospitals_own_severities(tmp_path):
    uka(tmp_path)
    write(tmp_path / "severities.json", '{"positive": [2, 3, 4, 5], "unknown": []}')
    _, _, findings = release("uka_cxr", tmp_path, "curated")
    assert findings["cardiomegaly"].tolist() == [1, 1, 0]
    for wrong in ('{"positive": [6], "unknown": []}', '{"positive": [1], "unknown": [1]}', "[]"):
        write(tmp_path / "severities.json", wrong)
        with pytest.raises(InputError, match=r"severities\.json: .*it must read like"):
            release("uka_cxr", tmp_path, "curated")


def test_uka_split_column_is_the_official_split(tmp_path):
    uka(tmp_path, split=["train", "valid", "test"])
    cohort = load_cohort("uka_cxr", tmp_path)
    assert cohort.records["split"].tolist() == ["train", "validation", "test"]
    uka(tmp_path, split=["train", "later", "test"])
    with pytest.raises(InputError, match="row 3, column split: 'later'"):
        load_cohort("uka_cxr", tmp_path)


def test_the_template_of_the_docs_is_read(tmp_path):
    docs = Path(__file__).resolve().parents[2] / "docs"
    (tmp_path / "uka_cxr.csv").write_bytes((docs / "uka_cxr_template.csv").read_bytes())
    cohort = load_cohort("uka_cxr", tmp_path, label_rules="curated")
    rows = cohort.records.set_index("image_id")
    assert rows["split"].tolist() == ["train", "train", "validation", "test"]
    assert rows.loc["0001", "image_path"] == "2019/0001.jpg"
    assert rows.loc["0004", ["Pneumonia right", "Congestion"]].tolist() == [1, -1]
