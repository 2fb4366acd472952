"""A library's attention on a padded stream, against the model's own; its parts run everywhere."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from flax import nnx

from jaxcxr.config import study_config
from jaxcxr.model import ViT, ViTSpec, split
from jaxcxr.model.fused import can_fuse
from jaxcxr.model.spec import rope_periods
from jaxcxr.run.inputs import fused_attention

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
@pytest.mark.parametrize("registers", [0, 1])
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
