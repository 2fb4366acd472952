"""Rotary position embedding in two axes, as DINOv3 uses it (Simeoni et al., arXiv 2508.10104).

Queries and keys of a patch are rotated by angles that grow with its row and its column, so that
their product depends on where patches lie to one another. Coordinates run from -1 to 1 on each
axis whatever the image size, so there is no table to resample. Class and register tokens stay
as they are.
"""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np

Array = jax.Array
Rotation = tuple[np.ndarray, np.ndarray]


def rotation(
    grid: int, periods: tuple[float, ...], prefix_tokens: int, padding: int = 0
) -> Rotation:
    """Return sines and cosines `[prefix_tokens + grid * grid + padding, head_width]`, float32.

    The first half of a head's channels is turned against the second; in each half the first
    quarter of the channels follows the row of the patch, the second its column. Prefix tokens
    and padding behind are turned by zero.
    """
    centres = 2 * (np.arange(grid) + 0.5) / grid - 1
    rows, columns = np.meshgrid(centres, centres, indexing="ij")
    coordinates = np.stack([rows.ravel(), columns.ravel()], axis=-1)
    angles = 2 * np.pi * coordinates[:, :, None] / np.asarray(periods)
    angles = np.tile(angles.reshape(grid * grid, -1), 2)
    angles = np.pad(angles, ((prefix_tokens, padding), (0, 0)))
    return np.sin(angles).astype(np.float32), np.cos(angles).astype(np.float32)


def rotate(x: Array, turn: Rotation) -> Array:
    """Rotate queries or keys `[batch, tokens, heads, head_width]`, in float32."""
    sine, cosine = (jnp.asarray(part)[:, None, :] for part in turn)
    x32 = x.astype(jnp.float32)
    first, second = jnp.split(x32, 2, axis=-1)
    turned = jnp.concatenate([-second, first], axis=-1)
    return (x32 * cosine + turned * sine).astype(x.dtype)
