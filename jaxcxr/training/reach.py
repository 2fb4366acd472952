"""How far a head can move in the steps that a training has, said before the first of them."""

from __future__ import annotations

import math

import jax.numpy as jnp
import numpy as np
from ml_collections import ConfigDict

from jaxcxr.training.optimizer import head_learning_rate, learning_rate_schedule


def head_reach(config: ConfigDict, total_steps: int) -> float:
    """How far a weight of the head moves at most, about: the sum of its learning rates.

    Adam divides each gradient by its own running size, so that a step moves a weight by about the
    learning rate, whatever the gradient.
    """
    rates = np.asarray(learning_rate_schedule(config, total_steps)(jnp.arange(total_steps)))
    total = float(np.broadcast_to(rates, total_steps).astype(np.float64).sum())
    return total * head_learning_rate(config) / config.learning_rate


def too_few_steps(config: ConfigDict, width: int, total_steps: int) -> str | None:
    """Warn where a fresh head cannot leave its random start; None where it can.

    Args:
      config: the experiment's.
      width: of the class token; a fresh head's weights are uniform in +-1/sqrt(width), so that
        their standard deviation is 1/sqrt(3 width).
      total_steps: of the whole training.
    """
    drawn = (3 * width) ** -0.5
    reach = head_reach(config, total_steps)
    if config.model.head != "new" or reach >= drawn:
        return None
    if reach == 0:  # one step of a warm-up, which starts from zero
        return (
            f"warning: {total_steps} step{'s'[: total_steps > 1]} of a learning rate that starts "
            "from zero move nothing; set --config.warmup_steps=0, or train for more epochs"
        )
    return (
        f"warning: {total_steps} steps are too few for this learning rate: they move a weight of "
        f"the head by {reach:.2g} at most, and it starts at random about {drawn:.2g} from zero, so "
        f"that the head stays near where it starts; {math.ceil(drawn / reach):,} times the steps "
        "or the learning rate would do, or a head that starts from a probe "
        "(--config.model.head=probe)"
    )
