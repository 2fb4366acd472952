import hashlib
import json
import subprocess
import sys
import time
from pathlib import Path

import pandas as pd
import pytest

from input_pipeline.__main__ import COMMANDS, main
from input_pipeline.against_paper import TABLE1_ROWS, table1, table2
from input_pipeline.cohort import cohort_json, load_cohort
from input_pipeline.labels import DATASETS, NAMES, STUDIED, label_set
from input_pipeline.paper import TABLES, table
from input_pipeline.phantom.release import write_table
from input_pipeline.rule_comparison import compare_rules
from jaxcxr.errors import InputError


def tables_of_phantom(dataset, folder, images=150):
    """The label tables of a phantom release, without its images."""
    from importlib import import_module

    layout = import_module(f"input_pipeline.phantom.releases.{dataset}")
    for name, rows in layout.plan(images, 5, 64).tables.items():
        write_table(folder / name, rows)
    return folder


@pytest.mark.parametrize("dataset", DATASETS)
@pytest.mark.parametrize("rules", ["paper", "curated"])
def test_command_writes_what_the_cohort_holds(dataset, rules, tmp_path, capsys):
    raw = tables_of_phantom(dataset, tmp_path / "raw")
    out, splits, tables = tmp_path / "cohort.json", tmp_path / "splits.csv", tmp_path / "tables"
    writes = ["--out", str(out), "--splits", str(splits), "--tables", str(tables)]
    main(["cohort", dataset, "--raw-dir", str(raw), "--label-rules", rules, *writes])
    cohort = load_cohort(dataset, raw, label_rules=rules)
    rows = cohort.records
    written = json.loads(out.read_text())
    assert written == cohort_json(cohort)
    assert written["dataset"] == dataset and written["label_rules"] == rules
    assert list(written["positives"]) == [NAMES[finding] for finding in label_set(dataset)]
    for label, counts in written["positives"].items():
        for split in ("train", "validation", "test"):
            assert counts[split] == (rows[label].eq(1) & rows["split"].eq(split)).sum()
        assert counts["total"] == rows[label].eq(1).sum()
    assert written["images"] == rows["split"].value_counts().to_dict()
    assert written["funnel"][0]["images"] >= written["funnel"][-1]["images"] == len(rows)
    assert rows["image_id"].is_monotonic_increasing
    listed = pd.read_csv(splits, dtype=str)
    assert listed["split"].tolist() == rows["split"].tolist()
    assert listed["image_id"].tolist() == rows["image_id"].tolist()
    assert len(pd.read_csv(tables / "table3.csv")) == len(cohort.labels)
    shown = capsys.readouterr().out
    assert "Funnel" in shown
    # Of a dataset that the paper does not have, it has no numbers either.
    said = "the paper's numbers do not apply" in " ".join(shown.split())
    assert said == (dataset in STUDIED)


def test_study_default_splits_and_validation_share(tmp_path):
    by_patient = tables_of_phantom("chexpert", tmp_path / "chexpert")
    assert load_cohort("chexpert", by_patient).settings["split"] == "patient"
    official = tables_of_phantom("chestxray14", tmp_path / "nih")
    cohort = load_cohort("chestxray14", official, validation_share=0.0)
    assert cohort.settings["split"] == "official"
    assert set(cohort.records["split"]) == {"train", "test"}
    none_published = tables_of_phantom("padchest", tmp_path / "padchest")
    assert load_cohort("padchest", none_published, split="official").settings["split"] == "patient"


def test_a_published_list_gives_the_same_split_again(tmp_path, capsys):
    raw = tables_of_phantom("padchest", tmp_path / "raw")
    published, again = tmp_path / "splits.csv", tmp_path / "again.csv"
    command = ["cohort", "padchest", "--raw-dir", str(raw), "--splits"]
    main([*command, str(published), "--split-seed", "9"])
    main([*command, str(again), "--split-list", str(published), "--label-rules", "paper"])
    assert published.read_bytes() == again.read_bytes()
    assert again.read_bytes() != tables_written(main, [*command, str(tmp_path / "zero.csv")])
    settings = load_cohort("padchest", raw, split_list=published).settings
    digest = hashlib.sha256(published.read_bytes()).hexdigest()
    assert (settings["split"], settings["split_list"]) == ("list", digest)


def tables_written(run, command):
    run(command)
    return Path(command[-1]).read_bytes()


def test_a_list_that_does_not_fit_stops_everything(tmp_path):
    raw = tables_of_phantom("padchest", tmp_path / "raw")
    rows = load_cohort("padchest", raw).records[["image_id", "patient_id", "split"]]
    path = tmp_path / "splits.csv"

    def refused(listed, match):
        listed.to_csv(path, index=False)
        with pytest.raises(InputError, match=match):
            load_cohort("padchest", raw, split_list=path)

    refused(rows.iloc[1:], "lacks 1 of the cohort's images")
    refused(rows.replace("validation", "valid"), "'valid' where train, validation, test")
    refused(pd.concat([rows, rows.iloc[:1]]), "each image once")
    refused(rows.drop(columns="split"), "lacks the column split")
    several = rows["patient_id"].duplicated(keep=False)
    one = rows[several].index[0]
    other = {"train": "test", "test": "train", "validation": "test"}[rows.loc[one, "split"]]
    leak = rows["split"].mask(rows.index == one, other)
    # Images are named, and never patients.
    refused(
        rows.assign(split=leak), rf"the patient of images .*{rows.loc[one, 'image_id']}.* is in "
    )
    with pytest.raises(InputError, match="not a readable CSV table"):
        load_cohort("padchest", raw, split_list=tmp_path / "absent.csv")


def test_a_cohort_names_the_label_files_it_came_from(tmp_path):
    raw = tables_of_phantom("mimic_cxr", tmp_path)
    tables = load_cohort("mimic_cxr", raw).settings["tables"]
    assert tables == {
        name: hashlib.sha256((raw / name).read_bytes()).hexdigest()
        for name in (f"mimic-cxr-2.0.0-{part}.csv.gz" for part in ("metadata", "chexpert", "split"))
    }


def test_labels_of_another_dataset_can_be_asked_for(tmp_path):
    raw = tables_of_phantom("uka_cxr", tmp_path)
    cohort = load_cohort("uka_cxr", raw, findings="mimic_transfer")
    assert "Pneumonia" in cohort.labels and "Pneumonia right" not in cohort.labels
    sides = load_cohort("uka_cxr", raw).records
    either = sides["Pneumonia right"].eq(1) | sides["Pneumonia left"].eq(1)
    assert cohort.records["Pneumonia"].eq(1).equals(either)


@pytest.mark.parametrize("dataset", DATASETS)
def test_every_label_set_can_be_built_from_every_dataset(dataset, tmp_path):
    raw = tables_of_phantom(dataset, tmp_path)
    for name in ("mimic_transfer", *DATASETS):
        cohort = load_cohort(dataset, raw, findings=name)
        assert list(cohort.records.columns[-len(cohort.labels) :]) == list(cohort.labels)


def test_tables_say_that_a_part_is_not_the_release(tmp_path):
    cohort = load_cohort("padchest", tables_of_phantom("padchest", tmp_path))
    first = table1(cohort)
    assert first["row"].tolist() == list(TABLE1_ROWS)
    differing = first[first["ours"].ne(first["paper"])]
    assert (
        differing["explanation"]
        .eq("this folder's tables hold 150 of the release's 160,861 rows")
        .all()
    )
    second = table2(cohort).set_index("finding")
    assert second.loc["cardiomegaly", "paper"] == 9_845
    positives = cohort.records["Cardiomegaly"].eq(1).sum()
    assert second.loc["cardiomegaly", "ours"] == positives
    assert second.loc["cardiomegaly", "difference"] == positives - 9_845


def test_compare_rules_counts_every_image_once(tmp_path, capsys):
    raw = tables_of_phantom("padchest", tmp_path / "raw", images=600)
    comparison = compare_rules("padchest", raw)
    paper = load_cohort("padchest", raw).records.set_index("image_id")
    curated = load_cohort("padchest", raw, label_rules="curated").records.set_index("image_id")
    both = paper.index.intersection(curated.index)
    assert comparison.images == {
        "both": len(both),
        "only paper": len(paper) - len(both),
        "only curated": len(curated) - len(both),
    }
    rows = comparison.labels.set_index("label")
    for label in ("Nodule/Mass", "No finding (healthy)", "Pneumonia"):
        differs = paper.loc[both, label].eq(1) & curated.loc[both, label].eq(0)
        assert rows.loc[label, "only_paper"] == differs.sum()
        assert rows.loc[label, "paper"] == paper[label].eq(1).sum()
        assert rows.loc[label, "curated"] == curated[label].eq(1).sum()
    assert rows.loc["Nodule/Mass", "only_paper"] > 0
    out = tmp_path / "rules.csv"
    main(["compare-rules", "padchest", "--raw-dir", str(raw), "--out", str(out)])
    assert "Nodule/Mass: pseudonodule (" in capsys.readouterr().out
    assert pd.read_csv(out)["finding"].tolist() == comparison.labels["finding"].tolist()


def test_bad_input_ends_in_one_sentence_and_status_2(tmp_path, capsys):
    for arguments in (
        ["cohort", "padchest", "--raw-dir", str(tmp_path / "nowhere")],
        ["cohort", "padchest", "--raw-dir", str(tmp_path)],
        ["cohort", "padchest", "--raw-dir", str(tmp_path), "--label-set", "all"],
        ["compare-rules", "uka_cxr", "--raw-dir", str(tmp_path)],
    ):
        with pytest.raises(SystemExit) as stopped:
            main(arguments)
        assert stopped.value.code == 2
        error = capsys.readouterr().err
        assert error.startswith("error: ") and error.count("\n") == 1


@pytest.mark.parametrize("arguments", [[], *([name] for name in COMMANDS)])
def test_help_is_quick(arguments):
    root = Path(__file__).resolve().parents[2]
    start = time.perf_counter()
    command = [sys.executable, "-m", "input_pipeline", *arguments, "--help"]
    shown = subprocess.run(command, cwd=root, capture_output=True, text=True, check=True).stdout
    assert time.perf_counter() - start < 3
    assert "usage: python -m input_pipeline" in shown


def test_the_papers_tables_are_shipped():
    for name in TABLES:
        assert len(table(name)) > 0
    with pytest.raises(ValueError, match="no table"):
        table("table9")
