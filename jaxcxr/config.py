"""The experiment's configuration: the study's recipe as defaults, and a check before any work.

Every file in `configs/` starts from `study_config()` and changes what its experiment changes.
"""

from __future__ import annotations

import json
from typing import Any

from ml_collections import ConfigDict

from jaxcxr.config_names import unknown_field
from jaxcxr.config_values import check_combinations, check_values, shown
from jaxcxr.errors import InputError, first_line

# What an experiment's identity does not depend on: a run may be resumed with these changed. Of
# `data` and `model.weights` the places may change; `jaxcxr.run.belongs` compares the content.
RESUMABLE_CHANGES = (
    *("checkpoint_every", "checkpoint_minutes", "data", "epochs", "floor", "log_every"),
    *("mesh.data", "mesh.fsdp", "model.weights", "patience", "wandb"),
    *("reading.threads", "reading.read_ahead", "reading.processes"),
)

LARGEST, LARGEST_FLOAT = 2**31, 3e38  # of whole numbers but the seed; of others, as of float32


def study_config() -> ConfigDict:
    """Return the study's recipe (arXiv 2308.07688, section "Experimental design", and its code).

    Where text and code disagree the code is followed: it made the numbers. Choosing the epoch by
    the validation split is ours; the study had none and chose on the test split.
    """
    config = ConfigDict()
    config.data = ""  # directory written by `python -m input_pipeline prepare`
    config.labels = ()  # names to learn, in this order; empty for all that the dataset has
    config.seed = 0
    config.train_patients = 1.0  # share of the training patients to learn from, drawn by the seed
    # probability that a positive training label is made negative, as a study of wrong labels; a
    # negative one with a quarter of it (arXiv 2510.07191); see input_pipeline/label_noise.py
    config.label_noise = 0.0
    config.label_noise_seed = 42

    config.model = ConfigDict()
    config.model.weights = ""  # file written by `python -m convert import` or by a training run
    config.model.init = "pretrained"  # random: the architecture of the file, fresh parameters
    config.model.spec = ConfigDict()  # fields of jaxcxr.model's specs where there is no file
    # keep: that of the weights, its outputs matched to labels by name; probe: a logistic
    # regression on the initial features, which is then epoch 0 of those to choose from
    config.model.head = "new"
    config.model.resample_at = "forward"  # the study trains the table through the resampling
    # what the head reads: as the weights' spec says (class_token, unless they were trained
    # otherwise), or mean_tokens, of all tokens: class, registers and patches
    config.model.pooling = "weights"
    config.model.partial_patches = "refuse"  # drop: of each side what is no multiple of the patch

    config.image_size = 224
    config.normalization = "study"  # study: pixels in [0, 1]; weights: the checkpoint's mean, std
    config.flip = True  # left-right, with probability 1/2
    config.rotation_degrees = 7.0  # uniform in +-7; the paper's text says [0, 8]

    config.batch_size = 32
    config.epochs = 100
    # validation_loss: of the lowest loss, which few positives disturb less; last: train all epochs
    config.selection = "validation_auc"
    config.patience = 5  # epochs without a better one before stopping

    config.optimizer = "adamw"  # or adam, which is the same as long as weight_decay is 0
    config.learning_rate = 1e-5
    config.head_learning_rate = 0.0  # of the head alone; 0: as the others
    config.schedule = "constant"  # cosine: to zero over all epochs
    config.warmup_steps = 0
    config.weight_decay = 0.0  # on kernels only: never on biases, norms, tokens or positions
    config.clip_norm = 0.0  # global gradient norm; 0 does not clip
    config.layer_decay = 1.0  # learning rate of each block relative to the one above it
    config.trainable = "all"  # head: linear probe; lora: low-rank updates and the head
    config.lora_rank = 8
    config.lora_alpha = 0.0  # an update counts alpha / rank times; 0: once
    config.lora_dropout = 0.0  # of what an update reads, in training
    # what is adapted in each block: these, or the fused map's parts attention/query, key, value
    config.lora_targets = ("attention/qkv", "attention/projection", "mlp/fc1", "mlp/fc2")
    config.pos_weight = "study"  # negatives / positives; see jaxcxr.training.loss for the others
    config.accumulate = 1  # micro-batches that one step's batch is computed in

    config.dtype = "float32"  # of the computation; parameters and optimizer stay float32
    # of float32 products. default: the device's fastest, TF32 (10 bits of 23) on an NVIDIA GPU,
    # bfloat16 (7) on a TPU; highest: float32 itself; high: between. On a CPU all are float32
    config.matmul_precision = "default"
    config.remat = False  # recompute blocks in the backward pass: less memory, 1/3 more time
    config.mesh = ConfigDict({"data": -1, "fsdp": 1})  # devices; -1: all that are left

    config.floor = True  # probe the initial features first: what a training has to beat
    config.eval_batch_size = 64
    config.log_every = 10  # steps
    config.checkpoint_minutes = 5.0  # between two within an epoch; there is one after each epoch
    config.checkpoint_every = 0  # steps between two, besides; 0: by time alone
    # of batches: threads and batches read ahead, in each of as many processes (0: in this one)
    config.reading = ConfigDict({"threads": 2, "read_ahead": 4, "processes": 0})
    config.bootstrap_resamples = 1000
    config.wandb = ""  # project of Weights & Biases to report to, with its own client
    return config


def check_config(config: ConfigDict) -> None:
    """Stop before any work where a field is unknown, of the wrong type, or impossible.

    Raises:
      InputError: one sentence that names the field and says what would do.
    """
    if not isinstance(config, ConfigDict):
        raise InputError(f"the config is {shown(config)}; get_config() has to return a ConfigDict")
    _check_fields(config, study_config(), prefix="")
    check_values(config)
    check_combinations(config)


def stored_config(fields: dict[str, Any], where: str) -> ConfigDict:
    """Build the config of a run from what its file holds.

    Fields that came later have their defaults; those of another version are kept and not looked at.

    Args:
      fields: as read.
      where: they stand, for messages.

    Raises:
      InputError: a field is of the wrong type, or impossible.
    """
    tuples = {name for name, value in study_config().items() if isinstance(value, tuple)}
    known = {
        name: tuple(value) if name in tuples and isinstance(value, list) else value
        for name, value in fields.items()
    }
    try:
        config = ConfigDict(_with_defaults(known, study_config().to_dict()))
        _check_fields(config, study_config(), prefix="", unknown=True)
        check_values(config)
    except (InputError, ValueError, TypeError, AttributeError) as error:
        raise InputError(
            f"{where}: damaged ({first_line(error)}); put the run's own back"
        ) from None
    return config


def _with_defaults(fields: dict[str, Any], defaults: dict[str, Any]) -> dict[str, Any]:
    filled = defaults | fields
    for name, default in defaults.items():
        if name != "spec" and isinstance(default, dict) and isinstance(filled[name], dict):
            filled[name] = _with_defaults(filled[name], default)
    return filled


def _check_fields(
    config: ConfigDict, reference: ConfigDict, prefix: str, unknown: bool = False
) -> None:
    for name in config:
        if name not in reference and not unknown:
            raise InputError(unknown_field(study_config(), f"{prefix}{name}"))
    for name, default in reference.items():
        where = f"{prefix}{name}"
        if name not in config:
            raise InputError(f"config.{where} is missing; start from jaxcxr.config.study_config()")
        value = config[name]
        if isinstance(default, ConfigDict):
            if not isinstance(value, ConfigDict):
                raise InputError(f"config.{where} is {shown(value)}; it holds fields of its own")
            if where != "model.spec":  # checked by spec_from_dict, which knows its fields
                _check_fields(value, default, f"{where}.", unknown)
        elif type(value) is not type(default) and not (
            isinstance(default, float) and type(value) is int
        ):
            raise InputError(
                f"config.{where} is {shown(value)}, of type {type(value).__name__}; it takes "
                f"{type(default).__name__}, as in {default!r}"
            )
        elif type(value) is float and not abs(value) < LARGEST_FLOAT:
            raise InputError(f"config.{where} is {value}; give a finite number")
        elif type(value) is int and not abs(value) < LARGEST and "seed" not in name:
            raise InputError(f"config.{where} is {value}; give a number below {LARGEST}")
        elif type(value) is tuple and not all(type(one) is str and one for one in value):
            raise InputError(
                f"config.{where} is {shown(value)}; it takes names in quotation marks, as in "
                "('Cardiomegaly',)"
            )


def experiment_fields(config: dict[str, Any]) -> dict[str, Any]:
    """Return the fields that make the experiment, by dotted name, defaults filled in."""
    fields = flat_fields(config)
    # A cosine schedule ends with the last epoch, so that every step depends on their number.
    resumable = set(RESUMABLE_CHANGES) - ({"epochs"} if fields["schedule"] == "cosine" else set())
    return {name: value for name, value in fields.items() if name not in resumable}


def changed_fields(old: dict[str, Any], new: dict[str, Any]) -> list[str]:
    """Name the fields that make `new` another experiment than `old`, with both values.

    A field that came into the config after `old` was written had its default then.
    """
    before, now = experiment_fields(old), experiment_fields(new)
    return [
        f"{name}: {before.get(name)!r} before, {now.get(name)!r} now"
        for name in sorted(set(before) | set(now))
        if before.get(name) != now.get(name)
    ]


def flat_fields(config: dict[str, Any]) -> dict[str, Any]:
    """Return all fields by dotted name; one that `config` lacks has its default."""
    return _flat(json.loads(study_config().to_json())) | _flat(config)


def _flat(config: dict[str, Any], prefix: str = "") -> dict[str, Any]:
    fields: dict[str, Any] = {}
    for name, value in config.items():
        inside = isinstance(value, dict)
        fields |= _flat(value, f"{prefix}{name}.") if inside else {f"{prefix}{name}": value}
    return fields
