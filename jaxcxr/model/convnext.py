"""ConvNeXt (Liu et al., arXiv 2201.03545), of ImageNet-22K and of DINOv3 (arXiv 2508.10104)."""

from __future__ import annotations

import jax
import jax.numpy as jnp
from flax import nnx

from jaxcxr.model.convnext_spec import EXPANSION, KERNEL, ConvNeXtSpec
from jaxcxr.model.modules import (
    MLP,
    LayerNorm,
    PatchEmbedding,
    draw_weights,
    new_head,
)

Array = jax.Array
FIRST_SCALE = 1e-6  # of LayerScale, in a fresh model


class Depthwise(nnx.Module):
    """A convolution of each channel by itself, padded so that the map keeps its size."""

    def __init__(self, width: int, rngs: nnx.Rngs):
        self.kernel = nnx.Param(draw_weights(rngs.params(), (KERNEL, KERNEL, 1, width)))
        self.bias = nnx.Param(jnp.zeros(width))

    def __call__(self, x: Array) -> Array:
        """Map `[batch, rows, columns, width]` to the same shape."""
        y = jax.lax.conv_general_dilated(
            x,
            self.kernel[...].astype(x.dtype),
            window_strides=(1, 1),
            padding="SAME",
            dimension_numbers=("NHWC", "HWIO", "NHWC"),
            feature_group_count=x.shape[-1],
        )
        return y + self.bias[...].astype(x.dtype)


class Downsample(nnx.Module):
    """Normalise, then map each square of four places to one."""

    def __init__(self, spec: ConvNeXtSpec, stage: int, rngs: nnx.Rngs):
        before, width = spec.widths[stage - 1 : stage + 1]
        self.norm = LayerNorm(before, spec.layernorm_epsilon)
        self.convolution = PatchEmbedding(2, before, width, rngs)

    def __call__(self, x: Array) -> Array:
        """Map `[batch, rows, columns, before]` to `[batch, rows // 2, columns // 2, width]`."""
        batch, rows, columns, _ = x.shape
        return self.convolution(self.norm(x)).reshape(batch, rows // 2, columns // 2, -1)


class ConvNeXtBlock(nnx.Module):
    """A depthwise convolution and an MLP, added to the residual stream.

    The first block of each stage but the first also holds what halves the resolution before it.
    """

    def __init__(self, spec: ConvNeXtSpec, stage: int, number: int, rngs: nnx.Rngs):
        width = spec.widths[stage]
        self.downsample = Downsample(spec, stage, rngs) if stage and not number else None
        self.depthwise = Depthwise(width, rngs)
        self.norm = LayerNorm(width, spec.layernorm_epsilon)
        self.mlp = MLP(width, EXPANSION * width, spec.gelu, rngs)
        self.scale = nnx.Param(jnp.full(width, FIRST_SCALE)) if spec.layer_scale else None

    def __call__(self, x: Array) -> Array:
        """Map `[batch, rows, columns, width]` to the same shape."""
        branch = self.norm(self.depthwise(x))
        return x + self.mlp(branch.reshape(-1, x.shape[-1]), self.scale).reshape(x.shape)


class ConvNeXt(nnx.Module):
    """A ConvNeXt and, where `num_labels` is given, a linear head.

    Args:
      spec: what the model is.
      num_labels: outputs of the head; None for a backbone without one.
      image_size: side in pixels of the square images it will see.
      dtype: of the computation; parameters stay float32.
      remat: recompute each block in the backward pass instead of keeping its intermediates.
      matmul_precision: of float32 products and convolutions, as of `ViT`.
      rngs: draws the initial parameters.
    """

    def __init__(
        self,
        spec: ConvNeXtSpec,
        *,
        num_labels: int | None,
        image_size: int,
        dtype: jnp.dtype = jnp.float32,
        remat: bool = False,
        matmul_precision: str | None = None,
        rngs: nnx.Rngs,
    ):
        self.spec = spec
        self.image_size = image_size
        self.grid = spec.grid(image_size)
        self.dtype = dtype
        self.remat = remat
        self.matmul_precision = matmul_precision
        self.patch_embedding = PatchEmbedding(spec.patch_size, 3, spec.widths[0], rngs)
        self.embedding_norm = LayerNorm(spec.widths[0], spec.layernorm_epsilon)
        self.blocks = nnx.List([ConvNeXtBlock(spec, *place, rngs) for place in spec.places()])
        self.norm = LayerNorm(spec.width, spec.final_layernorm_epsilon)
        self.head = None if num_labels is None else new_head(spec.width, num_labels, rngs)

    def __call__(self, images: Array) -> tuple[Array | None, dict[str, Array]]:
        """Classify images.

        Args:
          images: `[batch, height, width, 3]` float, already normalised.

        Returns:
          `logits` `[batch, labels]` float32 (None without a head), and `out` with every
          intermediate, each `[batch, places, width of its stage]`, places row by row:
          `patch_embedding`; `embedded`, after its norm; `downsample03`, ... before the first block
          of a stage; `block00`, `block01`, ... the residual stream after each block; `tokens`,
          after the final norm, the mean over all places first, then the places, as DINOv3 gives
          them; `pooled` `[batch, width]`, that first token, which the head reads. Under `jax.jit`,
          what is not used is not kept.
        """
        with jax.default_matmul_precision(self.matmul_precision):
            return self._classify(images)

    def _classify(self, images: Array) -> tuple[Array | None, dict[str, Array]]:
        batch, height, width, _ = images.shape
        out: dict[str, Array] = {}
        x = out["patch_embedding"] = self.patch_embedding(images.astype(self.dtype))
        x = out["embedded"] = self.embedding_norm(x)
        size = self.spec.patch_size
        x = x.reshape(batch, height // size, width // size, -1)
        for index, block in enumerate(self.blocks):
            if block.downsample is not None:
                x = block.downsample(x)
                out[f"downsample{index:02}"] = _places(x)
            x = jax.checkpoint(block)(x) if self.remat else block(x)
            out[f"block{index:02}"] = _places(x)
        places = _places(x)
        mean = places.astype(jnp.float32).mean(axis=1, keepdims=True).astype(places.dtype)
        tokens = out["tokens"] = self.norm(jnp.concatenate([mean, places], axis=1))
        pooled = out["pooled"] = tokens[:, 0]
        logits = None if self.head is None else self.head(pooled.astype(jnp.float32))
        return logits, out


def _places(x: Array) -> Array:
    return x.reshape(x.shape[0], -1, x.shape[-1])
