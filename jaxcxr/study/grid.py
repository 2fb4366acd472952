"""From a study to its jobs: data to make, models to pre-train, cells to train, and their order."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from input_pipeline.labels import DATASETS, MIMIC_TRANSFER, NAMES, TRAINED, label_set
from jaxcxr.study.definition import Initialization, Overrides, Pretraining, Study

# Of jaxcxr.run_directory, which imports jax; a dry run does without.
STATISTICS, WEIGHTS, PREDICTIONS = "statistics.json", "model.safetensors", "predictions.parquet"


@dataclass(frozen=True)
class Job:
    """One command that leaves files.

    Attributes:
      id: its name, made from what it is.
      command: what to run.
      done: the files that exist once it has ended well, and not before.
      needs: ids of the jobs whose files it reads.
    """

    id: str
    command: tuple[str, ...]
    done: tuple[Path, ...]
    needs: tuple[str, ...] = ()

    @property
    def is_done(self) -> bool:
        """Whether all that it makes is there."""
        return all(path.exists() for path in self.done)


@dataclass(frozen=True)
class Cell:
    """One experiment of the grid: a config file with changes, trained in a directory of its own.

    Attributes:
      id: DATASET-LABELSET-INITIALIZATION-sSEED.
      dataset, label_set, initialization, seed: what it is.
      labels: their names, in the order of the head's outputs.
      config: the config file.
      overrides: fields of the config and their values.
      directory: of its run.
      data: id of the prepared dataset.
      needs: ids of jobs.
      spec: fields of its model where no weights file tells them.
    """

    id: str
    dataset: str
    label_set: str
    initialization: str
    seed: int
    labels: tuple[str, ...]
    config: str
    overrides: Overrides
    directory: Path
    data: str
    needs: tuple[str, ...]
    spec: Overrides

    def job(self) -> Job:
        """Return the command that trains, predicts and evaluates it, or goes on doing so."""
        flags = [f"--config.{name}={value}" for name, value in self.overrides]
        run = ("-m", "jaxcxr.main", f"--config={self.config}", f"--workdir={self.directory}")
        files = tuple(self.directory / name for name in (WEIGHTS, PREDICTIONS, STATISTICS))
        return Job(self.id, (sys.executable, *run, *flags), files, self.needs)


@dataclass(frozen=True)
class Plan:
    """All that a study may run.

    Attributes:
      cells: pre-training first, then the grid in the study's order; by id.
      data: releases and prepared datasets to make; by id.
      after: what is made from finished cells for the report; by id.
    """

    cells: dict[str, Cell]
    data: dict[str, Job]
    after: dict[str, Job]

    @property
    def jobs(self) -> dict[str, Job]:
        """All of them as commands, by id."""
        cells = {name: cell.job() for name, cell in self.cells.items()}
        return self.data | cells | self.after

    def ready(self) -> list[str]:
        """Ids of what is made from finished cells, where all of those are."""
        jobs = self.jobs
        return [
            name
            for name, job in self.after.items()
            if all(jobs[needed].is_done for needed in job.needs)
        ]


def plan_study(study: Study, out: Path) -> Plan:
    """Lay out the study's jobs below `out`, which is made absolute: runs remember their paths."""
    out = out.resolve()
    pretrained: dict[str, Cell] = {}
    cells: dict[str, Cell] = {}
    data: dict[str, Job] = {}
    for grid in study.grids:
        for dataset in grid.datasets:
            for name in grid.initializations:
                for seed in study.seeds:
                    chosen = study.initialization(name)
                    before = None
                    if chosen.pretraining:
                        before = _pretraining_cell(
                            study, chosen.pretraining, dataset, grid.label_set, seed, out, data
                        )
                        pretrained[before.id] = before
                    cell = _cell(study, chosen, before, dataset, grid.label_set, seed, out, data)
                    cells[cell.id] = cell
    return Plan(pretrained | cells, data, after={})


def _cell(
    study: Study,
    chosen: Initialization,
    before: Cell | None,
    dataset: str,
    labels_of: str,
    seed: int,
    out: Path,
    data: dict[str, Job],
) -> Cell:
    where, needs = _data(study, dataset, labels_of, 0, out, data)
    start: Overrides = ()
    spec = chosen.spec
    if before is not None:
        head = study.pretraining(chosen.pretraining).head
        start = (("model.weights", str(before.directory / WEIGHTS)), ("model.head", head))
        needs, spec = (*needs, before.id), chosen.spec or before.spec
    labels = tuple(NAMES[finding] for finding in label_set(dataset, labels_of))
    name = f"{dataset}-{labels_of}-{chosen.name}-s{seed}"
    changes = (("data", where), ("labels", labels), ("seed", seed), *start)
    return Cell(
        id=name,
        dataset=dataset,
        label_set=labels_of,
        initialization=chosen.name,
        seed=seed,
        labels=labels,
        config=chosen.config.format(dataset=dataset),
        overrides=(*changes, *_settings(study, chosen)),
        directory=out / "runs" / name,
        data=where,
        needs=needs,
        spec=spec,
    )


def _pretraining_cell(
    study: Study,
    name: str,
    target: str,
    labels_of: str,
    seed: int,
    out: Path,
    data: dict[str, Job],
) -> Cell:
    chosen = study.pretraining(name)
    findings = label_set(chosen.dataset)
    on = "all"
    if chosen.labels == "target":
        wanted = label_set(target, labels_of)
        findings = tuple(finding for finding in wanted if finding in findings)
        on = _labels_name(findings, target, labels_of)
    where, needs = _data(study, chosen.dataset, "paper", chosen.release_seed, out, data)
    labels = tuple(NAMES[finding] for finding in findings)
    cell_id = f"{chosen.dataset}-{on}-pretraining_{chosen.name}-s{seed}"
    changes = (("data", where), ("labels", labels), ("seed", seed))
    return Cell(
        id=cell_id,
        dataset=chosen.dataset,
        label_set=on,
        initialization=f"pretraining_{chosen.name}",
        seed=seed,
        labels=labels,
        config=chosen.config,
        overrides=(*changes, *_settings(study, chosen)),
        directory=out / "runs" / cell_id,
        data=where,
        needs=needs,
        spec=chosen.spec,
    )


def _settings(study: Study, chosen: Initialization | Pretraining) -> Overrides:
    return tuple((dict(study.overrides) | dict(chosen.overrides)).items())


def _labels_name(findings: tuple[str, ...], target: str, labels_of: str) -> str:
    """Name a set of findings after the first dataset that shares just these with MIMIC-CXR."""
    for dataset in DATASETS:
        if findings == MIMIC_TRANSFER.get(dataset):
            return f"mimic_transfer_{dataset}"
    return f"{labels_of}_{target}"


def _data(
    study: Study, dataset: str, labels_of: str, release_seed: int, out: Path, data: dict[str, Job]
) -> tuple[str, tuple[str, ...]]:
    """Return where the prepared dataset lies, and the job that makes it if the study does."""
    own = not set(label_set(dataset, labels_of)) <= set(TRAINED[dataset])
    release = dataset + (f"_seed{release_seed}" if release_seed else "")
    name = release + (f"_{labels_of}" if own else "")
    if study.phantom is None:
        return study.prepared.format(data=name), ()
    phantom = study.phantom
    raw, prepared = out / "releases" / release, out / "prepared" / name
    seed = phantom.seed + DATASETS.index(dataset) + release_seed
    made: dict[str, Any] = {"images": phantom.images, "seed": seed, "size": phantom.size}
    pipeline = (sys.executable, "-m", "input_pipeline")
    data[f"release-{release}"] = Job(
        f"release-{release}",
        (*pipeline, "phantom", dataset, f"--out-dir={raw}", *_options(made)),
        (raw,),
    )
    steps: dict[str, Any] = {"image-size": phantom.image_size, "split": "patient"}
    if dataset == "vindr_cxr":  # names no patients, so that only the publisher's lists can split it
        steps["split"] = "official"
    if own:
        steps["label-set"] = labels_of
    data[f"prepared-{name}"] = Job(
        f"prepared-{name}",
        (
            *(*pipeline, "prepare", dataset, f"--raw-dir={raw}", f"--out-dir={prepared}"),
            *_options(steps),
        ),
        (prepared / "cohort.json",),
        (f"release-{release}",),
    )
    return str(prepared), (f"prepared-{name}",)


def _options(values: dict[str, Any]) -> tuple[str, ...]:
    return tuple(f"--{name}={value}" for name, value in values.items())
