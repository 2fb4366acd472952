"""Predictions of whole splits: of the run's own dataset, or of others that share labels with it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import jax

from input_pipeline.labels import finding_id
from input_pipeline.loader import Prepared, open_prepared
from jaxcxr.errors import InputError
from jaxcxr.inference.chosen_model import load_run
from jaxcxr.inference.forward import make_predictor
from jaxcxr.inference.predictions_file import predictions_of_split, write_predictions
from jaxcxr.model import flatten, split
from jaxcxr.run.belongs import note_test_read, open_run_data
from jaxcxr.run.directory import WEIGHTS, read_config
from jaxcxr.run.inputs import reading_here, training_rows
from jaxcxr.run.learnt import Learnt, check_unseen, learnt_by, read_learnt
from jaxcxr.run.mesh import make_mesh, put_state


def predict_run(directory: Path, out: Path, splits: Sequence[str]) -> None:
    """Predict splits of a run's own dataset with the weights that the run chose.

    Raises:
      InputError: weights, run and data do not belong together.
    """
    labels, origin, predict = _load(directory)
    prepared = open_run_data(directory, origin)
    frames = [
        predictions_of_split(prepared, name, labels, predict(prepared, name, labels))
        for name in splits
    ]
    if jax.process_index() == 0:
        if "test" in splits:
            note_test_read(directory)
        write_predictions(out, frames, origin)


def _load(directory: Path) -> tuple[tuple[str, ...], dict[str, Any], Callable]:
    """Return a run's labels, provenance, and `predict(prepared, split, labels)`."""

    config = read_config(directory)
    model, labels, pixels, origin = load_run(directory)
    mesh = make_mesh(-1, 1, batch_size=0)
    predict = make_predictor(model, pixels, mesh, config.eval_batch_size, reading_here(config))
    return labels, origin, partial(predict, put_state(mesh, flatten(split(model)[1])))


def predict_elsewhere(
    directory: Path, data: Sequence[Path], outs: Sequence[Path], split: str = "test"
) -> None:
    """Predict a split of other prepared datasets, on the labels that both the run and each know.

    Args:
      directory: of the run.
      data: prepared datasets.
      outs: a parquet file for each.
      split: of each dataset.

    Raises:
      InputError: a dataset shares no label with the run, is not prepared as the run's images were,
        or is the run's own dataset with its training patients among those to predict.
    """
    if len(data) != len(outs):
        raise InputError(f"--data names {len(data)} datasets and --out {len(outs)} files; one each")
    labels, origin, predict = _load(directory)
    every = [open_prepared(path) for path in data]
    shared = [shared_outputs(directory, labels, prepared) for prepared in every]
    learnt = read_learnt(directory / WEIGHTS)
    for prepared in every:
        _check_same_images(directory, origin, learnt, prepared, split)
    for prepared, outputs, out in zip(every, shared, outs, strict=True):
        names = tuple(outputs)
        logits = predict(prepared, split, names)[:, list(outputs.values())]
        frame = predictions_of_split(prepared, split, names, logits)
        told = {
            "dataset": prepared.dataset,
            "path": str(prepared.path),
            "split": split,
            "labels": list(names),
            "data": prepared.identity,
            **{key: prepared.cohort.get(key) for key in ("label_rules", "recipe", "recipe_hash")},
        }
        if jax.process_index() == 0:
            write_predictions(out, [frame], origin | {"predicted": told})


def shared_outputs(directory: Path, labels: Sequence[str], prepared: Prepared) -> dict[str, int]:
    """Match a dataset's labels to a model's outputs by finding; the dataset's names, its order.

    Names outside the vocabulary of `input_pipeline.labels` match the very same name alone.

    Args:
      directory: of the run, for the message.
      labels: of the model's outputs, in their order.
      prepared: the dataset.

    Raises:
      InputError: they share none.
    """
    outputs = {_finding(name): place for place, name in enumerate(labels)}
    shared = {
        name: outputs[_finding(name)] for name in prepared.labels if _finding(name) in outputs
    }
    if not shared:
        raise InputError(
            f"{prepared.path}: its labels {', '.join(prepared.labels)} are none of those of "
            f"{directory}, {', '.join(labels)}; give a dataset that shares one"
        )
    return shared


def _finding(name: str) -> str:

    try:
        return finding_id(name)
    except InputError:
        return name


def _check_same_images(
    directory: Path, origin: dict[str, Any], learnt: Learnt, prepared: Prepared, split: str
) -> None:
    """Stop unless the images are prepared as the run's, and none was learnt from."""
    config = read_config(directory)
    if prepared.image_size != config.image_size:
        raise InputError(
            f"{prepared.path}: images of {prepared.image_size} pixels, but the run learnt from "
            f"{config.image_size}; prepare it again with --image-size {config.image_size}"
        )
    for name in ("recipe", "recipe_hash"):
        theirs, ours = prepared.cohort.get(name), origin.get(name)
        if theirs != ours:
            raise InputError(
                f"{prepared.path}: prepared by the {name} {theirs}, but the run learnt from "
                f"{ours}; prepare it again with --recipe {origin.get('recipe')}"
                + (" and the versions of the libraries that prepared those" * (name != "recipe"))
            )
    if not learnt and prepared.dataset == origin.get("dataset"):
        # Weights of before they carried what they learnt from: their data still say, if unchanged.
        own = open_run_data(directory, origin)
        learnt = learnt_by(own, training_rows(config, own), {})
    check_unseen(learnt, "this run", prepared, (split,) if split != "train" else ())
