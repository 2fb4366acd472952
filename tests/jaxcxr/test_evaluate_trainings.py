"""The evaluate command with several trainings a side, and its averages over labels."""

from __future__ import annotations

import json

import numpy as np
import pandas as pd
import pytest

from jaxcxr.errors import InputError
from jaxcxr.evaluate import evaluate, main
from jaxcxr.stats import compare_trainings, trained

LABELS = ("Effusion", "Nodule", "Hernia")
TRAININGS = {"ours": 3, "theirs": 2}


def table_of(model, training, *, images=240):
    """Two images a patient; 3 patients with a hernia."""
    rng, own = np.random.default_rng(0), np.random.default_rng([1, len(model), training])
    patient = np.arange(images) // 2
    table = {"image_id": [f"i{i}" for i in range(images)], "patient_id": patient, "split": "test"}
    for place, name in enumerate(LABELS):
        ill = rng.random(images // 2) < (0.4, 0.3, 0)[place]
        truth = (ill if name != "Hernia" else np.arange(images // 2) < 3)[patient].astype(int)
        hard = rng.normal(size=images)
        gain = 1.2 + 0.3 * (model == "ours") + 0.2 * own.normal()
        table[f"label:{name}"] = truth
        table[f"logit:{name}"] = hard + 0.5 * own.normal(size=images) + gain * truth
    return pd.DataFrame(table)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("trainings")
    for model, count in TRAININGS.items():
        for training in range(count):
            table_of(model, training).to_csv(folder / f"{model}{training}.csv", index=False)
    return folder


def files(folder, model):
    return [folder / f"{model}{training}.csv" for training in range(TRAININGS[model])]


def scores_of(model):
    every = [table_of(model, training) for training in range(TRAININGS[model])]
    return np.stack([one[[f"logit:{name}" for name in LABELS]].to_numpy() for one in every])


def truth_and_patients():
    table = table_of("ours", 0)
    return table[[f"label:{name}" for name in LABELS]].to_numpy(), table["patient_id"].to_numpy()


@pytest.fixture(scope="module")
def found(folder):
    asked = [*files(folder, "ours"), "--against", *files(folder, "theirs")]
    main([*map(str, asked), "--out", str(folder / "out"), "--resamples", "60", "--no-plots"])
    return json.loads((folder / "out" / "statistics.json").read_text())


def test_several_files_a_side_are_compared_over_trainings(found):
    truth, patients = truth_and_patients()
    theirs = compare_trainings(truth, scores_of("ours"), scores_of("theirs"), groups=patients)
    comparison = found["comparison"]
    assert comparison["trainings"] == [3, 2] and comparison["of_initializations"]
    for row, one in zip(comparison["labels"], theirs.labels, strict=True):
        assert (row["difference"], row["low"], row["high"]) == pytest.approx(
            (one.value, one.low, one.high)
        )
        assert row["degrees_of_freedom"] == pytest.approx(one.freedom)
    average = comparison["average"]
    assert average["labels"] == ["Effusion", "Nodule"] and average["left_out"] == ["Hernia"]
    assert (average["difference"], average["p"]) == pytest.approx(
        (theirs.average.value, theirs.average.p)
    )
    assert [row["p"] is None for row in comparison["labels"]] == [False, False, True]


def test_a_models_numbers_are_means_over_its_trainings(found, folder):
    truth, patients = truth_and_patients()
    models = trained(truth, [scores_of("ours")], groups=patients)
    each = [
        json.loads((folder / "out" / f"training_{one}" / "statistics.json").read_text())
        for one in (1, 2, 3)
    ]
    for column, row in enumerate(found["labels"]):
        one = models.judged((1,), column)
        assert (row["metrics"]["auc"]["low"], row["metrics"]["auc"]["high"]) == pytest.approx(
            (one.low, one.high)
        )
        for name, metric in row["metrics"].items():
            values = [of["labels"][column]["metrics"][name]["value"] for of in each]
            assert metric["value"] == pytest.approx(np.mean(values))
            assert metric["seed_sd"] == pytest.approx(np.std(values, ddof=1))
            if row["label"] != "Hernia" and name in ("sensitivity", "accuracy", "auc"):
                assert 0 <= metric["low"] < metric["value"] < metric["high"] <= 1
    average = found["average"]
    assert average["metrics"]["auc"]["value"] == pytest.approx(
        np.mean([row["metrics"]["auc"]["value"] for row in found["labels"][:2]])
    )
    assert average["all_labels"]["auc"] == pytest.approx(
        np.mean([row["metrics"]["auc"]["value"] for row in found["labels"]])
    )
    assert [one["predictions"] for one in found["trainings"]] == [
        str(path) for path in files(folder, "ours")
    ]


def test_one_training_a_side_gives_no_verdict_on_initializations(folder, tmp_path, capsys):
    asked = {"resamples": 60, "plots": False}
    one = evaluate(folder / "ours0.csv", tmp_path, against=folder / "theirs0.csv", **asked)
    said = capsys.readouterr().out
    assert "two trained models" in said and "not two ways to train" in said
    assert not one["comparison"]["of_initializations"]
    assert "at least 10 patients in the smaller class: Effusion, Nodule. Too few: Hernia." in said
    assert one["average"]["labels"] == ["Effusion", "Nodule"]
    assert "All 3 labels" in said
    mixed = evaluate(folder / "ours0.csv", tmp_path, against=files(folder, "theirs"), **asked)
    assert mixed["comparison"]["trainings"] == [1, 2]
    assert "first model was trained once" in capsys.readouterr().out


def test_the_smallest_p_of_the_redraws_is_marked(folder, tmp_path, capsys):
    better = table_of("ours", 0)
    for name in LABELS:
        better[f"logit:{name}"] += 4 * better[f"label:{name}"]
    better.to_csv(tmp_path / "better.csv", index=False)
    asked = {"resamples": 99, "plots": False}
    found = evaluate(tmp_path / "better.csv", tmp_path, against=folder / "theirs0.csv", **asked)
    assert found["comparison"]["average"]["p"] == pytest.approx(0.02)
    said = capsys.readouterr().out
    assert "\N{LESS-THAN OR EQUAL TO}0.02" in said
    assert "p = 0.02 is the smallest that so many redraws can give" in said


def test_what_cannot_be_is_refused(folder, tmp_path):
    ours = files(folder, "ours")
    with pytest.raises(InputError, match=r"ours0\.csv is given twice"):
        evaluate([ours[0], ours[0]], tmp_path / "out", plots=False)
    with pytest.raises(InputError, match="least-patients is 1"):
        evaluate(ours[0], tmp_path / "out", least_patients=1)
    with pytest.raises(InputError, match="--paper is of one training"):
        evaluate(ours, tmp_path / "out", paper=True)
    with pytest.raises(InputError, match="--interval bca is of one training"):
        evaluate(ours, tmp_path / "out", interval="bca")
    fewer = table_of("ours", 1).iloc[:-4]
    fewer.to_csv(tmp_path / "fewer.csv", index=False)
    with pytest.raises(InputError, match=r"images are not in .*fewer\.csv"):
        evaluate([ours[0], tmp_path / "fewer.csv"], tmp_path / "out", plots=False)
    assert not (tmp_path / "out").exists()


def test_paper_draws_as_many_redraws_as_the_study_and_no_more(folder, tmp_path):
    found = evaluate(
        folder / "ours0.csv", tmp_path, resamples=60, paper=True, plots=False, print_tables=False
    )
    truth, _ = truth_and_patients()
    assert found["labels"][2]["unusable_redraws"] >= 0 and found["bootstrap"]["unit"] == "image"
    from jaxcxr.stats import bootstrap, pooled_spread

    redraws = bootstrap(truth, scores_of("ours")[0], resamples=60)
    assert found["paper"]["auc"]["pooled_sd"] == pytest.approx(pooled_spread(redraws.auc)[1])
