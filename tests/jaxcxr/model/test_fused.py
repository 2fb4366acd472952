"""A library's attention on a padded stream, against the model's own; its parts run everywhere."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from flax import nnx

from jaxcxr.config import study_config
from jaxcxr.errors import InputError
from jaxcxr.model import ViT, ViTSpec, split
from jaxcxr.model.fused import Fused, can_fuse
from jaxcxr.model.spec import rope_periods
from jaxcxr.run import attention
from jaxcxr.run.attention import fused_attention

PLAIN = ViTSpec(
    patch_size=14, width=24, depth=2, heads=3, mlp_width=40, native_image_size=42, layer_scale=True
)
ROTATED = ViTSpec(
    patch_size=14,
    width=32,
    depth=2,
    heads=2,
    mlp_width=40,
    native_image_size=42,
    layer_scale=False,
    register_tokens=1,
    position_table="none",
    rope_periods=rope_periods(16),
    qkv_bias="no_key",
)
MEAN = ViTSpec(**PLAIN.to_dict() | {"pooling": "mean_tokens"})


@pytest.fixture
def images():
    return np.random.default_rng(0).normal(size=(2, 42, 42, 3)).astype("float32")


# Of 9 patches: 10 tokens with the class token; 11 with a register, so that one is put behind.
@pytest.mark.parametrize(
    ("spec", "padding"), [(PLAIN, 0), (ROTATED, 1), (MEAN, 0)], ids=["even", "rotated", "mean"]
)
@pytest.mark.parametrize("registers", [pytest.param(0, marks=pytest.mark.slow), 1])
def test_logits_intermediates_and_gradients_are_those_of_plain_attention(
    images, spec, padding, registers
):
    if registers:
        changed = {"register_tokens": spec.register_tokens + 1}
        spec, padding = ViTSpec(**spec.to_dict() | changed), 1 - padding

    def computed(attention):
        model = ViT(spec, num_labels=4, image_size=42, attention=attention, rngs=nnx.Rngs(0))
        assert model.padding == (padding if attention else 0)
        apply, params = split(model)

        def loss(params):
            logits, out = apply(params, images)
            return jnp.sum(logits**2), (logits, out)

        (_, values), gradients = jax.jit(jax.value_and_grad(loss, has_aux=True))(params)
        return values, gradients

    close = lambda a, b: np.testing.assert_allclose(a, b, rtol=1e-4, atol=2e-6)  # noqa: E731
    jax.tree.map(close, computed("xla"), computed(None))


class Device:
    def __init__(self, device_kind, compute_capability=None):
        self.device_kind = device_kind
        self.compute_capability = compute_capability


@pytest.mark.parametrize(
    ("device", "changes", "kernel"),
    [
        (Device("NVIDIA H100 80GB HBM3", "9.0"), {}, "cudnn"),
        (Device("NVIDIA A100-SXM4-80GB", "8.0"), {}, "cudnn"),
        (Device("NVIDIA H100 80GB HBM3", "9.0"), {"dtype": "float32"}, None),
        (Device("NVIDIA H100 80GB HBM3", "9.0"), {"attention": "plain"}, None),
        (Device("NVIDIA GeForce GTX 1660", "7.5"), {}, None),
        (Device("Tesla V100-SXM2-16GB", "7.0"), {}, None),
        (Device("AMD Instinct MI250X", "gfx90a"), {}, None),
        (Device("TPU v5 lite"), {}, None),
        (Device("cpu"), {}, None),
    ],
)
def test_the_kernel_is_taken_where_there_is_one(device, changes, kernel):
    config = study_config()
    config.update({"dtype": "bfloat16"} | changes)
    assert fused_attention(config, device) == kernel


def test_heads_that_the_kernel_does_not_know_are_attended_by_parts():
    assert can_fuse(64) and can_fuse(128)
    assert not can_fuse(12) and not can_fuse(136)
    spec = ViTSpec(**PLAIN.to_dict() | {"heads": 2, "register_tokens": 1})
    model = ViT(spec, num_labels=4, image_size=42, attention="cudnn", rngs=nnx.Rngs(0))
    assert model.padding == 0 and model.blocks[0].attention.fused is None


@pytest.mark.parametrize("tokens", [10, 11])
def test_a_kernel_is_tried_before_it_is_taken(monkeypatch, tokens):
    assert attention.deviation(Fused("xla", tokens), heads=3, head_width=8) < 0.02
    own = jax.nn.dot_product_attention

    def without_scale(query, key, value, **options):
        return own(8 * query, key, value, **options)

    monkeypatch.setattr(jax.nn, "dot_product_attention", without_scale)
    assert attention.deviation(Fused("xla", tokens), heads=3, head_width=8) > 0.2


def test_a_kernel_that_attends_to_the_padding_is_noticed(monkeypatch):
    own = jax.nn.dot_product_attention

    def unmasked(*given, key_value_seq_lengths, **options):
        return own(*given, **options)

    monkeypatch.setattr(jax.nn, "dot_product_attention", unmasked)
    assert attention.deviation(Fused("xla", 11), heads=3, head_width=8) > 0.05


@pytest.mark.parametrize(
    ("found", "message"),
    [
        (0.31, "cuDNN's attention on NVIDIA L4 is off by 31% of .*--config.attention=plain"),
        (float("nan"), "cuDNN's attention on NVIDIA L4 is off by nan"),
        (RuntimeError("no cuDNN"), r"does not run on NVIDIA L4 \(no cuDNN\).*attention=plain"),
    ],
)
def test_a_kernel_that_is_wrong_here_is_refused(monkeypatch, found, message):
    def deviation(fused, heads, head_width):
        if isinstance(found, Exception):
            raise found
        return found

    monkeypatch.setattr(attention, "deviation", deviation)
    config = study_config()
    config.dtype, config.image_size = "bfloat16", 42
    spec = ViTSpec(**PLAIN.to_dict())
    with pytest.raises(InputError, match=message):
        attention.tried_attention(config, spec, Device("NVIDIA L4", "8.9"))
    assert attention.tried_attention(config, spec, Device("cpu")) is None
