"""Binary cross-entropy over labels, weighted by inverse label frequency."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np

CAP = 10.0
BETA = 0.999  # one of the values of Cui et al., who saw little difference between them


def positive_weights(labels: np.ndarray, rule: str = "study") -> np.ndarray:
    """Weight of a positive of each label, against 1 for a negative.

    Args:
      labels: `[images, labels]` of the training split only: 1, 0, or -1 where unknown.
      rule: `study`: negatives / positives (the study's code, section 1.3); `capped`: that, at most
        10; `sqrt`: its square root; `effective`: the ratio of effective numbers of images
        (1 - 0.999^n) (Cui et al. 2019, arXiv 1901.05555); `none`: 1.

    Returns:
      `[labels]` float32. A label without positives gets 1: no image uses its weight.
    """
    positives = (labels == 1).sum(0)
    negatives = (labels == 0).sum(0)
    ratio = np.divide(negatives, positives, out=np.ones(len(positives)), where=positives > 0)
    if rule == "effective":
        # A label of positives alone would get 0, as under `study`.
        ratio = np.where(
            positives > 0, (1 - BETA**negatives) / (1 - BETA ** np.maximum(positives, 1)), 1
        )
    by_rule = {
        "capped": np.minimum(ratio, CAP),
        "sqrt": np.sqrt(ratio),
        "none": np.ones_like(ratio),
    }
    return by_rule.get(rule, ratio).astype(np.float32)


def weighted_bce_sum(
    logits: jax.Array, labels: jax.Array, mask: jax.Array, pos_weight: jax.Array | np.ndarray
) -> jax.Array:
    """Sum over images and known labels of the weighted binary cross-entropy.

    Equals PyTorch's `BCEWithLogitsLoss(pos_weight=...)` with `reduction="sum"` where all is known.

    Args:
      logits: `[batch, labels]` float32.
      labels: `[batch, labels]`, 0 or 1.
      mask: `[batch, labels]`, 1 where the label is known and 0 where it is left out.
      pos_weight: `[labels]`.

    Returns:
      A scalar; divide it by `mask.sum()` of the whole batch for the mean.
    """
    log_p, log_not_p = jax.nn.log_sigmoid(logits), jax.nn.log_sigmoid(-logits)
    losses = -(pos_weight * labels * log_p + (1 - labels) * log_not_p)
    return jnp.sum(losses * mask)
