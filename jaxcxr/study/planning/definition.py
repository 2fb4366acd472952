"""What a study file says: plain data, from which the whole grid of experiments follows."""

from __future__ import annotations

import runpy
from dataclasses import dataclass
from pathlib import Path

from input_pipeline.labels import DATASETS, NAMES, TRAINED
from input_pipeline.phantom.natural import NATURAL
from jaxcxr.errors import InputError, reading
from jaxcxr.study.planning.grid_definition import Grid
from jaxcxr.study.planning.names import Overrides, check_known, check_name, unique

ANALYSES = ("subgroups", "calibration", "intervals")
FIRST, FOLLOW_UP = PAPERS = ("2308.07688", "2510.07191")  # arXiv numbers


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
        or DATASET_LABELSET where the label set needs a preparation of its own; followed by _SIZE
        where a variant has an image size of its own.
      declarations: files that describe the tables of datasets beyond the six, which grids may name.
      phantom: make the data instead; it goes below the study's output directory.
      overrides: fields of every config.
      resamples: of the bootstrap of tables and figures; more where a family of tests needs more.
      least_patients: in the smaller class of a label that averages and tests count.
      analyses: tables of the fully trained experiments beyond the paper's, of `ANALYSES`.
      paper: arXiv number of the paper that the report stands beside.
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
    paper: str = FIRST
    examples: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        """Refuse names that lead nowhere or stand twice.

        Raises:
          InputError: one sentence that names the field.
        """
        from input_pipeline.declared.declaration import read_declaration  # pandas: not for --help

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
        check_known("paper", self.paper, PAPERS)
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
            grid.check(known)
            for dataset in grid.datasets if self.phantom is not None else ():
                check_known("dataset with a phantom", dataset, DATASETS)

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
