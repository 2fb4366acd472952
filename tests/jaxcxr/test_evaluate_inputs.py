"""What the evaluate command reads: files of any tool, and mistakes in them and in its options."""

import numpy as np
import pandas as pd
import pytest
from made_up_predictions import LABELS, table_of, write_parquet
from sklearn.metrics import brier_score_loss, roc_auc_score

from jaxcxr.errors import InputError
from jaxcxr.evaluate import evaluate, main


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A folder with one model's predictions."""
    folder = tmp_path_factory.mktemp("evaluate")
    write_parquet(folder / "ours.parquet", table_of())
    return folder


def test_a_csv_of_any_other_tool(tmp_path):
    rng = np.random.default_rng(0)
    truth = rng.integers(0, 2, 60)
    probability = np.clip(rng.normal(0.4 + 0.2 * truth, 0.2), 0, 1)
    frame = pd.DataFrame({"label:Edema": truth.astype(object), "score:Edema": probability})
    frame.loc[3, "label:Edema"] = ""
    frame.to_csv(tmp_path / "other.csv", index=False)
    found = evaluate(tmp_path / "other.csv", tmp_path / "out", resamples=50, print_tables=False)
    known = np.arange(60) != 3
    auc = found["labels"][0]["metrics"]["auc"]["value"]
    assert auc == pytest.approx(roc_auc_score(truth[known], probability[known]))
    assert found["labels"][0]["unknown"] == 1
    assert found["bootstrap"]["unit"] == "image" and found["patients"] is None
    brier = found["labels"][0]["calibration"]["brier"]["value"]
    assert brier == pytest.approx(brier_score_loss(truth[known], probability[known]))


def test_parquet_of_other_types(tmp_path):
    frame = table_of()
    frame["label:Effusion"] = frame["label:Effusion"].astype(float).replace(-1, np.nan)
    # Names of one length, since groups are numbered in the order of their names.
    frame["patient_id"] = frame["patient_id"].str.removeprefix("patient").astype(int) + 1000
    for name in ("split", "sex", "view"):
        frame[name] = frame[name].astype("category")
    write_parquet(tmp_path / "types.parquet", frame)
    write_parquet(tmp_path / "plain.parquet", table_of())
    asked = {"resamples": 20, "print_tables": False, "plots": False}
    found = evaluate(tmp_path / "types.parquet", tmp_path / "out", **asked)
    plain = evaluate(tmp_path / "plain.parquet", tmp_path / "out", **asked)
    assert found["labels"] == plain["labels"] and found["subgroups"] == plain["subgroups"]


@pytest.mark.parametrize("score", [np.nan, np.inf, -1e31, 1e308])
def test_scores_that_nobody_gives_are_refused(tmp_path, score):
    frame = pd.DataFrame({"label:A": [1, 0, 1, 0], "score:A": [3.0, 1.0, score, 2.5]})
    frame.to_csv(tmp_path / "scores.csv", index=False)
    with pytest.raises(InputError, match=r"in row 3 of .*: every image needs a finite score"):
        evaluate(tmp_path / "scores.csv", tmp_path / "out", resamples=9, print_tables=False)


def test_scores_that_are_no_probabilities_have_no_calibration(tmp_path):
    frame = pd.DataFrame({"label:A": [1, 0, 1, 0], "score:A": [3.0, 1.0, 2.0, 2.5]})
    frame.to_csv(tmp_path / "scores.csv", index=False)
    found = evaluate(tmp_path / "scores.csv", tmp_path / "out", resamples=9, print_tables=False)
    assert found["labels"][0]["calibration"] is None
    assert not (tmp_path / "out" / "reliability.png").exists()


def test_csv_and_parquet_give_the_same(folder, tmp_path):
    table_of().to_csv(tmp_path / "ours.csv", index=False)
    asked = {"resamples": 30, "print_tables": False, "plots": False}
    from_csv = evaluate(tmp_path / "ours.csv", tmp_path / "out", **asked)
    from_parquet = evaluate(folder / "ours.parquet", tmp_path / "out", **asked)
    for ours, theirs in zip(from_csv["labels"], from_parquet["labels"], strict=True):
        assert (ours["positives"], ours["unknown"]) == (theirs["positives"], theirs["unknown"])
        if theirs["metrics"]:
            assert ours["metrics"]["auc"] == theirs["metrics"]["auc"]


NO_TRUTH = [f"label:{name}" for name in LABELS]
BAD = {
    "no label column": (lambda f: f.drop(columns=NO_TRUTH), "no column label:NAME"),
    "no score column": (lambda f: f.drop(columns="logit:Effusion"), "no column logit:Effusion"),
    "label of 2": (lambda f: f.assign(**{"label:Hernia": 2}), "label:Hernia is 2 in row 1"),
    "NaN score": (lambda f: f.assign(**{"logit:Hernia": np.nan}), "logit:Hernia is nan in row 1"),
    "image twice": (lambda f: f.assign(image_id="x"), "image 'x' stands 60 times"),
    "half the patients": (lambda f: f.assign(patient_id=["", "p"] * 30), "30 of 60 images"),
    "no test split": (lambda f: f.assign(split="train"), "no images of split 'test'"),
}


@pytest.mark.parametrize("case", BAD)
@pytest.mark.parametrize("suffix", ["csv", "parquet"])
def test_bad_files_are_named(case, suffix, tmp_path):
    change, message = BAD[case]
    path = tmp_path / f"bad.{suffix}"
    frame = change(table_of(60))
    frame.to_csv(path, index=False) if suffix == "csv" else frame.to_parquet(path)
    if (case, suffix) == ("NaN score", "csv"):
        message = "logit:Hernia is blank in row 1"
    with pytest.raises(InputError, match=message.replace("(", r"\(")) as raised:
        evaluate(path, tmp_path / "out", resamples=5)
    assert "bad." in str(raised.value)
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    ("content", "name", "message"),
    [
        ("label:A,score:A\n1,high\n0,0.2\n", "a.csv", "score:A is 'high' in row 1"),
        ("", "a.csv", "not a readable CSV"),
        ("label:A,score:A\n", "a.csv", "no rows"),
        ("not parquet", "a.parquet", "not readable as a parquet file"),
        ("x", "a.txt", "neither .parquet nor .csv"),
        (None, "absent.csv", "no file"),
    ],
)
def test_unreadable_files_are_named(content, name, message, tmp_path):
    if content is not None:
        (tmp_path / name).write_text(content)
    with pytest.raises(InputError, match=message):
        evaluate(tmp_path / name, tmp_path / "out")


def test_models_are_compared_on_the_same_images_and_truth_only(folder, tmp_path):
    fewer = write_parquet(tmp_path / "fewer.parquet", table_of().drop(index=range(100, 110)))
    with pytest.raises(InputError, match=r"images are not in .*fewer\.parquet"):
        evaluate(folder / "ours.parquet", tmp_path / "out", against=fewer)
    changed = table_of()
    changed["label:Cardiomegaly"] = 1 - changed["label:Cardiomegaly"]
    other = write_parquet(tmp_path / "changed.parquet", changed)
    with pytest.raises(InputError, match="same labels only"):
        evaluate(folder / "ours.parquet", tmp_path / "out", against=other)


@pytest.mark.parametrize(
    ("option", "message"),
    [
        ({"resamples": 0}, "--resamples"),
        ({"level": 95}, "--level"),
        ({"seed": -1}, "--seed"),
        ({"fixed_rate": 0.0}, "--fixed-rate"),
        ({"age_bands": (60, 18)}, "--age-bands"),
        ({"paper": True, "unit": "patient"}, "--paper"),
    ],
)
def test_bad_options_are_named(option, message, folder, tmp_path):
    with pytest.raises(InputError, match=message):
        evaluate(folder / "ours.parquet", tmp_path / "out", **option)


def test_two_tests_that_disagree_on_too_few_images_are_no_news(tmp_path, capsys):
    # Two positives: no p is told of the label, though the two tests differ by a factor of four.
    rng, truth = np.random.default_rng(25), np.zeros(60, int)
    truth[:2] = 1
    ours, theirs = rng.normal(size=60) + 2 * truth, rng.normal(size=60)
    tables = [
        pd.DataFrame(
            {
                "image_id": [f"image{row}" for row in range(60)],
                "patient_id": [f"patient{row}" for row in range(60)],
                "split": "test",
                "label:Edema": truth,
                "logit:Edema": logits,
            }
        )
        for logits in (ours, theirs)
    ]
    files = [write_parquet(tmp_path / f"{row}.parquet", one) for row, one in enumerate(tables)]
    out = ["--out", str(tmp_path / "out"), "--resamples", "200"]
    main([str(files[0]), "--against", str(files[1]), *out])
    assert "disagree; look at" not in capsys.readouterr().out
