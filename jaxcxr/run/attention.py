"""Which attention a model computes by, and whether it is right on the device at hand."""

from __future__ import annotations

from typing import Literal

import jax
import jax.numpy as jnp
from ml_collections import ConfigDict

from jaxcxr.errors import InputError, first_line
from jaxcxr.model import ModelSpec, ViTSpec
from jaxcxr.model.fused import Fused, can_fuse
from jaxcxr.model.layers import attention

# Of the largest value. Rounding to 8 bits gives about a hundredth, a wrong mask or layout about 1.
TOLERANCE = 0.05


def fused_attention(config: ConfigDict, device: jax.Device) -> Literal["cudnn"] | None:
    """The `attention` of a vision transformer: cuDNN's kernel where there is one.

    That is in 16 bits, on NVIDIA's GPUs since Ampere (compute capability 8.0).
    """
    if config.attention == "plain" or config.dtype != "bfloat16":
        return None
    known = device.device_kind.startswith("NVIDIA")
    return "cudnn" if known and float(device.compute_capability) >= 8 else None


def tried_attention(
    config: ConfigDict, spec: ModelSpec, device: jax.Device
) -> Literal["cudnn"] | None:
    """As `fused_attention`, once the kernel has given what plain attention gives, on this device.

    Raises:
      InputError: it does not run here, or it gives something else.
    """
    kernel = fused_attention(config, device)
    if kernel is None or not isinstance(spec, ViTSpec) or not can_fuse(spec.width // spec.heads):
        return kernel
    tokens = spec.prefix_tokens + spec.grid(config.image_size) ** 2
    remedy = "train and predict with --config.attention=plain"
    try:
        off = deviation(Fused(kernel, tokens), spec.heads, spec.width // spec.heads)
    except Exception as error:  # each library that may be missing or too old raises its own
        raise InputError(
            f"cuDNN's attention does not run on {device.device_kind} ({first_line(error)}); "
            f"{remedy}"
        ) from None
    if not off < TOLERANCE:
        raise InputError(
            f"cuDNN's attention on {device.device_kind} is off by {off:.0%} of the largest value; "
            f"{remedy}"
        )
    return kernel


def deviation(fused: Fused, heads: int, head_width: int) -> float:
    """Compare a library's attention in bfloat16 with plain attention in float32, on this device.

    Returns:
      The largest difference of outputs and gradients, over the largest value of each; NaN where
      there is any. Whatever stands in the padding must not reach them.
    """
    shape = (2, fused.tokens + fused.padding, heads, head_width)
    keys = jax.random.split(jax.random.key(0), 4)
    given = [jax.random.normal(key, shape, jnp.bfloat16) for key in keys]
    real = slice(0, fused.tokens)

    def outcome(attend, *given):
        *inputs, weights = given

        def weighted(*inputs):
            attended = attend(*inputs)[0][:, real]
            return (attended * weights[:, real]).astype(jnp.float32).sum(), attended

        (_, attended), gradients = jax.value_and_grad(weighted, (0, 1, 2), has_aux=True)(*inputs)
        return [attended, *(gradient[:, real] for gradient in gradients)]

    found = jax.jit(outcome, static_argnums=0)(fused.attend, *given)
    exact = [value[:, real].astype(jnp.float32) for value in given]
    wanted = jax.jit(outcome, static_argnums=0)(attention, *exact)
    off = [
        jnp.abs(a.astype(jnp.float32) - b).max() / jnp.abs(b).max()
        for a, b in zip(found, wanted, strict=True)
    ]
    return float(jnp.stack(off).max())
