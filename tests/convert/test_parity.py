"""Every family against its own PyTorch model: each layer, each rule, each gradient."""

import jax
import numpy as np
import pytest
import torch
from checked_conversion import assert_parity, import_file, verify_file
from timm.models.vision_transformer import VisionTransformer, checkpoint_filter_fn

from convert.sources import open_source
from convert.verifying import TOLERANCE
from jaxcxr.errors import InputError
from jaxcxr.model import load, read_header, read_tensors, write_weights

NATIVE = {"timm": 112, "hf_vit": 112, "google_old": 112, "google_new": 112}
FAMILIES = (
    "timm",
    "timm_layer_scale",
    "timm_registers",
    "dinov2",
    "dinov2_registers",
    "hf_dinov2",
    "hf_dinov2_registers",
    "hf_vit",
    "hf_dinov3",
    "timm_dinov3",
    "timm_dinov3_qkvb",
    "dinov3",
    "google_old",
    "google_new",
)


def _native(family):
    return NATIVE.get(family, 64 if "dinov3" in family else 98)


@pytest.mark.parametrize("resized", [False, True])
@pytest.mark.parametrize("family", FAMILIES)
def test_every_layer_and_gradient_equals_pytorch(tmp_path, checkpoint_file, family, resized):
    source_file = checkpoint_file(family)
    import_file(source_file, tmp_path / "w.safetensors")
    patch = 14 if _native(family) == 98 else 16
    size = 4 * patch if resized and _native(family) != 64 else _native(family) + resized * 48
    parity = verify_file(source_file, tmp_path / "w.safetensors", size)
    assert parity.image_size == size
    assert [d.place for d in parity.forward] == [
        "patch_embedding",
        "embedded",
        "block00",
        "block01",
        "tokens",
        "logits",
    ]
    assert (
        len(parity.gradients)
        == len([k for k in read_tensors(tmp_path / "w.safetensors") if not k.startswith("extra/")])
        + 2
    )  # The head's.
    assert_parity(parity)


@pytest.mark.parametrize(
    ("family", "rule"),
    [
        ("timm_layer_scale", "dinov2"),
        ("dinov2", "size_aa"),
        ("dinov2", "size"),
        ("dinov2", "bilinear_zoom"),
        ("dinov2", "bilinear"),
        ("hf_dinov2", "dinov2"),
    ],
)
def test_every_rule_equals_pytorch(tmp_path, checkpoint_file, family, rule):
    source_file = checkpoint_file(family)
    import_file(source_file, tmp_path / "w.safetensors", rule=rule)
    parity = verify_file(source_file, tmp_path / "w.safetensors", 56)
    assert parity.resample_rule == rule
    assert_parity(parity)


@pytest.mark.parametrize("family", ["timm_registers", "dinov2", "hf_dinov2"])
def test_resampled_at_import_equals_pytorch(tmp_path, checkpoint_file, family):
    source_file = checkpoint_file(family)
    patch = 14 if _native(family) == 98 else 16
    imported = import_file(source_file, tmp_path / "w.safetensors", image_size=4 * patch)
    assert imported.provenance["resampled"] == {"from": _native(family), "to": 4 * patch}
    assert imported.spec.native_grid == 4
    parity = verify_file(source_file, tmp_path / "w.safetensors", None)
    assert (parity.image_size, parity.resample_at) == (4 * patch, "load")
    assert_parity(parity)


def test_a_kept_head_is_compared_with_the_source(tmp_path, models):
    state = models["timm_vit"](labels=5).state_dict()
    torch.save({"model": {f"module.{k}": v for k, v in state.items()}}, tmp_path / "tuned.pth")
    out = tmp_path / "w.safetensors"
    imported = import_file(tmp_path / "tuned.pth", out, keep_head=True)
    assert_parity(verify_file(tmp_path / "tuned.pth", out, 112))
    tensors = imported.tensors | {"head/bias": imported.tensors["head/bias"] + 0.1}
    write_weights(out, imported.spec, tensors, imported.provenance)
    assert verify_file(tmp_path / "tuned.pth", out, 112).first_failure.place == "logits"


def test_a_wrong_weight_is_found_at_its_layer(tmp_path, checkpoint_file):
    source_file = checkpoint_file("timm_layer_scale")
    out = tmp_path / "w.safetensors"
    imported = import_file(source_file, out)
    tensors = dict(imported.tensors)
    tensors["blocks/1/mlp/fc1/bias"] = tensors["blocks/1/mlp/fc1/bias"] + 1e-2
    write_weights(out, imported.spec, tensors, imported.provenance)
    assert verify_file(source_file, out, 56).first_failure.place == "block01"


@pytest.mark.parametrize(
    ("field", "value", "place"),
    [
        ("gelu", "tanh", "block00"),
        ("layernorm_epsilon", 1e-3, "block00"),
        ("heads", 4, "block00"),
        ("resample_rule", "dinov2", "embedded"),
    ],
)
def test_a_wrong_fact_is_found(tmp_path, checkpoint_file, field, value, place):
    """The reference takes its facts from a right file, ours from a wrong one."""
    source_file = checkpoint_file("timm_layer_scale")
    import_file(source_file, tmp_path / "wrong.safetensors", fields={field: value})
    images = np.random.default_rng(0).normal(size=(1, 56, 56, 3)).astype("float32")
    with open_source(source_file) as source:
        state = {k: torch.from_numpy(t.read().copy()) for k, t in source.tensors.items()}
    model = VisionTransformer(
        img_size=56,
        patch_size=14,
        embed_dim=128,
        depth=2,
        num_heads=2,
        mlp_ratio=3,
        num_classes=0,
        init_values=1e-5,
    ).eval()
    model.load_state_dict(checkpoint_filter_fn(state, model))
    stages = {}
    model.blocks[0].register_forward_pre_hook(lambda _, x: stages.update(embedded=x[0]))
    model.blocks[0].register_forward_hook(lambda _, __, y: stages.update(block00=y))
    with torch.no_grad():
        model(torch.from_numpy(images).permute(0, 3, 1, 2))
    with jax.default_matmul_precision("highest"):
        out = load(tmp_path / "wrong.safetensors", image_size=56)(images)[1]
    theirs = stages[place].numpy()
    assert np.abs(out[place] - theirs).max() > 5 * TOLERANCE * np.abs(theirs).max()


def test_another_source_is_refused(tmp_path, checkpoint_file):
    import_file(checkpoint_file("timm"), tmp_path / "w.safetensors")
    with pytest.raises(InputError, match="sha256 differ"):
        verify_file(checkpoint_file("timm_layer_scale"), tmp_path / "w.safetensors", 56)


@pytest.mark.slow
@pytest.mark.data
@pytest.mark.parametrize("size", [224, 518])
def test_trained_dinov2_small_equals_timm(tmp_path, shared_data, size):
    """The trained weights, read by us from their own keys and by timm after a rewrite by hand."""
    import timm
    from safetensors.torch import load_file

    file = shared_data / "dinov2_small" / "model.safetensors"
    imported = import_file(file, tmp_path / "w.safetensors", rule="size_aa")
    # Its shapes are those of that checkpoint, which makes it a candidate and no more.
    assert imported.provenance["candidates"] == ["dinov2_vits14"]
    assert imported.provenance["checkpoint"] is imported.provenance["licence"] is None
    state = load_file(file)
    renamed = {}
    for key, value in state.items():
        if ".attention.attention." in key or "mask_token" in key:
            continue
        for old, new in (
            ("embeddings.cls_token", "cls_token"),
            ("embeddings.position_embeddings", "pos_embed"),
            ("embeddings.patch_embeddings.projection", "patch_embed.proj"),
            ("encoder.layer", "blocks"),
            ("attention.output.dense", "attn.proj"),
            ("layer_scale1.lambda1", "ls1.gamma"),
            ("layer_scale2.lambda1", "ls2.gamma"),
            ("layernorm", "norm"),
        ):
            key = key.replace(old, new)
        renamed[key] = value
    for n in range(12):
        for kind in ("weight", "bias"):
            parts = [
                state[f"encoder.layer.{n}.attention.attention.{part}.{kind}"]
                for part in ("query", "key", "value")
            ]
            renamed[f"blocks.{n}.attn.qkv.{kind}"] = torch.cat(parts)
    model = timm.create_model("vit_small_patch14_dinov2", img_size=size, num_classes=0).eval()
    model.load_state_dict(checkpoint_filter_fn(renamed, model), strict=True)
    images = np.random.default_rng(1).normal(size=(1, size, size, 3)).astype("float32")
    theirs = {}
    for n, block in enumerate(model.blocks):
        block.register_forward_hook(lambda _, __, y, n=n: theirs.update({f"block{n:02}": y}))
    with torch.no_grad():
        tokens = model.forward_features(torch.from_numpy(images).permute(0, 3, 1, 2))
    theirs["tokens"] = tokens
    with jax.default_matmul_precision("highest"):
        out = load(tmp_path / "w.safetensors", image_size=size)(images)[1]
    for place, value in theirs.items():
        gap = np.abs(out[place] - value.numpy()).max()
        assert gap <= TOLERANCE * value.abs().max(), place


@pytest.mark.slow
@pytest.mark.data
def test_trained_dinov2_small_verifies_against_transformers(tmp_path, shared_data):
    file = shared_data / "dinov2_small" / "model.safetensors"
    import_file(file, tmp_path / "w.safetensors")
    assert read_header(tmp_path / "w.safetensors").spec.resample_rule == "size"
    assert_parity(verify_file(file, tmp_path / "w.safetensors", 224))
