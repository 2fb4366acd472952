"""The grid of a study file: which experiments, on what data, from which weights, at what cost."""

from dataclasses import replace
from pathlib import Path

import pytest

from configs.study import demo, paper, phantom
from input_pipeline.labels import STUDIED
from input_pipeline.phantom.natural import LABELS
from jaxcxr.config import check_config
from jaxcxr.errors import InputError
from jaxcxr.study.planning.asked_config import experiment_config
from jaxcxr.study.planning.cost import expected_cost
from jaxcxr.study.planning.definition import Pretraining, read_study
from jaxcxr.study.planning.grid import plan_study
from jaxcxr.study.planning.grid_definition import Grid
from jaxcxr.study.planning.runner import shard

ROOT = Path(__file__).parents[4]
ON_NATURAL = Pretraining("from_imagenet21k", "natural", "configs/demo.py", "all", "new")


@pytest.fixture
def plan(tmp_path, monkeypatch):
    monkeypatch.chdir(ROOT)
    return plan_study(paper.get_study(), tmp_path)


def test_the_paper_has_22_experiments_a_seed_and_a_pretraining_for_each_set_of_shared_labels(plan):
    pretraining = [name for name in plan.experiments if "pretraining" in name]
    # Three seeds, where the paper had one: with one nothing can be said of initializations.
    assert len(plan.experiments) - len(pretraining) == 3 * (6 * 2 + 5 * 2)
    # VinDr-CXR 8 labels, CheXpert 10, UKA-CXR 5; ChestX-ray14 and PadChest the same 7.
    counts = sorted(len(plan.experiments[name].labels) for name in pretraining)
    assert counts == sorted(3 * [5, 7, 8, 10])
    needs = {
        name: plan.experiments[f"{name}-mimic_transfer-mimic-s0"].needs
        for name in ("chestxray14", "padchest", "vindr_cxr")
    }
    assert needs["chestxray14"] == needs["padchest"] != needs["vindr_cxr"]


def test_a_transferred_experiment_starts_from_its_pretraining_on_the_same_labels(plan):
    for name, experiment in plan.experiments.items():
        if "mimic_transfer-mimic-s" not in name:
            continue
        (before,) = (plan.experiments[needed] for needed in experiment.needs)
        assert before.labels == experiment.labels
        config = experiment_config(experiment)
        assert config.model.weights == str(before.directory / "model.safetensors")
        assert config.model.head == "keep"


def test_every_cell_of_every_study_has_a_config_that_passes_its_check(tmp_path, monkeypatch):
    monkeypatch.chdir(ROOT)
    for study in (paper.get_study(), phantom.get_study(), demo.get_study()):
        for experiment in plan_study(study, tmp_path).experiments.values():
            config = experiment_config(experiment)
            check_config(config)
            assert (config.data, tuple(config.labels)) == (experiment.data, experiment.labels)


def test_labels_without_sides_of_uka_have_a_preparation_of_their_own(plan, tmp_path, monkeypatch):
    assert plan.experiments["uka_cxr-paper-dinov2-s0"].data == "data/uka_cxr"
    assert (
        plan.experiments["uka_cxr-mimic_transfer-dinov2-s0"].data == "data/uka_cxr_mimic_transfer"
    )
    jobs = plan_study(phantom.get_study(), tmp_path).data
    assert "--label-set=mimic_transfer" in jobs["prepared-uka_cxr_mimic_transfer"].command
    assert jobs["prepared-uka_cxr_mimic_transfer"].needs == ("release-uka_cxr",)


def test_pretraining_on_natural_pictures_is_one_experiment_on_all_their_labels(tmp_path):
    study = phantom.get_study()
    plan = plan_study(study, tmp_path)
    name = "natural-all-pretraining_natural-s0"
    (drawn,) = plan.experiments[name].needs
    assert plan.experiments[name].labels == LABELS
    made = plan.data[drawn]
    assert made.command[3:5] == ("phantom", "natural") and made.needs == ()
    assert f"--images={study.phantom.natural_images}" in made.command
    assert f"--size={study.phantom.image_size}" in made.command
    starts = {experiment.id for experiment in plan.experiments.values() if name in experiment.needs}
    # Both grids compare with it, on six datasets and on five, and three variants on one of them.
    assert len(starts) == 14 and all("-natural-" in one for one in starts)
    for one in starts:
        changes = dict(plan.experiments[one].overrides)
        assert changes["model.weights"] == str(
            plan.experiments[name].directory / "model.safetensors"
        )
        assert (changes["model.head"], changes["model.init"]) == ("new", "pretrained")


def test_the_phantom_study_starts_in_three_ways_and_covers_all_six_datasets(tmp_path):
    experiments = plan_study(phantom.get_study(), tmp_path).experiments.values()
    trained = [
        experiment
        for experiment in experiments
        if "pretraining" not in experiment.id and not experiment.variant
    ]
    assert len(trained) == 6 * 2 + 5 * 2
    assert {experiment.dataset for experiment in trained} == set(STUDIED)
    scratch = [experiment for experiment in trained if experiment.initialization == "random"]
    assert all("model.weights" not in dict(experiment.overrides) for experiment in scratch)
    mimic = [experiment for experiment in trained if experiment.initialization == "mimic"]
    assert all(dict(experiment.overrides)["model.head"] == "keep" for experiment in mimic)


def test_the_demo_is_two_trainings_and_the_pretraining_of_one(tmp_path):
    plan = plan_study(demo.get_study(), tmp_path)
    assert list(plan.experiments) == [
        "natural-all-pretraining_natural-s0",
        "padchest-paper-natural-s0",
        "padchest-paper-random-s0",
    ]
    cost = expected_cost(demo.get_study(), plan.experiments["natural-all-pretraining_natural-s0"])
    assert cost.images == demo.get_study().phantom.natural_images


def test_a_experiment_keeps_its_id_and_directory_when_the_study_shrinks(plan, tmp_path):
    whole = paper.get_study()
    small = replace(whole, grids=(Grid("mimic_transfer", ("padchest",), ("dinov2", "mimic")),))
    for name, experiment in plan_study(small, tmp_path).experiments.items():
        assert plan.experiments[name] == experiment


def test_pretraining_on_all_labels_is_one_experiment(tmp_path):
    study = paper.get_study()
    one = replace(study.pretrainings[0], labels="all", head="new")
    experiments = plan_study(replace(study, pretrainings=(one,)), tmp_path).experiments
    assert [name for name in experiments if "pretraining" in name] == [
        f"mimic_cxr-all-pretraining_from_imagenet21k-s{seed}" for seed in range(3)
    ]
    changes = dict(experiments["vindr_cxr-mimic_transfer-mimic-s0"].overrides)
    assert changes["model.head"] == "new"


def test_the_cost_is_that_of_the_config_files(plan):
    """configs/padchest_dinov2.py: 88,480 images x 139 GFLOP an epoch."""
    cost = expected_cost(paper.get_study(), plan.experiments["padchest-paper-dinov2-s0"])
    assert cost.images == 88_480
    assert cost.flops == pytest.approx(100 * 88_480 * 139e9, rel=0.005)


def test_shards_share_the_experiments(plan):
    names = list(plan.experiments)
    parts = [shard(names, f"{which}/3") for which in (1, 2, 3)]
    assert sorted(name for part in parts for name in part) == sorted(names)
    for wrong in ("0/3", "4/3", "1", "a/b"):
        with pytest.raises(ValueError):
            shard(names, wrong)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"grids": (Grid("paper", ("nih",), ("dinov2", "mimic")),)}, "unknown dataset 'nih'"),
        ({"grids": (Grid("paper", ("padchest",), ("dinov2",)),)}, "a grid compares two"),
        ({"grids": (Grid("papers", ("padchest",), ("dinov2", "mimic")),)}, "unknown label set"),
        ({"grids": (Grid("paper", ("padchest",), ("dinov2", "dino")),)}, "'dino'; choose one of"),
        ({"grids": ()}, "at least one seed and one grid"),
        ({"seeds": (1, 1)}, "seeds name 1 twice"),
        ({"pretrainings": ()}, "pretraining of initialization mimic is"),
        ({"pretrainings": (ON_NATURAL,)}, "which draws them"),
        ({"pretrainings": (replace(ON_NATURAL, labels="target"),)}, "share no label"),
    ],
)
def test_a_study_that_leads_nowhere_is_refused(changes, message):
    with pytest.raises(InputError, match=message):
        replace(paper.get_study(), **changes)


def test_a_file_without_a_study_is_refused(tmp_path):
    with pytest.raises(InputError, match="no such file"):
        read_study(tmp_path / "absent.py")
    (tmp_path / "empty.py").write_text("")
    with pytest.raises(InputError, match="has no get_study"):
        read_study(tmp_path / "empty.py")
