"""Examples for the page: what a model calls positive with most confidence, and where it looks."""

from __future__ import annotations

import base64
import io
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from input_pipeline.labels import PAPER_DATASETS
from jaxcxr.attention import Example, choose_examples, read_attention
from jaxcxr.errors import InputError
from jaxcxr.report.predictions import read_predictions
from jaxcxr.study.definition import Study
from jaxcxr.study.jobs import PREDICTIONS, Cell, Job, cell_id

if TYPE_CHECKING:
    from PIL.Image import Image

ATTENTION = "attention.npz"
COUNT = 2  # of true and of false positives, for each label and model
SIDE = 256  # pixels of a picture on the page
# From nothing over orange to yellow: legible on grey for who confuses red and green.
_HEAT = np.array([[120, 28, 109], [229, 92, 48], [252, 255, 164]], np.float32)


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
      run: id of the cell.
      pictures: in the order of labels, true positives first.
    """

    dataset: str
    title: str
    run: str
    pictures: tuple[Picture, ...]


def example_cells(study: Study, cells: dict[str, Cell]) -> list[Cell]:
    """Return the cells that give examples: of the first grid and seed, none if no labels are."""
    grid = study.grids[0]
    found = [
        cells[cell_id(dataset, grid.label_set, name, study.seeds[0])]
        for dataset in grid.datasets
        for name in grid.initializations
    ]
    return [cell for cell in found if _labels(study, cell)]


def _labels(study: Study, cell: Cell) -> list[str]:
    return [name for name in study.examples if name in cell.labels]


def example_jobs(study: Study, cells: dict[str, Cell]) -> dict[str, Job]:
    """One job for each such cell, by id, which is the cell's and -attention."""
    jobs = {}
    for cell in example_cells(study, cells):
        file = cell.directory / ATTENTION
        command = (
            *(sys.executable, "-m", "jaxcxr.attention", f"--run={cell.directory}"),
            *(f"--out={file}", f"--count={COUNT}", "--labels", *_labels(study, cell)),
        )
        data = (name for name in cell.needs if name not in cells)
        jobs[f"{cell.id}-attention"] = Job(
            f"{cell.id}-attention", command, (file,), (cell.id, *data)
        )
    return jobs


def galleries(study: Study, cells: dict[str, Cell]) -> list[Gallery]:
    """Draw the examples of every such cell whose maps are there.

    Raises:
      InputError: maps are of other weights than the predictions, or lack an image.
    """
    found = []
    for cell in example_cells(study, cells):
        if not (cell.directory / ATTENTION).is_file() or not cell.job().is_done:
            continue
        title = study.initialization(cell.initialization).title
        pictures = tuple(_pictures(cell, _labels(study, cell)))
        if pictures:
            found.append(Gallery(PAPER_DATASETS[cell.dataset], title, cell.id, pictures))
    return found


def _pictures(cell: Cell, labels: Sequence[str]) -> list[Picture]:
    path = cell.directory / ATTENTION
    maps = read_attention(path)
    predictions = read_predictions(cell.directory / PREDICTIONS).of_split("test")
    made_of = predictions.origin.get("weights_sha256")
    if maps["origin"].get("weights_sha256") != made_of:
        raise InputError(
            f"{path}: is of other weights than {predictions.path}; remove it and run again"
        )
    places = {name: row for row, name in enumerate(maps["image_id"].tolist())}
    pictures = []
    for example in choose_examples(predictions, labels, COUNT):
        if example.image_id not in places:
            raise InputError(f"{path}: lacks image {example.image_id!r}; remove it and run again")
        row = places[example.image_id]
        even = maps["rollout"][row] / maps["rollout"][row].mean()
        plain, heat = _drawn(maps["image"][row], even)
        probability = float(1 / (1 + np.exp(-example.score)))
        ends = float(even.min()), float(even.max())
        pictures.append(Picture(example, probability, *ends, plain, heat))
    return pictures


def _drawn(image: np.ndarray, attention: np.ndarray) -> tuple[str, str]:
    """Encode a radiograph `[size, size]`, and it under its map `[rows, columns]`."""
    from PIL import Image

    side = min(SIDE, max(image.shape[0], 224))
    grey = Image.fromarray(image).resize((side, side), Image.Resampling.BICUBIC)
    # Each map from its own smallest to its own largest value: colours of two maps do not compare.
    span = attention.max() - attention.min()
    share = Image.fromarray(((attention - attention.min()) / (span or 1)).astype(np.float32))
    weight = np.asarray(share.resize((side, side), Image.Resampling.BILINEAR))[..., None]
    places = np.clip(weight, 0, 1) * (len(_HEAT) - 1)
    low = np.minimum(places.astype(int), len(_HEAT) - 2)[..., 0]
    color = _HEAT[low] + (places - low[..., None]) * (_HEAT[low + 1] - _HEAT[low])
    alpha = 0.65 * np.clip(weight, 0, 1)
    base = np.asarray(grey, np.float32)[..., None]
    mixed = np.rint((1 - alpha) * base + alpha * color).astype(np.uint8)
    return _data_uri(grey), _data_uri(Image.fromarray(mixed))


def _data_uri(picture: Image) -> str:
    buffer = io.BytesIO()
    options: dict[str, Any] = {"quality": 82, "optimize": True}
    picture.save(buffer, "JPEG", **options)
    return "data:image/jpeg;base64," + base64.b64encode(buffer.getvalue()).decode()
