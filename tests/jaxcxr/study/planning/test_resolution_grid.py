"""The follow-up study's plan: as many trainings as the paper's, of each part, on their own data."""

import hashlib
import re
from collections import Counter
from dataclasses import replace
from pathlib import Path

import pytest

from configs.study import extended, paper, phantom, resolution, resolution_phantom
from input_pipeline.labels import TRAINED
from jaxcxr.config import check_config
from jaxcxr.errors import InputError
from jaxcxr.study.planning.asked_config import experiment_config
from jaxcxr.study.planning.cost import expected_cost
from jaxcxr.study.planning.example_jobs import example_experiments, without_attention
from jaxcxr.study.planning.grid import plan_study
from jaxcxr.study.planning.variants import Variant, image_sizes, label_noise

ROOT = Path(__file__).parents[4]
# Of ids in their order, before a grid could have more than two initializations.
IDS = {
    "paper": "474aeceebc05146ad6fd95c7b6fe93c8ec1ddbd6d29a6f5b6048664a73d6fd5d",
    "extended": "9c9327ffa0eaea046a30b2ee963615603bddc0b639e04ea97eda035974d3444d",
    "phantom": "046f57a9d772de9b0d04a2755f13f6fb1b0bb76458adcf36708360d873a6214d",
}


@pytest.fixture
def plan(tmp_path, monkeypatch):
    monkeypatch.chdir(ROOT)
    return plan_study(resolution.get_study(), tmp_path)


def test_each_part_has_as_many_trainings_as_the_papers(plan):
    of_seed = [one for one in plan.experiments.values() if one.seed == 0]
    assert len(plan.experiments) == 3 * len(of_seed)  # where the paper had one seed
    parts = Counter(one.variant for one in of_seed)
    assert parts[""] + parts["px512"] == 70 and parts[""] == parts["px512"]
    assert parts["px1024"] == 15
    assert {one.dataset for one in of_seed if one.variant == "px1024"} == {
        *("vindr_pcxr", "chestxray14", "mimic_cxr")
    }
    assert parts["lora512"] == 15
    assert {one.dataset for one in of_seed if one.variant == "lora512"} == {
        *("mimic_cxr", "chestxray14", "chexpert")
    }
    # Four shares besides none, which is the main grid's training; the three transformers.
    assert [parts[f"noise{share}"] for share in (10, 20, 30, 40)] == [3] * 4
    assert {one.dataset for one in of_seed if "noise" in one.variant} == {"vindr_cxr"}
    assert len(of_seed) == 70 + 15 + 15 + 12


def test_models_of_mimic_are_tested_on_the_two_others_at_every_size(plan):
    at_224 = plan.after["mimic_cxr-merged_sides-dinov3-s0-cross"]
    assert [path.name for path in at_224.done] == [
        "predictions_chestxray14.parquet",
        "predictions_chexpert.parquet",
    ]
    at_512 = plan.after["mimic_cxr-merged_sides-dinov3-px512-s0-cross"].command
    assert {"data/chestxray14_512", "data/chexpert_512"} <= set(at_512)
    assert len(plan.after) == 3 * 5 * 3 and all("mimic_cxr-" in name for name in plan.after)


def test_every_training_passes_its_check_and_learns_as_the_paper_says(plan):
    for experiment in plan.experiments.values():
        config = experiment_config(experiment)
        check_config(config)
        assert (config.data, tuple(config.labels)) == (experiment.data, experiment.labels)
        lora = experiment.variant == "lora512"
        assert (config.trainable, config.learning_rate) == (
            ("lora", 1e-4) if lora else ("all", 1e-5)
        )
        assert config.batch_size == (16 if lora else 32)
        size = int(re.sub(r"\D", "", experiment.variant) or 224) if _sized(experiment) else 224
        assert config.image_size == size
        assert experiment.data.endswith(f"_{size}") == _sized(experiment)
    lora = experiment_config(plan.experiments["chexpert-merged_sides-convnext_in22k-lora512-s0"])
    assert (lora.lora_rank, lora.lora_alpha, lora.lora_dropout) == (16, 32.0, 0.05)
    assert tuple(lora.lora_targets) == ("mlp/fc1", "mlp/fc2")
    noisy = experiment_config(plan.experiments["vindr_cxr-merged_sides-dinov2-noise30-s2"])
    assert (noisy.label_noise, noisy.label_noise_seed) == (0.3, 42)
    heads = {
        name: experiment_config(plan.experiments[f"padchest-merged_sides-{name}-s0"]).model.pooling
        for name in ("dinov3", "dinov2", "imagenet21k", "convnext_dinov3")
    }
    assert list(heads.values()) == ["mean_tokens", "mean_tokens", "weights", "weights"]


def _sized(experiment):
    return experiment.variant.startswith(("px", "lora"))


def test_uka_is_learnt_without_sides_and_the_others_as_before(plan):
    uka = plan.experiments["uka_cxr-merged_sides-dinov3-px512-s0"]
    assert uka.data == "data/uka_cxr_merged_sides_512" and len(uka.labels) == 6
    assert plan.experiments["vindr_pcxr-merged_sides-dinov3-s0"].data == "data/vindr_pcxr"


def test_the_cost_of_larger_images_is_that_of_their_patches(plan):
    study = resolution.get_study()

    def cost(name):
        return expected_cost(study, plan.experiments[f"vindr_pcxr-merged_sides-{name}-s0"])

    assert cost("dinov3").images == 7_728
    # 32 x 32 places of the last stage's stride against 7 x 7: all convolutions alike.
    ratio = cost("convnext_dinov3-px1024").flops / cost("convnext_dinov3").flops
    assert ratio == pytest.approx((1024 / 224) ** 2, rel=1e-3)
    # 36 x 36 patches of 14 pixels, 8 of 512 in none.
    assert cost("dinov2-px512").flops / cost("dinov2").flops > (36 / 16) ** 2


def test_other_studies_keep_their_ids(tmp_path, monkeypatch):
    monkeypatch.chdir(ROOT)
    for module in (paper, extended, phantom):
        names = list(plan_study(module.get_study(), tmp_path).experiments)
        digest = hashlib.sha256("\n".join(names).encode()).hexdigest()
        assert digest == IDS[module.__name__.split(".")[-1]]


def test_examples_leave_out_a_convnext(tmp_path, monkeypatch):
    monkeypatch.chdir(ROOT)
    study = resolution_phantom.get_study()
    plan = plan_study(study, tmp_path)
    shown = {one.initialization for one in example_experiments(study, plan.experiments)}
    assert shown == {"vit_natural", "vit_random"}
    left = without_attention(study, plan.experiments)
    assert left == ["ConvNeXt, natural-like", "ConvNeXt from scratch"]
    assert not any("convnext" in name for name in plan.after if name.endswith("-attention"))


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"pairs": ()}, "has 5 initializations, and a grid compares two"),
        ({"pairs": (("dinov3", "mae"),)}, "initialization of a pair is 'mae'; choose one of"),
        ({"pairs": (("dinov3", "dinov3"),)}, "a pair of a grid name 'dinov3' twice"),
        ({"external": (("mimic_cxr", "brax"),)}, "dataset of an external test is 'brax'"),
        ({"cross_dataset": True}, "has both cross_dataset and external"),
        ({"margin": -1.0}, "has the margin -1.0; give percentage points"),
        ({"variants": image_sizes(512, datasets=("brax",))}, "dataset of variant px512 is 'brax'"),
        (
            {"variants": label_noise(10, initializations=("mae",))},
            "initialization of variant noise10 is 'mae'",
        ),
    ],
)
def test_a_grid_that_leads_nowhere_is_refused(changes, message):
    study = resolution.get_study()
    with pytest.raises(InputError, match=message):
        replace(study, grids=(replace(study.grids[0], **changes),))


def test_an_external_test_without_a_shared_label_is_refused(monkeypatch):
    monkeypatch.setitem(TRAINED, "vindr_pcxr", ("bronchitis_bronchiolitis",))
    study = resolution.get_study()
    grid = replace(study.grids[0], external=(("mimic_cxr", "vindr_pcxr"),))
    with pytest.raises(InputError, match="of mimic_cxr on vindr_pcxr, which share no label"):
        replace(study, grids=(grid,))


def test_a_paper_that_is_not_known_is_refused():
    study = resolution.get_study()
    with pytest.raises(InputError, match=r"paper is '1'; choose one of 2308\.07688, 2"):
        replace(study, paper="1")


def test_a_size_is_a_variant_and_no_pixels_are_none():
    (one,) = image_sizes(512)
    assert one.is_size and not one.adapts and not one.label_noise
    assert Variant("x", "X", trainable="lora", image_size=512).adapts
    assert [one.label_noise for one in label_noise(0, 10, 40)] == [0.1, 0.4]
    with pytest.raises(InputError, match="image_size of variant x is -1; give pixels"):
        Variant("x", "X", image_size=-1)
