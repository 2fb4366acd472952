"""What `evaluate` says of operating points, predictive values, calibration and margins."""

from __future__ import annotations

import csv
import json

import numpy as np
import pandas as pd
import pytest
import scipy.stats
from scipy.special import expit
from sklearn.metrics import average_precision_score, confusion_matrix, roc_auc_score, roc_curve
from statsmodels.stats.proportion import proportion_confint

from jaxcxr.errors import InputError
from jaxcxr.evaluate import evaluate, main

LABELS = ("Common", "Rare", "Never")


def table_of(images=900, *, model=0):
    """Independent images; a common label, one with few positives, one without any."""
    rng, noise = np.random.default_rng(3), np.random.default_rng(50 + model)
    table = {
        "image_id": [f"i{i:04d}" for i in range(images)],
        "split": np.where(np.arange(images) % 3 == 0, "validation", "test"),
    }
    for name, prevalence in zip(LABELS, (0.3, 0.02, 0.0), strict=True):
        truth = (rng.random(images) < prevalence).astype(int)
        shared = rng.normal(size=images)
        scores = 0.8 * shared + 0.6 * noise.normal(size=images) + 1.4 * truth - 1
        table |= {f"label:{name}": truth, f"logit:{name}": scores}
    return pd.DataFrame(table)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("rates")
    table_of().to_csv(folder / "ours.csv", index=False)
    table_of(model=1).to_csv(folder / "theirs.csv", index=False)
    asked = ["--resamples", "300", "--margin", "0.05", "--prevalence", "0.02", "0.3"]
    against = ["--against", str(folder / "theirs.csv"), "--out", str(folder / "out")]
    main([str(folder / "ours.csv"), *against, *asked])
    return folder


@pytest.fixture(scope="module")
def statistics(folder):
    return json.loads((folder / "out" / "statistics.json").read_text())


def of_label(rows, name):
    return next(row for row in rows if row["label"] == name)


def split(name):
    return table_of().query(f"split == '{name}'")


def test_counts_and_wilson_intervals_at_the_validation_threshold(statistics):
    at = of_label(statistics["labels"], "Common")["at_validation_threshold"]
    test = split("test")
    truth, called = test["label:Common"], test["logit:Common"] >= at["threshold"]
    (tn, fp), (fn, tp) = confusion_matrix(truth, called)
    counts = ("true_negatives", "false_positives", "false_negatives", "true_positives")
    assert tuple(at[name] for name in counts) == (tn, fp, fn, tp)
    for name, hits, number in (
        ("sensitivity", tp, tp + fn),
        ("specificity", tn, tn + fp),
        ("accuracy", tp + tn, len(test)),
        ("ppv", tp, tp + fp),
        ("npv", tn, tn + fn),
    ):
        ends = proportion_confint(hits, number, method="wilson")
        assert (at[name]["low"], at[name]["high"]) == pytest.approx(ends), name
        assert (at[name]["count"], at[name]["number"]) == (hits, number)
    both = at["sensitivity"]["value"] + at["specificity"]["value"]
    assert at["balanced_accuracy"]["value"] == pytest.approx(both / 2)
    assert at["youden"]["value"] == pytest.approx(both - 1)


@pytest.mark.parametrize("rule", ["sensitivity", "specificity"])
def test_a_rate_set_before_is_reached_on_validation(rule, statistics):
    at = of_label(statistics["labels"], "Common")["operating_points"][rule]
    validation = split("validation")
    false, true, thresholds = roc_curve(
        validation["label:Common"], validation["logit:Common"], drop_intermediate=False
    )
    if rule == "sensitivity":
        wanted = thresholds[true >= 0.9].max()
    else:
        wanted = thresholds[1 - false >= 0.9].min()
    assert at["threshold"] == pytest.approx(wanted)
    assert at["validation_positives"] == validation["label:Common"].sum()


def test_predictive_values_elsewhere_follow_bayes(statistics):
    at = of_label(statistics["labels"], "Common")["at_validation_threshold"]
    sensitivity, specificity = (at[name]["value"] for name in ("sensitivity", "specificity"))
    assert [one["prevalence"] for one in at["at_prevalence"]] == [0.02, 0.3]
    for one in at["at_prevalence"]:
        right = sensitivity * one["prevalence"]
        wanted = right / (right + (1 - specificity) * (1 - one["prevalence"]))
        assert one["ppv"]["value"] == pytest.approx(wanted)
        assert one["ppv"]["low"] < wanted < one["ppv"]["high"]
        right = specificity * (1 - one["prevalence"])
        wanted = right / (right + (1 - sensitivity) * one["prevalence"])
        assert one["npv"]["value"] == pytest.approx(wanted)


def test_intervals_of_the_options_differ_and_their_values_do_not(folder, tmp_path, statistics):
    found = evaluate(
        folder / "ours.csv",
        tmp_path,
        interval="percentile",
        resamples=300,
        print_tables=False,
        plots=False,
    )
    for name in ("Common", "Rare"):
        ours, theirs = (
            of_label(of["labels"], name)["metrics"]["auc"] for of in (statistics, found)
        )
        same = ("value", "mean", "sd")
        assert [ours[key] for key in same] == [theirs[key] for key in same]
        assert ours["low"] != theirs["low"]
    at = of_label(found["labels"], "Common")["at_validation_threshold"]
    before = of_label(statistics["labels"], "Common")["at_validation_threshold"]
    assert at["sensitivity"]["low"] != before["sensitivity"]["low"]
    assert at["true_positives"] == before["true_positives"]


def test_average_precision_stands_beside_its_prevalence_and_has_no_mean(statistics):
    test = split("test")
    for row in statistics["labels"]:
        if row["estimable"]:
            precision = row["metrics"]["average_precision"]
            columns = test[f"label:{row['label']}"], test[f"logit:{row['label']}"]
            assert precision["value"] == pytest.approx(average_precision_score(*columns))
            assert precision["prevalence"] == pytest.approx(columns[0].mean())
            assert precision["mean"] is None and precision["low"] < precision["high"]
    assert statistics["average"]["metrics"]["average_precision"]["mean"] is None


def test_a_perfect_ranking_of_few_has_a_width(tmp_path):
    frame = pd.DataFrame({"label:A": [1] * 8 + [0] * 40, "score:A": np.linspace(1, 0, 48)})
    frame.to_csv(tmp_path / "perfect.csv", index=False)
    found = evaluate(tmp_path / "perfect.csv", tmp_path / "out", resamples=50, print_tables=False)
    metrics = found["labels"][0]["metrics"]
    assert metrics["auc"]["value"] == 1 and metrics["auc"]["high"] == 1
    assert metrics["auc"]["low"] < 0.9 and metrics["average_precision"]["low"] < 0.9
    # Separated classes have no slope; nothing else is lost for it.
    calibration = found["labels"][0]["calibration"]
    assert calibration["slope_of_truth"]["value"] is None
    assert calibration["brier"]["value"] is not None


def test_calibration_has_no_interval_of_ece_and_what_it_is_by_chance(statistics):
    entry = of_label(statistics["labels"], "Common")["calibration"]
    for one in (entry, entry["temperature"], entry["platt"]):
        assert one["ece"]["low"] is one["ece"]["high"] is one["ece"]["mean"] is None
        assert 0 < one["ece"]["floor"] < one["ece"]["floor_high"]
        assert one["slope_of_truth"]["low"] < 1.6 and one["slope_of_truth"]["high"] > 0.7
        assert 0 < one["ici"] <= one["e_max"]
    assert entry["platt"]["ici"] < entry["ici"]
    for bin_ in entry["bins"]:
        if bin_["images"]:
            assert bin_["low"] < bin_["high"]
            assert bin_["low"] <= bin_["observed"] <= bin_["high"]


def test_the_decision_curve_is_of_scaled_probabilities(statistics):
    entry = of_label(statistics["labels"], "Common")["calibration"]
    curve, fit = entry["decision_curve"], entry["platt"]
    assert curve["after"] == "platt"
    test = split("test")
    probability = expit(fit["slope"] * test["logit:Common"] + fit["offset"])
    called = probability >= 0.25
    truth = test["label:Common"] == 1
    wanted = np.mean(called & truth) - np.mean(called & ~truth) / 3
    place = curve["threshold"].index(0.25)
    assert curve["net_benefit"][place] == pytest.approx(wanted)
    assert curve["low"][place] < wanted < curve["high"][place]
    assert curve["treat_all"][place] == pytest.approx(truth.mean() - (1 - truth.mean()) / 3)


def test_micro_averages_pool_the_cells_and_warn(statistics):
    test, micro = split("test"), statistics["micro"]
    names = [name for name in LABELS if name != "Never"]
    truth, scores = (
        np.concatenate([test[f"{kind}:{name}"] for name in names]) for kind in ("label", "logit")
    )
    assert micro["labels"] == names and micro["cells"] == len(truth)
    assert micro["auc"]["value"] == pytest.approx(roc_auc_score(truth, scores))
    found = sum(
        of_label(statistics["labels"], name)["at_validation_threshold"]["true_positives"]
        for name in names
    )
    sensitivity = micro["at_validation_threshold"]["sensitivity"]["value"]
    assert sensitivity == pytest.approx(found / truth.sum())
    assert "frequent labels rule" in micro["warning"]


def test_few_positives_are_judged_by_delong_with_students_t(statistics):
    common, rare = (of_label(statistics["comparison"]["labels"], n) for n in ("Common", "Rare"))
    assert common["test"] == "bootstrap" and common["degrees_of_freedom"] is None
    assert rare["fewest_units"] < 20 and rare["test"] == "delong-t"
    assert rare["degrees_of_freedom"] < 40
    half = scipy.stats.t.ppf(0.975, rare["degrees_of_freedom"]) * rare["sd"]
    assert rare["high"] - rare["low"] == pytest.approx(2 * half)
    assert rare["in_family"] == (rare["fewest_units"] >= 10)
    if rare["in_family"]:
        t = abs(rare["difference"]) / rare["sd"]
        assert rare["p"] == pytest.approx(2 * scipy.stats.t.sf(t, rare["degrees_of_freedom"]))


def test_margins_and_what_could_have_been_found(statistics):
    row = of_label(statistics["comparison"]["labels"], "Common")
    tested = row["equivalence"]
    z = (row["difference"] + 0.05) / row["sd"]
    assert tested["noninferior_p"] == pytest.approx(scipy.stats.norm.sf(z))
    upper = scipy.stats.norm.cdf((row["difference"] - 0.05) / row["sd"])
    assert tested["equivalent_p"] == pytest.approx(max(tested["noninferior_p"], upper))
    wanted = (scipy.stats.norm.ppf(0.975) + scipy.stats.norm.ppf(0.8)) * row["sd"]
    assert row["detectable"] == pytest.approx(wanted)
    needed = {one["difference"]: one["units"] for one in row["needed"]}
    assert needed[0.01] == np.ceil(600 * (wanted / 0.01) ** 2)
    never = of_label(statistics["comparison"]["labels"], "Never")
    assert never["detectable"] is None and never["equivalence"] is None


def test_files_hold_the_same(folder, statistics):
    with (folder / "out" / "operating_points.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert {row["rule"] for row in rows} == {"youden", "sensitivity", "specificity"}
    at = of_label(statistics["labels"], "Common")["at_validation_threshold"]
    (row,) = [
        row
        for row in rows
        if (row["label"], row["rule"], row["metric"]) == ("Common", "youden", "lr_positive")
    ]
    assert float(row["low"]) == at["lr_positive"]["low"]
    assert int(row["true_positives"]) == at["true_positives"]
    assert sum(row["prevalence"] == "0.02" for row in rows) == 2 * 3 * 2
    latex = (folder / "out" / "operating_points.tex").read_text()
    assert latex.count(r"\\" + "\n") == 4 and latex.count("&") == 9 * 4
    curves = pd.read_csv(folder / "out" / "decision_curves.csv")
    assert set(curves["label"]) == {"Common", "Rare"} and len(curves) == 2 * 99
    metrics = set(pd.read_csv(folder / "out" / "calibration.csv")["metric"])
    assert {"slope", "intercept", "ece_floor", "ici"} <= metrics
    margins = pd.read_csv(folder / "out" / "comparison.csv")
    assert margins["equivalent_p"].notna().sum() == 2 + (
        statistics["comparison"]["average"]["difference"] is not None
    )


def test_the_terminal_puts_the_chosen_threshold_before_the_refitted(folder, capsys):
    asked = ["--resamples", "20", "--no-plots", "--operating-point", "specificity"]
    main([str(folder / "ours.csv"), "--out", str(folder / "again"), *asked])
    shown = " ".join(capsys.readouterr().out.split())
    chosen = shown.index("for a specificity of 90% there")
    refitted = shown.index("refitted on the same images, as the study printed")
    assert chosen < refitted
    assert "in 3 to 7 of 10 cases only where positives are few" in shown
    assert "fewer than 20 positives of the validation split are mostly chance" in shown
    assert "Rare (" in shown and "Micro average over 1,200 cells" in shown


@pytest.mark.parametrize(
    ("option", "message"),
    [
        ({"margin": 0.0}, "--margin is 0.0"),
        ({"prevalences": (5.0,)}, "--prevalence is 5.0"),
        ({"interval": "wald"}, "--interval is wald"),
        ({"operating_point": "f1"}, "--operating-point is f1"),
    ],
)
def test_bad_options_are_named(option, message, folder, tmp_path):
    with pytest.raises(InputError, match=message):
        evaluate(folder / "ours.csv", tmp_path / "out", **option)
