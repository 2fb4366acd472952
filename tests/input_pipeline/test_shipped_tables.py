"""The declarations in `configs/tables`: each against a small table in its publisher's layout.

Of those whose real tables are in the wheel of torchxrayvision, counts are compared too.
"""

import csv
import gzip
import importlib.util
import json
import zipfile
from collections import Counter
from pathlib import Path

import pandas as pd
import pytest
from own_tables import as_text

from input_pipeline.cohort import load_cohort
from input_pipeline.datasets.chexpert_labels import FINDINGS
from input_pipeline.declared.declaration import read_label_table
from input_pipeline.labels import NAMES
from jaxcxr.errors import InputError

TABLES = Path(__file__).parents[2] / "configs" / "tables"
MARKS = ["1.0", "0.0", "-1.0", ""]
MEANT = {"1.0": 1, "0.0": 0, "-1.0": -1, "": 0}


def _cohort(folder, name, **options):
    declaration = TABLES / f"{name}.toml"
    return load_cohort("table", folder, declaration=declaration, validation_share=0, **options)


def _marks(number):
    """Fourteen marks, another row of them for each number."""
    return {column: MARKS[(number + at) % 4] for at, column in enumerate(FINDINGS)}


def _check_marks(records, marks):
    for image, row in marks.items():
        for column, finding in FINDINGS.items():
            assert records.loc[image, NAMES[finding]] == MEANT[row[column]], (image, column)


def _files(folder, names):
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).touch()


def _found(cohort, folder):
    assert all((folder / path).is_file() for path in cohort.records["image_path"])
    return cohort.records.set_index("image_id")


@pytest.mark.parametrize("path", sorted(TABLES.glob("*.toml")), ids=lambda path: path.stem)
def test_every_shipped_declaration_is_whole(path):
    """It reads, and its head says where it is from and what was not checked."""
    assert read_label_table(path).labels
    head = path.read_text(encoding="utf-8").split("\nconfirmed")[0].replace("\n#", "")
    assert "python -m" in head and "hecked against" in head and path.name in head


def test_brax(tmp_path):
    views = ["PA", "AP", "AP LLD", "LT-DECUB", "RLO", "L", "RL", ""]
    rows, marks = [], {}
    for n in range(64):
        path = f"images/id_{n // 8}/Study_{n // 2}/Series_{n}/image-{n}-1-2.png"
        marks[path] = _marks(n)
        rows.append(
            {"DicomPath": path.replace("images", "Anonymized_DICOMs").replace(".png", ".dcm")}
            | {"PngPath": path, "PatientID": f"id_{n // 8}", "PatientSex": "FM"[n % 2]}
            | {"PatientAge": ["0", "45", "85 or more"][n // 8 % 3]}
            | {"AccessionNumber": f"{n // 2}", "StudyDate": "20150101"}
            | marks[path]
            | {"ViewPosition": views[n % 8], "Rows": 2500, "Columns": 2000, "Manufacturer": "x"}
        )
    pd.DataFrame(rows).to_csv(tmp_path / "master_spreadsheet_update.csv", index=False)
    _files(tmp_path, marks)
    records = _found(_cohort(tmp_path, "brax"), tmp_path)
    kept = [row for row in rows if row["ViewPosition"] in ("PA", "AP")]
    assert set(records.index) == {row["PngPath"] for row in kept}
    _check_marks(records, {row["PngPath"]: row for row in kept})
    for row in kept:
        found = records.loc[row["PngPath"]]
        assert (found["patient_id"], found["sex"]) == (row["PatientID"], row["PatientSex"])
        assert found["age"] == float(row["PatientAge"].removesuffix(" or more"))


def test_chexpert_plus(tmp_path):
    rows, lines, marks = [], [], {}
    for n in range(40):
        split = "valid" if n // 4 == 9 else "train"
        path = f"{split}/patient{n // 4:05}/study{n // 2 % 2 + 1}/view{n % 2 + 1}"
        side = ["frontal", "lateral"][n % 2]
        path = f"{path}_{side}.jpg"
        marks[path] = _marks(n)
        rows.append(
            {"path_to_image": path, "path_to_dcm": path.replace("jpg", "dcm")}
            | {"frontal_lateral": side.capitalize(), "ap_pa": "AP" if side == "frontal" else ""}
            | {"deid_patient_id": f"patient{n // 4:05}", "patient_report_date_order": 1}
            | {"report": 'A, "quoted"\nreport', "age": 50 + n // 4, "sex": "Male", "split": split}
        )
        known = {key: float(mark) if mark else None for key, mark in marks[path].items()}
        lines.append(json.dumps({"path_to_image": path, **known}))
    pd.DataFrame(rows).to_csv(tmp_path / "df_chexpert_plus_240401.csv", index=False)
    labels = tmp_path / "chexbert_labels" / "impression_fixed.json"
    labels.parent.mkdir()
    labels.write_text("\n".join(reversed(lines)) + "\n")
    _files(tmp_path, [f"PNG/{path.replace('jpg', 'png')}" for path in marks])
    cohort = _cohort(tmp_path, "chexpert_plus")
    records = _found(cohort, tmp_path)
    kept = {path: row for path, row in marks.items() if "train" in path and "frontal" in path}
    assert len(kept) == len(records) == 18
    _check_marks(records, {path.removesuffix(".jpg"): row for path, row in kept.items()})
    assert records["study_id"].nunique() == 18 and records["patient_id"].nunique() == 9
    assert [step["images"] for step in cohort.funnel] == [40, 20, 18]
    (joined,) = cohort.settings["joins"]
    assert (joined["left_alone"], joined["right_alone"]) == (0, 0)


def _rsna(folder, rows, classes):
    """The challenge's tables: rows of `patientId` and `Target`, and the class of each row."""
    header = ["patientId", "x", "y", "width", "height", "Target"]
    boxes = [
        [image, *(["1", "2", "3", str(n)] if target == "1" else [""] * 4), target]
        for n, (image, target) in enumerate(rows)
    ]
    (folder / "stage_2_train_labels.csv").write_text(as_text([header, *boxes]))
    told = [["patientId", "class"], *([image, classes[image]] for image, _ in rows)]
    (folder / "stage_2_detailed_class_info.csv").write_text(as_text(told))
    images = list(dict.fromkeys(image for image, _ in rows))
    mapping = [
        {"subset_img_id": image, "img_id": f"{n // 3:08}_{n % 3:03}.png", "orig_labels": ["Mass"]}
        for n, image in enumerate(images)
    ]
    name = "pneumonia-challenge-dataset-mappings_2018.json"
    (folder / name).write_text(json.dumps(mapping))
    _files(folder, [f"stage_2_train_images/{image}.dcm" for image in images])
    return images


def test_rsna_pneumonia(tmp_path):
    rows, classes = [], {}
    for n in range(60):
        image = f"{n:08x}-0000-4000-8000-{n:012x}"
        target = str(int(n % 4 == 0))
        classes[image] = (
            "Lung Opacity" if n % 4 == 0 else ["Normal", "No Lung Opacity / Not Normal"][n % 2]
        )
        rows += [(image, target)] * (1 + (n % 4 == 0) * (n % 3))
    images = _rsna(tmp_path, rows, classes)
    cohort = _cohort(tmp_path, "rsna_pneumonia")
    records = _found(cohort, tmp_path)
    assert set(records.index) == set(images)
    for n, image in enumerate(images):
        assert records.loc[image, "Pneumonia"] == int(n % 4 == 0)
        assert records.loc[image, "No finding (healthy)"] == int(classes[image] == "Normal")
        assert records.loc[image, "patient_id"] == f"{n // 3:08}"
    assert f"{len(rows)} rows stand for 60 images" in " ".join(cohort.settings["notes"])


def test_siim_acr(tmp_path):
    outlines = ["-1", "10 3 1020 5", " -1", "200 1", "-1"]
    rows = [["ImageId", " EncodedPixels"]]
    for n in range(50):
        image = f"1.2.276.0.7230010.3.1.4.8323329.{n}.1517875201.85081{n}"
        rows.append([image, outlines[n % 5]])
        if n % 10 == 1:
            rows.append([image, "77 7"])
        _files(tmp_path, [f"dicom-images-train/study{n}/series{n}/{image}.dcm"])
    (tmp_path / "train-rle.csv").write_text(as_text(rows))
    cohort = _cohort(tmp_path, "siim_acr")
    records = _found(cohort, tmp_path)
    for image, outline in rows[1:]:
        assert records.loc[image, "Pneumothorax"] == int(outline.strip() != "-1")
    rows[5][1] = "12 3 4"
    (tmp_path / "train-rle.csv").write_text(as_text(rows))
    with pytest.raises(InputError, match=r"row 6, column EncodedPixels: '12 3 4' is none of"):
        _cohort(tmp_path, "siim_acr")


def test_rexgradient(tmp_path):
    (tmp_path / "metadata").mkdir()
    labels, marks, split_of = [], {}, {}
    for at, split in enumerate(("train", "valid", "test")):
        studies = {}
        for n in range(at * 10, at * 10 + 10):
            places = [f"deid_png/P{n}/S{n}/series/1/instances/{n}-{k}.png" for k in range(n % 3)]
            views = [["PA", "LATERAL"], ["POSTERO_ANTERIOR", None], ["UNKNOWN", "AP"]][n % 3]
            studies[f"P{n}_S{n}"] = {
                "id": f"P{n}_S{n}",
                "PatientID": f"P{n}",
                "PatientAge": "056Y",
                "PatientSex": "F",
                "StudyInstanceUid": f"1.2.{n}",
                "ImagePath": [f"../{place}" for place in places],
                "ImageViewPosition": views[: n % 3],
                "Findings": "Nothing, as [before].",
            }
            labels.append({"id": f"P{n}_S{n}", **_marks(n)})
            for place, view in zip(places, views, strict=False):
                if view in ("PA", "AP", "POSTERO_ANTERIOR"):
                    marks[place], split_of[place] = _marks(n), {"valid": "validation"}.get(split)
            _files(tmp_path, places)
        path = tmp_path / "metadata" / f"{split}_metadata_view_position.json"
        path.write_text(json.dumps(studies))
    pd.DataFrame(labels).to_csv(tmp_path / "labels.csv", index=False)
    cohort = _cohort(tmp_path, "rexgradient")
    records = _found(cohort, tmp_path)
    assert set(records.index) == set(marks) and len(marks) == 20
    _check_marks(records, marks)
    assert Counter(records["split"]) == {"train": 6, "validation": 7, "test": 7}
    assert set(records["age"]) == {56} and set(records["view"]) == {"PA", "AP"}


def _in_wheel(name):
    # Found without importing the package, which needs torch's libraries.
    found = importlib.util.find_spec("torchxrayvision")
    if found is None:
        pytest.skip("torchxrayvision absent: pip install 'jaxcxr[test]'")
    return Path(found.origin).parent / "data" / name


@pytest.mark.slow
def test_the_real_rows_of_rsna_give_the_published_counts(tmp_path):
    """26,684 images and 6,012 with an opacity, as the challenge's authors say."""
    with zipfile.ZipFile(_in_wheel("kaggle_stage_2_train_labels.csv.zip")) as file:
        text = file.read("stage_2_train_labels.csv").decode()
    rows = [(row["patientId"], row["Target"]) for row in csv.DictReader(text.splitlines())]
    classes = {image: "Lung Opacity" if target == "1" else "Normal" for image, target in rows}
    _rsna(tmp_path, rows, classes)
    (tmp_path / "stage_2_train_labels.csv").write_text(text)
    records = _cohort(tmp_path, "rsna_pneumonia").records
    assert (len(records), int(records["Pneumonia"].eq(1).sum())) == (26684, 6012)


@pytest.mark.slow
def test_the_real_rows_of_siim_give_the_published_counts(tmp_path):
    with gzip.open(_in_wheel("siim-pneumothorax-train-rle.csv.gz"), "rt", newline="") as file:
        text = file.read()
    (tmp_path / "train-rle.csv").write_text(text, newline="")
    _files(tmp_path, ["dicom-images-train/study/series/none.dcm"])
    records = _cohort(tmp_path, "siim_acr").records
    assert (len(records), int(records["Pneumothorax"].eq(1).sum())) == (12047, 2669)
