"""The vision transformer (Dosovitskiy et al., arXiv 2010.11929; DINOv2, arXiv 2304.07193)."""

from __future__ import annotations

from functools import partial
from typing import Literal

import jax
import jax.numpy as jnp
from flax import nnx

from jaxcxr.model.fused import Fused, can_fuse
from jaxcxr.model.layers import attention
from jaxcxr.model.modules import (
    MLP,
    LayerNorm,
    Linear,
    PatchEmbedding,
    draw_weights,
    factors,
    new_head,
)
from jaxcxr.model.position import resample_matrix
from jaxcxr.model.rope import Rotation, rotate, rotation
from jaxcxr.model.spec import ViTSpec

Array = jax.Array


class Attention(nnx.Module):
    """Multi-head self-attention; query, key and value come from one product."""

    def __init__(self, spec: ViTSpec, fused: Fused | None, rngs: nnx.Rngs):
        self.heads = spec.heads
        self.fused = fused
        self.key_has_bias = spec.qkv_bias != "no_key"
        self.qkv = Linear(spec.width, 3 * spec.width, rngs, use_bias=spec.qkv_bias != "none")
        self.projection = Linear(spec.width, spec.width, rngs)

    def __call__(
        self,
        x: Array,
        batch: int,
        turn: Rotation | None = None,
        scale: nnx.Param | None = None,
    ) -> tuple[Array, Array]:
        """Attend over tokens `[batch * tokens, width]`; also return the probabilities.

        `turn` rotates queries and keys, see `jaxcxr.model.rope`; `scale` is LayerScale's.
        """
        rows, width = x.shape
        tokens = rows // batch
        mask = None if self.key_has_bias else jnp.repeat(jnp.array([1.0, 0.0, 1.0]), width)
        qkv = self.qkv(x, mask).reshape(batch, tokens, 3, self.heads, width // self.heads)
        query, key, value = qkv[:, :, 0], qkv[:, :, 1], qkv[:, :, 2]
        if turn is not None:
            query, key = rotate(query, turn), rotate(key, turn)
        attend = attention if self.fused is None else self.fused.attend
        attended, probabilities = attend(query, key, value)
        return self.projection(attended.reshape(rows, width), scale=factors(scale)), probabilities


class Block(nnx.Module):
    """Attention and MLP, each after a LayerNorm and added to the residual stream."""

    def __init__(self, spec: ViTSpec, fused: Fused | None, rngs: nnx.Rngs):
        self.norm1 = LayerNorm(spec.width, spec.layernorm_epsilon)
        self.attention = Attention(spec, fused, rngs)
        self.norm2 = LayerNorm(spec.width, spec.layernorm_epsilon)
        self.mlp = MLP(spec.width, spec.mlp_width, spec.gelu, rngs)
        self.scale1 = nnx.Param(jnp.ones(spec.width)) if spec.layer_scale else None
        self.scale2 = nnx.Param(jnp.ones(spec.width)) if spec.layer_scale else None

    def __call__(self, x: Array, batch: int, turn: Rotation | None = None) -> tuple[Array, Array]:
        """Map the residual stream `[batch * tokens, width]`; also return the probabilities."""
        branch, probabilities = self.attention(self.norm1(x), batch, turn, self.scale1)
        x = x + branch
        return x + self.mlp(self.norm2(x), self.scale2), probabilities


class ViT(nnx.Module):
    """A vision transformer with a class token and, where `num_labels` is given, a linear head.

    Args:
      spec: what the transformer is.
      num_labels: outputs of the head; None for a backbone without one.
      image_size: side in pixels of the square images it will see. Where their grid is not the
        position table's, the table keeps its native size and is resampled in each forward pass,
        so that training reaches it through the resampling, as in the study;
        `jaxcxr.model.load` resamples once instead unless told otherwise.
      dtype: of the computation; parameters stay float32.
      remat: recompute each block in the backward pass instead of keeping its intermediates.
      matmul_precision: of float32 products, as of `jax.default_matmul_precision`; None leaves it
        to the device. Who differentiates the model has to ask for the same around it.
      attention: `cudnn` for the kernel of `jaxcxr.model.fused`, which needs an NVIDIA GPU and 16
        bits, or `xla` for the same of its parts; None for that of `jaxcxr.model.layers`, which
        heads that the kernel does not know have in any case.
      rngs: draws the initial parameters.
    """

    def __init__(
        self,
        spec: ViTSpec,
        *,
        num_labels: int | None,
        image_size: int,
        dtype: jnp.dtype = jnp.float32,
        remat: bool = False,
        matmul_precision: str | None = None,
        attention: Literal["cudnn", "xla"] | None = None,
        rngs: nnx.Rngs,
    ):
        self.spec = spec
        self.image_size = image_size
        self.grid = spec.grid(image_size)
        self.dtype = dtype
        self.remat = remat
        self.matmul_precision = matmul_precision
        self.patch_embedding = PatchEmbedding(spec.patch_size, 3, spec.width, rngs)
        self.class_token = nnx.Param(draw_weights(rngs.params(), (1, spec.width)))
        self.position_table = (
            nnx.Param(draw_weights(rngs.params(), (spec.table_rows, spec.width)))
            if spec.table_rows
            else None
        )
        self.register_tokens = (
            nnx.Param(draw_weights(rngs.params(), (spec.register_tokens, spec.width)))
            if spec.register_tokens
            else None
        )
        self.tokens = spec.prefix_tokens + self.grid**2
        fused = None
        if attention is not None and can_fuse(spec.width // spec.heads):
            fused = Fused(attention, self.tokens)
        self.padding = 0 if fused is None else fused.padding
        self.blocks = nnx.List([Block(spec, fused, rngs) for _ in range(spec.depth)])
        self.norm = LayerNorm(spec.width, spec.layernorm_epsilon)
        self.head = None if num_labels is None else new_head(spec.width, num_labels, rngs)

    def __call__(self, images: Array) -> tuple[Array | None, dict[str, Array]]:
        """Classify images.

        Args:
          images: `[batch, height, width, 3]` float, already normalised.

        Returns:
          `logits` `[batch, labels]` float32 (None without a head), and `out` with every
          intermediate: `patch_embedding` `[batch, patches, width]`; `embedded`, after positions
          and prefix tokens, `[batch, tokens, width]`; `block00`, `block01`, ... the residual
          stream after each block; `attention00`, ... the probabilities
          `[batch, heads, tokens, tokens]`; `tokens`, after the final norm, class token first,
          then registers, then patches; `pooled` `[batch, width]`, what the head reads: the class
          token of `tokens`, or the mean of all of them, by `spec.pooling`. Under `jax.jit`, what is
          not used is not kept.
        """
        with jax.default_matmul_precision(self.matmul_precision):
            return self._classify(images)

    def _classify(self, images: Array) -> tuple[Array | None, dict[str, Array]]:
        batch, width = images.shape[0], self.spec.width  # `len` would want a number
        out: dict[str, Array] = {}
        x = out["patch_embedding"] = self.patch_embedding(images.astype(self.dtype))
        x = out["embedded"] = self._with_prefix_and_position(x)
        # Two dimensions keep XLA's CPU backend from fusing the weight gradients' copies with the
        # whole residual chain, which costs 40 % of the step.
        x = jnp.pad(x, ((0, 0), (0, self.padding), (0, 0))).reshape(-1, width)
        periods = self.spec.rope_periods
        around = self.spec.prefix_tokens, self.padding
        turn = rotation(self.grid, periods, *around) if periods else None
        for index, block in enumerate(self.blocks):
            run = partial(block, batch=batch, turn=turn)
            x, probabilities = jax.checkpoint(run)(x) if self.remat else run(x)
            out[f"block{index:02}"] = self._by_image(x, batch)
            out[f"attention{index:02}"] = probabilities
        by_class_token = self.spec.pooling == "class_token"
        tokens = out["tokens"] = self._by_image(self.norm(x), batch)
        # The class token is normalised by itself: under jax.jit no other is, unless it is used.
        first = self.norm(x.reshape(batch, -1, width)[:, 0])
        pooled = out["pooled"] = first if by_class_token else _mean(tokens)
        logits = None if self.head is None else self.head(pooled.astype(jnp.float32))
        return logits, out

    def _by_image(self, x: Array, batch: int) -> Array:
        """From `[batch * (tokens + padding), width]` to `[batch, tokens, width]`."""
        return x.reshape(batch, -1, x.shape[-1])[:, : self.tokens]

    def _with_prefix_and_position(self, patches: Array) -> Array:
        """Add positions and put the class and register tokens before the patches."""
        batch = patches.shape[0]
        class_token = self.class_token[...]
        if self.position_table is not None:
            position = self._position(self.position_table[...])
            if self.spec.position_table == "class_and_patches":
                class_token, position = class_token + position[:1], position[1:]
            patches = patches + position.astype(patches.dtype)
        prefix = [class_token]
        if self.register_tokens is not None:
            prefix.append(self.register_tokens[...])
        front = jnp.concatenate(prefix).astype(patches.dtype)
        front = jnp.broadcast_to(front, (batch, *front.shape))
        return jnp.concatenate([front, patches], axis=1)

    def _position(self, table: Array) -> Array:
        """Bring the position table to this grid: `[patches (+ 1), width]`."""
        native = self.spec.native_grid
        if self.grid == native:
            return table
        class_rows = len(table) - native**2
        matrix = jnp.asarray(
            resample_matrix(self.spec.resample_rule, self.grid, native), table.dtype
        )
        square = table[class_rows:].reshape(native, native, -1)
        resampled = jnp.einsum("oi,pj,ijw->opw", matrix, matrix, square, precision="highest")
        return jnp.concatenate([table[:class_rows], resampled.reshape(self.grid**2, -1)])


def _mean(tokens: Array) -> Array:
    """The mean over all tokens `[batch, tokens, width]`, summed in float32."""
    return tokens.astype(jnp.float32).mean(axis=1).astype(tokens.dtype)
