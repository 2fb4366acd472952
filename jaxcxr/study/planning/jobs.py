"""What a study runs, as plain data: jobs that leave files, experiments, all together."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from pathlib import Path

from jaxcxr.run.directory import PREDICTIONS, STATISTICS, WEIGHTS
from jaxcxr.study.planning.definition import Overrides


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
class Experiment:
    """One experiment of the grid: a config file with changes, trained in a directory of its own.

    Attributes:
      id: DATASET-LABELSET-INITIALIZATION-sSEED, with -VARIANT before the seed if it is of one.
      dataset, label_set, initialization, seed: what it is.
      labels: their names, in the order of the head's outputs.
      config: the config file.
      overrides: fields of the config and their values.
      directory: of its run.
      data: id of the prepared dataset.
      needs: ids of jobs.
      spec: fields of its model where no weights file tells them.
      variant: name of the `Variant`; empty for full fine-tuning on all patients.
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
    variant: str = ""

    def job(self) -> Job:
        """Return the command that trains, predicts and evaluates it, or goes on doing so."""
        flags = [f"--config.{name}={value}" for name, value in self.overrides]
        run = ("-m", "jaxcxr.main", f"--config={self.config}", f"--workdir={self.directory}")
        files = tuple(self.directory / name for name in (WEIGHTS, PREDICTIONS, STATISTICS))
        return Job(self.id, (sys.executable, *run, *flags), files, self.needs)


def experiment_id(
    dataset: str, label_set: str, initialization: str, seed: int, variant: str = ""
) -> str:
    """Name an experiment after what it is, the same in every study."""
    parts = (dataset, label_set, initialization, variant, f"s{seed}")
    return "-".join(part for part in parts if part)


@dataclass(frozen=True)
class Plan:
    """All that a study may run.

    Attributes:
      experiments: pre-training first, then the grid in the study's order; by id.
      data: releases and prepared datasets to make; by id.
      after: what is made from finished experiments for the report; by id.
    """

    experiments: dict[str, Experiment]
    data: dict[str, Job]
    after: dict[str, Job]

    @property
    def jobs(self) -> dict[str, Job]:
        """All of them as commands, by id."""
        experiments = {name: experiment.job() for name, experiment in self.experiments.items()}
        return self.data | experiments | self.after

    def ready(self) -> list[str]:
        """Ids of what is made from finished experiments, where all of those are."""
        jobs = self.jobs
        return [
            name
            for name, job in self.after.items()
            if all(jobs[needed].is_done for needed in job.needs if needed in self.experiments)
        ]
