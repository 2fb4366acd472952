"""From stored gray levels to what the model sees, on the device."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np

Array = jax.Array


def to_model_input(images: Array, mean: Array | np.ndarray, std: Array | np.ndarray) -> Array:
    """Scale gray levels to [0, 1], repeat them over three channels, and normalise.

    Args:
      images: `[batch, height, width]` uint8.
      mean: `[3]`, subtracted from the scaled channels.
      std: `[3]`, divided by.

    Returns:
      `[batch, height, width, 3]` float32.
    """
    scaled = images.astype(jnp.float32)[..., None] / 255
    return (scaled - mean) / std


def augment(key: Array, images: Array, *, flip: bool, rotation_degrees: float) -> Array:
    """Flip left-right with probability 1/2, then rotate by a uniform angle (section 1.2).

    Every image draws from a key of its own, made from `key` and its position in the global batch,
    so that the result does not depend on how the batch is laid out over devices.

    Args:
      key: of this step.
      images: `[batch, side, side]` uint8.
      flip: whether to flip at all.
      rotation_degrees: the angle is uniform in plus or minus this.

    Returns:
      `[batch, side, side]` uint8.
    """
    keys = jax.vmap(lambda position: jax.random.fold_in(key, position))(jnp.arange(len(images)))

    def one(key: Array, image: Array) -> Array:
        flip_key, angle_key = jax.random.split(key)
        if flip:
            image = jnp.where(jax.random.bernoulli(flip_key), image[:, ::-1], image)
        if rotation_degrees:
            angle = jax.random.uniform(angle_key, minval=-rotation_degrees, maxval=rotation_degrees)
            image = rotate(image, angle)
        return image

    return jax.vmap(one)(keys, images)


def rotate(image: Array, degrees: Array) -> Array:
    """Rotate counter-clockwise about the centre: nearest pixel, black outside, size kept.

    As `torchvision.transforms.functional.rotate` with its defaults, which is Pillow's `rotate`.

    Args:
      image: `[side, side]`.
      degrees: a scalar.
    """
    side = image.shape[0]
    radians = jnp.deg2rad(degrees)
    cos, sin = jnp.cos(radians), jnp.sin(radians)
    offset = jnp.arange(side) + 0.5 - side / 2
    y, x = offset[:, None], offset[None, :]
    source_x = jnp.floor(cos * x - sin * y + side / 2).astype(jnp.int32)
    source_y = jnp.floor(sin * x + cos * y + side / 2).astype(jnp.int32)
    inside = (source_x >= 0) & (source_x < side) & (source_y >= 0) & (source_y < side)
    taken = image[source_y.clip(0, side - 1), source_x.clip(0, side - 1)]
    return jnp.where(inside, taken, 0)
