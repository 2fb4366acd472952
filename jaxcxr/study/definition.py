"""What a study file says: plain data, from which the whole grid of experiments follows."""

from __future__ import annotations

import runpy
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from input_pipeline.labels import DATASETS, label_set
from jaxcxr.errors import InputError

Overrides = tuple[tuple[str, Any], ...]


@dataclass(frozen=True)
class Pretraining:
    """Training whose weights other cells start from.

    Attributes:
      name: in ids of cells.
      dataset: what it trains on.
      config: its config file; `overrides` say where it starts itself (`model.weights`,
        `model.init`).
      labels: `target` for one model for each label set, on the labels shared with the target, as
        in the paper; `all` for one model on all labels of its dataset.
      head: `keep` to go on with its head, outputs matched to labels by name; `new` for a fresh one.
      overrides: fields of the config and their values.
      spec: fields of the model where no weights file tells them; for the expected cost only.
      release_seed: added to the seed of the phantom release, so that no target shows its images.
    """

    name: str
    dataset: str
    config: str
    labels: str = "target"
    head: str = "keep"
    overrides: Overrides = ()
    spec: Overrides = ()
    release_seed: int = 0


@dataclass(frozen=True)
class Initialization:
    """Where the parameters of a cell come from.

    Attributes:
      name: in ids of cells.
      title: in tables; the paper's numbers are looked up under it.
      config: the config file, with `{dataset}` for the dataset's name.
      pretraining: name of the study's `Pretraining` whose weights it starts from, if any.
      overrides: fields of the config and their values.
      spec: as of `Pretraining`.
    """

    name: str
    title: str
    config: str
    pretraining: str = ""
    overrides: Overrides = ()
    spec: Overrides = ()


@dataclass(frozen=True)
class Grid:
    """Two initializations on one label set of several datasets: the first against the second.

    Attributes:
      label_set: as of `input_pipeline.labels.label_set`.
      datasets: trained and tested on.
      initializations: names of the two.
    """

    label_set: str
    datasets: tuple[str, ...]
    initializations: tuple[str, str]


@dataclass(frozen=True)
class Phantom:
    """Synthetic releases in place of real ones.

    Attributes:
      images: of each release, laterals included.
      seed: of the first dataset's; each dataset has its own.
      size: pixels a side as drawn.
      image_size: pixels a side as prepared.
    """

    images: int
    seed: int = 0
    size: int = 256
    image_size: int = 56


@dataclass(frozen=True)
class Study:
    """Everything that a study runs.

    Attributes:
      name, question: for its report.
      grids: what is compared.
      initializations, pretrainings: by name.
      seeds: every cell is trained once with each.
      prepared: directory of a prepared dataset, with `{data}` for its name, which is the dataset's,
        or DATASET_LABELSET where the label set needs a preparation of its own.
      phantom: make the data instead; it goes below the study's output directory.
      overrides: fields of every config.
      resamples: of the bootstrap of tables and figures.
    """

    name: str
    question: str
    grids: tuple[Grid, ...]
    initializations: tuple[Initialization, ...]
    pretrainings: tuple[Pretraining, ...] = ()
    seeds: tuple[int, ...] = (0,)
    prepared: str = "data/{data}"
    phantom: Phantom | None = None
    overrides: Overrides = ()
    resamples: int = 1000

    def __post_init__(self) -> None:
        """Refuse names that lead nowhere or stand twice.

        Raises:
          InputError: one sentence that names the field.
        """
        known = _unique("initializations", [one.name for one in self.initializations])
        pretrained = _unique("pretrainings", [one.name for one in self.pretrainings])
        _unique("seeds", list(self.seeds))
        _unique("grids' label sets", [grid.label_set for grid in self.grids])
        if not self.seeds or not self.grids:
            raise InputError(f"study {self.name}: give at least one seed and one grid")
        if self.resamples < 1:
            raise InputError(f"study {self.name}: resamples is {self.resamples}; give at least 1")
        for one in self.initializations:
            if one.pretraining:
                _known(f"pretraining of initialization {one.name}", one.pretraining, pretrained)
        for before in self.pretrainings:
            _known(f"dataset of pretraining {before.name}", before.dataset, DATASETS)
            _known(f"labels of pretraining {before.name}", before.labels, ("target", "all"))
            _known(f"head of pretraining {before.name}", before.head, ("keep", "new"))
        for grid in self.grids:
            for name in _unique("initializations of a grid", list(grid.initializations)):
                _known("initialization of a grid", name, known)
            for dataset in _unique("datasets of a grid", list(grid.datasets)):
                label_set(dataset, grid.label_set)

    def initialization(self, name: str) -> Initialization:
        """Return the initialization of that name."""
        return next(one for one in self.initializations if one.name == name)

    def pretraining(self, name: str) -> Pretraining:
        """Return the pre-training of that name."""
        return next(one for one in self.pretrainings if one.name == name)


def _unique(what: str, names: list[Any]) -> tuple[Any, ...]:
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise InputError(f"study: {what} name {twice[0]!r} twice; give each its own name")
    return tuple(names)


def _known(what: str, name: str, known: tuple[str, ...]) -> None:
    if name not in known:
        raise InputError(f"study: {what} is {name!r}; choose one of {', '.join(known)}")


def read_study(path: Path) -> Study:
    """Run a study file, which is code as every config is, and return its `get_study()`.

    Raises:
      InputError: there is no such file, or it gives no study.
    """
    if not path.is_file():
        raise InputError(f"--study={path}: no such file; the ready-made ones are in configs/study/")
    make = runpy.run_path(str(path)).get("get_study")
    study = make() if make else None
    if not isinstance(study, Study):
        raise InputError(f"--study={path}: has no get_study() that returns a Study")
    return study
