import hashlib
from importlib import import_module
from pathlib import Path

import cv2
import numpy as np
import pandas as pd
import pydicom
import pytest

from input_pipeline.__main__ import main
from input_pipeline.cohort import load_cohort, read_release
from input_pipeline.label_rule import LabelRule
from input_pipeline.labels import DATASETS, TRAINED
from input_pipeline.phantom.exams import pictures
from input_pipeline.phantom.release import write_release, write_table
from jaxcxr.errors import InputError

IMAGES = 30
SIZE = 96


@pytest.fixture(scope="module")
def releases(tmp_path_factory):
    folder = tmp_path_factory.mktemp("phantoms")
    return {
        name: (
            folder / name,
            write_release(name, folder / name, images=IMAGES, seed=2, size=SIZE, workers=1),
        )
        for name in DATASETS
    }


def digests(folder):
    return {
        path.relative_to(folder).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


@pytest.mark.parametrize("dataset", DATASETS)
def test_a_release_reads_as_the_publishers_and_names_files_that_exist(releases, dataset):
    folder, plan = releases[dataset]
    read = read_release(dataset, folder, LabelRule("paper"))
    assert len(read.rows) == len(plan.radiographs) == IMAGES
    assert all((folder / path).is_file() for path in read.rows["image_path"])
    for rule in ("paper", "curated"):
        cohort = load_cohort(dataset, folder, label_rules=rule, validation_share=0.3)
        assert len(cohort.records) > IMAGES / 3


@pytest.mark.parametrize("dataset", DATASETS)
def test_labels_follow_the_picture(tmp_path, dataset):
    # The tables of a larger release, without drawing it.
    layout = import_module(f"input_pipeline.phantom.releases.{dataset}")
    plan = layout.plan(600, 0, SIZE)
    for name, rows in plan.tables.items():
        write_table(tmp_path / name, rows)
    # Some readers look where the images lie: empty files will do.
    for radiograph in plan.radiographs:
        (tmp_path / radiograph.path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / radiograph.path).touch()
    drawn = {radiograph.path: radiograph.findings for radiograph in plan.radiographs}
    cohort = load_cohort(dataset, tmp_path, label_rules="curated")
    truth = cohort.records["image_path"].map(drawn)
    for finding in TRAINED[dataset]:
        label = cohort.findings[finding]
        known = label.ne(-1)
        shown = truth.map(lambda findings, finding=finding: finding in findings).astype(int)
        assert label[known].eq(shown[known]).mean() > 0.97, finding
        # Enough of either class for a small model to learn from and be tested on.
        for split in ("train", "test"):
            there = cohort.records["split"].eq(split) & known
            share = label[there].mean()
            assert 0.04 < share < 0.5, (finding, split, share)


@pytest.mark.parametrize("dataset", ["padchest", "vindr_cxr", "mimic_cxr"])
def test_the_same_seed_gives_the_same_bytes_whatever_the_workers(dataset, tmp_path):
    written = {}
    for name, seed, workers in (("first", 2, 1), ("again", 2, 2), ("other", 3, 1)):
        write_release(dataset, tmp_path / name, images=8, seed=seed, size=SIZE, workers=workers)
        written[name] = digests(tmp_path / name)
    assert written["again"] == written["first"]
    assert not set(written["other"].values()) & set(written["first"].values())


def test_padchest_has_its_publishers_quirks(releases):
    folder, plan = releases["padchest"]
    (table,) = folder.glob("PADCHEST*.csv")
    rows = pd.read_csv(table, dtype=str, keep_default_na=False)
    assert len(rows.columns) == 36 and rows.columns[0] == "Unnamed: 0"
    assert rows["Projection"].eq("L").any()
    assert rows["Labels"].str.contains("' ").any()
    assert rows["PatientID"].duplicated().any()
    broken = [radiograph for radiograph in plan.radiographs if radiograph.truncated]
    assert len(broken) == 1 and broken[0].view == "frontal"
    for radiograph in plan.radiographs:
        pixels = cv2.imread(str(folder / radiograph.path), cv2.IMREAD_UNCHANGED)
        if radiograph.truncated:
            whole = pixels is not None and pixels[-1].any()
            assert not whole
            continue
        assert pixels.dtype == np.uint16 and pixels.shape == (radiograph.height, radiograph.width)
        assert 255 < pixels.max() <= 4095
        row = rows[rows["ImageID"].eq(Path(radiograph.path).name)].iloc[0]
        assert (row["Rows_DICOM"], row["ImageDir"]) == (
            str(radiograph.height),
            Path(radiograph.path).parent.name,
        )


def test_large_padchest_has_null_labels_and_terms_that_only_contain_a_finding():
    from input_pipeline.phantom.releases.padchest import TABLE, plan

    labels = plan(600, 0, SIZE).tables[TABLE]["Labels"]
    assert labels.eq("").sum() > 0
    for term in ("pseudonodule", "abnormal foreign body", "subcutaneous emphysema"):
        assert labels.str.contains(term).any()


def test_vindr_has_both_photometric_kinds_and_every_transfer_syntax(releases):
    folder, _ = releases["vindr_cxr"]
    files = [pydicom.dcmread(path) for path in folder.rglob("*.dicom")]
    kinds = {file.PhotometricInterpretation for file in files}
    assert kinds == {"MONOCHROME1", "MONOCHROME2"}
    assert len({file.file_meta.TransferSyntaxUID for file in files}) == 3
    assert {file.BitsStored for file in files} == {12, 14, 16}
    for file in files:
        assert file.pixel_array.shape == (file.Rows, file.Columns)
        assert file.pixel_array.max() < 2**file.BitsStored
        assert file.PatientSex in ("F", "M") and file.PatientAge.endswith("Y")
        shown = file.pixel_array / (2**file.BitsStored - 1)
        if file.PhotometricInterpretation == "MONOCHROME1":
            shown = 1 - shown
        # The spine is bright, the air beside the body dark.
        middle = file.Columns // 2
        assert shown[:, middle - 3 : middle + 3].mean() > shown[:, :3].mean() + 0.2
    train = pd.read_csv(folder / "annotations" / "image_labels_train.csv")
    assert train.groupby("image_id").size().eq(3).all()
    assert len(train.columns) == 30
    votes = train.drop(columns="rad_id").groupby("image_id").sum()
    assert votes.isin([1, 2]).any(axis=None)


def test_chestxray14_has_an_rgba_image_and_whole_patients_on_each_list(releases):
    folder, plan = releases["chestxray14"]
    channels = {
        cv2.imread(str(folder / radiograph.path), cv2.IMREAD_UNCHANGED).ndim
        for radiograph in plan.radiographs
    }
    assert channels == {2, 3}
    patients = [
        {line.split("_")[0] for line in (folder / name).read_text().split()}
        for name in ("train_val_list.txt", "test_list.txt")
    ]
    assert all(patients) and not patients[0] & patients[1]


def test_chexpert_has_uncertain_and_blank_marks_and_a_bare_test_table():
    from input_pipeline.phantom.releases.chexpert import plan

    tables = plan(300, 0, SIZE).tables
    root = "CheXpert-v1.0-small"
    train, valid, test = (tables[f"{root}/{name}.csv"] for name in ("train", "valid", "test"))
    marks = train.iloc[:, 5:]
    assert marks.isin([-1.0]).any(axis=None) and marks.eq("").any(axis=None)
    assert valid.iloc[:, 5:].isin([0, 1]).all(axis=None)
    assert list(test.columns[:2]) == ["Path", "No Finding"] and len(test.columns) == 15


def test_mimic_has_studies_without_labels_and_images_without_a_view():
    from input_pipeline.phantom.releases.mimic_cxr import plan

    tables = plan(300, 0, SIZE).tables
    metadata = tables["mimic-cxr-2.0.0-metadata.csv.gz"]
    labels = tables["mimic-cxr-2.0.0-chexpert.csv.gz"]
    assert not set(metadata["study_id"]) <= set(labels["study_id"])
    assert labels["study_id"].is_unique
    assert metadata["ViewPosition"].eq("").any() and metadata["ViewPosition"].eq("LATERAL").any()
    assert len(tables["IMAGE_FILENAMES"]) == 300


def test_a_patient_keeps_age_and_sex_and_most_findings():
    exams = [exam for exam, _ in pictures(500, ["no_finding", "mass", "edema"], 0)]
    by_patient = pd.DataFrame([(e.patient, e.sex, e.age - e.visit) for e in exams])
    assert by_patient.groupby(0).nunique().eq(1).all(axis=None)
    assert all(exam.findings <= {"no_finding", "mass", "edema"} and exam.findings for exam in exams)
    assert all(len(e.findings) == 1 for e in exams if "no_finding" in e.findings)


def test_command_refuses_a_folder_in_use_and_leaves_nothing_half_done(tmp_path, capsys):
    out = tmp_path / "release"
    arguments = ["phantom", "uka_cxr", "--out-dir", str(out), "--images", "5", "--size", "96"]
    main([*arguments, "--workers", "1"])
    assert "5 phantom radiographs of uka_cxr" in capsys.readouterr().out
    before = digests(out)
    with pytest.raises(SystemExit):
        main(arguments)
    assert "is not empty" in capsys.readouterr().err
    assert digests(out) == before and list(tmp_path.iterdir()) == [out]
    for wrong in ({"images": 0}, {"images": 3, "size": 8}, {"images": 3, "seed": -1}):
        with pytest.raises(InputError, match="give at least"):
            write_release("padchest", tmp_path / "new", **wrong)
    with pytest.raises(InputError, match="unknown dataset"):
        write_release("openi", tmp_path / "new", images=3)
