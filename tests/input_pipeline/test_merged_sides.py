"""Right and left learnt as one label, as the follow-up study learns UKA-CXR."""

import numpy as np
import pandas as pd
import pytest
from own_tables import as_text, grid, truth, write
from phantom_tables import release

from input_pipeline.cohort import load_cohort
from input_pipeline.labels import NAMES, TRAINED, label_set
from input_pipeline.sides import merge_sides
from jaxcxr.errors import InputError
from jaxcxr.training.augment import mirror_labels

SIX = ("Cardiomegaly", "Congestion", "Pleural effusion", "Pneumonia", "Atelectasis")
SIX += ("No finding (healthy)",)


def test_the_set_is_the_follow_ups_six_and_no_other_datasets_changes():
    assert tuple(NAMES[finding] for finding in label_set("uka_cxr", "merged_sides")) == SIX
    for dataset in ("vindr_cxr", "padchest", "mimic_cxr", "vindr_pcxr"):
        assert label_set(dataset, "merged_sides") == TRAINED[dataset]
    assert mirror_labels(SIX).tolist() == list(range(6))  # a flip changes none of them


@pytest.mark.parametrize("rules", ["paper", "curated"])
def test_ukas_labels_are_those_of_its_table(tmp_path, rules):
    raw = release("uka_cxr", tmp_path)
    cohort = load_cohort("uka_cxr", raw, label_rules=rules, findings="merged_sides")
    assert cohort.labels == SIX and cohort.settings["label_set"] == "merged_sides"
    table = pd.read_csv(raw / "uka_cxr.csv", dtype=str).set_index("image_id")
    positive, unknown = ({"3", "4"}, set()) if rules == "paper" else ({"3", "4", "5"}, {"0", ""})
    columns = {"Pleural effusion": "pleural_effusion", "Pneumonia": "pneumonic_infiltrates"}
    seen = set()
    for row in cohort.records.to_dict("records"):
        told = table.loc[row["image_id"]].fillna("")
        for name, column in (columns | {"Atelectasis": "atelectasis"}).items():
            sides = {told[f"{column}_right"], told[f"{column}_left"]}
            expected = 1 if sides & positive else -1 if sides & unknown else 0
            assert row[name] == expected, (row["image_id"], name)
            seen.add(expected)
    assert seen == ({0, 1} if rules == "paper" else {-1, 0, 1})


def test_a_table_of_ones_own_merges_too(tmp_path):
    write(tmp_path, as_text(grid()).encode())
    sided = load_cohort("table", tmp_path).records.set_index("image_id")
    cohort = load_cohort("table", tmp_path, findings="merged_sides")
    assert cohort.labels == ("Effusion", "Pneumonia", "COVID-19")
    merged = cohort.records.set_index("image_id")
    assert len(merged) == len(truth(grid()))
    seen = set()
    for image, row in merged.iterrows():
        pair = {sided.loc[image, "Effusion right"], sided.loc[image, "Effusion left"]}
        assert row["Effusion"] == (1 if 1 in pair else -1 if -1 in pair else 0)
        seen.add(row["Effusion"])
    assert seen == {-1, 0, 1}


def test_one_side_alone_is_not_both():
    labelled = pd.DataFrame({"pneumonia_right": np.array([0, 1], np.int8)})
    with pytest.raises(InputError, match=r"has 'Pneumonia', which .*; choose another --label-set"):
        merge_sides(labelled, "pneumonia")
