"""The evaluate command, from files to files."""

from __future__ import annotations

import csv
import json
import subprocess
import sys
import time

import numpy as np
import pandas as pd
import pytest
from made_up_predictions import LABELS, table_of, write_parquet
from scipy.special import expit
from sklearn.metrics import brier_score_loss, roc_auc_score, roc_curve

from jaxcxr.evaluate import evaluate, main


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Two models' predictions, and the results of the first against the second."""
    folder = tmp_path_factory.mktemp("evaluate")
    write_parquet(folder / "ours.parquet", table_of(), {"dataset": "made up", "run": "7"})
    other = table_of(model=1, gain=0.7).sample(frac=1, random_state=0)
    write_parquet(folder / "theirs.parquet", other)
    arguments = [folder / "ours.parquet", "--against", folder / "theirs.parquet"]
    main([*map(str, arguments), "--out", str(folder / "out"), "--resamples", "200"])
    return folder


@pytest.fixture(scope="module")
def statistics(folder):
    return json.loads((folder / "out" / "statistics.json").read_text())


def of_label(statistics, name):
    return next(row for row in statistics["labels"] if row["label"] == name)


def test_values_are_scikit_learns_on_the_test_split(statistics):
    frame = table_of().query("split == 'test'")
    assert statistics["images"] == len(frame)
    assert statistics["patients"] == frame["patient_id"].nunique()
    assert statistics["bootstrap"]["unit"] == "patient"
    assert statistics["origin"] == {"dataset": "made up", "run": "7"}
    for name in ("Cardiomegaly", "Effusion", "[Nodule]"):
        known = frame[frame[f"label:{name}"] >= 0]
        y, s = known[f"label:{name}"], known[f"logit:{name}"]
        row = of_label(statistics, name)
        assert row["metrics"]["auc"]["value"] == pytest.approx(roc_auc_score(y, s), abs=1e-12)
        assert row["positives"] == y.sum() and row["negatives"] == (1 - y).sum()
        assert row["unknown"] == len(frame) - len(known)
        metrics = row["metrics"]
        assert metrics["auc"]["low"] < metrics["auc"]["value"] < metrics["auc"]["high"]
        brier = row["calibration"]["brier"]["value"]
        assert brier == pytest.approx(brier_score_loss(y, expit(s.astype(float))))


def test_threshold_of_the_validation_split_is_applied_to_the_test_split(statistics):
    frame = table_of()
    validation, test = (frame.query(f"split == '{split}'") for split in ("validation", "test"))
    false, true, thresholds = roc_curve(
        validation["label:Cardiomegaly"], validation["logit:Cardiomegaly"]
    )
    threshold = thresholds[np.argmax(true - false)]
    at = of_label(statistics, "Cardiomegaly")["at_validation_threshold"]
    assert at["threshold"] == pytest.approx(threshold, rel=1e-6)
    found = test.query("`label:Cardiomegaly` == 1")["logit:Cardiomegaly"] >= threshold
    assert at["sensitivity"]["value"] == pytest.approx(found.mean())
    assert statistics["validation"]["images"] == len(validation)
    assert statistics["validation"]["shared_patients"] == 0
    # The validation split is used for nothing else.
    assert of_label(statistics, "Cardiomegaly")["positives"] == test["label:Cardiomegaly"].sum()


def test_scaling_fitted_on_validation_improves_calibration(tmp_path):
    frame = table_of()
    frame["logit:Effusion"] = 4 * frame["logit:Effusion"] + 3
    write_parquet(tmp_path / "distorted.parquet", frame)
    found = evaluate(
        tmp_path / "distorted.parquet", tmp_path, resamples=50, print_tables=False, plots=False
    )
    entry = of_label(found, "Effusion")["calibration"]
    for name in ("brier", "ece"):
        assert entry["platt"][name]["value"] < entry[name]["value"]
        assert entry["platt"][name]["value"] < entry["temperature"][name]["value"]
    assert entry["temperature"]["offset"] == 0 and entry["temperature"]["slope"] < 0.5


def test_a_label_without_positives_is_not_estimable(statistics):
    row = of_label(statistics, "Hernia")
    assert row["estimable"] is False and row["metrics"] is None
    assert row["positives"] == 0 and row["negatives"] == statistics["images"]
    assert "Hernia" not in statistics["average"]["labels"]
    values = [of_label(statistics, n)["metrics"]["auc"]["value"] for n in LABELS if n != "Hernia"]
    assert statistics["average"]["metrics"]["auc"]["value"] == pytest.approx(np.mean(values))


def test_subgroups_cover_sex_age_and_view(statistics):
    frame = table_of().query("split == 'test'")
    cells = {(row["attribute"], row["subgroup"]) for row in statistics["subgroups"]}
    assert {("sex", "F"), ("sex", "M"), ("view", "PA"), ("age", "18-39")} <= cells
    assert ("age", "80 and over") in cells and ("sex", "") not in cells
    row = next(
        row
        for row in statistics["subgroups"]
        if (row["subgroup"], row["label"]) == ("F", "Cardiomegaly")
    )
    auc = {
        sex: roc_auc_score(of["label:Cardiomegaly"], of["logit:Cardiomegaly"])
        for sex, of in frame.groupby("sex")
    }
    assert row["metrics"]["auc"]["value"] == pytest.approx(auc["F"])
    assert row["gap"]["auc"]["value"] == pytest.approx(auc["F"] - auc["M"])
    assert row["gap"]["auc"]["low"] < row["gap"]["auc"]["high"]
    bands = [row for row in statistics["subgroups"] if row["attribute"] == "age"]
    per_label = [row["images"] for row in bands if row["label"] == "Cardiomegaly"]
    assert sum(per_label) == frame["age"].notna().sum()
    hernia = [row for row in statistics["subgroups"] if row["label"] == "Hernia"]
    assert all(not row["estimable"] and row["metrics"] is None for row in hernia)


def test_comparison_pairs_images_whatever_their_order(statistics):
    comparison = statistics["comparison"]
    frames = [f.query("split == 'test'") for f in (table_of(), table_of(model=1, gain=0.7))]
    row = next(row for row in comparison["labels"] if row["label"] == "Cardiomegaly")
    values = [roc_auc_score(f["label:Cardiomegaly"], f["logit:Cardiomegaly"]) for f in frames]
    assert (row["auc"], row["against_auc"]) == pytest.approx(tuple(values))
    assert row["difference"] == pytest.approx(values[0] - values[1])
    assert 0 < row["p"] <= row["q"] <= 1 and 0 < row["delong_p"] < 1
    hernia = next(row for row in comparison["labels"] if row["label"] == "Hernia")
    assert hernia["estimable"] is False and hernia["p"] is None


def test_files_are_written_whole_and_readable(folder):
    names = {path.name for path in (folder / "out").iterdir()}
    plots = {
        f"{n}.{s}"
        for n in ("roc", "precision_recall", "reliability", "decision", "forest")
        for s in ("svg", "png")
    }
    tables = {"labels.csv", "labels.tex", "subgroups.csv", "comparison.csv", "comparison.tex"}
    tables |= {"curves.csv", "calibration.csv", "decision_curves.csv"}
    tables |= {"operating_points.csv", "operating_points.tex"}
    assert names == {"statistics.json"} | plots | tables
    assert all(
        (folder / "out" / name).read_bytes()[:4] == b"\x89PNG" for name in plots if "png" in name
    )
    with (folder / "out" / "labels.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert {"auc", "brier", "sensitivity_at_validation_threshold"} <= {r["metric"] for r in rows}
    latex = (folder / "out" / "labels.tex").read_text()
    assert latex.count("&") == 7 * latex.count(r"\\" + "\n") == 7 * 6
    assert "[Nodule]" in latex and "not estimable" in latex


def test_curves_are_scikit_learns_without_points_on_straight_lines(folder):
    found = pd.read_csv(folder / "out" / "curves.csv")
    assert sorted(found["model"].unique()) == ["ours", "theirs"]
    assert set(found["label"]) == {"Cardiomegaly", "Effusion", "[Nodule]"}
    frame = pd.read_parquet(folder / "theirs.parquet").query("split == 'test'")
    for name in ("Cardiomegaly", "Effusion"):
        known = frame[frame[f"label:{name}"] >= 0]
        x, y, at = roc_curve(known[f"label:{name}"], known[f"logit:{name}"])
        ours = found[(found["model"] == "theirs") & (found["label"] == name)]
        places = {threshold: place for place, threshold in enumerate(at)}
        chosen = [places[threshold] for threshold in ours["threshold"]]
        np.testing.assert_allclose(ours["false_positive_rate"], x[chosen], atol=1e-12)
        np.testing.assert_allclose(ours["sensitivity"], y[chosen], atol=1e-12)
        # What is left out lies on the line between its neighbours: the area is the same.
        area = np.trapezoid(ours["sensitivity"], ours["false_positive_rate"])
        known_scores = known[[f"label:{name}", f"logit:{name}"]].to_numpy().T
        assert area == pytest.approx(roc_auc_score(*known_scores), abs=1e-12)
        assert len(ours) < len(known) * 0.8


def test_the_terminal_shows_every_label(folder, capsys):
    main(
        [
            str(folder / "ours.parquet"),
            "--out",
            str(folder / "again"),
            "--resamples",
            "20",
            "--no-plots",
        ]
    )
    shown = capsys.readouterr().out
    assert all(name in shown for name in LABELS)
    assert "Hernia: not estimable, 0 positive and" in shown
    assert "Effusion:" in shown and "unknown label left out" in shown


def test_the_same_command_gives_the_same_numbers(folder):
    again = evaluate(
        folder / "ours.parquet", folder / "again", resamples=200, print_tables=False, plots=False
    )
    first = json.loads((folder / "out" / "statistics.json").read_text())
    del first["comparison"]
    assert json.loads(json.dumps(again)) == first


def test_one_positive_patient_gives_a_value_without_an_interval(tmp_path):
    frame = table_of(90)
    first = frame.query("split == 'test'")["patient_id"].iloc[0]
    frame["label:Hernia"] = (frame["patient_id"] == first).astype(int)
    write_parquet(tmp_path / "one.parquet", frame)
    found = evaluate(tmp_path / "one.parquet", tmp_path / "out", resamples=50, print_tables=False)
    row = of_label(found, "Hernia")
    assert row["fewest_units"] == 1 and row["metrics"]["auc"]["value"] is not None
    assert row["metrics"]["auc"]["low"] is None


def test_nothing_estimable_is_no_crash(tmp_path, capsys):
    pd.DataFrame({"label:A": [0, 0], "score:A": [0.1, 0.2]}).to_csv(tmp_path / "a.csv", index=False)
    found = evaluate(tmp_path / "a.csv", tmp_path / "out", resamples=9)
    assert found["average"]["metrics"] is None
    assert "not estimable, 0 positive and 2 negative" in capsys.readouterr().out


def test_paper_mode_pools_redraws_of_images(folder, tmp_path, capsys):
    found = evaluate(
        folder / "ours.parquet", tmp_path / "out", resamples=60, paper=True, plots=False
    )
    assert found["bootstrap"]["unit"] == "image"
    means = [row["metrics"]["auc"] for row in found["labels"] if row["estimable"]]
    pooled = np.sqrt(
        np.var([m["mean"] for m in means]) + np.mean([m["sd"] ** 2 * 59 / 60 for m in means])
    )
    assert found["paper"]["auc"]["pooled_sd"] == pytest.approx(pooled)
    assert "As the study of arXiv 2308.07688 printed it" in capsys.readouterr().out


def test_bca_is_for_smooth_metrics_only(folder, tmp_path):
    asked = {"resamples": 200, "print_tables": False, "plots": False}
    bca = evaluate(folder / "ours.parquet", tmp_path / "out", interval="bca", **asked)
    percentile = evaluate(folder / "ours.parquet", tmp_path / "out", **asked)
    ours, theirs = (of_label(s, "Cardiomegaly")["metrics"] for s in (bca, percentile))
    assert ours["auc"]["low"] != theirs["auc"]["low"]
    assert ours["sensitivity"] == theirs["sensitivity"]


def test_the_command_says_the_mistake_in_one_line(tmp_path):
    command = [
        sys.executable,
        "-m",
        "jaxcxr.evaluate",
        str(tmp_path / "no.csv"),
        "--out",
        str(tmp_path),
    ]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert done.stderr.startswith("error: no file") and len(done.stderr.splitlines()) == 1


def test_help_is_quick():
    begun = time.perf_counter()
    subprocess.run(
        [sys.executable, "-m", "jaxcxr.evaluate", "--help"], check=True, capture_output=True
    )
    assert time.perf_counter() - begun < 3
