"""The study's cohorts, recounted from the real label files that torchxrayvision ships.

Expected numbers are the paper's (Tables 1 and 2, read from the shipped CSV) wherever a release's
label file decides them, and otherwise counted from the same files with plain pandas.
"""

import importlib.util
from dataclasses import replace
from pathlib import Path

import pandas as pd
import pytest

from input_pipeline import against_paper, paper
from input_pipeline.cohort import cohort_json, load_cohort
from input_pipeline.labels import PAPER_DATASETS
from input_pipeline.rule_comparison import compare_rules
from jaxcxr.errors import InputError

PADCHEST = "PADCHEST_chest_x_ray_images_labels_160K_01.02.19.csv.gz"


@pytest.fixture(scope="module")
def wheel():
    found = importlib.util.find_spec("torchxrayvision")
    if found is None or found.origin is None:
        pytest.skip("real label files absent: pip install --no-deps torchxrayvision")
    return Path(found.origin).parent / "data"


@pytest.fixture(scope="module")
def release(tmp_path_factory):
    def link(files):
        folder = tmp_path_factory.mktemp("release")
        for name, source in files.items():
            (folder / name).symlink_to(source)
        return folder

    return link


@pytest.fixture(scope="module")
def padchest(wheel, release):
    return release({PADCHEST: wheel / PADCHEST})


@pytest.fixture(scope="module")
def padchest_cohort(padchest):
    return load_cohort("padchest", padchest)


@pytest.fixture(scope="module")
def chexpert(wheel, release):
    return release({"train.csv.gz": wheel / "chexpert_train.csv.gz"})


def paper_counts(dataset):
    theirs = paper.table("table2_counts")
    theirs = theirs[theirs["dataset"].eq(PAPER_DATASETS[dataset])]
    return dict(zip(theirs["label"], theirs["positives"].astype(int), strict=True))


@pytest.mark.data
def test_chestxray14_is_the_papers_to_the_image(wheel, release, shared_data):
    lists = shared_data / "chestxray14_lists"
    name = "Data_Entry_2017_v2020.csv.gz"
    folder = release(
        {
            name: wheel / name,
            "train_val_list.txt": lists / "train_val_list.txt",
            "test_list.txt": lists / "test_list.txt",
        }
    )
    cohort = load_cohort("chestxray14", folder)
    summary = cohort_json(cohort)
    assert summary["settings"]["split"] == "official"
    assert summary["images"]["test"] == 25_596
    assert summary["images"]["train"] + summary["images"]["validation"] == 86_524
    assert summary["patients"]["test"] == 2_797
    assert cohort.funnel[-1] | {"step": ""} == {"step": "", "images": 112_120, "patients": 30_805}
    table = against_paper.table2(cohort)
    assert table["paper"].notna().sum() == len(paper_counts("chestxray14")) == 15
    assert table["difference"].dropna().eq(0).all()
    # Test positives counted by others from the official list.
    assert summary["positives"]["Pneumonia"]["test"] == 555
    assert summary["positives"]["Hernia"]["test"] == 86
    # Table 1, where the study's table and this one are of the same edition.
    ours = against_paper.table1(cohort).set_index("row")
    for row in ("Radiographs", "Patients", "Age, median [years]", "Female / male, test [%]"):
        assert ours.loc[row, "ours"] == ours.loc[row, "paper"]


@pytest.mark.slow
def test_chestxray14_without_its_lists_asks_for_them(wheel, release):
    folder = release({"Data_Entry_2017.csv.gz": wheel / "Data_Entry_2017_v2020.csv.gz"})
    with pytest.raises(InputError, match="112120 images are on no official list"):
        load_cohort("chestxray14", folder)
    summary = cohort_json(load_cohort("chestxray14", folder, split="patient"))
    assert sum(summary["images"].values()) == 112_120


@pytest.mark.slow
def test_chexpert_is_the_papers_less_the_202_of_valid_csv(wheel, chexpert):
    cohort = load_cohort("chexpert", chexpert)
    assert [step["images"] for step in cohort.funnel] == [223_414, 191_027, 157_676]
    assert [step["patients"] for step in cohort.funnel] == [64_540, 64_534, 57_672]
    table = against_paper.table2(cohort)
    expected = {
        "Atelectasis": 26_238,
        "Cardiomegaly": 19_824,
        "Consolidation": 9_510,
        "Edema": 43_171,
        "Lung opacity": 73_844,
        "Lung lesion": 5_828,
        "Enlarged cardiomedastinum": 7_682,
        "Pleural effusion": 65_078,
        "Pneumothorax": 16_270,
        "Fracture": 6_445,
        "Pneumonia": 3_956,
        "Support devices": 90_868,
        "Pleural other": 2_034,
        "No finding (healthy)": 16_974,
    }
    assert dict(zip(table["label"], table["ours"], strict=True)) == expected
    # What is missing are positives among 202 images: never more, never fewer than none.
    assert table["difference"].between(-202, 0).all()
    assert 157_676 + 202 == 157_878  # Table 1
    # Every image of these 157,676 is in exactly one split, no patient in two.
    assert cohort.records.groupby("patient_id")["split"].nunique().max() == 1


@pytest.mark.parametrize(
    "policy",
    ["ignore", *(pytest.param(one, marks=pytest.mark.slow) for one in ("zeros", "ones", "drop"))],
)
def test_chexpert_curated_treats_uncertain_marks_as_asked(wheel, chexpert, policy):
    raw = pd.read_csv(chexpert / "train.csv.gz")
    raw = raw[raw["Frontal/Lateral"].eq("Frontal")]
    cohort = load_cohort("chexpert", chexpert, label_rules="curated", uncertain=policy)
    counts = cohort.records["Atelectasis"].value_counts().to_dict()
    positive, uncertain = raw["Atelectasis"].eq(1).sum(), raw["Atelectasis"].eq(-1).sum()
    if policy == "drop":
        considered = [
            *("Cardiomegaly", "Pleural Effusion", "Pneumonia", "Atelectasis", "No Finding"),
            *("Consolidation", "Pneumothorax", "Lung Opacity", "Lung Lesion", "Fracture"),
        ]
        sure = raw[~raw[considered].eq(-1).any(axis=1)]
        assert len(cohort.records) == len(sure)
        assert counts == {1: sure["Atelectasis"].eq(1).sum(), 0: sure["Atelectasis"].ne(1).sum()}
    else:
        assert len(cohort.records) == 191_027
        assert counts[1] == positive + (uncertain if policy == "ones" else 0)
        assert counts.get(-1, 0) == (uncertain if policy == "ignore" else 0)


@pytest.mark.slow
def test_chexpert_without_official_test_images_says_so(chexpert):
    with pytest.raises(InputError, match=r"no image falls into test .* --split patient"):
        load_cohort("chexpert", chexpert, split="official")


def test_padchest_is_the_papers_but_for_the_unreadable_files(padchest_cohort):
    cohort = padchest_cohort
    assert [step["images"] for step in cohort.funnel] == [160_861, 110_633, 110_554]
    expected = {
        "Cardiomegaly": 9_848,
        "Pleural effusion": 6_989,
        "Pneumonia": 5_223,
        "Atelectasis": 6_168,
        "No finding (healthy)": 36_155,
        "Consolidation": 1_666,
        "Pneumothorax": 416,
        "Emphysema": 1_103,
        "Hernia": 1_609,
        "Scoliosis": 5_573,
        "Congestion": 863,
        "Aortic elongation": 8_116,
        "Kyphosis": 2_621,
        "COPD": 14_296,
        "Pleural thickening": 3_373,
        "Nodule/Mass": 4_749,
        "Infiltrates": 4_605,
    }
    positives = cohort_json(cohort)["positives"]
    assert {label: counts["total"] for label, counts in positives.items()} == expected
    # The study lost 29 files, so at most 29 positives of a label; it never has more than we.
    table = against_paper.table2(cohort)
    assert len(table) == 25
    assert table["difference"].dropna().between(0, 29).all()
    differs = table["difference"].fillna(0).gt(0).astype(bool)
    assert table["explanation"].ne("").equals(differs)
    assert table.loc[differs, "explanation"].str.contains("cannot be decoded").all()
    assert 110_554 - 110_525 == 29


def test_a_difference_larger_than_its_reason_is_not_explained(padchest_cohort):
    fewer = padchest_cohort.findings.assign(pneumonia=0)
    table = against_paper.table2(replace(padchest_cohort, findings=fewer)).set_index("finding")
    assert table.loc["pneumonia", "explanation"] == "not explained"
    assert "cannot be decoded" in table.loc["cardiomegaly", "explanation"]


@pytest.mark.slow
def test_padchest_curated_reads_whole_terms(padchest):
    raw = pd.read_csv(padchest / PADCHEST, usecols=["Projection", "Labels"])
    raw = raw[raw["Projection"].isin(["PA", "AP", "AP_horizontal"]) & raw["Labels"].notna()]
    text = raw["Labels"].str.lower()

    def with_term(*terms):
        # A whole term stands between quotes, perhaps after one space.
        return sum(text.str.contains(rf"""['"] ?{term} ?['"]""") for term in terms).gt(0).sum()

    cohort = load_cohort("padchest", padchest, label_rules="curated")
    ours = {name: int(n) for name, n in cohort.findings.eq(1).sum().items()}
    assert ours["no_finding"] == with_term("normal") == 36_155 - 52
    assert ours["emphysema"] == with_term("emphysema")
    assert ours["hernia"] == with_term("hiatal hernia")
    assert ours["pneumonia"] == with_term("pneumonia", "atypical pneumonia")
    masses = [f"{kind} mass" for kind in ("mediastinal", "pleural", "pulmonary")]
    assert ours["nodule_mass"] == with_term("nodule", "multiple nodules", "mass", *masses)


@pytest.mark.slow
def test_padchest_rules_disagree_over_the_terms_that_only_contain_a_findings_name(padchest):
    comparison = compare_rules("padchest", padchest)
    rows = comparison.labels.set_index("finding")
    assert comparison.images["only curated"] == 0
    assert comparison.images["both"] + comparison.images["only paper"] == 110_554
    assert rows.loc["no_finding", "only_paper"] == 52
    assert rows.loc["no_finding", "evidence"] == "abnormal foreign body (52)"
    assert rows.loc["nodule_mass", "evidence"].startswith("pseudonodule (1,")
    assert rows.loc["emphysema", "evidence"].startswith("subcutaneous emphysema")
    assert rows.loc["kyphosis", ["only_paper", "only_curated", "unknown"]].eq(0).all()


def test_vindr_kaggle_edition_gives_the_majority_of_three_readers(wheel, release):
    folder = release({"train.csv.gz": wheel / "vinbigdata-train.csv.gz"})
    cohort = load_cohort("vindr_cxr", folder)
    counts = {label: n["total"] for label, n in cohort_json(cohort)["positives"].items()}
    assert len(cohort.records) == 15_000
    # The paper's counts less those of the test set's consensus, which this edition lacks.
    test = {
        "Cardiomegaly": 309,
        "Pleural effusion": 111,
        "Atelectasis": 86,
        "Consolidation": 96,
        "Pneumothorax": 18,
        "Pleural thickening": 169,
        "Lung opacity": 84,
        "Fibrosis": 217,
    }
    theirs = paper_counts("vindr_cxr")
    theirs["Fibrosis"] = theirs["Pulmonary fibrosis"]
    assert {label: counts[label] for label in test} == {
        label: theirs[label] - test[label] for label in test
    }
    # Here the editions differ: Kaggle's boxes hold 4 images fewer with two readers' Nodule/Mass
    # (PhysioNet 409) and 5 more without any of its fewer findings (PhysioNet 10,601).
    assert (counts["Nodule/Mass"], counts["No finding (healthy)"]) == (405, 10_606)
    # Nobody was asked about pneumonia there: unknown, not negative.
    assert cohort.records["Pneumonia"].eq(-1).all()
