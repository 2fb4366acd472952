"""Which values each field of a config may have, and which of them do not go together."""

from __future__ import annotations

from typing import Any

from ml_collections import ConfigDict

from jaxcxr.config_names import suggest
from jaxcxr.errors import InputError

SEEDS = 2**32

CHOICES = {
    "dtype": ("float32", "bfloat16"),
    "matmul_precision": ("default", "high", "highest"),
    "model.head": ("new", "keep", "probe"),
    "model.init": ("pretrained", "random"),
    "model.partial_patches": ("refuse", "drop"),
    "model.pooling": ("weights", "class_token", "mean_tokens"),
    "model.resample_at": ("load", "forward"),
    "normalization": ("study", "weights"),
    "optimizer": ("adamw", "adam"),
    "pos_weight": ("study", "capped", "sqrt", "effective", "none"),
    "schedule": ("constant", "cosine"),
    "selection": ("validation_auc", "validation_loss", "last"),
    "trainable": ("all", "head", "lora"),
}

LORA_TARGETS = (
    *("attention/qkv", "attention/projection", "mlp/fc1", "mlp/fc2"),
    *("attention/query", "attention/key", "attention/value"),
)


def check_values(config: ConfigDict) -> None:
    """Stop where a field by itself is impossible.

    Raises:
      InputError: it names the field and says what would do.
    """
    for name, allowed in CHOICES.items():
        value = _get(config, name)
        if value not in allowed:
            raise InputError(
                f"config.{name} is {shown(value)}{suggest(str(value), allowed)}; "
                f"choose one of {', '.join(allowed)}"
            )
    for name in (
        *("accumulate", "batch_size", "bootstrap_resamples", "checkpoint_minutes", "epochs"),
        *("eval_batch_size", "image_size", "layer_decay", "learning_rate", "log_every"),
        *("lora_rank", "patience", "reading.threads", "reading.read_ahead"),
    ):
        if not _get(config, name) > 0:
            raise InputError(f"config.{name} is {_get(config, name)}; it must be above zero")
    if not 0 < config.train_patients <= 1:
        raise InputError(
            f"config.train_patients is {config.train_patients}; give a share of the training "
            "patients above 0 and at most 1, such as 0.1"
        )
    for name in (
        *("checkpoint_every", "clip_norm", "head_learning_rate", "lora_alpha"),
        *("reading.processes", "rotation_degrees", "warmup_steps", "weight_decay"),
    ):
        if not _get(config, name) >= 0:
            raise InputError(f"config.{name} is {_get(config, name)}; it cannot be negative")
    if not 0 <= config.label_noise <= 1:
        raise InputError(
            f"config.label_noise is {config.label_noise}; give the probability that a positive "
            "training label flips, from 0 to 1, such as 0.2"
        )
    for name in ("seed", "label_noise_seed"):
        if not 0 <= config[name] < SEEDS:
            raise InputError(
                f"config.{name} is {config[name]}; give a whole number from 0 to {SEEDS - 1}, "
                "since JAX takes others for one of these"
            )
    if not 0 <= config.lora_dropout < 1:
        raise InputError(
            f"config.lora_dropout is {config.lora_dropout}; give a share from 0 up to 1, such as "
            "0.05"
        )
    _check_lora_targets(config.lora_targets)
    for name, axis in config.mesh.items():
        if axis != -1 and axis < 1:
            raise InputError(
                f"config.mesh.{name} is {axis}; give a number of devices, or -1 for all others"
            )


def _check_lora_targets(targets: tuple[str, ...]) -> None:
    for name in targets:
        if name not in LORA_TARGETS:
            raise InputError(
                f"config.lora_targets names {shown(name)}{suggest(name, LORA_TARGETS)}; choose "
                f"among {', '.join(LORA_TARGETS)}"
            )
    fused = "attention/qkv" in targets
    parts = [name for name in LORA_TARGETS[4:] if name in targets]
    if not targets or len(set(targets)) != len(targets) or (fused and parts):
        wrong = "is empty" if not targets else "adapts a map twice"
        raise InputError(
            f"config.lora_targets {wrong}; name each map once, and attention/qkv or its parts "
            "attention/query, attention/key and attention/value"
        )


def check_combinations(config: ConfigDict) -> None:
    """Stop where fields do not go together, or what they all need is not given.

    Raises:
      InputError: it names them.
    """
    if not config.data:
        raise InputError(
            "config.data is empty; give the directory that `python -m input_pipeline prepare` "
            "wrote, with --config.data=DIR"
        )
    if not config.model.weights and not config.model.spec:
        raise InputError(
            "config.model.weights is empty; give the file that `python -m convert import` wrote, "
            "with --config.model.weights=FILE"
        )
    if not config.model.weights and config.model.init == "pretrained":
        raise InputError(
            "config.model.init is pretrained but config.model.weights is empty; give a weights "
            "file or set --config.model.init=random"
        )
    if config.model.init == "random" and config.model.head == "keep":
        raise InputError(
            "config.model.head is keep but config.model.init is random, which has no head to keep; "
            "set one of them otherwise"
        )
    if config.optimizer == "adam" and config.weight_decay:
        raise InputError(
            f"config.weight_decay is {config.weight_decay:g} with config.optimizer adam, which has "
            "none here; set --config.weight_decay=0 or --config.optimizer=adamw"
        )
    if config.batch_size % config.accumulate:
        raise InputError(
            f"config.batch_size {config.batch_size} is not a multiple of config.accumulate "
            f"{config.accumulate}; change one of them"
        )
    if len(set(config.labels)) != len(config.labels):
        raise InputError(f"config.labels names a label twice: {', '.join(config.labels)}")


def shown(value: Any) -> str:
    """Write a value for a message, whatever it is."""
    return "a group of fields" if isinstance(value, ConfigDict) else ascii(value)[:80]


def _get(config: ConfigDict, dotted: str) -> Any:
    value: Any = config
    for part in dotted.split("."):
        value = value[part]
    return value
