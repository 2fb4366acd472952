"""What a study runs, as plain data: jobs that leave files, experiments, all together."""

from __future__ import annotations

import sys
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

from jaxcxr.run.directory import PREDICTIONS, STATISTICS, WEIGHTS
from jaxcxr.study.planning.belonging import run_misfit
from jaxcxr.study.planning.names import Overrides


@dataclass(frozen=True)
class Job:
    """One command that leaves files.

    Attributes:
      id: its name, made from what it is.
      command: what to run.
      done: the files that exist once it has ended well, and not before.
      needs: ids of the jobs whose files it reads.
      misfit: says what does not belong together of files that are all there; empty if nothing.
    """

    id: str
    command: tuple[str, ...]
    done: tuple[Path, ...]
    needs: tuple[str, ...] = ()
    misfit: Callable[[], str] = field(default=lambda: "", compare=False, repr=False)

    @property
    def lacks(self) -> str:
        """Why it is not done: the file that is not there, or what does not fit; empty if it is."""
        for path in self.done:
            if not path.exists():
                return f"no {path}"
        return self.misfit()

    @property
    def is_done(self) -> bool:
        """Whether all that it makes is there, belongs together, and is what was asked for."""
        return not self.lacks


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
      data_misfit: says that data which the study makes are not those that it now asks for.
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
    data_misfit: Callable[[], str] = field(default=lambda: "", compare=False, repr=False)

    def job(self) -> Job:
        """Return the command that trains, predicts and evaluates it, or goes on doing so."""
        flags = [f"--config.{name}={value}" for name, value in self.overrides]
        run = ("-m", "jaxcxr.main", f"--config={self.config}", f"--workdir={self.directory}")
        files = tuple(self.directory / name for name in (WEIGHTS, PREDICTIONS, STATISTICS))
        command = (sys.executable, *run, *flags)
        return Job(self.id, command, files, self.needs, partial(run_misfit, self))


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

    def left_out(self) -> dict[str, str]:
        """Say of each experiment whose files are all there why they do not count."""
        found = {}
        for name, experiment in self.experiments.items():
            job = experiment.job()
            if all(path.exists() for path in job.done) and (misfit := job.misfit()):
                found[name] = misfit
        return found

    def ready(self) -> list[str]:
        """Ids of what is made from finished experiments, where all of those are."""
        jobs = self.jobs
        return [
            name
            for name, job in self.after.items()
            if all(jobs[needed].is_done for needed in job.needs if needed in self.experiments)
        ]
