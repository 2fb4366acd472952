"""How a tensor of another library becomes one of ours, and exactly back.

Every transform only reorders, joins or splits elements, so that nothing is rounded in either
direction and gradients can be carried across by the same function as parameters.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from jaxcxr.errors import InputError
from jaxcxr.model import ModelSpec, ViTSpec

Arrays = Sequence[np.ndarray]


@dataclass(frozen=True)
class Transform:
    """A bijection between one or more tensors of a checkpoint and one of ours.

    Attributes:
      to_ours: `(theirs, heads)` -> ours.
      to_theirs: `(ours, heads)` -> theirs, the exact inverse.
    """

    to_ours: Callable[[Arrays, int], np.ndarray]
    to_theirs: Callable[[np.ndarray, int], list[np.ndarray]]


def heads_of(spec: ModelSpec) -> int:
    """The attention heads of a model; 1 where there is no attention to split."""
    return spec.heads if isinstance(spec, ViTSpec) else 1


def _class_half(theirs: Arrays, heads: int) -> np.ndarray:
    """The class token's half of a classifier over the class token and the mean of the patches."""
    del heads
    of_class, of_patches = np.split(theirs[0], 2, axis=1)
    if of_patches.any():
        raise InputError(
            "its classifier also reads the mean of the patch tokens, which a head here does not; "
            "import it without its head"
        )
    return of_class.T


def _thirds(ours: np.ndarray) -> list[np.ndarray]:
    return np.split(ours, 3, axis=-1)


def _with_empty_key(theirs: Arrays, heads: int) -> np.ndarray:
    del heads
    query, value = theirs
    return np.concatenate([query, np.zeros_like(query), value])


def _join_heads(theirs: Arrays, heads: int) -> np.ndarray:
    """`[width, heads, head_width]` (or `[heads, head_width]`) of each of q, k, v."""
    del heads
    leading = theirs[0].shape[:-2]
    return np.concatenate([t.reshape(*leading, -1) for t in theirs], axis=-1)


def _split_heads(ours: np.ndarray, heads: int) -> list[np.ndarray]:
    return [third.reshape(*third.shape[:-1], heads, -1) for third in _thirds(ours)]


TRANSFORMS: dict[str, Transform] = {
    # Unchanged.
    "same": Transform(lambda theirs, _: theirs[0], lambda ours, _: [ours]),
    # PyTorch Linear [outputs, inputs] <-> [inputs, outputs].
    "linear": Transform(lambda theirs, _: theirs[0].T, lambda ours, _: [ours.T]),
    # PyTorch Conv2d [outputs, inputs, height, width] <-> [height, width, inputs, outputs].
    "conv": Transform(
        lambda theirs, _: theirs[0].transpose(2, 3, 1, 0),
        lambda ours, _: [ours.transpose(3, 2, 0, 1)],
    ),
    # [1, rows, width] <-> [rows, width].
    "drop_batch": Transform(lambda theirs, _: theirs[0][0], lambda ours, _: [ours[None]]),
    # Three PyTorch Linears, query, key and value <-> [width, 3 * width].
    "qkv_linears": Transform(
        lambda theirs, _: np.concatenate([t.T for t in theirs], axis=-1),
        lambda ours, _: [third.T for third in _thirds(ours)],
    ),
    "qkv_biases": Transform(
        lambda theirs, _: np.concatenate(theirs), lambda ours, _: _thirds(ours)
    ),
    # A query and a value bias; the key has none.
    "qv_biases": Transform(_with_empty_key, lambda ours, _: _thirds(ours)[::2]),
    # [labels, 2 * width], the second half zero <-> [width, labels].
    "class_half": Transform(
        _class_half, lambda ours, _: [np.concatenate([ours.T, np.zeros_like(ours.T)], axis=1)]
    ),
    # Flax attention: [width, heads, head_width] three times <-> [width, 3 * width].
    "qkv_heads": Transform(_join_heads, _split_heads),
    # Flax attention output: [heads, head_width, width] <-> [width, width].
    "output_heads": Transform(
        lambda theirs, _: theirs[0].reshape(-1, theirs[0].shape[-1]),
        lambda ours, heads: [ours.reshape(heads, -1, ours.shape[-1])],
    ),
}
