"""Tables beyond the paper, against scikit-learn on the predictions themselves."""

import csv
import json
import shutil

import numpy as np
import pandas as pd
import pytest
from scipy.special import expit
from sklearn.metrics import brier_score_loss, roc_auc_score
from statsmodels.stats.multitest import multipletests
from study.left_by_run import write_predictions
from study.synthetic_runs import NO_WOMAN_HAS, REDRAWS, finish, study

from input_pipeline.labels import PAPER_DATASETS
from jaxcxr.results.predictions import read_predictions
from jaxcxr.results.table_files import write_table
from jaxcxr.run.directory import PREDICTIONS
from jaxcxr.stats import bootstrap, percentile_interval, trained
from jaxcxr.study.analyses.further import further_analyses
from jaxcxr.study.analyses.gathering import read_paired
from jaxcxr.study.analyses.paired import measure
from jaxcxr.study.planning.grid import plan_study

AVERAGE = "Average"
TITLES = {"DINOv2": "dinov2", "ImageNet-21K": "imagenet21k"}
DATASETS = {title: name for name, title in PAPER_DATASETS.items()}


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    """The study's directory."""
    out = tmp_path_factory.mktemp("study")
    finish(study(), out)
    return out


def _analyses(chosen, out, report):
    plan = plan_study(chosen, out)
    grid = chosen.grids[0]
    read = [read_paired(chosen, plan, grid, dataset) for dataset in grid.datasets]
    comparisons = [measure(one, chosen.resamples) for one in read if one is not None]
    tables, drawings = further_analyses(chosen, plan, report, comparisons)
    return {table.name: table for table in tables}, drawings


@pytest.fixture(scope="module")
def made(finished, tmp_path_factory):
    """Rows of every table as dicts of what the CSV holds, and the figures."""
    report = tmp_path_factory.mktemp("report")
    tables, drawings = _analyses(study(), finished, report)
    rows = {}
    for name, table in tables.items():
        write_table(report, table)
        with (report / f"{name}.csv").open(newline="", encoding="utf-8") as file:
            rows[name] = list(csv.DictReader(file))
    return rows, drawings, report


def _test_split(path):
    frame = pd.read_parquet(path)
    return frame[frame["split"] == "test"].reset_index(drop=True)


def _frames(out, runs, file=PREDICTIONS):
    return [_test_split(out / "runs" / run / file) for run in runs.split()]


def _auc(frame, label, weights=None):
    truth = frame[f"label:{label}"]
    if len(set(truth[np.asarray(weights) > 0] if weights is not None else truth)) < 2:
        return np.nan
    return 100 * roc_auc_score(truth, frame[f"logit:{label}"], sample_weight=weights)


def _mean_auc(frames, labels, weights=None):
    return np.mean([_auc(frame, label, weights) for frame in frames for label in labels])


def _labels(frame):
    return [c.removeprefix("label:") for c in frame if c.startswith("label:")]


def _trained(labels, *models):
    """The models of some files, a file a training, on the labels named."""
    truth = models[0][0][[f"label:{name}" for name in labels]].to_numpy()
    scores = [
        np.stack([frame[[f"logit:{name}" for name in labels]].to_numpy(float) for frame in frames])
        for frames in models
    ]
    return trained(truth, scores, groups=models[0][0]["patient_id"].to_numpy())


def _assert_ends(row, columns, found):
    shown = [float(row[column]) for column in columns]
    np.testing.assert_allclose(shown, [100 * found.low, 100 * found.high])


def _units(frame, label):
    """Patients of the smaller class."""
    return min(
        frame.loc[frame[f"label:{label}"] == kind, "patient_id"].nunique() for kind in (0, 1)
    )


def test_every_cell_of_the_matrix_is_scikit_learns(made, finished):
    rows = made[0]["cross_dataset"]
    shared = {"Cardiomegaly", "Congestion", "No finding (healthy)"}
    assert len(rows) == 2 * (10 + 18 + 2 * 4)
    for row in rows:
        tested_on, away = DATASETS[row["tested on"]], row["tested on"] != row["trained on"]
        assert row["runs"].split() == [
            f"{DATASETS[row['trained on']]}-paper-{TITLES[row['initialization']]}-s{seed}"
            for seed in (0, 1)
        ]
        file = f"predictions_{tested_on}.parquet" if away else PREDICTIONS
        frames = _frames(finished, row["runs"], file)
        labels = _labels(frames[0]) if row["label"] == AVERAGE else [row["label"]]
        assert int(row["labels"]) == len(labels) and int(row["images"]) == 120
        assert not away or set(_labels(frames[0])) == shared
        assert float(row["auc"]) == pytest.approx(_mean_auc(frames, labels))
        assert float(row["low"]) < float(row["auc"]) < float(row["high"])
        if not away:
            assert row["difference"] == row["home runs"] == ""
            continue
        home = _frames(finished, row["home runs"])
        assert row["home runs"].startswith(f"{tested_on}-paper-{TITLES[row['initialization']]}")
        expected = _mean_auc(frames, labels) - _mean_auc(home, labels)
        assert float(row["difference"]) == pytest.approx(expected)


def test_the_intervals_of_the_matrix_are_over_the_tested_patients_and_trainings(made, finished):
    every = [row for row in made[0]["cross_dataset"] if row["home runs"]]
    averages = [row for row in every if row["label"] == AVERAGE]
    row = next(row for row in averages if row["trained on"] == "UKA-CXR")
    frames = _frames(finished, row["runs"], "predictions_padchest.parquet")
    home = _frames(finished, row["home runs"])
    models = _trained(_labels(frames[0]), frames, home)
    _assert_ends(row, ("low", "high"), models.judged((1, 0)))
    _assert_ends(row, ("difference low", "difference high"), models.judged((1, -1)))
    assert float(row["p"]) == pytest.approx(models.judged((1, -1)).p)
    assert row["averaged labels"] == "; ".join(_labels(frames[0]))
    # One family for the question; labels show where, and are not tested.
    p = [float(row["p"]) for row in averages]
    expected = multipletests(p, method="holm")[1]
    np.testing.assert_allclose([float(row["adjusted p"]) for row in averages], expected)
    assert {row["p"] for row in every if row["label"] != AVERAGE} == {""}


def test_label_efficiency_is_scikit_learns_and_says_how_many_learnt(made, finished):
    rows = made[0]["label_efficiency"]
    assert len(rows) == 2 * 2 * 2
    for row in rows:
        fewer = float(row["percent of patients"]) == 10
        assert all(("-patients10-" in run) == fewer for run in row["runs"].split())
        frames = _frames(finished, row["runs"])
        assert float(row["auc"]) == pytest.approx(_mean_auc(frames, _labels(frames[0])))
        assert (row["patients"], row["images"], row["training"]) == ("100.5", "300", "Full")
        of_seeds = [_mean_auc([frame], _labels(frame)) for frame in frames]
        assert float(row["seed sd"]) == pytest.approx(np.std(of_seeds, ddof=1))


def test_initializations_are_compared_in_paired_redraws(made, finished):
    rows = made[0]["label_efficiency_differences"]
    assert [row["percent of patients"] for row in rows] == ["10.0", "100.0"] * 2
    row = rows[0]
    runs = row["runs"].split()
    first, second = _frames(finished, " ".join(runs[:2])), _frames(finished, " ".join(runs[2:]))
    assert all("dinov2" in run for run in runs[:2]) and all("imagenet" in run for run in runs[2:])
    labels = _labels(first[0])
    found = _trained(labels, first, second).judged((1, -1))
    _assert_ends(row, ("low", "high"), found)
    assert float(row["p"]) == pytest.approx(found.p)
    p = [float(row["p"]) for row in rows]
    expected = multipletests(p, method="holm")[1]
    np.testing.assert_allclose([float(row["adjusted p"]) for row in rows], expected)


def test_adaptation_is_beside_full_fine_tuning(made, finished):
    rows = made[0]["adaptation"]
    assert [row["training"] for row in rows] == ["Full", "Full", "Linear probe", "Linear probe"] * 2
    for row in rows:
        frames = _frames(finished, row["runs"])
        labels = _labels(frames[0])
        assert float(row["auc"]) == pytest.approx(_mean_auc(frames, labels))
        probe = row["training"] == "Linear probe"
        assert row["trained parameters"] == ("10" if probe else "1000")
        assert (row["difference"] != "") == probe
        if probe:
            full = _frames(finished, row["runs"].replace("-probe", ""))
            expected = _mean_auc(frames, labels) - _mean_auc(full, labels)
            assert float(row["difference"]) == pytest.approx(expected)


def test_subgroups_are_scikit_learns_and_those_of_the_evaluation(made, finished):
    rows = made[0]["subgroups"]
    assert {row["attribute"] for row in rows} == {"sex", "age", "view"}
    assert len({row["run"] for row in rows}) == 8
    run = "uka_cxr-paper-dinov2-s1"
    (frame,) = _frames(finished, run)
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
        of_group = {label: _auc(group, label) for label in _labels(frame)}
        known = [label for label in of_group if _units(group, label) >= 10]
        assert int(row["labels"]) == len(known) and row["note"].startswith("over ")
        if not known:
            assert row["auc"] == row["gap"] == ""
            continue
        assert all(label in row["note"] for label in known)
        assert float(row["auc"]) == pytest.approx(np.mean([of_group[label] for label in known]))
        both = [label for label in known if _units(others, label) >= 10]
        if not both:
            assert row["gap"] == ""
            continue
        gap = np.mean([of_group[label] - _auc(others, label) for label in both])
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
        (frame,) = _frames(finished, row["run"])
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
        frames = _frames(finished, row["runs"])
        labels = _labels(frames[0])
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


def test_figures_are_drawn_and_predictions_traceable(made):
    _, drawings, report = made
    assert [drawing.name for drawing in drawings] == [
        "cross_dataset_paper_dinov2",
        "cross_dataset_paper_imagenet21k",
        "label_efficiency_paper",
    ]
    for drawing in drawings:
        assert drawing.alt and (report / f"{drawing.name}.png").stat().st_size > 5000
        assert (report / f"{drawing.name}.svg").is_file()
    told = json.loads((report / "provenance_beyond.json").read_text())
    probe = told["padchest-paper-dinov2-probe-s0"][PREDICTIONS]
    cross = told["padchest-paper-dinov2-s0-cross"]["predictions_uka_cxr.parquet"]
    assert probe["weights_sha256"] != cross["weights_sha256"]


def test_what_is_not_asked_for_is_not_made(finished, tmp_path):
    plain = study(analyses=())
    grid = plain.grids[0]
    plain = study(analyses=(), grids=(type(grid)("paper", grid.datasets, grid.initializations),))
    assert _analyses(plain, finished, tmp_path) == ({}, [])
    assert list(tmp_path.iterdir()) == []


def test_what_is_not_finished_is_named_and_the_rest_shown(finished, tmp_path):
    out = tmp_path / "copy"
    shutil.copytree(finished, out)
    shutil.rmtree(out / "runs/padchest-paper-dinov2-patients10-s1")
    (out / "runs/uka_cxr-paper-dinov2-s0/predictions_padchest.parquet").unlink()
    tables, _ = _analyses(study(), out, tmp_path)
    assert len(tables["label_efficiency"].rows) == 2 * 2 * 2 - 1
    assert len(tables["label_efficiency_differences"].rows) == 3
    assert "padchest-paper-dinov2-patients10-s1" in tables["label_efficiency"].notes[-1]
    assert len(tables["cross_dataset"].rows) == 2 * (10 + 18 + 2 * 4) - 4
    assert "uka_cxr-paper-dinov2-s0-cross" in tables["cross_dataset"].notes[-1]


def test_files_that_are_not_of_each_other_are_left_out_and_named(finished, tmp_path):
    out = tmp_path / "copy"
    shutil.copytree(finished, out)
    name = "uka_cxr-paper-dinov2-s0"
    whole = len(_analyses(study(), out, tmp_path)[0]["cross_dataset"].rows)
    cross = out / "runs" / name / "predictions_padchest.parquet"
    write_predictions(cross, pd.read_parquet(cross), {"weights_sha256": "another"})
    tables = _analyses(study(), out, tmp_path)[0]
    assert len(tables["cross_dataset"].rows) < whole
    assert f"{name}-cross" in tables["cross_dataset"].notes[-1]
    own = out / "runs" / name / PREDICTIONS
    frame, origin = pd.read_parquet(own), read_predictions(own).origin
    write_predictions(own, frame.assign(**{f"logit:{NO_WOMAN_HAS}": 0.0}), origin)
    plan = plan_study(study(), out)
    assert "not of the predictions beside it" in plan.left_out()[name]
    grid = study().grids[0]
    only = study(
        grids=(type(grid)("paper", grid.datasets, grid.initializations),), analyses=("calibration",)
    )
    runs = {row[-1] for row in _analyses(only, out, tmp_path)[0]["calibration"].rows}
    assert runs and name not in runs
