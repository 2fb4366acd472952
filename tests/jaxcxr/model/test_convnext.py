"""What a ConvNeXt promises whatever its weights; parity with PyTorch is tested with conversion."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from flax import nnx

from jaxcxr.errors import InputError
from jaxcxr.model import (
    ConvNeXt,
    ConvNeXtSpec,
    ViT,
    build_model,
    flatten,
    load,
    spec_from_dict,
    split,
    write_weights,
)
from jaxcxr.model.lora import add_lora, merge_lora
from jaxcxr.training.optimizer import is_trainable, layer_index

SPEC = ConvNeXtSpec(widths=(8, 12), depths=(1, 2), native_image_size=24)
VIT = {"patch_size": 8, "width": 8, "depth": 1, "heads": 1, "mlp_width": 8, "native_image_size": 24}


def _model(spec=SPEC, image_size=24, **options):
    return build_model(spec, image_size=image_size, rngs=nnx.Rngs(0), **{"num_labels": 4} | options)


@pytest.fixture
def images():
    return np.random.default_rng(0).normal(size=(2, 24, 24, 3)).astype("float32")


@pytest.mark.slow
def test_out_holds_every_intermediate(images):
    logits, out = _model()(images)
    assert logits.shape == (2, 4)
    assert {name: value.shape for name, value in out.items()} == {
        "patch_embedding": (2, 36, 8),
        "embedded": (2, 36, 8),
        "block00": (2, 36, 8),
        "downsample01": (2, 9, 12),
        "block01": (2, 9, 12),
        "block02": (2, 9, 12),
        "tokens": (2, 10, 12),
        "pooled": (2, 12),
    }
    np.testing.assert_array_equal(out["pooled"], out["tokens"][:, 0])


@pytest.mark.slow
def test_remat_changes_neither_logits_nor_gradients(images):
    def gradients(remat):
        apply, params = split(_model(remat=remat))
        return jax.grad(lambda params: jnp.sum(apply(params, images)[0] ** 2))(params)

    jax.tree.map(
        lambda a, b: np.testing.assert_allclose(a, b, rtol=1e-5, atol=1e-6),
        gradients(True),
        gradients(False),
    )


@pytest.mark.slow
def test_bfloat16_computation_leaves_parameters_and_logits_float32(images):
    apply, params = split(_model(dtype=jnp.bfloat16))
    logits, out = apply(params, images)
    assert out["block01"].dtype == jnp.bfloat16
    assert logits.dtype == jnp.float32
    assert {leaf.dtype for leaf in jax.tree.leaves(params)} == {jnp.dtype("float32")}
    np.testing.assert_allclose(logits, _model()(images)[0], atol=0.02)


@pytest.mark.slow
def test_the_weights_file_says_which_architecture_it_is(tmp_path, images):
    model = _model()
    tensors = {path: np.asarray(value) for path, value in flatten(split(model)[1]).items()}
    write_weights(tmp_path / "w.safetensors", SPEC, tensors, {})
    loaded = load(tmp_path / "w.safetensors", image_size=24)
    assert isinstance(loaded, ConvNeXt)
    assert loaded.spec == SPEC
    np.testing.assert_array_equal(loaded(images)[0], model(images)[0])


def test_a_description_without_architecture_is_of_a_vision_transformer():
    spec = spec_from_dict(VIT)
    assert spec.architecture == "vit"
    assert (spec.pooling, spec.partial_patches) == ("class_token", "refuse")
    assert isinstance(_model(spec), ViT)
    assert spec_from_dict(SPEC.to_dict()) == SPEC


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"depths": (1,)}, "widths and depths have 2 and 1 entries"),
        ({"widths": (8, 0)}, "widths.1 is 0"),
        ({"gelu": "exact"}, "gelu is 'exact'; choose one of erf, tanh"),
        ({"pooling": "class_token"}, "pooling is 'class_token'; choose one of mean_then_norm"),
        ({"architecture": "resnet"}, "architecture is 'resnet'; choose one of vit, convnext"),
        ({"heads": 2}, r"unknown fields \['heads'\]"),
        ({"native_image_size": 28}, "28 is not a multiple of the stride 8; use 24 or 32"),
    ],
)
def test_impossible_specs_are_named(change, message):
    with pytest.raises(InputError, match=message):
        spec_from_dict(SPEC.to_dict() | change)


def test_layers_are_counted_by_block_and_lora_adapts_pointwise_maps(images):
    apply, params = split(_model())
    params = flatten(params)
    layers = {path: layer_index(path, SPEC.depth) for path in params}
    assert layers["patch_embedding/kernel"] == layers["embedding_norm/scale"] == 0
    assert layers["blocks/0/depthwise/kernel"] == 1
    # What halves the resolution learns as the block that it stands before.
    assert layers["blocks/1/downsample/convolution/kernel"] == 2
    assert layers["blocks/2/mlp/fc1/kernel"] == 3
    assert layers["norm/scale"] == layers["head/kernel"] == 4
    adapted = add_lora(params, rank=2, seed=0)
    added = sorted(set(adapted) - set(params))
    assert added == sorted(
        f"lora/blocks/{n}/mlp/{fc}/{part}"
        for n in range(3)
        for fc in ("fc1", "fc2")
        for part in "ab"
    )
    assert {path for path in adapted if is_trainable(path, "lora")} == {
        *added,
        "head/kernel",
        "head/bias",
    }
    np.testing.assert_allclose(apply(merge_lora(adapted), images)[0], apply(params, images)[0])
