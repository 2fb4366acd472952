"""VinDr-PCXR in its publisher's layout, by hand, and with the counts that were reported for it."""

import hashlib

import numpy as np
import pandas as pd
import pytest

from input_pipeline.cohort import cohort_json, load_cohort, read_release
from input_pipeline.label_rule import LabelRule
from input_pipeline.phantom.releases.vindr_pcxr import COLUMNS
from jaxcxr.errors import InputError

# Images of training and of test, as reported of the release; a few have two labels.
REPORTED = {
    "No finding": (5143, 907),
    "Bronchitis": (842, 174),
    "Brocho-pneumonia": (545, 84),
    "Bronchiolitis": (497, 90),
    "Other disease": (412, 77),
    "Pneumonia": (392, 89),
}
IMAGES = (7728, 1397)


def _table(folder, split, labels, columns=COLUMNS, reader=True):
    """Write one row an image, with the labels that each has."""
    rows = [
        {
            "image_id": hashlib.md5(f"{split}{n}".encode()).hexdigest(),
            **({"rad_ID": "R1"} if reader else {}),
        }
        | {column: int(column in some) for column in columns}
        for n, some in enumerate(labels)
    ]
    folder.mkdir(parents=True, exist_ok=True)
    pd.DataFrame(rows).to_csv(folder / f"image_labels_{split}.csv", index=False)


def _release(folder, **changes):
    train = [{"No finding"}] * 6 + [{"Bronchitis"}, {"Bronchiolitis"}, {"Brocho-pneumonia"}]
    train += [{"Pneumonia"}, {"Pneumonia", "Bronchitis"}, {"CPAM"}, {"Pleuro-pneumonia"}] * 5
    _table(folder, "train", train, **changes)
    _table(folder, "test", train[4:], reader=False, **changes)
    return train


def test_labels_by_hand_and_what_the_rules_make_of_broncho_pneumonia(tmp_path):
    train = _release(tmp_path)
    for rule, kinds in (
        ("paper", {"Pneumonia"}),
        ("curated", {"Pneumonia", "Brocho-pneumonia", "Pleuro-pneumonia"}),
    ):
        read = read_release("vindr_pcxr", tmp_path, LabelRule(rule))
        labels = [*train, *train[4:]]
        assert read.findings["pneumonia"].tolist() == [int(bool(some & kinds)) for some in labels]
        either = {"Bronchitis", "Bronchiolitis"}
        assert read.findings["bronchitis_bronchiolitis"].tolist() == [
            int(bool(some & either)) for some in labels
        ]
        assert read.findings["bronchopneumonia"].sum() == 2
    assert set(read.evidence("pneumonia")) == {"", *kinds}
    assert read.rows["official_split"].value_counts().to_dict() == {"train": 29, "test": 25}
    assert read.rows["image_path"].iloc[0] == f"train/{read.rows['image_id'].iloc[0]}.dicom"
    assert read.rows["age"].isna().all() and read.rows["patient_id"].eq("").all()


def test_the_reported_counts_come_out(tmp_path):
    for at, split in enumerate(("train", "test")):
        # More labels than images: that many have a bronchitis beside a bronchiolitis.
        over = sum(counts[at] for counts in REPORTED.values()) - IMAGES[at]
        assert 0 < over < REPORTED["Bronchiolitis"][at]
        labels = [{name} for name, counts in REPORTED.items() for _ in range(counts[at])]
        first = labels.index({"Bronchitis"})
        labels = labels[:first] + labels[first + over :]
        first = labels.index({"Bronchiolitis"})
        labels[first : first + over] = [{"Bronchitis", "Bronchiolitis"}] * over
        _table(tmp_path, split, labels)
    described = cohort_json(load_cohort("vindr_pcxr", tmp_path, validation_share=0))
    assert described["images"] == dict(zip(("train", "test"), IMAGES, strict=True))
    assert described["settings"]["split"] == "official"
    positives = described["positives"]
    for label, column in (("No finding (healthy)", "No finding"), ("Pneumonia", "Pneumonia")):
        assert (positives[label]["train"], positives[label]["test"]) == REPORTED[column]
    either = [sum(REPORTED[name][at] for name in ("Bronchitis", "Bronchiolitis")) for at in (0, 1)]
    over = [sum(counts[at] for counts in REPORTED.values()) - IMAGES[at] for at in (0, 1)]
    found = positives["Bronchitis/Bronchiolitis"]
    assert [found["train"], found["test"]] == [either[0] - over[0], either[1] - over[1]]


def test_rare_diseases_that_a_copy_lacks_are_unknown(tmp_path):
    _release(tmp_path, columns=tuple(REPORTED))
    read = read_release("vindr_pcxr", tmp_path, LabelRule("curated"))
    assert set(read.findings["cpam"]) == {-1}
    # A pneumonia of a known kind is positive; of the others the pleuro-pneumonias are not known.
    assert set(read.findings["pneumonia"]) == {1, -1}
    assert set(read_release("vindr_pcxr", tmp_path, LabelRule()).findings["pneumonia"]) == {0, 1}


@pytest.mark.parametrize("spelled", ["Brocho-pneumonia", "Broncho-pneumonia", "brocho pneumonia"])
def test_the_publishers_spelling_and_the_right_one(tmp_path, spelled):
    _release(tmp_path)
    for path in tmp_path.glob("*.csv"):
        path.write_text(path.read_text().replace("Brocho-pneumonia", spelled))
    found = read_release("vindr_pcxr", tmp_path, LabelRule()).findings
    assert found["bronchopneumonia"].sum() == 2


def test_tables_in_a_folder_beside_the_images(tmp_path):
    for folder, inside in (("a", "annotations"), ("b", "1.0.0"), ("c", ".")):
        base = tmp_path / folder
        _release(base / inside)
        images = base if inside == "annotations" else base / inside
        for split in ("train", "test"):
            (images / split).mkdir()
        path = base / read_release("vindr_pcxr", base, LabelRule()).rows["image_path"].iloc[0]
        assert path.parent.resolve() == (images / "train").resolve()


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda t: pd.concat([t, t.head(1)]), "each image once"),
        (lambda t: t.assign(Pneumonia=2), "0 or 1 is expected"),
        (lambda t: t.drop(columns="Bronchitis"), "lacks the column Bronchitis"),
        (lambda t: t.assign(**{"No finding": 1}), "a finding or none, not both"),
        (lambda t: t.assign(image_id=np.where(t.index == 0, "../x", t["image_id"])), "file name"),
    ],
)
def test_damaged_tables_are_refused(tmp_path, change, said):
    _release(tmp_path)
    path = tmp_path / "image_labels_train.csv"
    change(pd.read_csv(path)).to_csv(path, index=False)
    with pytest.raises(InputError, match=said):
        load_cohort("vindr_pcxr", tmp_path)


def test_the_adults_release_is_not_taken_for_it(tmp_path):
    from input_pipeline.phantom.release import write_table
    from input_pipeline.phantom.releases.vindr_cxr import plan

    for name, rows in plan(60, 0, 64).tables.items():
        write_table(tmp_path / name, rows)
    with pytest.raises(InputError, match="lacks the column"):
        load_cohort("vindr_pcxr", tmp_path)
    _release(tmp_path / "children")
    with pytest.raises(InputError, match="lacks the column"):
        load_cohort("vindr_cxr", tmp_path / "children")
