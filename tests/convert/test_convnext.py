"""ConvNeXt against timm's and transformers' own: each stage, each gradient, and the way back."""

import json
from dataclasses import replace

import jax
import numpy as np
import pytest
import timm
import torch
import transformers
from checked_conversion import assert_parity, import_file, verify_file
from safetensors.torch import load_file, save_file
from timm.models.convnext import ConvNeXt as TimmConvNeXt

from convert.checkpoints import CHECKPOINTS
from convert.exporting import export
from convert.importing import import_checkpoint
from convert.sources import open_source
from convert.verifying import TOLERANCE
from jaxcxr.errors import InputError
from jaxcxr.model import ConvNeXtSpec, flatten, load, read_header, split, write_weights
from jaxcxr.model.shapes import expected_shapes

FAMILIES = ("timm_convnext", "convnext", "convnext_dinov3", "hf_convnext", "hf_dinov3_convnext")
STAGES = [
    *("patch_embedding", "embedded", "block00", "downsample01", "block01", "block02"),
    *("downsample03", "block03", "block04", "block05", "downsample06", "block06"),
    *("pooled", "logits"),
]


@pytest.mark.slow
@pytest.mark.parametrize("size", [64, 96])
@pytest.mark.parametrize("family", FAMILIES)
def test_every_stage_and_gradient_equals_pytorch(tmp_path, checkpoint_file, family, size):
    file, out = checkpoint_file(family), tmp_path / "w.safetensors"
    imported = import_file(file, out)
    parity = verify_file(file, out, size)
    assert [found.place for found in parity.forward] == STAGES
    ours = [path for path in imported.tensors if not path.startswith("extra/")]
    assert len(parity.gradients) == len(ours) + 2  # the head's
    assert_parity(parity)


def test_the_last_norm_has_transformers_own_epsilon(tmp_path, checkpoint_file):
    imported = import_file(checkpoint_file("hf_convnext"), tmp_path / "w.safetensors")
    spec = imported.spec
    assert (spec.layernorm_epsilon, spec.final_layernorm_epsilon) == (1e-6, 1e-12)


@pytest.mark.slow
def test_a_wrong_fact_is_found(tmp_path, checkpoint_file):
    file, out = checkpoint_file("timm_convnext"), tmp_path / "w.safetensors"
    imported = import_file(file, out)
    write_weights(out, replace(imported.spec, gelu="tanh"), imported.tensors, imported.provenance)
    parity = verify_file(file, out, 64)
    assert parity.first_failure.place == "block00"
    assert parity.contradictions == ("gelu is tanh, in the source erf",)


@pytest.mark.slow
def test_sizes_between_strides_drop_what_a_convolution_drops(tmp_path, models):
    """100 pixels are 25 places of the stem, then 12, 6 and 3: timm drops at every halving."""
    model = models["timm_convnext"]()
    save_file(model.state_dict(), tmp_path / "m.safetensors")
    import_file(tmp_path / "m.safetensors", tmp_path / "w.safetensors")
    with pytest.raises(InputError, match="100 is not a multiple of the stride 32; use 96 or 128"):
        load(tmp_path / "w.safetensors", image_size=100)
    import_file(
        tmp_path / "m.safetensors", tmp_path / "w.safetensors", fields={"partial_patches": "drop"}
    )
    images = np.random.default_rng(0).normal(size=(2, 100, 100, 3)).astype(np.float32)
    with torch.no_grad():
        theirs = model.forward_features(torch.from_numpy(images).permute(0, 3, 1, 2)).numpy()
    with jax.default_matmul_precision("highest"):
        _, out = load(tmp_path / "w.safetensors", image_size=100)(images)
    ours = np.asarray(out["block06"]).reshape(2, 3, 3, -1).transpose(0, 3, 1, 2)
    assert np.abs(ours - theirs).max() <= TOLERANCE * np.abs(theirs).max()


@pytest.mark.parametrize(
    "name", ["convnext_base.fb_in22k", "convnext_base.dinov3_lvd1689m", "convnext_tiny.in12k"]
)
def test_the_table_has_the_sizes_of_timms_models(name):
    with torch.device("meta"):
        state = timm.create_model(name, num_classes=0).state_dict()
    parameters = sum(value.numel() for value in state.values())
    rows = [row for row in CHECKPOINTS.values() if row.names.get("timm") == name]
    assert len(rows) == (name != "convnext_tiny.in12k")
    for row in rows:
        shapes = expected_shapes(row.spec, None).values()
        assert sum(int(np.prod(shape)) for shape in shapes) == parameters == 87_566_464
        assert len(shapes) == len(state) == 342


def test_macs_equal_torchs_count(models):
    from torch.utils.flop_counter import FlopCounterMode

    for size in (64, 96):
        model = models["timm_convnext"]()
        with FlopCounterMode(display=False) as counter, torch.no_grad():
            model(torch.zeros(1, 3, size, size))
        spec = ConvNeXtSpec(widths=(16, 24, 32, 40), depths=(1, 2, 3, 1))
        assert 2 * spec.forward_macs(size) == counter.get_total_flops()


@pytest.mark.slow
def test_names_recognise_and_keys_make_candidates(tmp_path, models):
    name = "timm:convnext_base.dinov3_lvd1689m"
    with torch.device("meta"):
        whole = timm.create_model("convnext_base")
    state = {k: torch.zeros(v.shape) for k, v in whole.state_dict().items() if "head.fc" not in k}
    save_file(state, tmp_path / "m.safetensors")
    with open_source(tmp_path / "m.safetensors") as source:
        found = import_checkpoint(source, name="m.safetensors").provenance
        known = import_checkpoint(source, name=name, checkpoint=name.partition(":")[2]).provenance
    assert found["candidates"] == ["convnext_base.fb_in22k", "dinov3_convnext_base"]
    assert found["checkpoint"] is found["licence"] is None
    assert known["checkpoint"] == "dinov3_convnext_base"
    assert known["licence"].startswith("DINOv3")


def test_what_is_missing_or_of_another_model_is_listed(tmp_path, models):
    state = models["timm_convnext"]().state_dict()
    del state["stages.2.blocks.1.gamma"]
    state["stages.1.blocks.0.norm.weight"] = torch.zeros(5)
    state["stages.0.downsample.1.weight"] = torch.zeros(3)
    save_file(state, tmp_path / "m.safetensors")
    with pytest.raises(InputError) as error:
        import_file(tmp_path / "m.safetensors", tmp_path / "w.safetensors")
    assert "missing: stages.2.blocks.1.gamma" in str(error.value)
    assert "stages.1.blocks.0.norm.weight is (5,), not (24,)" in str(error.value)
    assert "extra: stages.0.downsample.1.weight" in str(error.value)
    save_file(models["timm_convnext"]().state_dict(), tmp_path / "m.safetensors")
    with pytest.raises(InputError, match="dinov2_vitb14 is another architecture"):
        import_file(
            tmp_path / "m.safetensors", tmp_path / "w.safetensors", checkpoint="dinov2_vitb14"
        )
    with pytest.raises(InputError, match="has 5 blocks, and among them one of number 40"):
        few = {k: v for k, v in state.items() if ".blocks.0." in k}
        few["stages.3.blocks.40.norm.weight"] = torch.zeros(40)
        save_file(few, tmp_path / "few.safetensors")
        import_file(tmp_path / "few.safetensors", tmp_path / "w.safetensors")


def test_a_config_beside_that_contradicts_is_refused(tmp_path, models):
    models["hf_convnext"]("ConvNext").save_pretrained(tmp_path)
    config = json.loads((tmp_path / "config.json").read_text())
    (tmp_path / "config.json").write_text(json.dumps(config | {"depths": [1, 2, 9, 1]}))
    with pytest.raises(InputError, match=r"says depths \(1, 2, 9, 1\) where its tensors have"):
        import_file(tmp_path / "model.safetensors", tmp_path / "w.safetensors")


def _tuned(tmp_path, file):
    """As training leaves it: with a head of its own and every parameter moved."""
    import_file(file, tmp_path / "ours.safetensors")
    _, params = split(load(tmp_path / "ours.safetensors", num_labels=5, image_size=64))
    random = np.random.default_rng(3)
    tensors = {
        k: np.asarray(v) + 0.01 * random.normal(size=v.shape).astype(np.float32)
        for k, v in flatten(params).items()
    }
    tuned = tmp_path / "tuned.safetensors"
    write_weights(tuned, read_header(tmp_path / "ours.safetensors").spec, tensors, {})
    images = random.normal(size=(2, 64, 64, 3)).astype(np.float32)
    with jax.default_matmul_precision("highest"):
        logits, _ = load(tuned, image_size=64)(images)
    return tuned, torch.from_numpy(images).permute(0, 3, 1, 2), np.asarray(logits)


@pytest.mark.slow
@pytest.mark.parametrize("family", ["timm_convnext", "hf_convnext", "hf_dinov3_convnext"])
def test_a_tuned_model_runs_in_timm_and_transformers(tmp_path, checkpoint_file, family):
    tuned, images, logits = _tuned(tmp_path, checkpoint_file(family))
    layout, _ = export(tuned, "timm", tmp_path / "timm.safetensors")
    model = TimmConvNeXt(num_classes=5, dims=(16, 24, 32, 40), depths=(1, 2, 3, 1)).eval()
    model.load_state_dict(load_file(tmp_path / "timm.safetensors"))
    assert layout == "timm_convnext"
    model.head.norm.eps = read_header(tuned).spec.final_layernorm_epsilon
    export(tuned, "hf", tmp_path / "model.safetensors")
    other = transformers.AutoModelForImageClassification.from_pretrained(tmp_path).eval()
    with torch.no_grad():
        for theirs in (model(images), other(images).logits):
            assert np.abs(theirs.numpy() - logits).max() <= 1e-5 * np.abs(logits).max()


@pytest.mark.slow
def test_what_a_library_does_not_have_is_refused(tmp_path, checkpoint_file):
    tuned, _, _ = _tuned(tmp_path, checkpoint_file("timm_convnext"))
    with pytest.raises(InputError, match="that is for vision transformers"):
        export(tuned, "dinov2", tmp_path / "out.safetensors")
    import_file(checkpoint_file("timm"), tmp_path / "vit.safetensors")
    with pytest.raises(InputError, match="that is for ConvNeXt"):
        export(tmp_path / "vit.safetensors", "facebook", tmp_path / "out.safetensors")
    header = read_header(tuned)
    spec = replace(header.spec, layernorm_epsilon=1e-5)
    tensors = {k: np.asarray(v) for k, v in flatten(split(load(tuned))[1]).items()}
    write_weights(tuned, spec, tensors, {})
    with pytest.raises(InputError, match="have the epsilon 1e-6 and these 1e-05"):
        export(tuned, "hf", tmp_path / "model.safetensors")
