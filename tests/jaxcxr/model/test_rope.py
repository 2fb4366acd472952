"""Rotary position embedding: what holds whatever the weights; parity is tested with conversion."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from flax import nnx

from jaxcxr.errors import InputError
from jaxcxr.model import ViT, ViTSpec, flatten, load, split, write_weights
from jaxcxr.model.rope import rotate, rotation
from jaxcxr.model.spec import rope_periods

SPEC = ViTSpec(
    patch_size=4,
    width=32,
    depth=2,
    heads=2,
    mlp_width=40,
    native_image_size=16,
    layer_scale=True,
    register_tokens=2,
    position_table="none",
    rope_periods=rope_periods(16),
    qkv_bias="no_key",
)


def _random(shape, seed=0):
    return jnp.asarray(np.random.default_rng(seed).normal(size=shape), jnp.float32)


def test_rotation_keeps_lengths_and_leaves_prefix_tokens():
    x = _random((2, 3 + 16, 2, 16))
    turned = rotate(x, rotation(4, rope_periods(16), 3))
    np.testing.assert_array_equal(turned[:, :3], x[:, :3])
    np.testing.assert_allclose(jnp.linalg.norm(turned, axis=-1), jnp.linalg.norm(x, axis=-1), 1e-5)
    assert not np.allclose(turned[:, 3:], x[:, 3:])


def test_products_depend_only_on_where_patches_lie_to_one_another():
    grid = 5
    turn = rotation(grid, rope_periods(16), 0)
    query, key = (jnp.broadcast_to(_random((16,), seed), (1, 25, 1, 16)) for seed in (1, 2))
    logits = jnp.einsum("bqhd,bkhd->qk", rotate(query, turn), rotate(key, turn))
    logits = logits.reshape(grid, grid, grid, grid)
    np.testing.assert_allclose(logits[0, 0, 1, 2], logits[2, 1, 3, 3], atol=1e-4)
    assert abs(logits[0, 0, 1, 2] - logits[0, 0, 2, 1]) > 1e-3


@pytest.mark.slow
def test_a_masked_key_bias_is_neither_used_nor_trained():
    model = ViT(SPEC, num_labels=3, image_size=16, rngs=nnx.Rngs(0))
    apply, params = split(model)
    images = _random((2, 16, 16, 3))
    qkv = params["blocks"]["0"]["attention"]["qkv"]
    before = apply(params, images)[0]
    gradient = jax.grad(lambda p: jnp.sum(apply(p, images)[0] ** 2))(params)
    of_bias = gradient["blocks"]["0"]["attention"]["qkv"]["bias"]
    assert not of_bias[32:64].any()
    assert of_bias[:32].any()
    qkv["bias"] = qkv["bias"].at[32:64].set(7.0)
    np.testing.assert_array_equal(apply(params, images)[0], before)


@pytest.mark.parametrize("qkv_bias", ["no_key", "none"])
def test_a_model_without_a_table_loads_at_any_image_size(tmp_path, qkv_bias):
    spec = ViTSpec(**SPEC.to_dict() | {"qkv_bias": qkv_bias})
    model = ViT(spec, num_labels=None, image_size=16, rngs=nnx.Rngs(0))
    tensors = {k: np.asarray(v) for k, v in flatten(split(model)[1]).items()}
    assert "position_table" not in tensors
    assert ("blocks/0/attention/qkv/bias" in tensors) == (qkv_bias == "no_key")
    write_weights(tmp_path / "w.safetensors", spec, tensors, {})
    images = _random((1, 24, 24, 3))
    for resample_at in ("load", "forward"):
        loaded = load(tmp_path / "w.safetensors", image_size=24, resample_at=resample_at)
        assert loaded(images)[1]["tokens"].shape == (1, 3 + 36, 32)


def test_periods_must_fit_the_heads():
    with pytest.raises(InputError, match="rope_periods has 3 entries; heads of width 16"):
        ViTSpec(**SPEC.to_dict() | {"rope_periods": (1.0, 2.0, 3.0)})
