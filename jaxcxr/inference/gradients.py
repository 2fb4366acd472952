"""Integrated gradients of each label, for any model (Sundararajan et al. 2017, arXiv 1703.01365).

An image's attributions add up to its logit less that of a baseline: completeness. From a black
baseline what is black in the image gets nothing, the air of a pneumothorax too; so they are the
mean of those from a black and from a white baseline (as in Kapishnikov et al. 2019, arXiv
1906.02825), and add up to the logit less the mean of those two.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from jaxcxr.model.parameters import Apply
from jaxcxr.run.pixels import PixelStatistics, to_model_input

BASELINES = (0.0, 255.0)  # gray levels
FIRST, STEPS = 16, 256  # points from each baseline
CLOSE = 0.05  # of the logit
BATCH = 8


@dataclass(frozen=True)
class Attributions:
    """Of one image.

    Attributes:
      logits: of the image, all labels, `[all]` float32.
      values: of each label and pixel, in units of its logit, `[labels, side, side]` float32.
      gaps: by how much the sum of `values` misses what it should be, `[labels]` float32: the error
        of the integration, and a measure of it.
    """

    logits: np.ndarray
    values: np.ndarray
    gaps: np.ndarray


def make_attribute(
    apply: Apply,
    pixels: PixelStatistics,
    labels: Sequence[int],
    *,
    steps: int = STEPS,
    baselines: Sequence[float] = BASELINES,
) -> Callable[[Any, np.ndarray], Attributions]:
    """Build `attribute(params, image)`, of an image `[side, side]` uint8 as prepared.

    Args:
      apply: `(params, images)` -> `(logits, out)`, as of `jaxcxr.model.split`.
      pixels: mean and standard deviation of its normalisation.
      labels: whose attributions, by their places among the outputs.
      steps: most points of the Gauss-Legendre quadrature from each baseline. It begins with
        `FIRST`, and twice as many are taken until no label's gap is above `CLOSE`.
      baselines: gray levels of even images; the attributions are the mean of those from each.
    """
    columns = jnp.asarray(labels, jnp.int32)

    def logits_of(params: Any, images: jax.Array) -> jax.Array:
        logits, _ = apply(params, to_model_input(images, *pixels))
        assert logits is not None
        return logits.astype(jnp.float32)

    forward = jax.jit(logits_of)

    @jax.jit
    def integrate(params: Any, image: jax.Array, points: jax.Array) -> jax.Array:
        """Sum over points `[3, BATCH]` of baseline, place and weight; `[labels, side, side]`."""
        level, node, weight = points[:, :, None, None]
        logits, pull = jax.vjp(
            lambda images: logits_of(params, images), level + node * (image - level)
        )

        def of_label(column: jax.Array) -> jax.Array:
            (gradient,) = pull(jnp.zeros_like(logits).at[:, column].set(1))
            return (weight * (image - level) * gradient).sum(axis=0)

        return jax.lax.map(of_label, columns)

    def attribute(params: Any, image: np.ndarray) -> Attributions:
        levels = image.astype(np.float32)
        even = [np.full_like(levels, level) for level in baselines]
        # An accelerator's shortened products would show as a gap.
        with jax.default_matmul_precision("highest"):
            logits = np.asarray(forward(params, np.stack([levels, *even])))
            wanted = (logits[0] - logits[1:].mean(axis=0))[np.asarray(labels, int)]
            number = min(FIRST, steps)
            while True:
                values = np.zeros((len(labels), *image.shape), np.float32)
                for batch in _points(number, baselines):
                    values += np.asarray(integrate(params, levels, batch))
                gaps = values.sum(axis=(1, 2), dtype=np.float64) - wanted
                if number == steps or np.abs(gaps).max(initial=0) <= CLOSE:
                    return Attributions(logits[0], values, gaps.astype(np.float32))
                number = min(2 * number, steps)

    return attribute


def _points(steps: int, baselines: Sequence[float]) -> np.ndarray:
    """Baseline, place in 0 to 1 and weight of every point, `[batches, 3, BATCH]` float32."""
    nodes, weights = np.polynomial.legendre.leggauss(steps)
    points = np.stack(
        [
            np.repeat(np.asarray(baselines, np.float64), steps),
            np.tile((nodes + 1) / 2, len(baselines)),
            np.tile(weights / 2 / len(baselines), len(baselines)),
        ]
    )
    # What fills the last batch up has no weight.
    filled = np.pad(points, ((0, 0), (0, -points.shape[1] % BATCH)))
    return filled.reshape(3, -1, BATCH).transpose(1, 0, 2).astype(np.float32)
