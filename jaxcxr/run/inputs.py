"""What training and prediction share: the data, labels and model that a config names."""

from __future__ import annotations

import json
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from flax import nnx
from jax.sharding import Mesh
from ml_collections import ConfigDict

from input_pipeline.loader import Prepared, Reading, open_prepared
from input_pipeline.subset import patient_subset, training_units
from jaxcxr import __version__
from jaxcxr.errors import InputError
from jaxcxr.model import (
    Model,
    ModelSpec,
    build_model,
    flatten,
    load_parts,
    read_header,
    spec_from_dict,
    split,
)
from jaxcxr.run.attention import tried_attention
from jaxcxr.run.learnt import (
    FINE_TUNED,
    Learnt,
    check_unseen,
    learnt_by,
    read_learnt,
    unlisted,
)
from jaxcxr.run.learnt_labels import LABEL_NOISE
from jaxcxr.run.mesh import put_part_by_part, put_state, state_shardings


def open_data(config: ConfigDict) -> tuple[Prepared, tuple[str, ...]]:
    """Open the prepared dataset and settle the labels, in the order of the head's outputs."""
    prepared = open_prepared(config.data)
    if prepared.image_size != config.image_size:
        raise InputError(
            f"{config.data}: images of {prepared.image_size} pixels, but config.image_size is "
            f"{config.image_size}; set --config.image_size={prepared.image_size} or prepare again"
        )
    labels = tuple(config.labels) or prepared.labels
    prepared.columns(labels)  # raises for a label that the dataset does not have
    return prepared, labels


def learn_from(config: ConfigDict, prepared: Prepared, rows: np.ndarray) -> Learnt:
    """Return what a run has learnt from at its end, what its first weights had included.

    Args:
      config: of the run.
      prepared: its dataset.
      rows: of the training split, as of `training_rows`.

    Raises:
      InputError: images of the validation or the test split, or of their patients, are among it.
    """
    before = {} if config.model.init == "random" else read_learnt(config.model.weights)
    learnt = learnt_by(prepared, rows, before)
    who = "this run" + (f" or by {config.model.weights}, which it starts from," if before else "")
    check_unseen(learnt, who, prepared, ("validation", "test"))
    return learnt


def training_rows(config: ConfigDict, prepared: Prepared) -> np.ndarray:
    """Return the rows of `prepared.records("train")` to learn from, by `config.train_patients`."""
    return patient_subset(prepared.records("train"), config.train_patients, config.seed)


def trained_on(config: ConfigDict, prepared: Prepared) -> dict[str, Any]:
    """Count the images to learn from and their patients, None where no patient is named."""
    learnt = prepared.records("train").iloc[training_rows(config, prepared)]
    named = learnt["patient_id"].fillna("").ne("").any()
    return {
        "share_of_patients": config.train_patients,
        "patients": len(set(training_units(learnt))) if named else None,
        "images": len(learnt),
    }


def population(config: ConfigDict, prepared: Prepared) -> dict[str, Any]:
    """Describe whose images are learnt from: the `youngest`, in years, and `views` by number.

    None and nothing where the records say none. `jaxcxr.use.flags` compares new images with it.
    """
    learnt = prepared.records("train").iloc[training_rows(config, prepared)]
    youngest = learnt["age"].min()
    views = learnt["view"].fillna("").astype(str).value_counts()
    return {
        "youngest": None if np.isnan(youngest) else float(youngest),
        "views": {str(view): int(count) for view, count in views.items() if view},
    }


def describe_data(config: ConfigDict, prepared: Prepared, learnt: dict[str, Any]) -> str:
    """Say what the run learns from, as `trained_on` counts it, and that it is a part if so."""
    text = f"{prepared.dataset}: {learnt['images']} training images in {config.data}"
    if config.train_patients == 1:
        return text
    whole = len(prepared.records("train"))
    of = "" if learnt["patients"] is None else f"of {learnt['patients']} patients, "
    return f"{text}, {of}drawn as {config.train_patients:.4g} of all ({whole} images)"


def make_model(
    config: ConfigDict, labels: tuple[str, ...], mesh: Mesh
) -> tuple[Model, dict[str, jax.Array]]:
    """Build the model with one output a label, from the weights file or from the seed.

    Returns:
      The model without its numbers, and its parameters by path, each created where it belongs on
      the mesh: none ever stands whole on a device that is to hold a part of it.
    """
    options: dict[str, Any] = {
        "image_size": config.image_size,
        "dtype": jnp.dtype(config.dtype),
        "remat": config.remat,
        "matmul_precision": matmul_precision(config),
        "attention": tried_attention(config, model_spec(config), mesh.devices.flat[0]),
    }
    if config.model.weights and config.model.spec:
        _check_same_model(config)
    if config.model.init == "random":
        return _drawn(model_spec(config), config.seed, mesh, num_labels=len(labels), **options)
    options |= {"resample_at": config.model.resample_at, "seed": config.seed}
    options |= {"spec": model_spec(config), "place": partial(put_part_by_part, mesh)}
    if config.model.head != "keep":
        return load_parts(config.model.weights, num_labels=len(labels), **options)
    model, params = load_parts(config.model.weights, **options)
    return model, put_state(mesh, _keep_outputs(params, config.model.weights, labels))


def _drawn(
    spec: ModelSpec, seed: int, mesh: Mesh, **options: Any
) -> tuple[Model, dict[str, jax.Array]]:
    def build() -> Model:
        return build_model(spec, rngs=nnx.Rngs(seed), **options)

    model = nnx.eval_shape(build)
    places = state_shardings(mesh, flatten(split(model)[1]))
    return model, jax.jit(lambda: flatten(split(build())[1]), out_shardings=places)()


def reading_here(config: ConfigDict) -> Reading:
    """How predictions read: as training, but in this process, since others take long to start."""
    return replace(Reading(**config.reading), processes=0)


def matmul_precision(config: ConfigDict) -> str | None:
    """The config's, as JAX takes it: None leaves it to the device."""
    return None if config.matmul_precision == "default" else config.matmul_precision


def _keep_outputs(
    params: dict[str, jax.Array], weights_file: str, labels: tuple[str, ...]
) -> dict[str, jax.Array]:
    """Keep those outputs of the head that are named `labels`, in their order."""
    known = read_header(weights_file).provenance.get("labels")
    if "head/bias" not in params or not known:
        raise InputError(
            f"{weights_file}: has no head with named outputs to keep; set --config.model.head=new"
        )
    absent = [name for name in labels if name not in known]
    if absent:
        raise InputError(
            f"{weights_file}: its head has no output {', '.join(absent)}; it has "
            f"{', '.join(known)}; choose config.labels among them or set --config.model.head=new"
        )
    columns = np.array([known.index(name) for name in labels])
    kernel, bias = params["head/kernel"][:, columns], params["head/bias"][columns]
    return params | {"head/kernel": kernel, "head/bias": bias}


def model_spec(config: ConfigDict) -> ModelSpec:
    """Return what the weights file, or else the config, says the model is.

    Raises:
      InputError: the model cannot be it, or has no such pooling.
    """
    if config.model.weights:
        return asked_spec(config, read_header(config.model.weights).spec)
    return asked_spec(config, spec_from_dict(config.model.spec.to_dict()))


def asked_spec(config: ConfigDict, spec: ModelSpec) -> ModelSpec:
    """Return a spec with the pooling and the use of partial patches that the config asks for."""
    asked = {"partial_patches": config.model.partial_patches}
    if config.model.pooling != "weights":
        asked["pooling"] = config.model.pooling
    allowed = spec.CHOICES["pooling"]
    if asked.get("pooling", spec.pooling) not in allowed:
        raise InputError(
            f"config.model.pooling is {config.model.pooling}, but this model's head reads "
            f"{' or '.join(allowed)}; set --config.model.pooling=weights"
        )
    return replace(spec, **asked)


def _check_same_model(config: ConfigDict) -> None:
    """Stop where the weights are not of the model that the config describes."""
    described = config.model.spec.to_dict()
    found = read_header(config.model.weights).spec.to_dict()
    spec_from_dict(found | described)
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


def describe_weights(config: ConfigDict) -> str:
    """Say where the run's parameters start from, and where that in turn comes from."""
    if config.model.init == "random":
        return "random"
    known = read_header(config.model.weights).provenance
    # A run's weights name their dataset, converted ones their checkpoint and its file.
    names = ("checkpoint", "source", "dataset", "licence")
    origin = ", ".join(f"{known[name]}" for name in names if known.get(name))
    said = f"{config.model.weights} ({origin or 'which does not say where it comes from'})"
    seen = unlisted(known)
    return said + (f"; had learnt from {', '.join(seen)}, images not known" if seen else "")


def provenance(
    config: ConfigDict,
    prepared: Prepared,
    labels: tuple[str, ...],
    start: dict[str, Any],
    learnt: Learnt,
) -> dict[str, Any]:
    """Describe what a run's weights and predictions come from.

    Args:
      config: of the run.
      prepared: its dataset.
      labels: of its outputs.
      start: of `jaxcxr.run.belongs.start_of`.
      learnt: of `jaxcxr.run.learnt.learnt_by`.
    """
    cohort = prepared.cohort
    noise = {LABEL_NOISE: start[LABEL_NOISE]} if LABEL_NOISE in start else {}
    described: dict[str, Any] = {
        "source": FINE_TUNED,
        "run": start["run"],
        "data": start["data"],
        "tool_version": __version__,
        "dataset": prepared.dataset,
        "label_rules": cohort.get("label_rules"),
        "recipe": cohort.get("recipe"),
        "recipe_hash": cohort.get("recipe_hash"),
        "labels": list(labels),
        "trained_on": trained_on(config, prepared) | noise,
        "population": population(config, prepared),
        "learnt": {kind: len(values) for kind, values in learnt.items()},
        "config": json.loads(config.to_json()),
        "initialization": config.model.init,
    }
    if config.model.weights:
        before = read_header(config.model.weights).provenance
        described["initialized_from"] = {
            "file": Path(config.model.weights).name,
            "sha256": start["weights_sha256"],
            "provenance": before,
        }
        described["saw_before"] = unlisted(before) if config.model.init == "pretrained" else []
    return described
