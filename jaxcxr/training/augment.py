"""Flip and rotate on the device, labels with their images."""

from __future__ import annotations

from collections.abc import Sequence

import jax
import jax.numpy as jnp
import numpy as np

from jaxcxr.errors import InputError

Array = jax.Array


def augment(
    key: Array, images: Array, *, flip: bool, rotation_degrees: float
) -> tuple[Array, Array]:
    """Flip left-right with probability 1/2, then rotate by a uniform angle (section 1.2).

    Every image draws from a key of its own, made from `key` and its position in the global batch,
    so that the result does not depend on how the batch is laid out over devices.

    Args:
      key: of this step.
      images: `[batch, side, side]` uint8.
      flip: whether to flip at all.
      rotation_degrees: the angle is uniform in plus or minus this.

    Returns:
      The images `[batch, side, side]` uint8, and which were flipped `[batch]` bool.
    """
    keys = jax.vmap(lambda position: jax.random.fold_in(key, position))(jnp.arange(len(images)))
    return augment_each(keys, images, flip=flip, rotation_degrees=rotation_degrees)


def augment_each(
    keys: Array, images: Array, *, flip: bool, rotation_degrees: float
) -> tuple[Array, Array]:
    """As `augment`, with `keys` `[batch]`, one of each image."""

    def one(key: Array, image: Array) -> tuple[Array, Array]:
        flip_key, angle_key = jax.random.split(key)
        flipped = jnp.logical_and(flip, jax.random.bernoulli(flip_key))
        image = jnp.where(flipped, image[:, ::-1], image)
        if rotation_degrees:
            angle = jax.random.uniform(angle_key, minval=-rotation_degrees, maxval=rotation_degrees)
            image = rotate(image, angle)
        return image, flipped

    return jax.vmap(one)(keys, images)


def mirror_labels(labels: Sequence[str]) -> np.ndarray:
    """Say which label each becomes in the mirror: `Pneumonia right` becomes `Pneumonia left`.

    The study flipped UKA-CXR's images and left their sided labels as they were.

    Args:
      labels: names.

    Returns:
      `[labels]` positions, a permutation; labels without a side stay where they are.

    Raises:
      InputError: a label has a side and its counterpart is not among the labels.
    """
    mirrored = []
    for name in labels:
        stem, _, side = name.rpartition(" ")
        other = {"right": f"{stem} left", "left": f"{stem} right"}.get(side, name)
        if other not in labels:
            raise InputError(
                f"label {name!r} has a side and {other!r} is not among the labels, so a flipped "
                "image would have no right label; add it, or set --config.flip=False"
            )
        mirrored.append(list(labels).index(other))
    return np.array(mirrored)


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
