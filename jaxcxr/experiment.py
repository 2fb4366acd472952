"""What training and prediction share: the data, labels and model that a config names."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

import jax.numpy as jnp
import numpy as np
from flax import nnx
from ml_collections import ConfigDict

from input_pipeline.loader import Prepared, open_prepared
from jaxcxr import __version__
from jaxcxr.errors import InputError
from jaxcxr.model import ViT, ViTSpec, load, read_header


def open_data(config: ConfigDict) -> tuple[Prepared, tuple[str, ...]]:
    """Open the prepared dataset and settle the labels, in the order of the head's outputs."""
    prepared = open_prepared(config.data)
    if prepared.image_size != config.image_size:
        raise InputError(
            f"{config.data}: images of {prepared.image_size} pixels, but config.image_size is "
            f"{config.image_size}; set --config.image_size={prepared.image_size} or prepare again"
        )
    return prepared, tuple(config.labels) or prepared.labels


def make_model(config: ConfigDict, num_labels: int) -> ViT:
    """Build the model with a fresh head, from the weights file or from the seed."""
    options: dict[str, Any] = {
        "num_labels": num_labels,
        "image_size": config.image_size,
        "dtype": jnp.dtype(config.dtype),
        "remat": config.remat,
    }
    if config.model.weights and config.model.spec:
        _check_same_model(config)
    if config.model.init == "pretrained":
        return load(
            config.model.weights,
            resample_at=config.model.resample_at,
            seed=config.seed,
            **options,
        )
    return ViT(model_spec(config), rngs=nnx.Rngs(config.seed), **options)


def model_spec(config: ConfigDict) -> ViTSpec:
    """Return what the weights file, or else the config, says the model is."""
    if config.model.weights:
        return read_header(config.model.weights).spec
    return ViTSpec.from_dict(config.model.spec.to_dict())


def _check_same_model(config: ConfigDict) -> None:
    """Stop where the weights are not of the model that the config describes."""
    described = config.model.spec.to_dict()
    found = read_header(config.model.weights).spec.to_dict()
    ViTSpec.from_dict(found | described)
    wrong = [
        f"{name} {found[name]}, not {value}"
        for name, value in described.items()
        if found[name] != (list(value) if isinstance(value, tuple) else value)
    ]
    if wrong:
        raise InputError(
            f"{config.model.weights}: has {'; '.join(wrong)} as config.model.spec says; give the "
            "weights of that model, or change or empty config.model.spec"
        )


def pixel_statistics(config: ConfigDict) -> tuple[np.ndarray, np.ndarray]:
    """Return mean and standard deviation `[3]` that pixels in [0, 1] are normalised with.

    The study gives [0, 1] to every model, whatever it was pre-trained with (section 1.1).
    """
    if config.normalization == "study":
        return np.zeros(3, np.float32), np.ones(3, np.float32)
    spec = model_spec(config)
    return np.asarray(spec.pixel_mean, np.float32), np.asarray(spec.pixel_std, np.float32)


def provenance(config: ConfigDict, prepared: Prepared, labels: tuple[str, ...]) -> dict[str, Any]:
    """Describe what a run's weights and predictions come from."""
    cohort = prepared.cohort
    described: dict[str, Any] = {
        "source": "fine-tuned by jaxcxr",
        "tool_version": __version__,
        "dataset": prepared.dataset,
        "label_rules": cohort.get("label_rules"),
        "recipe": cohort.get("recipe"),
        "recipe_hash": cohort.get("recipe_hash"),
        "labels": list(labels),
        "config": json.loads(config.to_json()),
        "initialization": config.model.init,
    }
    if config.model.weights:
        path = Path(config.model.weights)
        described["initialized_from"] = {
            "file": path.name,
            "sha256": sha256(path),
            "provenance": read_header(path).provenance,
        }
    return described


def sha256(path: Path) -> str:
    """Return the file's digest."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
