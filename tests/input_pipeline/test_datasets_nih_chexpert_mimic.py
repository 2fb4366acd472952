"""Editions of ChestX-ray14, CheXpert and MIMIC-CXR, from tables small enough to read here."""

import numpy as np
import pandas as pd
import pytest

from input_pipeline.cohort import load_cohort, read_release
from input_pipeline.datasets.chexpert_labels import COLUMNS as CHEXPERT_LABELS
from input_pipeline.label_rule import LabelRule
from jaxcxr.errors import InputError


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


# ChestX-ray14

V2020 = (
    "Image Index,Finding Labels,Follow-up #,Patient ID,Patient Age,Patient Gender,View Position,"
    "OriginalImage[Width,Height],OriginalImagePixelSpacing[x,y]\n"
    "00000001_000.png,Cardiomegaly|Pleural_Thickening,0,1,57,M,PA,2682,2749,0.143,0.143\n"
    "00000002_000.png,No Finding,0,2,80,F,AP,2500,2048,0.171,0.171\n"
)
V2017 = (
    "Image Index,Finding Labels,Follow-up #,Patient ID,Patient Age,Patient Gender,View Position,"
    "OriginalImage[Width,Height],OriginalImagePixelSpacing[x,y],\n"
    "00000001_000.png,Cardiomegaly|Pleural_Thickening,0,1,058Y,M,PA,2682,2749,0.143,0.143,\n"
    "00000002_000.png,No Finding,0,2,413,F,AP,2500,2048,0.171,0.171,\n"
    "00000003_000.png,Nodule,0,3,006M,F,AP,2500,2048,0.171,0.171,\n"
)


def test_chestxray14_of_2020_in_one_folder(tmp_path):
    write(tmp_path / "Data_Entry_2017_v2020.csv", V2020)
    touch(tmp_path, "images/00000001_000.png", "images/00000002_000.png")
    _, rows, findings = release("chestxray14", tmp_path)
    assert rows["image_path"].tolist() == ["images/00000001_000.png", "images/00000002_000.png"]
    assert rows["age"].tolist() == [57, 80]
    assert rows["patient_id"].tolist() == ["1", "2"]
    assert rows["sex"].tolist() == ["M", "F"]
    assert rows["view"].tolist() == ["PA", "AP"]
    positive = findings.columns[findings.loc["00000001_000.png"].eq(1)]
    assert sorted(positive) == ["cardiomegaly", "pleural_thickening"]
    assert findings.loc["00000002_000.png"].sum() == findings.loc["00000002_000.png", "no_finding"]


def test_chestxray14_of_2017_in_numbered_folders(tmp_path):
    write(tmp_path / "Data_Entry_2017.csv", V2017.replace("Gender", "Sex"))
    touch(tmp_path, "images_001/images/00000001_000.png", "images_002/images/00000002_000.png")
    _, rows, findings = release("chestxray14", tmp_path)
    assert rows["image_path"].tolist()[:2] == [
        "images_001/images/00000001_000.png",
        "images_002/images/00000002_000.png",
    ]
    # 058Y, an age of 413 that nobody has, and six months.
    assert rows["age"].tolist()[:1] == [58] and np.isnan(rows["age"].iloc[1])
    assert rows["age"].iloc[2] == 0.5
    assert findings.loc["00000003_000.png", ["nodule", "mass", "nodule_mass"]].tolist() == [1, 0, 1]


def test_chestxray14_refuses_findings_it_does_not_know(tmp_path):
    path = tmp_path / "Data_Entry_2017_v2020.csv"
    write(path, V2020.replace("Cardiomegaly|", "Cardiomegaly;"))
    with pytest.raises(InputError, match=r"row 2, column Finding Labels: 'Cardiomegaly;"):
        release("chestxray14", tmp_path)
    write(path, V2020.replace("No Finding", "No Finding|Mass"))
    with pytest.raises(InputError, match="row 3"):
        release("chestxray14", tmp_path)


def test_chestxray14_refuses_an_image_on_both_lists(tmp_path):
    write(tmp_path / "Data_Entry_2017_v2020.csv", V2020)
    write(tmp_path / "train_val_list.txt", "00000001_000.png\n00000002_000.png\n")
    write(tmp_path / "test_list.txt", "00000002_000.png\n")
    with pytest.raises(InputError, match=r"00000002_000\.png is on both official lists"):
        release("chestxray14", tmp_path)


# CheXpert


def chexpert_table(prefix, rows, *, personal=True):
    header = ["Path", *(["Sex", "Age", "Frontal/Lateral", "AP/PA"] if personal else [])]
    lines = [",".join([*header, *CHEXPERT_LABELS])]
    for path, person, marks in rows:
        cells = [marks.get(label, "") for label in CHEXPERT_LABELS]
        lines.append(",".join([prefix + path, *(person if personal else ()), *cells]))
    return "\n".join(lines) + "\n"


CHEXPERT = [
    (
        "train/patient00001/study1/view1_frontal.jpg",
        ("Female", "68", "Frontal", "AP"),
        {"Cardiomegaly": "1.0", "Atelectasis": "-1.0"},
    ),
    (
        "train/patient00002/study1/view1_frontal.jpg",
        ("Male", "0", "Frontal", "PA"),
        {"Pneumonia": "-1.0"},
    ),
    (
        "train/patient00002/study1/view2_lateral.jpg",
        ("Unknown", "40", "Lateral", ""),
        {"Fracture": "1.0"},
    ),
]


@pytest.mark.parametrize("edition", ["CheXpert-v1.0-small", "CheXpert-v1.0"])
@pytest.mark.parametrize("inside", [True, False])
def test_chexpert_small_and_full_from_inside_or_above(tmp_path, edition, inside):
    root = tmp_path / edition
    write(root / "train.csv", chexpert_table(f"{edition}/", CHEXPERT))
    touch(root, *(path for path, _, _ in CHEXPERT))
    folder = root if inside else tmp_path
    _, rows, findings = release("chexpert", folder)
    assert rows.index[0] == "train/patient00001/study1/view1_frontal.jpg"
    assert all((folder / path).is_file() for path in rows["image_path"])
    assert rows["patient_id"].tolist() == ["patient00001", "patient00002", "patient00002"]
    assert rows["study_id"].iloc[0] == "patient00001/study1"
    assert rows["sex"].tolist() == ["F", "M", ""]
    assert rows["age"].iloc[0] == 68 and np.isnan(rows["age"].iloc[1])
    assert findings.iloc[0][["cardiomegaly", "atelectasis", "edema"]].tolist() == [1, 0, 0]


def test_chexpert_drops_uncertain_images_as_the_study_did(tmp_path):
    write(tmp_path / "train.csv", chexpert_table("CheXpert-v1.0/", CHEXPERT))
    # Uncertain atelectasis stays and counts as negative; uncertain pneumonia goes; so do laterals.
    assert release("chexpert", tmp_path)[0].kept().tolist() == [True, False, False]
    curated, _, findings = release("chexpert", tmp_path, "curated")
    assert curated.kept().tolist() == [True, True, False]
    assert findings.iloc[0]["atelectasis"] == findings.iloc[1]["pneumonia"] == -1


def test_chexpert_official_sets_are_used_as_they_are(tmp_path):
    train = [
        (f"train/patient{n:05d}/study1/view1_frontal.jpg", ("Male", "50", "Frontal", "AP"), {})
        for n in range(5)
    ]
    valid = [("valid/patient00100/study1/view1_frontal.jpg", ("Female", "50", "Frontal", "AP"), {})]
    test = [("test/patient00200/study1/view1_frontal.jpg", (), {"Edema": "1.0"})]
    write(tmp_path / "train.csv", chexpert_table("CheXpert-v1.0/", train))
    write(tmp_path / "valid.csv", chexpert_table("CheXpert-v1.0/", valid))
    write(tmp_path / "test.csv", chexpert_table("", test, personal=False))
    cohort = load_cohort("chexpert", tmp_path, split="official")
    counts = cohort.records["split"].value_counts().to_dict()
    assert counts == {"train": 5, "validation": 1, "test": 1}
    assert cohort.records["view"].iloc[0] == "Frontal"


# MIMIC-CXR


def mimic(folder, version, *, split=True):
    ids = [f"{n:08x}" + "-00000000" * 4 for n in range(5)]
    metadata = pd.DataFrame(
        {
            "dicom_id": ids,
            "subject_id": ["10000032", "10000032", "10000764", "10000898", "19999999"],
            "study_id": ["50414267", "50414267", "57375967", "50771383", "51111111"],
            "ViewPosition": ["PA", "LATERAL", "AP", "AP AXIAL", "AP"],
        }
    )
    labels = pd.DataFrame({"study_id": ["50414267", "57375967"]})
    labels["subject_id"] = ["10000032", "10000764"]
    labels = labels.assign(**dict.fromkeys(sorted(CHEXPERT_LABELS), ""))
    labels.loc[0, "Atelectasis"] = "-1.0"
    labels.loc[1, ["Cardiomegaly", "Edema"]] = ["-1.0", "1.0"]
    metadata.to_csv(folder / f"mimic-cxr-{version}-metadata.csv.gz", index=False)
    labels.to_csv(folder / f"mimic-cxr-{version}-chexpert.csv.gz", index=False)
    if split:
        sets = metadata.assign(split=["train", "train", "validate", "test", "test"])
        sets = sets[["dicom_id", "study_id", "subject_id", "split"]]
        sets.to_csv(folder / f"mimic-cxr-{version}-split.csv.gz", index=False)
    return ids


@pytest.mark.parametrize("version", ["2.0.0", "2.1.0"])
def test_mimic_joins_its_tables_by_study(tmp_path, version):
    ids = mimic(tmp_path, version)
    read, rows, findings = release("mimic_cxr", tmp_path)
    assert rows.loc[ids[0], "image_path"] == f"files/p10/p10000032/s50414267/{ids[0]}.jpg"
    assert rows["official_split"].tolist() == ["train", "train", "validation", "test", "test"]
    # Exactly PA or AP; uncertain atelectasis is dropped, uncertain cardiomegaly is negative, and a
    # study without labels is negative throughout, as in the study.
    assert read.kept().tolist() == [False, False, True, False, True]
    assert findings.loc[ids[2], ["cardiomegaly", "edema"]].tolist() == [0, 1]
    assert findings.loc[ids[4]].eq(0).all()


def test_mimic_curated_wants_labels_and_masks_uncertain_ones(tmp_path):
    ids = mimic(tmp_path, "2.0.0")
    read, _, findings = release("mimic_cxr", tmp_path, "curated")
    assert read.kept().tolist() == [True, False, True, False, False]
    assert findings.loc[ids[0], "atelectasis"] == -1
    _, _, findings = release("mimic_cxr", tmp_path, "curated", uncertain="ones")
    assert findings.loc[ids[0], "atelectasis"] == 1
