"""CheXpert's three sets stay apart, and are found where its downloads put them."""

import pandas as pd
import pytest
from phantom_tables import release

from input_pipeline.cohort import load_cohort
from input_pipeline.phantom.release import write_table
from jaxcxr.errors import InputError


def test_chexperts_own_sets_are_never_trained_on(tmp_path):
    folder = release("chexpert", tmp_path, images=300)
    whole = load_cohort("chexpert", folder, split="patient", test_share=0.2)
    for official in ("validation", "test"):
        rows = whole.records[whole.records["official_split"].eq(official)]
        assert len(rows) and rows["split"].eq(official).all()
    listed = tmp_path / "list.csv"
    rows = whole.records[["image_id", "patient_id", "split"]]
    own = rows["image_id"].str.startswith("test/")
    rows.assign(split=rows["split"].mask(own, "train")).to_csv(listed, index=False)
    with pytest.raises(InputError, match=r"image test/.* of the publisher's test set and in train"):
        load_cohort("chexpert", folder, split_list=listed)


def test_a_row_of_the_validation_set_among_the_training_rows_is_refused(tmp_path):
    root = release("chexpert", tmp_path, images=300) / "CheXpert-v1.0-small"
    both = [pd.read_csv(root / name, dtype=str) for name in ("train.csv", "valid.csv")]
    write_table(root / "train.csv", pd.concat(both))
    with pytest.raises(InputError, match=r"column Path: .*/train/patient00001"):
        load_cohort("chexpert", tmp_path)


def batches(folder):
    """CheXpert's full download as it unpacks: the tables' batch, and the images' three."""
    source = release("chexpert", folder / "source", images=120) / "CheXpert-v1.0-small"
    raw = folder / "raw"
    first = raw / "CheXpert-v1.0 batch 1 (validate & csv)"
    places = {}
    for name in ("train.csv", "valid.csv"):
        rows = pd.read_csv(source / name, dtype=str, keep_default_na=False)
        rows["Path"] = rows["Path"].str.replace("-small", "")
        write_table(first / name, rows)
        places[name] = rows["Path"].str.removeprefix("CheXpert-v1.0/")
    for path in places["valid.csv"]:
        (first / path).parent.mkdir(parents=True, exist_ok=True)
        (first / path).touch()
    for path in places["train.csv"]:
        batch = 2 + int(path.split("/")[1][7:]) % 3
        home = raw / f"CheXpert-v1.0 batch {batch} (train {batch - 1})"
        place = home / path.removeprefix("train/")
        place.parent.mkdir(parents=True, exist_ok=True)
        place.touch()
    return raw


def test_chexperts_four_batches_are_found(tmp_path):
    raw = batches(tmp_path)
    rows = load_cohort("chexpert", raw, split="patient").records
    assert all((raw / path).is_file() for path in rows["image_path"])
    assert rows["image_path"].str.contains(r"batch [234] \(train [123]\)/patient").any()
    with pytest.raises(InputError, match="give the folder that holds it and the folders CheXpert"):
        load_cohort("chexpert", raw / "CheXpert-v1.0 batch 1 (validate & csv)", split="patient")


def test_the_test_set_of_chexlocalize_is_found(tmp_path):
    raw = batches(tmp_path)
    source = tmp_path / "source" / "CheXpert-v1.0-small" / "test.csv"
    rows = pd.read_csv(source, dtype=str, keep_default_na=False)
    rows["Path"] = rows["Path"].str.removeprefix("CheXpert-v1.0-small/")
    rows = rows.rename(columns={"Lung Opacity": "Airspace Opacity"})
    write_table(raw / "chexlocalize" / "CheXpert" / "test_labels.csv", rows)
    found = load_cohort("chexpert", raw, split="official").records
    tested = found[found["split"].eq("test")]
    frontal = rows["Path"].str.contains("frontal")
    assert len(tested) == frontal.sum()
    assert tested["image_path"].str.startswith("chexlocalize/CheXpert/test/patient").all()
