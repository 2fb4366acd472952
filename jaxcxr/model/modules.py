"""What both architectures are made of: linear maps, norms, patches, residual branches, a head."""

from __future__ import annotations

import jax
import jax.numpy as jnp
from flax import nnx

from jaxcxr.model.layers import gelu, layer_norm

Array = jax.Array

# timm, the DINO repositories and ConvNeXt's all draw their weights from it.
draw_weights = nnx.initializers.truncated_normal(stddev=0.02)


class Linear(nnx.Module):
    """`x @ kernel + bias`, computed in the dtype of `x` whatever the parameters' own."""

    def __init__(self, inputs: int, outputs: int, rngs: nnx.Rngs, *, use_bias: bool = True):
        self.kernel = nnx.Param(draw_weights(rngs.params(), (inputs, outputs)))
        self.bias = nnx.Param(jnp.zeros(outputs)) if use_bias else None

    def __call__(
        self, x: Array, bias_mask: Array | None = None, scale: Array | None = None
    ) -> Array:
        """Map `[..., inputs]` to `[..., outputs]`.

        `bias_mask` `[outputs]` scales the bias, `scale` `[outputs]` all outputs. The latter scales
        kernel and bias, which are smaller: the outputs need not be kept for its gradient.
        """
        kernel = self.kernel[...] if scale is None else self.kernel[...] * scale
        y = x @ kernel.astype(x.dtype)
        if self.bias is None:
            return y
        bias = self.bias[...] if bias_mask is None else self.bias[...] * bias_mask
        bias = bias if scale is None else bias * scale
        return (y + bias).astype(x.dtype)


class LayerNorm(nnx.Module):
    """Normalise each token, then scale and shift each channel."""

    def __init__(self, width: int, epsilon: float):
        self.epsilon = epsilon
        self.scale = nnx.Param(jnp.ones(width))
        self.bias = nnx.Param(jnp.zeros(width))

    def __call__(self, x: Array) -> Array:
        """Normalise `[..., width]`."""
        return layer_norm(x, self.scale[...], self.bias[...], self.epsilon)


class PatchEmbedding(nnx.Module):
    """Cut an image, or a map of features, into squares and map each to a token.

    It is a convolution whose step is its size. Rows and columns at the end that fill no square are
    left out, as a convolution does.
    """

    def __init__(self, size: int, channels: int, width: int, rngs: nnx.Rngs):
        self.kernel = nnx.Param(draw_weights(rngs.params(), (size, size, channels, width)))
        self.bias = nnx.Param(jnp.zeros(width))

    def __call__(self, images: Array) -> Array:
        """Map `[batch, height, width, channels]` to `[batch, patches, width]`, row by row."""
        size, _, channels, width = self.kernel.shape
        batch, height, image_width, _ = images.shape
        rows, columns = height // size, image_width // size
        if (rows * size, columns * size) != (height, image_width):
            images = images[:, : rows * size, : columns * size]
        patches = images.reshape(batch, rows, size, columns, size, channels)
        patches = patches.transpose(0, 1, 3, 2, 4, 5)
        patches = patches.reshape(batch * rows * columns, size * size * channels)
        kernel = self.kernel[...].reshape(-1, width).astype(images.dtype)
        tokens = patches @ kernel + self.bias[...].astype(images.dtype)
        return tokens.reshape(batch, rows * columns, width)


class MLP(nnx.Module):
    """Two linear maps around a GELU."""

    def __init__(self, width: int, hidden: int, gelu: str, rngs: nnx.Rngs):
        self.gelu = gelu
        self.fc1 = Linear(width, hidden, rngs)
        self.fc2 = Linear(hidden, width, rngs)

    def __call__(self, x: Array, scale: nnx.Param | None = None) -> Array:
        """Map `[rows, width]` to the same shape, times LayerScale's factors where there are any."""
        return self.fc2(gelu(self.fc1(x), self.gelu), scale=factors(scale))


def factors(scale: nnx.Param | None) -> Array | None:
    """LayerScale's factors `[width]` of a residual branch, where there are any."""
    return None if scale is None else scale[...]


def new_head(width: int, num_labels: int, rngs: nnx.Rngs) -> Linear:
    """A fresh linear head, drawn as PyTorch draws `Linear`: uniform in +-1/sqrt(width).

    The study puts such a head on DINOv2; its ImageNet-21K head has a standard deviation of 0.02
    where this has 0.021, and a zero bias.
    """
    head = Linear(width, num_labels, rngs)
    bound = width**-0.5
    assert head.bias is not None
    for parameter in (head.kernel, head.bias):
        draw = jax.random.uniform(rngs.params(), parameter.shape, minval=-bound, maxval=bound)
        parameter[...] = draw
    return head
