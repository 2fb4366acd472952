"""Augmentation that is drawn once for each image and then kept, as the follow-up study's features.

Its extractor (arXiv 2510.07191) flips and turns every image before it embeds it, those of the test
split as well, so that a head on the features learns and is judged on one disturbed view of each.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from input_pipeline.splits import fraction
from jaxcxr.training.augment import augment_each

ROTATION_DEGREES = 7.0  # of the study; flips with probability 1/2


def described(seed: int) -> dict[str, Any]:
    """What `augment_once` does, for the header of what is made of its images."""
    return {"seed": seed, "flip": True, "rotation_degrees": ROTATION_DEGREES}


def augment_once(seed: int) -> Callable[[Sequence[str], np.ndarray], np.ndarray]:
    """Build a function of image ids and images `[images, side, side]` uint8, which it augments.

    What is drawn depends on seed and id alone, whatever the order and the company of the images.
    """

    @jax.jit
    def draw(bits: jax.Array, images: jax.Array) -> jax.Array:
        keys = jax.vmap(jax.random.fold_in, (None, 0))(jax.random.key(seed), bits)
        return augment_each(keys, images, flip=True, rotation_degrees=ROTATION_DEGREES)[0]

    def augmented(ids: Sequence[str], images: np.ndarray) -> np.ndarray:
        places = [int(fraction(str(name), f"augment_once:{seed}") * 2**32) for name in ids]
        return np.asarray(draw(jnp.asarray(places, jnp.uint32), images))

    return augmented
