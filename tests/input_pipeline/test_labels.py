import re

import pytest

from input_pipeline import paper
from input_pipeline.labels import (
    DATASETS,
    NAMES,
    PAPER_DATASETS,
    STUDIED,
    TABLE2_NAMES,
    TRAINED,
    finding_id,
    label_set,
    shared,
    without_side,
)
from jaxcxr.errors import InputError

# Those that the paper has; VinDr-PCXR is of its follow-up, whose tables are in no public file.
assert set(DATASETS) - set(STUDIED) == {"vindr_pcxr"}


@pytest.mark.parametrize("dataset", STUDIED)
def test_label_sets_are_those_of_table_3(dataset):
    theirs = paper.table("table3_labels")
    listed = theirs.loc[theirs["dataset"].eq(PAPER_DATASETS[dataset]), "label"]
    ours = [NAMES[finding] for finding in label_set(dataset)]
    assert sorted(ours) == sorted(listed)
    assert len(ours) == len(set(ours))


@pytest.mark.parametrize("dataset", [name for name in STUDIED if name != "mimic_cxr"])
def test_transfer_sets_are_those_of_table_5(dataset):
    theirs = paper.table("table5_auc")
    listed = theirs.loc[theirs["dataset"].eq(PAPER_DATASETS[dataset]), "label"].unique()
    ours = [NAMES[finding] for finding in label_set(dataset, "mimic_transfer")]
    # Table 5 ends each dataset with an average.
    assert sorted(ours) == sorted(set(listed) - {"Average"})


def test_every_finding_of_table_2_has_an_id():
    names = {TABLE2_NAMES.get(finding, name) for finding, name in NAMES.items()}
    assert set(paper.table("table2_counts")["label"]) <= names


def test_names_and_ids_are_unique_and_lead_to_each_other():
    assert len(set(NAMES.values())) == len(NAMES)
    for finding, name in NAMES.items():
        assert finding_id(name) == finding_id(finding) == finding


@pytest.mark.parametrize("first", STUDIED)
@pytest.mark.parametrize("second", STUDIED)
def test_shared_findings_are_in_both_sets_in_the_order_of_the_first(first, second):
    both = shared(first, second)
    coarse_first = [without_side(finding) for finding in TRAINED[first]]
    assert set(both) == set(shared(second, first))
    assert "no_finding" in both and "cardiomegaly" in both
    places = [
        min(
            place
            for place, known in enumerate(coarse_first)
            if known in (without_side(finding), *finding.split("_"))
        )
        for finding in both
    ]
    assert places == sorted(places)


@pytest.mark.parametrize("other", STUDIED)
def test_childrens_findings_are_shared_where_adults_have_them(other):
    assert shared("vindr_pcxr", other)[0] == "no_finding"
    assert ("pneumonia" in shared("vindr_pcxr", other)) == (
        "pneumonia" in shared(other, other) or other == "uka_cxr"
    )
    assert "bronchitis_bronchiolitis" not in shared("vindr_pcxr", other)


def test_sides_and_nodules_are_merged_only_where_one_dataset_does_not_tell_them_apart():
    assert "pleural_effusion" in shared("uka_cxr", "padchest")
    assert "pleural_effusion_right" in shared("uka_cxr", "uka_cxr")
    assert "nodule_mass" in shared("chestxray14", "vindr_cxr")
    assert "nodule" in shared("chestxray14", "chestxray14")


def test_unknown_names_get_a_sentence():
    for ask in (
        lambda: label_set("chestxray15"),
        lambda: label_set("padchest", "all"),
        lambda: finding_id("Cardiomegalia"),
    ):
        with pytest.raises(InputError, match="unknown"):
            ask()


def test_ids_are_the_names_in_snake_case():
    """They never change: prepared datasets and heads are matched by them."""
    otherwise = {"no_finding": "No finding (healthy)", "pulmonary_fibrosis": "Fibrosis"}
    for finding, name in NAMES.items():
        if finding in otherwise:
            assert name == otherwise[finding]
        else:
            assert re.sub(r"[^a-z]+", "_", name.lower()) == finding
