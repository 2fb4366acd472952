"""Attention by one kernel of a library, which never writes the probabilities to memory.

Of a step in bfloat16 on an NVIDIA GPU the probabilities are two fifths of all that is read and
written (`docs/performance.md`). cuDNN's kernel computes them anew in the backward pass
(FlashAttention-2, arXiv 2307.08691); `jax.nn.dot_product_attention` brings it to JAX.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import jax
import jax.numpy as jnp

Array = jax.Array


@dataclass(frozen=True)
class Fused:
    """How a model's tokens are attended over by a library.

    Attributes:
      implementation: of `jax.nn.dot_product_attention`; `cudnn` is the kernel, and `xla` the same
        function from its parts, which runs everywhere.
      tokens: class, register and patch tokens of an image.
    """

    implementation: Literal["cudnn", "xla"]
    tokens: int

    @property
    def padding(self) -> int:
        """Tokens to put behind: JAX differentiates cuDNN's kernel for an even number alone."""
        return self.tokens % 2

    def attend(self, query: Array, key: Array, value: Array) -> tuple[Array, Array]:
        """As `jaxcxr.model.layers.attention`, of `tokens + padding` tokens.

        Padding is attended to by none, whatever it holds, and gives no gradient where none reaches
        what it is mapped to. The probabilities `[batch, heads, tokens, tokens]` are without it,
        and a computation of their own: under `jax.jit` they cost nothing unless they are used.
        """
        lengths = jnp.full(len(query), self.tokens, jnp.int32) if self.padding else None
        attended = jax.nn.dot_product_attention(
            query, key, value, key_value_seq_lengths=lengths, implementation=self.implementation
        )
        real = slice(0, self.tokens)
        return attended, _probabilities(query[:, real], key[:, real])


def can_fuse(head_width: int) -> bool:
    """Whether the kernel knows heads of this width."""
    return head_width % 8 == 0 and head_width <= 128


def _probabilities(query: Array, key: Array) -> Array:
    query, key = jax.lax.stop_gradient((query, key))
    logits = jnp.einsum("bqhd,bkhd->bhqk", query, key, preferred_element_type=jnp.float32)
    return jax.nn.softmax(logits * query.shape[-1] ** -0.5, axis=-1).astype(query.dtype)
