"""What the model promises whatever its weights; parity with PyTorch is tested with conversion."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from flax import nnx

from jaxcxr.errors import InputError
from jaxcxr.model import ViT, ViTSpec, flatten, load, split, write_weights

SPEC = ViTSpec(
    patch_size=14, width=24, depth=2, heads=3, mlp_width=40, native_image_size=70, layer_scale=True
)


def _model(spec=SPEC, image_size=42, **options):
    options = {"num_labels": 4} | options
    return ViT(spec, image_size=image_size, rngs=nnx.Rngs(0), **options)


@pytest.fixture
def images():
    return np.random.default_rng(0).normal(size=(2, 42, 42, 3)).astype("float32")


@pytest.mark.slow
def test_out_holds_every_intermediate(images):
    spec = ViTSpec(**SPEC.to_dict() | {"register_tokens": 2, "position_table": "patches"})
    logits, out = _model(spec)(images)
    tokens = 1 + 2 + 9
    assert logits.shape == (2, 4)
    assert {name: value.shape for name, value in out.items()} == {
        "patch_embedding": (2, 9, 24),
        "embedded": (2, tokens, 24),
        "block00": (2, tokens, 24),
        "attention00": (2, 3, tokens, tokens),
        "block01": (2, tokens, 24),
        "attention01": (2, 3, tokens, tokens),
        "tokens": (2, tokens, 24),
        "pooled": (2, 24),
    }


def test_without_head_logits_are_none(images):
    logits, out = _model(num_labels=None)(images)
    assert logits is None
    assert out["pooled"].shape == (2, 24)


def test_pure_function_equals_the_model_and_sees_its_parameters(images):
    model = _model()
    apply, params = split(model)
    np.testing.assert_array_equal(apply(params, images)[0], model(images)[0])
    np.testing.assert_array_equal(apply(flatten(params), images)[0], model(images)[0])
    doubled = jax.tree.map(lambda value: 2 * value, params)
    assert not np.allclose(apply(doubled, images)[0], model(images)[0])


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


def test_bfloat16_computation_leaves_parameters_and_logits_float32(images):
    model = _model(dtype=jnp.bfloat16)
    apply, params = split(model)
    logits, out = apply(params, images)
    assert out["block01"].dtype == jnp.bfloat16
    assert logits.dtype == jnp.float32
    assert {leaf.dtype for leaf in jax.tree.leaves(params)} == {jnp.dtype("float32")}
    np.testing.assert_allclose(logits, _model()(images)[0], atol=0.02)


@pytest.mark.parametrize("rule", ["dinov2", "size_aa", "size"])
def test_resampling_at_load_and_in_the_forward_pass_are_one_function(tmp_path, images, rule):
    spec = ViTSpec(**SPEC.to_dict() | {"resample_rule": rule})
    native = _model(spec, image_size=70)
    tensors = {k: np.asarray(v) for k, v in flatten(split(native)[1]).items()}
    write_weights(tmp_path / "w.safetensors", spec, tensors, {})
    once = load(tmp_path / "w.safetensors", image_size=42)
    always = load(tmp_path / "w.safetensors", image_size=42, resample_at="forward")
    assert once.position_table.shape == (10, 24)
    assert always.position_table.shape == (26, 24)
    np.testing.assert_allclose(once(images)[0], always(images)[0], atol=1e-6)


def test_image_size_must_fit_the_patches():
    with pytest.raises(InputError, match="100 is not a multiple of the patch size 14; use 98"):
        _model(image_size=100)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"heads": 5}, "width 24 is not a multiple of its 5 heads"),
        ({"gelu": "exact"}, "gelu is 'exact'; choose one of erf, tanh"),
        ({"resample_rule": "cubic"}, "resample_rule is 'cubic'"),
        ({"depth": 0}, "depth is 0"),
        ({"widht": 3}, r"unknown fields \['widht'\]"),
    ],
)
def test_impossible_specs_are_named(change, message):
    with pytest.raises(InputError, match=message):
        ViTSpec.from_dict(SPEC.to_dict() | change)
