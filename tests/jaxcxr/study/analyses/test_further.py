"""Across datasets, fewer patients, fewer parameters: every number against scikit-learn."""

import json
import shutil

import numpy as np
import pandas as pd
import pytest
from statsmodels.stats.multitest import multipletests
from study.left_by_run import write_predictions
from study.recomputed import assert_ends, labels_of, mean_auc_of, read_frames, trainings_of
from study.synthetic_runs import NO_WOMAN_HAS, run_analyses, study

from input_pipeline.labels import PAPER_DATASETS
from jaxcxr.results.predictions import read_predictions
from jaxcxr.run.directory import PREDICTIONS
from jaxcxr.study.planning.grid import plan_study

AVERAGE = "Average"
TITLES = {"DINOv2": "dinov2", "ImageNet-21K": "imagenet21k"}
DATASETS = {title: name for name, title in PAPER_DATASETS.items()}


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
        frames = read_frames(finished, row["runs"], file)
        labels = labels_of(frames[0]) if row["label"] == AVERAGE else [row["label"]]
        assert int(row["labels"]) == len(labels) and int(row["images"]) == 120
        assert not away or set(labels_of(frames[0])) == shared
        assert float(row["auc"]) == pytest.approx(mean_auc_of(frames, labels))
        assert float(row["low"]) < float(row["auc"]) < float(row["high"])
        if not away:
            assert row["difference"] == row["home runs"] == ""
            continue
        home = read_frames(finished, row["home runs"])
        assert row["home runs"].startswith(f"{tested_on}-paper-{TITLES[row['initialization']]}")
        expected = mean_auc_of(frames, labels) - mean_auc_of(home, labels)
        assert float(row["difference"]) == pytest.approx(expected)


def test_the_intervals_of_the_matrix_are_over_the_tested_patients_and_trainings(made, finished):
    every = [row for row in made[0]["cross_dataset"] if row["home runs"]]
    averages = [row for row in every if row["label"] == AVERAGE]
    row = next(row for row in averages if row["trained on"] == "UKA-CXR")
    frames = read_frames(finished, row["runs"], "predictions_padchest.parquet")
    home = read_frames(finished, row["home runs"])
    models = trainings_of(labels_of(frames[0]), frames, home)
    assert_ends(row, ("low", "high"), models.judged((1, 0)))
    assert_ends(row, ("difference low", "difference high"), models.judged((1, -1)))
    assert float(row["p"]) == pytest.approx(models.judged((1, -1)).p)
    assert row["averaged labels"] == "; ".join(labels_of(frames[0]))
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
        frames = read_frames(finished, row["runs"])
        assert float(row["auc"]) == pytest.approx(mean_auc_of(frames, labels_of(frames[0])))
        assert (row["patients"], row["images"], row["training"]) == ("100.5", "300", "Full")
        of_seeds = [mean_auc_of([frame], labels_of(frame)) for frame in frames]
        assert float(row["seed sd"]) == pytest.approx(np.std(of_seeds, ddof=1))


def test_initializations_are_compared_in_paired_redraws(made, finished):
    rows = made[0]["label_efficiency_differences"]
    assert [row["percent of patients"] for row in rows] == ["10.0", "100.0"] * 2
    row = rows[0]
    runs = row["runs"].split()
    first = read_frames(finished, " ".join(runs[:2]))
    second = read_frames(finished, " ".join(runs[2:]))
    assert all("dinov2" in run for run in runs[:2]) and all("imagenet" in run for run in runs[2:])
    labels = labels_of(first[0])
    found = trainings_of(labels, first, second).judged((1, -1))
    assert_ends(row, ("low", "high"), found)
    assert float(row["p"]) == pytest.approx(found.p)
    p = [float(row["p"]) for row in rows]
    expected = multipletests(p, method="holm")[1]
    np.testing.assert_allclose([float(row["adjusted p"]) for row in rows], expected)


def test_adaptation_is_beside_full_fine_tuning(made, finished):
    rows = made[0]["adaptation"]
    assert [row["training"] for row in rows] == ["Full", "Full", "Linear probe", "Linear probe"] * 2
    for row in rows:
        frames = read_frames(finished, row["runs"])
        labels = labels_of(frames[0])
        assert float(row["auc"]) == pytest.approx(mean_auc_of(frames, labels))
        probe = row["training"] == "Linear probe"
        assert row["trained parameters"] == ("10" if probe else "1000")
        assert (row["difference"] != "") == probe
        if probe:
            full = read_frames(finished, row["runs"].replace("-probe", ""))
            expected = mean_auc_of(frames, labels) - mean_auc_of(full, labels)
            assert float(row["difference"]) == pytest.approx(expected)


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
    assert run_analyses(plain, finished, tmp_path) == ({}, [])
    assert list(tmp_path.iterdir()) == []


def test_what_is_not_finished_is_named_and_the_rest_shown(finished, tmp_path):
    out = tmp_path / "copy"
    shutil.copytree(finished, out)
    shutil.rmtree(out / "runs/padchest-paper-dinov2-patients10-s1")
    (out / "runs/uka_cxr-paper-dinov2-s0/predictions_padchest.parquet").unlink()
    tables, _ = run_analyses(study(), out, tmp_path)
    assert len(tables["label_efficiency"].rows) == 2 * 2 * 2 - 1
    assert len(tables["label_efficiency_differences"].rows) == 3
    assert "padchest-paper-dinov2-patients10-s1" in tables["label_efficiency"].notes[-1]
    assert len(tables["cross_dataset"].rows) == 2 * (10 + 18 + 2 * 4) - 4
    assert "uka_cxr-paper-dinov2-s0-cross" in tables["cross_dataset"].notes[-1]


@pytest.mark.slow
def test_files_that_are_not_of_each_other_are_left_out_and_named(finished, tmp_path):
    out = tmp_path / "copy"
    shutil.copytree(finished, out)
    name = "uka_cxr-paper-dinov2-s0"
    whole = len(run_analyses(study(), out, tmp_path)[0]["cross_dataset"].rows)
    cross = out / "runs" / name / "predictions_padchest.parquet"
    write_predictions(cross, pd.read_parquet(cross), {"weights_sha256": "another"})
    tables = run_analyses(study(), out, tmp_path)[0]
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
    runs = {row[-1] for row in run_analyses(only, out, tmp_path)[0]["calibration"].rows}
    assert runs and name not in runs
