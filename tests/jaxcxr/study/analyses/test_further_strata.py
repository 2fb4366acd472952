"""Subgroups, calibration and intervals of a study: every number against scikit-learn."""

import json

import numpy as np
import pytest
from scipy.special import expit
from sklearn.metrics import brier_score_loss
from study.recomputed import auc_of, labels_of, read_frames, units_of
from study.synthetic_runs import NO_WOMAN_HAS, REDRAWS

from input_pipeline.labels import PAPER_DATASETS
from jaxcxr.stats import bootstrap, percentile_interval

AVERAGE = "Average"
TITLES = {"DINOv2": "dinov2", "ImageNet-21K": "imagenet21k"}
DATASETS = {title: name for name, title in PAPER_DATASETS.items()}


def test_subgroups_are_scikit_learns_and_those_of_the_evaluation(made, finished):
    rows = made[0]["subgroups"]
    assert {row["attribute"] for row in rows} == {"sex", "age", "view"}
    assert len({row["run"] for row in rows}) == 8
    run = "uka_cxr-paper-dinov2-s1"
    (frame,) = read_frames(finished, run)
    statistics = json.loads((finished / "runs" / run / "statistics.json").read_text())
    theirs = {(r["attribute"], r["subgroup"], r["label"]): r for r in statistics["subgroups"]}
    bands = {"18-39": 30, "40-59": 50, "60-79": 70}
    for row in (row for row in rows if row["run"] == run):
        attribute, name = row["attribute"], row["subgroup"]
        inside = frame[attribute].eq(bands.get(name, name))
        group, others = frame[inside], frame[~inside]
        assert int(row["images"]) == len(group)
        if row["label"] != AVERAGE:
            expected = theirs[attribute, name, row["label"]]
            for kind, columns in (("metrics", ("auc", "low", "high")), ("gap", None)):
                found = expected[kind] and expected[kind]["auc"]
                for end, column in zip(
                    ("value", "low", "high"), columns or ("gap", "gap low", "gap high"), strict=True
                ):
                    value = None if found is None else found[end]
                    shown = row[column]
                    assert (
                        (shown == "")
                        if value is None
                        else float(shown) == pytest.approx(100 * value)
                    )
            continue
        of_group = {label: auc_of(group, label) for label in labels_of(frame)}
        known = [label for label in of_group if units_of(group, label) >= 10]
        assert int(row["labels"]) == len(known) and row["note"].startswith("over ")
        if not known:
            assert row["auc"] == row["gap"] == ""
            continue
        assert all(label in row["note"] for label in known)
        assert float(row["auc"]) == pytest.approx(np.mean([of_group[label] for label in known]))
        both = [label for label in known if units_of(others, label) >= 10]
        if not both:
            assert row["gap"] == ""
            continue
        gap = np.mean([of_group[label] - auc_of(others, label) for label in both])
        assert float(row["gap"]) == pytest.approx(gap)


def test_a_subgroup_of_one_class_says_so(made):
    (women,) = (
        row
        for row in made[0]["subgroups"]
        if (row["run"], row["subgroup"], row["label"])
        == ("uka_cxr-paper-dinov2-s0", "F", NO_WOMAN_HAS)
    )
    assert women["note"] == "one class only: no positives"
    assert women["auc"] == women["gap"] == "" and women["positives"] == "0"
    men = next(
        row
        for row in made[0]["subgroups"]
        if (row["run"], row["subgroup"], row["label"])
        == ("uka_cxr-paper-dinov2-s0", "M", NO_WOMAN_HAS)
    )
    assert men["auc"] != "" and men["gap"] == ""
    assert men["note"] == "no gap: one class only among the others"


def test_calibration_is_scikit_learns_before_and_after(made, finished):
    rows = made[0]["calibration"]
    assert len(rows) == 4 * (9 + 17)
    for row in rows[::7]:
        (frame,) = read_frames(finished, row["run"])
        truth, logit = (frame[f"{kind}:{row['label']}"] for kind in ("label", "logit"))
        logit = logit.astype(float)
        before = 100 * brier_score_loss(truth, expit(logit))
        after = 100 * brier_score_loss(truth, expit(logit / float(row["temperature"])))
        assert float(row["brier"]) == pytest.approx(before)
        assert float(row["scaled brier"]) == pytest.approx(after)
        # ECE has no interval any more: redraws only add to it.
        assert 0 <= float(row["ece debiased"]) <= float(row["ece"])
        assert float(row["ece floor"]) > 0


def test_intervals_by_patient_stand_beside_those_by_image(made, finished):
    rows = made[0]["intervals"]
    assert len(rows) == 4
    for row in rows:
        assert (row["images"], row["patients"]) == ("120", "40")
        frames = read_frames(finished, row["runs"])
        labels = labels_of(frames[0])
        truth = frames[0][[f"label:{name}" for name in labels]].to_numpy()
        scores = [frame[[f"logit:{name}" for name in labels]].to_numpy() for frame in frames]
        widths = []
        for unit, groups in (("patient", frames[0]["patient_id"]), ("image", None)):
            found = bootstrap(truth, np.stack(scores), resamples=REDRAWS, groups=groups)
            average = found.auc.mean(axis=(0, 2))
            ends = percentile_interval(np.nanmean(found.estimates.auc), average)
            assert float(row[f"{unit} low"]) == pytest.approx(100 * ends.low)
            assert float(row[f"{unit} high"]) == pytest.approx(100 * ends.high)
            widths.append(ends.high - ends.low)
        assert float(row["ratio"]) == pytest.approx(widths[0] / widths[1])
    assert np.mean([float(row["ratio"]) for row in rows]) > 1
