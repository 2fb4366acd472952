"""What goes out is what came in; what was trained here runs elsewhere with the same logits."""

from dataclasses import replace

import jax
import numpy as np
import pytest
import torch
import transformers
from checked_conversion import import_file
from safetensors.torch import load_file

from convert.exporting import export
from convert.torch_models import RepositoryViT
from jaxcxr.errors import InputError
from jaxcxr.model import flatten, load, read_header, split, write_weights

FAMILY_OF = {
    "timm": "timm",
    "timm_layer_scale": "timm",
    "timm_registers": "timm",
    "timm_dinov3": "timm",
    "timm_dinov3_qkvb": "timm",
    "dinov2": "dinov2",
    "dinov2_registers": "dinov2",
    "dinov3": "dinov2",
    "hf_dinov2": "hf",
    "hf_dinov2_registers": "hf",
    "hf_vit": "hf",
    "hf_dinov3": "hf",
    "timm_convnext": "timm",
    "convnext": "facebook",
    "convnext_dinov3": "facebook",
    "hf_convnext": "hf",
    "hf_dinov3_convnext": "hf",
}


@pytest.mark.parametrize("family", FAMILY_OF)
def test_in_and_out_is_byte_identical(tmp_path, checkpoint_file, family):
    file = checkpoint_file(family)
    ours = tmp_path / "ours.safetensors"
    import_file(file, ours)
    export(ours, FAMILY_OF[family], tmp_path / "out.safetensors")
    before = torch.load(file) if file.suffix == ".pth" else load_file(file)
    after = load_file(tmp_path / "out.safetensors")
    assert after.keys() == before.keys()
    for name, tensor in before.items():
        assert after[name].dtype == tensor.dtype, name
        assert after[name].shape == tensor.shape, name
        assert after[name].numpy().tobytes() == tensor.contiguous().numpy().tobytes(), name


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
def test_half_precision_comes_out_as_it_went_in(tmp_path, checkpoint_file, dtype):
    state = {k: v.to(dtype) for k, v in torch.load(checkpoint_file("dinov2")).items()}
    torch.save(state, tmp_path / "half.pth")
    ours = tmp_path / "ours.safetensors"
    import_file(tmp_path / "half.pth", ours)
    export(ours, "dinov2", tmp_path / "out.safetensors")
    after = load_file(tmp_path / "out.safetensors")
    assert all(torch.equal(after[k], v) and after[k].dtype == dtype for k, v in state.items())


def _fine_tuned(tmp_path, file, image_size):
    """As training leaves it: resampled, with a head of its own, every parameter moved."""
    ours = tmp_path / "ours.safetensors"
    import_file(file, ours)
    _, params = split(load(ours, num_labels=5, image_size=image_size))
    random = np.random.default_rng(3)
    tensors = {
        k: np.asarray(v) + random.normal(size=v.shape).astype(np.float32) * 0.01
        for k, v in flatten(params).items()
    }
    spec = replace(read_header(ours).spec, native_image_size=image_size)
    write_weights(tmp_path / "tuned.safetensors", spec, tensors, {})
    images = random.normal(size=(2, image_size, image_size, 3)).astype(np.float32)
    model = load(tmp_path / "tuned.safetensors", image_size=image_size)
    with jax.default_matmul_precision("highest"):
        logits, _ = model(images)
    return tmp_path / "tuned.safetensors", images, np.asarray(logits)


def _assert_same_logits(model, images, logits):
    with torch.no_grad():
        theirs = model(torch.from_numpy(images).permute(0, 3, 1, 2))
    theirs = getattr(theirs, "logits", theirs)
    assert np.abs(theirs.numpy() - logits).max() <= 1e-5 * np.abs(logits).max()


@pytest.mark.slow
@pytest.mark.parametrize(
    ("family", "patch", "layer_scale", "registers"),
    [
        ("timm", 16, False, 0),
        ("dinov2", 14, True, 0),
        ("hf_dinov2", 14, True, 0),
        ("dinov2_registers", 14, True, 4),
        ("google_new", 16, False, 0),
    ],
)
def test_a_tuned_model_runs_in_timm(
    tmp_path, checkpoint_file, models, family, patch, layer_scale, registers
):
    tuned, images, logits = _fine_tuned(tmp_path, checkpoint_file(family), 4 * patch)
    layout, _ = export(tuned, "timm", tmp_path / "out.safetensors")
    assert layout == "timm"
    act = torch.nn.GELU if family != "google_new" else "gelu_tanh"
    model = models["timm_vit"](
        patch, 4 * patch, 5, layer_scale=layer_scale, registers=registers, act_layer=act
    )
    model.load_state_dict(load_file(tmp_path / "out.safetensors"), strict=True)
    _assert_same_logits(model, images, logits)


@pytest.mark.parametrize("family", ["timm_dinov3", "timm_dinov3_qkvb", "hf_dinov3"])
def test_a_tuned_dinov3_runs_in_timm(tmp_path, checkpoint_file, models, family):
    tuned, images, logits = _fine_tuned(tmp_path, checkpoint_file(family), 64)
    export(tuned, "timm", tmp_path / "out.safetensors")
    model = models["timm_dinov3"](qkv_bias=family != "timm_dinov3")
    model.reset_classifier(5)
    model.load_state_dict(load_file(tmp_path / "out.safetensors"), strict=True)
    _assert_same_logits(model.eval(), images, logits)


@pytest.mark.parametrize("family", ["timm", "dinov2", "dinov2_registers", "hf_vit", "google_old"])
def test_a_tuned_model_runs_in_transformers(tmp_path, checkpoint_file, family):
    patch = 14 if "dino" in family else 16
    tuned, images, logits = _fine_tuned(tmp_path, checkpoint_file(family), 4 * patch)
    export(tuned, "hf", tmp_path / "hf" / "model.safetensors")
    model, info = transformers.AutoModelForImageClassification.from_pretrained(
        tmp_path / "hf", output_loading_info=True
    )
    assert not info["missing_keys"]
    assert not info["unexpected_keys"]
    assert not info["mismatched_keys"]
    _assert_same_logits(model.eval(), images, logits)


def test_a_tuned_model_runs_in_the_repository(tmp_path, checkpoint_file):
    tuned, images, logits = _fine_tuned(tmp_path, checkpoint_file("dinov2"), 56)
    _, notes = export(tuned, "dinov2", tmp_path / "out.safetensors")
    assert any("no mask_token" in note for note in notes)
    state = load_file(tmp_path / "out.safetensors")
    head = {name: state.pop(f"head.{name}") for name in ("weight", "bias")}
    model = RepositoryViT(read_header(tuned).spec, 56, mask_token=True).eval()
    model.load_state_dict(state, strict=True)
    _assert_same_logits(
        lambda x: torch.nn.functional.linear(model(x)[:, 0], head["weight"], head["bias"]),
        images,
        logits,
    )


def test_transformers_classifier_comes_back(tmp_path, checkpoint_file):
    """Its classifier's half for the mean of the patches is zero, so it folds back exactly."""
    tuned, _, _ = _fine_tuned(tmp_path, checkpoint_file("dinov2"), 56)
    export(tuned, "hf", tmp_path / "model.safetensors")
    again = tmp_path / "again.safetensors"
    import_file(tmp_path / "model.safetensors", again, keep_head=True)
    before, after = load_file(tuned), load_file(again)
    assert all(torch.equal(after[name], tensor) for name, tensor in before.items())


@pytest.mark.parametrize(
    ("family", "layout", "message"),
    [
        ("timm", "dinov2", "LayerScale and this one has not; use --layout timm"),
        ("timm_registers", "hf", "class token is without position"),
        ("dinov3", "timm", "its rotary periods, rounded in the DINOv3 release"),
    ],
)
def test_what_has_no_equal_there_is_refused(tmp_path, checkpoint_file, family, layout, message):
    ours = tmp_path / "ours.safetensors"
    import_file(checkpoint_file(family), ours)
    with pytest.raises(InputError, match=message):
        export(ours, layout, tmp_path / "out.safetensors")
    assert not (tmp_path / "out.safetensors").exists()


def test_a_head_can_be_left_out(tmp_path, checkpoint_file):
    tuned, _, _ = _fine_tuned(tmp_path, checkpoint_file("hf_dinov3"), 64)
    with pytest.raises(InputError, match="no classifier for DINOv3"):
        export(tuned, "hf", tmp_path / "out.safetensors")
    export(tuned, "hf", tmp_path / "out.safetensors", with_head=False)
    assert not any(k.startswith("classifier") for k in load_file(tmp_path / "out.safetensors"))
