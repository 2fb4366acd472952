"""From stored gray levels to what the model sees."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np
from ml_collections import ConfigDict

from jaxcxr.run.inputs import model_spec

PixelStatistics = tuple[np.ndarray, np.ndarray]


def pixel_statistics(config: ConfigDict) -> PixelStatistics:
    """Return mean and standard deviation `[3]` that pixels in [0, 1] are normalised with.

    The study gives [0, 1] to every model, whatever it was pre-trained with (section 1.1).
    """
    if config.normalization == "study":
        return np.zeros(3, np.float32), np.ones(3, np.float32)
    spec = model_spec(config)
    return np.asarray(spec.pixel_mean, np.float32), np.asarray(spec.pixel_std, np.float32)


def describe_pixels(config: ConfigDict) -> str:
    """Say how pixels are normalised, and what the weights expect where that is otherwise."""
    spec = model_spec(config)
    expected = f"mean {spec.pixel_mean}, std {spec.pixel_std}"
    left = spec.dropped(config.image_size)
    dropped = (
        f"; of {config.image_size} rows and columns the last {left} are dropped, as no "
        f"{spec.STRIDE} of {spec.stride} fits"
        if left
        else ""
    )
    if config.normalization == "weights":
        return f"{expected}, as the weights expect{dropped}"
    return f"[0, 1], as in the study; the weights expect {expected}{dropped}"


def to_model_input(images: jax.Array, mean: np.ndarray, std: np.ndarray) -> jax.Array:
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
