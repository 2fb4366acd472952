"""What a study file says: plain data, from which the whole grid of experiments follows."""

from __future__ import annotations

import runpy
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from input_pipeline.labels import DATASETS, NAMES, TRAINED, label_set
from input_pipeline.phantom.natural import NATURAL
from jaxcxr.errors import InputError, reading
from jaxcxr.study.planning.names import check_known, check_name, unique

Overrides = tuple[tuple[str, Any], ...]

ANALYSES = ("subgroups", "calibration", "intervals")
_TRAINABLE = ("all", "head", "lora")


@dataclass(frozen=True)
class Pretraining:
    """Training whose weights other experiments start from.

    Attributes:
      name: in ids of experiments.
      dataset: what it trains on; `natural` for phantom natural-like pictures, all labels of which
        it learns.
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
    """Where the parameters of an experiment come from.

    Attributes:
      name: in ids of experiments.
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
class Variant:
    """Training beside every experiment's full fine-tuning: fewer parameters, or fewer patients.

    Attributes:
      name: in ids of experiments.
      title: in tables.
      trainable: `config.trainable`: `head` for a linear probe, `lora`, or `all`.
      patients: share of the training patients, above 0 and at most 1.
      overrides: fields of the config and their values, such as a learning rate of its own.
    """

    name: str
    title: str
    trainable: str = "all"
    patients: float = 1.0
    overrides: Overrides = ()

    def __post_init__(self) -> None:
        """Refuse a variant that is none.

        Raises:
          InputError: one sentence that names the field.
        """
        check_name("variant", self.name)
        check_known(f"trainable of variant {self.name}", self.trainable, _TRAINABLE)
        if not 0 < self.patients <= 1:
            raise InputError(
                f"study: patients of variant {self.name} is {self.patients}; give a share above 0 "
                "and at most 1"
            )
        if self.trainable == "all" and self.patients == 1 and not self.overrides:
            raise InputError(
                f"study: variant {self.name} trains all parameters on all patients, as every "
                "experiment does; change trainable or patients, or leave it out"
            )


def label_efficiency(*percents: float) -> tuple[Variant, ...]:
    """One variant for each percentage of the training patients; 100 is what every experiment is."""
    return tuple(
        Variant(f"patients{percent:g}", f"{percent:g} % of patients", patients=percent / 100)
        for percent in percents
        if percent != 100
    )


@dataclass(frozen=True)
class Grid:
    """Two initializations on one label set of several datasets: the first against the second.

    Attributes:
      label_set: as of `input_pipeline.labels.label_set`.
      datasets: trained and tested on.
      initializations: names of the two.
      variants: trained beside full fine-tuning, of every initialization and seed.
      variant_datasets: those that variants are trained on; empty for all.
      cross_dataset: also test each fully trained model on every other dataset's test split.
    """

    label_set: str
    datasets: tuple[str, ...]
    initializations: tuple[str, str]
    variants: tuple[Variant, ...] = ()
    variant_datasets: tuple[str, ...] = ()
    cross_dataset: bool = False

    def variants_of(self, dataset: str) -> tuple[Variant, ...]:
        """Return the variants that are trained on a dataset."""
        return self.variants if dataset in (self.variant_datasets or self.datasets) else ()


@dataclass(frozen=True)
class Phantom:
    """Synthetic releases in place of real ones.

    Attributes:
      images: of each release, laterals included.
      seed: of the first dataset's; each dataset has its own.
      size: pixels a side as drawn.
      image_size: pixels a side as prepared.
      natural_images: natural-like pictures for a `Pretraining` on them; 0 for as many as `images`.
    """

    images: int
    seed: int = 0
    size: int = 256
    image_size: int = 56
    natural_images: int = 0


@dataclass(frozen=True)
class Study:
    """Everything that a study runs.

    Attributes:
      name, question: for its report.
      grids: what is compared.
      initializations, pretrainings: by name.
      seeds: every experiment is trained once with each.
      prepared: directory of a prepared dataset, with `{data}` for its name, which is the dataset's,
        or DATASET_LABELSET where the label set needs a preparation of its own.
      declarations: files that describe the tables of datasets beyond the six, which grids may name.
      phantom: make the data instead; it goes below the study's output directory.
      overrides: fields of every config.
      resamples: of the bootstrap of tables and figures; more where a family of tests needs more.
      least_patients: in the smaller class of a label that averages and tests count.
      analyses: tables of the fully trained experiments beyond the paper's, of `ANALYSES`.
      examples: labels whose true and false positives the page shows, as radiographs under the
        model's attention, of the first grid and seed; they make the page patient data.
    """

    name: str
    question: str
    grids: tuple[Grid, ...]
    initializations: tuple[Initialization, ...]
    pretrainings: tuple[Pretraining, ...] = ()
    seeds: tuple[int, ...] = (0,)
    prepared: str = "data/{data}"
    declarations: tuple[str, ...] = ()
    phantom: Phantom | None = None
    overrides: Overrides = ()
    resamples: int = 1000
    least_patients: int = 10
    analyses: tuple[str, ...] = ()
    examples: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        """Refuse names that lead nowhere or stand twice.

        Raises:
          InputError: one sentence that names the field.
        """
        from input_pipeline.declaration import read_declaration  # pandas: not for --help

        for declaration in self.declarations:
            read_declaration(Path(declaration))
        known = unique("initializations", [one.name for one in self.initializations])
        pretrained = unique("pretrainings", [one.name for one in self.pretrainings])
        unique("seeds", list(self.seeds))
        unique("grids' label sets", [grid.label_set for grid in self.grids])
        if not self.seeds or not self.grids:
            raise InputError(f"study {self.name}: give at least one seed and one grid")
        if self.resamples < 1:
            raise InputError(f"study {self.name}: resamples is {self.resamples}; give at least 1")
        if self.least_patients < 5:
            raise InputError(
                f"study {self.name}: least_patients is {self.least_patients}; intervals of "
                "averages over labels with so few patients are too short, give at least 5"
            )
        for label in unique("examples", list(self.examples)):
            check_known("label of examples", label, tuple(NAMES.values()))
        for analysis in unique("analyses", list(self.analyses)):
            check_known("analysis", analysis, ANALYSES)
        for one in self.initializations:
            check_name("initialization", one.name)
            if one.pretraining:
                check_known(
                    f"pretraining of initialization {one.name}", one.pretraining, pretrained
                )
        for before in self.pretrainings:
            check_known(
                f"dataset of pretraining {before.name}", before.dataset, (*TRAINED, NATURAL)
            )
            check_known(f"labels of pretraining {before.name}", before.labels, ("target", "all"))
            check_known(f"head of pretraining {before.name}", before.head, ("keep", "new"))
            if before.dataset == NATURAL and (before.labels, before.head) != ("all", "new"):
                raise InputError(
                    f"study: pretraining {before.name} is on natural-like pictures, which share no "
                    'label with radiographs; give it labels="all" and head="new"'
                )
            if before.dataset == NATURAL and self.phantom is None:
                raise InputError(
                    f"study: pretraining {before.name} is on phantom natural-like pictures; give "
                    "the study phantom=Phantom(...), which draws them"
                )
        for grid in self.grids:
            for name in unique("initializations of a grid", list(grid.initializations)):
                check_known("initialization of a grid", name, known)
            if len(grid.initializations) != 2:
                raise InputError(
                    f"study: the grid {grid.label_set} has {len(grid.initializations)} "
                    "initializations, and a grid compares two; give it two"
                )
            for dataset in unique("datasets of a grid", list(grid.datasets)):
                label_set(dataset, grid.label_set)
                if self.phantom is not None:
                    check_known("dataset with a phantom", dataset, DATASETS)
            unique("variants of a grid", [variant.name for variant in grid.variants])
            for dataset in unique("variant_datasets of a grid", list(grid.variant_datasets)):
                check_known("variant_datasets of a grid", dataset, grid.datasets)
            if grid.cross_dataset and len(grid.datasets) < 2:
                raise InputError(
                    f"study: cross_dataset of the grid {grid.label_set} needs at least two "
                    "datasets; add one or leave it out"
                )

    def initialization(self, name: str) -> Initialization:
        """Return the initialization of that name."""
        return next(one for one in self.initializations if one.name == name)

    def pretraining(self, name: str) -> Pretraining:
        """Return the pre-training of that name."""
        return next(one for one in self.pretrainings if one.name == name)


def read_study(path: Path) -> Study:
    """Run a study file, which is code as every config is, and return its `get_study()`.

    Raises:
      InputError: there is no such file, or it gives no study.
    """
    if not path.is_file():
        raise InputError(f"--study={path}: no such file; the ready-made ones are in configs/study/")
    with reading(path, "a study", "get_study() in it has to return one"):
        make = runpy.run_path(str(path)).get("get_study")
        study = make() if make else None
    if not isinstance(study, Study):
        raise InputError(f"--study={path}: has no get_study() that returns a Study")
    return study
