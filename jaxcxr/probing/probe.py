"""Fit a head on embeddings and keep what it says, as a run keeps its predictions."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from input_pipeline.loader import open_prepared
from input_pipeline.subset import patient_subset
from jaxcxr import __version__
from jaxcxr.errors import InputError
from jaxcxr.files import sha256, write_json
from jaxcxr.inference.embeddings_file import AUGMENTED_ONCE, read_embeddings
from jaxcxr.inference.predictions_file import predictions_of_split, write_predictions
from jaxcxr.probing.examples import Choice, Examples, mean_auc
from jaxcxr.probing.join import join, unused
from jaxcxr.probing.linear import choose_linear
from jaxcxr.probing.mlp_512 import choose_mlp_512
from jaxcxr.probing.neighbours import choose_neighbours
from jaxcxr.probing.perceptron import choose_perceptron
from jaxcxr.run.directory import PREDICTIONS

PROBE = "probe.json"
_NOBODY = np.zeros(0, np.int64)
# What the setting of each head is, and its fit.
HEADS: dict[str, tuple[str, Callable[[Examples, Examples, int], Choice]]] = {
    "logistic": ("inverse strength of the penalty", lambda t, v, _: choose_linear(t, v)),
    "neighbours": ("neighbours", lambda t, v, _: choose_neighbours(t, v)),
    "perceptron": ("steps", choose_perceptron),
    "mlp_512": ("steps", choose_mlp_512),
}


def probe(
    embeddings_path: Path,
    data: Path,
    out_dir: Path,
    *,
    head: str = "logistic",
    features: str = "class",
    labels: tuple[str, ...] = (),
    seed: int = 0,
    train_patients: float = 1.0,
) -> dict[str, Any]:
    """Fit on the training patients, choose on the validation patients, predict both others.

    Args:
      embeddings_path: written by `jaxcxr.embed`.
      data: prepared dataset that they are of.
      out_dir: gets `predictions.parquet` and `probe.json`.
      head: a key of `HEADS`.
      features: see `jaxcxr.probing.join`.
      labels: names to learn; empty for all.
      seed: of the perceptron and of `mlp_512`, and of who is learnt from.
      train_patients: share of the training patients to learn from, the same who a training with
        this share and seed learns from.

    Returns:
      What `probe.json` holds.

    Raises:
      InputError: embeddings and dataset do not belong together, or there is nobody to learn from.
    """
    prepared, embeddings = open_prepared(data), read_embeddings(embeddings_path)
    names = labels or prepared.labels
    prepared.columns(names)  # raises for a label that the dataset does not have
    examples = join(embeddings_path, embeddings, prepared, names, features)
    for split in ("train", "test"):
        if split not in examples:
            raise InputError(f"{data}: no split {split!r}; it has {', '.join(prepared.splits)}")
    records = prepared.records("train")
    learnt = patient_subset(records, train_patients, seed)
    if not len(learnt):
        raise InputError(
            f"{data}: no patient is among the {train_patients:g} of the training patients that "
            f"seed {seed} draws; raise --train-patients"
        )
    train = examples["train"] = examples["train"].at(learnt)
    setting, fit = HEADS[head]
    chosen = fit(train, examples.get("validation", train.at(_NOBODY)), seed)
    described = {
        "head": head,
        "features": features,
        "setting": setting,
        "chosen": chosen.setting,
        "chosen_on": chosen.chosen_on,
        "loss_of_chosen": min(chosen.losses),
        "validation_auc_of_chosen": _validation_auc(chosen, examples),
        "seed": seed,
        "train_patients": train_patients,
        "images": {split: len(one.truth) for split, one in examples.items()},
        "embeddings_unused": unused(embeddings, prepared),
    }
    if AUGMENTED_ONCE in embeddings.origin:
        described[AUGMENTED_ONCE] = embeddings.origin[AUGMENTED_ONCE]
    named = records["patient_id"].fillna("").ne("").any()
    cohort = prepared.cohort
    origin = {
        "source": "frozen features and a head, by jaxcxr.probe",
        "tool_version": __version__,
        "dataset": prepared.dataset,
        **{name: cohort.get(name) for name in ("label_rules", "recipe", "recipe_hash")},
        "labels": list(names),
        "trained_on": {
            "share_of_patients": train_patients,
            "patients": len(set(train.patients)) if named else None,
            "images": len(learnt),
        },
        "probe": described,
        "embeddings": {"sha256": sha256(embeddings_path), **embeddings.origin},
    }
    frames = [
        predictions_of_split(prepared, split, names, chosen.head(examples[split].features))
        for split in ("validation", "test")
        if split in examples
    ]
    write_predictions(out_dir / PREDICTIONS, frames, origin)
    write_json(out_dir / PROBE, described)
    return described


def _validation_auc(chosen: Choice, examples: dict[str, Examples]) -> float | None:
    """Mean AUC on the validation patients; None where no label has both classes among them."""
    if "validation" not in examples:
        return None
    found = mean_auc(examples["validation"], chosen.head(examples["validation"].features))
    return None if np.isnan(found) else found
