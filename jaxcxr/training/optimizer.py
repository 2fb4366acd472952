"""AdamW (Loshchilov & Hutter, arXiv 1711.05101) as the study used it, and its usual variations.

The follow-up study names Adam (Kingma & Ba, arXiv 1412.6980). Without weight decay the two are one
optimizer, and with it Adam is refused: its decay would be another than AdamW's.
"""

from __future__ import annotations

from typing import Any

import jax
import optax
from ml_collections import ConfigDict

from jaxcxr.model.lora import PREFIX as LORA


def is_trainable(path: str, trainable: str) -> bool:
    """Whether the parameter at `path` learns under `config.trainable`."""
    return {
        "all": True,
        "head": path.startswith("head/"),
        "lora": path.startswith(("head/", LORA)),
    }[trainable]


def layer_index(path: str, depth: int) -> int:
    """Count layers from the input: 0 embeds patches, 1 to `depth` are blocks, the head is last."""
    parts = path.removeprefix(LORA).split("/")
    if parts[0] == "blocks":
        return int(parts[1]) + 1
    return depth + 1 if parts[0] in ("norm", "head") else 0


def learning_rate_schedule(config: ConfigDict, total_steps: int) -> optax.Schedule:
    """Constant (the study) or cosine to zero, after a linear warm-up if there is one."""
    warmup = config.warmup_steps
    if config.schedule == "cosine":
        main = optax.cosine_decay_schedule(config.learning_rate, max(total_steps - warmup, 1))
    else:
        main = optax.constant_schedule(config.learning_rate)
    if not warmup:
        return main
    return optax.join_schedules(
        [optax.linear_schedule(0.0, config.learning_rate, warmup), main], [warmup]
    )


def head_learning_rate(config: ConfigDict) -> float:
    """The head's own, or that of all others where it has none."""
    return config.head_learning_rate or config.learning_rate


def make_optimizer(
    config: ConfigDict, depth: int, total_steps: int
) -> optax.GradientTransformation:
    """Build the optimizer of the trainable parameters, a flat dict by path.

    Weight decay reaches kernels alone: decaying a bias, a norm, a token or a position has no
    purpose and moves the pre-trained function.

    Args:
      config: the experiment's.
      depth: blocks of the model, for the layer-wise learning rates.
      total_steps: of the whole training, for the schedule.
    """
    steps: list[optax.GradientTransformation] = []
    if config.clip_norm:
        steps.append(optax.clip_by_global_norm(config.clip_norm))
    steps.append(optax.scale_by_adam(b1=0.9, b2=0.999, eps=1e-8))
    if config.weight_decay:
        steps.append(optax.add_decayed_weights(config.weight_decay, mask=_kernels))
    if config.layer_decay != 1:
        steps.append(_scale_by_layer(config.layer_decay, depth))
    if config.head_learning_rate:
        steps.append(_scale_head(head_learning_rate(config) / config.learning_rate))
    steps.append(optax.scale_by_learning_rate(learning_rate_schedule(config, total_steps)))
    return optax.chain(*steps)


def _kernels(params: dict[str, Any]) -> dict[str, bool]:
    return {path: path.endswith("/kernel") for path in params}


def _scale_head(factor: float) -> optax.GradientTransformation:
    def update(updates: dict[str, jax.Array], _: Any = None) -> dict[str, jax.Array]:
        return {
            path: value * factor if path.startswith("head/") else value
            for path, value in updates.items()
        }

    return optax.stateless(update)


def _scale_by_layer(decay: float, depth: int) -> optax.GradientTransformation:
    def update(updates: dict[str, jax.Array], _: Any = None) -> dict[str, jax.Array]:
        return {
            path: value * decay ** (depth + 1 - layer_index(path, depth))
            for path, value in updates.items()
        }

    return optax.stateless(update)
