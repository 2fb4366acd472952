"""Predict image files of no dataset with one run, or with several as an ensemble."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from contextlib import closing
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from input_pipeline.decoding.image_files import ImageFiles, Opened
from input_pipeline.identity import digest_of_pixels
from input_pipeline.workers import in_processes
from jaxcxr import __version__
from jaxcxr.errors import InputError
from jaxcxr.inference.chosen_model import load_run
from jaxcxr.inference.forward import fill_devices, make_forward_with_features
from jaxcxr.inference.image_names import named_images, state_of
from jaxcxr.model import flatten, split
from jaxcxr.run.directory import WEIGHTS, read_config
from jaxcxr.run.learnt import read_learnt
from jaxcxr.run.mesh import make_mesh, put_state
from jaxcxr.terminal import progress_of_images, say
from jaxcxr.use.card import LabelCard, read_card
from jaxcxr.use.flags import Trained, flags_of, trained_by
from jaxcxr.use.journal import Journal, Line, open_journal
from jaxcxr.use.neighbours import Training, load_training
from jaxcxr.use.prediction_files import check_suffix, write_files

Forward = Callable[[np.ndarray], tuple[np.ndarray, np.ndarray]]


@dataclass(frozen=True)
class Ensemble:
    """One run or several, which see the same images and have the same labels.

    Attributes:
      labels: of the outputs, in their order.
      card: of the labels.
      origins: provenance of each run's weights.
      recipe, size: that images are prepared by, and their side.
      batch: images at a time.
      forwards: of each run, images `[batch, size, size]` uint8 to logits `[batch, labels]` and what
        the head reads, `[batch, width]`.
      trained: what the runs were trained on.
      pixels: digests of the pictures that any of them learnt from.
      training: the images that they learnt from, if images like them are asked for.
    """

    labels: tuple[str, ...]
    card: tuple[LabelCard, ...]
    origins: list[dict[str, Any]]
    recipe: str
    size: int
    batch: int
    forwards: list[Forward]
    trained: Trained
    pixels: np.ndarray
    training: Training | None = None


def predict_files(
    runs: Sequence[Path], out: Path, asked: Sequence[Path], workers: int, neighbours: int = 0
) -> None:
    """Predict images; what cannot be read is named, and changes nothing of the others.

    Writes `out`, and where there are unreadable files `OUT.rejects.csv` with the reasons. Until
    then what is done stands in `OUT.partial`, from which the same command goes on after a kill.

    Args:
      runs: directories; several are an ensemble.
      out: `.parquet`, `.csv` or `.json` file to write.
      asked: files, folders, patterns and lists.
      workers: processes that open files.
      neighbours: how many training images to name that are most like each.

    Raises:
      InputError: something is not there, the runs do not go together, or no file can be read.
    """
    check_suffix(out)
    if workers < 1:
        raise InputError(f"--workers {workers}: give at least 1")
    files, passed_over = named_images(asked)
    report_passed_over(passed_over)
    ensemble = load_ensemble(runs)
    if neighbours:
        training = load_training(runs, ensemble.labels, ensemble.origins, neighbours, out)
        ensemble = replace(ensemble, training=training)
    made_by = {
        "jaxcxr": __version__,
        "weights": [origin["weights_sha256"] for origin in ensemble.origins],
        "recipe": ensemble.recipe,
        "size": ensemble.size,
        "batch": ensemble.batch,
        "neighbours": ensemble.training.identity if ensemble.training else None,
    }
    partial = out.with_name(f"{out.name}.partial")
    with open_journal(partial, made_by) as journal:
        states = {name: state_of(path) for name, path in files.items()}
        todo = {
            name: path
            for name, path in files.items()
            if "logits" not in (line := journal.lines.get(name, {}))
            or line["state"] != states[name]
        }
        _predict(ensemble, todo, states, journal, workers, len(files))
        lines = [journal.lines[name] for name in files]
        told = (ensemble.card, ensemble.origins, ensemble.trained, ensemble.training)
        write_files(out, lines, *told)
        partial.unlink()


def load_ensemble(runs: Sequence[Path]) -> Ensemble:
    """Load the models of runs.

    Raises:
      InputError: a run is none, stands twice, or its labels or images are not those of the first.
    """
    loaded = [load_run(run) for run in runs]
    configs = [read_config(run) for run in runs]
    origins = [origin for *_, origin in loaded]
    labels = loaded[0][1]
    for number, (run, config) in enumerate(zip(runs, configs, strict=True)):
        facts = {
            "labels": (list(loaded[number][1]), list(labels)),
            "recipe": (origins[number].get("recipe"), origins[0].get("recipe")),
            "image size": (config.image_size, configs[0].image_size),
        }
        for name, (own, first) in facts.items():
            if own != first:
                raise InputError(
                    f"{run}: its {name} {own} are not those of {runs[0]}, {first}; an ensemble is "
                    "of runs with the same"
                )
        if origins[number]["weights_sha256"] in [one["weights_sha256"] for one in origins[:number]]:
            raise InputError(f"{run}: its weights are given twice; give each run once")
    mesh = make_mesh(-1, 1, batch_size=0)
    pixels = [read_learnt(run / WEIGHTS).get("pixels", np.zeros(0, np.uint64)) for run in runs]
    return Ensemble(
        labels=labels,
        card=read_card(runs, labels, origins),
        origins=origins,
        recipe=origins[0]["recipe"],
        size=configs[0].image_size,
        batch=fill_devices(min(config.eval_batch_size for config in configs), mesh),
        forwards=[_forward(model, statistics, mesh) for model, _, statistics, _ in loaded],
        trained=trained_by(runs, origins),
        pixels=np.unique(np.concatenate(pixels)),
    )


def _forward(model: Any, pixels: Any, mesh: Any) -> Forward:
    forward = make_forward_with_features(model, pixels, mesh)
    params = put_state(mesh, flatten(split(model)[1]))

    def give(images: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        logits, pooled = forward(params, images)
        return np.asarray(logits), np.asarray(pooled)

    return give


def _predict(
    ensemble: Ensemble,
    todo: dict[str, Path],
    states: dict[str, list[int]],
    journal: Journal,
    workers: int,
    total: int,
) -> None:
    names = list(todo)
    pieces = [
        ImageFiles(tuple(part), tuple(todo[name] for name in part), ensemble.recipe, ensemble.size)
        for part in (names[at : at + ensemble.batch] for at in range(0, len(names), ensemble.batch))
    ]
    with (
        progress_of_images("predicting") as progress,
        closing(in_processes(pieces, workers)) as work,  # or Ctrl-C would wait for what is in work
    ):
        task = progress.add_task("", total=total, completed=total - len(todo))
        for number, opened in work:
            piece = pieces[number].names
            journal.add(_lines(ensemble, piece, opened, states))
            progress.advance(task, len(piece))


def _lines(
    ensemble: Ensemble, names: Sequence[str], opened: Opened, states: dict[str, list[int]]
) -> list[Line]:
    """Run the models on one batch, filled up with black images where files were unreadable."""
    batch = np.zeros((ensemble.batch, ensemble.size, ensemble.size), np.uint8)
    batch[: len(names)] = opened.images
    logits, near = None, None
    if not all(opened.reasons):
        seen = [forward(batch) for forward in ensemble.forwards]
        logits = np.mean([one for one, _ in seen], axis=0)
        if ensemble.training:
            near = ensemble.training.nearest([pooled for _, pooled in seen])
    lines = []
    for row, name in enumerate(names):
        line: Line = {"image_id": name, "state": states[name]}
        if opened.reasons[row] or logits is None:
            lines.append(line | {"reason": opened.reasons[row]})
            continue
        if not np.isfinite(logits[row]).all():
            lines.append(line | {"reason": "the model gives no finite number for it"})
            continue
        digest = np.uint64(int(digest_of_pixels(opened.images[row].data), 16))
        line["split"] = "train" if digest in ensemble.pixels else "files"
        line["flags"] = flags_of(opened.about[row], ensemble.trained)
        if near is not None:
            line["near"] = [one[row].tolist() for one in near]
        lines.append(line | {"logits": logits[row].astype(np.float64).tolist()})
    return lines


def report_passed_over(passed_over: Counter[str]) -> None:
    """Say how many files in folders are no images, by their suffixes."""
    if passed_over:
        kinds = ", ".join(
            f"{count} {suffix or 'without a suffix'}" for suffix, count in passed_over.most_common()
        )
        say(f"passed over as no images: {kinds}", error=True)
