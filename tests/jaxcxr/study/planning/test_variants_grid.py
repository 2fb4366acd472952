"""Variants and cross-dataset tests as experiments and jobs: ids, configs, needs and cost."""

import re
from dataclasses import replace
from pathlib import Path

import pandas as pd
import pytest
from study.left_by_run import leave

from configs.study import extended, paper, phantom
from jaxcxr.config import check_config
from jaxcxr.errors import InputError
from jaxcxr.study.planning.asked_config import experiment_config
from jaxcxr.study.planning.cost import expected_cost
from jaxcxr.study.planning.grid import plan_study
from jaxcxr.study.planning.grid_definition import Grid
from jaxcxr.study.planning.variants import Variant, label_efficiency

ROOT = Path(__file__).parents[4]


@pytest.fixture
def plan(tmp_path, monkeypatch):
    monkeypatch.chdir(ROOT)
    return plan_study(extended.get_study(), tmp_path)


def test_variants_have_ids_of_their_own_and_full_training_keeps_its(plan, tmp_path):
    before = plan_study(paper.get_study(), tmp_path).experiments
    for name, experiment in before.items():
        assert plan.experiments[name] == experiment
    added = {name for name in plan.experiments if name not in before}
    assert len(added) == 3 * 6 * 2 * 7
    pattern = r"\w+-paper-(dinov2|imagenet21k)-(patients(1|5|10|25|50)|lora|probe)-s[012]"
    assert all(re.fullmatch(pattern, name) for name in added)
    assert len({experiment.directory for experiment in plan.experiments.values()}) == len(
        plan.experiments
    )


def test_variants_can_be_of_some_datasets_alone(tmp_path):
    study = extended.get_study()
    grid = replace(study.grids[0], variant_datasets=("padchest",))
    experiments = plan_study(replace(study, grids=(grid,)), tmp_path).experiments.values()
    assert {experiment.dataset for experiment in experiments if experiment.variant} == {"padchest"}
    assert sum(bool(experiment.variant) for experiment in experiments) == 3 * 2 * 7


def test_a_variant_changes_what_it_says_and_nothing_else(plan):
    full = experiment_config(plan.experiments["padchest-paper-dinov2-s0"]).to_dict()
    changes = {
        "patients10": {"train_patients": 0.1},
        "probe": {"trainable": "head", "learning_rate": 1e-3},
        "lora": {"trainable": "lora", "learning_rate": 1e-4},
    }
    for name, expected in changes.items():
        config = experiment_config(plan.experiments[f"padchest-paper-dinov2-{name}-s0"])
        check_config(config)
        assert config.to_dict() == full | expected
    assert (full["train_patients"], full["trainable"]) == (1.0, "all")


def test_every_experiment_passes_its_check(plan):
    for experiment in plan.experiments.values():
        check_config(experiment_config(experiment))


def test_a_variant_starts_from_the_same_pretraining(tmp_path):
    study = paper.get_study()
    grid = replace(study.grids[1], variants=extended.VARIANTS)
    experiments = plan_study(replace(study, grids=(grid,)), tmp_path).experiments
    full = experiments["padchest-mimic_transfer-mimic-s0"]
    probe = experiments["padchest-mimic_transfer-mimic-probe-s0"]
    assert probe.needs == full.needs
    assert dict(probe.overrides)["model.weights"] == dict(full.overrides)["model.weights"]


def test_each_model_is_tested_on_every_other_dataset_of_its_grid(plan, tmp_path):
    assert len(plan.after) == 3 * (6 * 2 + 5 * 2)
    job = plan.after["padchest-mimic_transfer-mimic-s0-cross"]
    assert job.needs == ("padchest-mimic_transfer-mimic-s0",)
    run = tmp_path / "runs/padchest-mimic_transfer-mimic-s0"
    others = ("vindr_cxr", "chestxray14", "chexpert", "uka_cxr")
    assert job.done == tuple(run / f"predictions_{name}.parquet" for name in others)
    # UKA-CXR has a preparation of its own for these labels.
    data = job.command[job.command.index("--data") + 1 : job.command.index("--out")]
    assert data[-1] == "data/uka_cxr_mimic_transfer" and data[0] == "data/vindr_cxr"
    assert job.command[job.command.index("--out") + 1 :] == tuple(map(str, job.done))
    assert not any(
        experiment.variant
        for name, experiment in plan.experiments.items()
        if f"{name}-cross" in plan.after
    )


def test_phantom_data_are_needed_where_they_are_tested_on(tmp_path):
    study = phantom.get_study()
    grid = Grid("paper", ("padchest", "vindr_cxr"), study.grids[0].initializations)
    grid = replace(grid, cross_dataset=True)
    made = plan_study(replace(study, grids=(grid,)), tmp_path)
    name = f"padchest-paper-{grid.initializations[0]}-s0"
    job = made.after[f"{name}-cross"]
    assert job.needs == (name, "prepared-vindr_cxr")
    assert set(job.needs) <= set(made.jobs)
    assert str(tmp_path / "prepared/vindr_cxr") in job.command
    # It waits for its experiment, and has data that are gone made again.
    assert made.ready() == []
    leave(made.experiments[name], pd.DataFrame({"image_id": ["a"], "split": ["test"]}))
    assert f"{name}-cross" in made.ready()


def test_the_cost_of_a_share_is_its_share_and_of_a_probe_one_forward_pass(plan):
    study = extended.get_study()

    def flops(name):
        return expected_cost(study, plan.experiments[f"padchest-paper-dinov2{name}-s0"]).flops

    assert flops("-patients10") == pytest.approx(flops("") / 10, rel=1e-3)
    assert flops("-lora") == flops("")
    assert flops("-probe") == pytest.approx(flops("") / 3)
    assert (
        expected_cost(study, plan.experiments["padchest-paper-dinov2-patients1-s0"]).images == 885
    )


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (
            lambda: Variant("x", "X"),
            "trains all parameters on all patients, as every experiment does",
        ),
        (lambda: Variant("x", "X", trainable="bias"), "trainable of variant x is 'bias'; choose"),
        (lambda: label_efficiency(0), "patients of variant patients0 is 0.0; give a share"),
        (lambda: label_efficiency(150), "give a share above 0 and at most 1"),
        (lambda: Variant("a-b", "X", trainable="head"), "'a-b' cannot stand in ids of experiments"),
        (lambda: Variant("../x", "X", trainable="head"), "cannot stand in ids of experiments"),
        (lambda: _with(variants=(*label_efficiency(10, 10),)), "variants of a grid name 'patients"),
        (lambda: _with(variant_datasets=("nih",)), "variant_datasets of a grid is 'nih'; choose"),
        (lambda: _with(datasets=("padchest",), cross_dataset=True), "needs at least two datasets"),
        (lambda: replace(paper.get_study(), analyses=("fairness",)), "analysis is 'fairness'"),
    ],
)
def test_what_makes_no_sense_is_refused(make, message):
    with pytest.raises(InputError, match=message):
        make()


def _with(**changes):
    study = paper.get_study()
    return replace(study, grids=(replace(study.grids[0], **changes),))


def test_all_patients_are_no_variant():
    assert [one.patients for one in label_efficiency(1, 50, 100)] == [0.01, 0.5]
