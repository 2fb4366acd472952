"""Examples for the page: what a model calls positive with most confidence, and where it looks."""

from __future__ import annotations

import base64
import io
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from scipy.special import expit

from input_pipeline.labels import PAPER_DATASETS
from jaxcxr.errors import InputError
from jaxcxr.inference.overlays import heated, spread
from jaxcxr.inference.rollout import read_rollout
from jaxcxr.results.examples import Example, choose_examples
from jaxcxr.results.predictions import read_predictions
from jaxcxr.run.directory import PREDICTIONS
from jaxcxr.study.planning.definition import Study
from jaxcxr.study.planning.example_jobs import (
    COUNT,
    ROLLOUT,
    example_experiments,
    example_labels,
    maps_misfit,
)
from jaxcxr.study.planning.jobs import Experiment

if TYPE_CHECKING:
    from PIL.Image import Image

SIDE = 256  # pixels of a picture on the page


@dataclass(frozen=True)
class Picture:
    """An example as the page shows it.

    Attributes:
      example: what it is.
      probability: of the label, from its logit.
      least, most: attention of the least and the most seen patch, where 1 is an even share.
      plain, heat: data URIs of the radiograph and of it under the attention.
    """

    example: Example
    probability: float
    least: float
    most: float
    plain: str
    heat: str


@dataclass(frozen=True)
class Gallery:
    """Examples of one run.

    Attributes:
      dataset, title: as the paper names the one, as the study the other.
      run: id of the experiment.
      pictures: in the order of labels, true positives first.
    """

    dataset: str
    title: str
    run: str
    pictures: tuple[Picture, ...]


def galleries(study: Study, experiments: dict[str, Experiment]) -> list[Gallery]:
    """Draw the examples of every such experiment whose maps are there.

    Raises:
      InputError: maps lack an image.
    """
    found = []
    for experiment in example_experiments(study, experiments):
        done = (experiment.directory / ROLLOUT).is_file() and experiment.job().is_done
        if not done or maps_misfit(experiment):
            continue
        title = study.initialization(experiment.initialization).title
        pictures = tuple(_pictures(experiment, example_labels(study, experiment)))
        if pictures:
            found.append(
                Gallery(PAPER_DATASETS[experiment.dataset], title, experiment.id, pictures)
            )
    return found


def _pictures(experiment: Experiment, labels: Sequence[str]) -> list[Picture]:
    path = experiment.directory / ROLLOUT
    maps = read_rollout(path)
    predictions = read_predictions(experiment.directory / PREDICTIONS).of_split("test")
    places = {name: row for row, name in enumerate(maps["image_id"].tolist())}
    pictures = []
    for example in choose_examples(predictions, labels, COUNT):
        if example.image_id not in places:
            raise InputError(f"{path}: lacks image {example.image_id!r}; remove it and run again")
        row = places[example.image_id]
        even = maps["rollout"][row] / maps["rollout"][row].mean()
        plain, heat = _drawn(maps["image"][row], even)
        probability = float(expit(example.score))
        ends = float(even.min()), float(even.max())
        pictures.append(Picture(example, probability, *ends, plain, heat))
    return pictures


def _drawn(image: np.ndarray, attention: np.ndarray) -> tuple[str, str]:
    """Encode a radiograph `[size, size]`, and it under its map `[rows, columns]`."""
    from PIL import Image

    side = min(SIDE, max(image.shape[0], 224))
    grey = Image.fromarray(image).resize((side, side), Image.Resampling.BICUBIC)
    mixed = heated(np.asarray(grey), spread(attention))
    return _data_uri(grey), _data_uri(Image.fromarray(mixed))


def _data_uri(picture: Image) -> str:
    buffer = io.BytesIO()
    options: dict[str, Any] = {"quality": 82, "optimize": True}
    picture.save(buffer, "JPEG", **options)
    return "data:image/jpeg;base64," + base64.b64encode(buffer.getvalue()).decode()
