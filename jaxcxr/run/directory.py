"""The directory of a run: what lies where, one process at a time, one experiment for ever."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from ml_collections import ConfigDict

from jaxcxr.config import changed_fields, stored_config
from jaxcxr.errors import InputError
from jaxcxr.files import check_writable, take_lock
from jaxcxr.small_files import read_json

CONFIG = "config.json"
START = "start.json"  # what data and weights it began with, see `jaxcxr.run.belongs`
ENVIRONMENT = "environment.json"
CHECKPOINTS = "checkpoints"
COMPILED = "compiled"  # XLA's cache by machine and device: a restarted run does not compile again
METRICS = "metrics.jsonl"
WEIGHTS = "model.safetensors"
PREDICTIONS = "predictions.parquet"
STATISTICS = "statistics.json"


def own_files(directory: Path) -> list[Path]:
    """Files of a run that no command but its own may write."""
    names = (CONFIG, START, ENVIRONMENT, METRICS, WEIGHTS, PREDICTIONS, STATISTICS)
    return [directory / name for name in (*names, Path(WEIGHTS).with_suffix(".json"))]


@contextmanager
def open_run(directory: Path, config: ConfigDict) -> Iterator[None]:
    """Hold the run's directory while the block runs.

    Nothing is recorded in it yet: `jaxcxr.run.belongs.claim` does that once everything fits.

    Raises:
      InputError: the directory cannot be written, another process holds it, or it has a run of
        another experiment.
    """
    import jax

    check_writable(directory, "--workdir", folder=True)
    directory.mkdir(parents=True, exist_ok=True)
    first = jax.process_index() == 0
    with (directory / ".lock").open("a") as lock:
        if first and not take_lock(lock):
            raise InputError(
                f"{directory}: another process is training here; wait for it to end or use "
                "another --workdir"
            )
        _check_same_experiment(directory, config)
        yield


def read_config(directory: Path) -> ConfigDict:
    """Return the config of the run in `directory`.

    Raises:
      InputError: there is no run.
    """
    path = directory / CONFIG
    if not path.is_file():
        raise InputError(f"{directory}: no run there (no {CONFIG}); give the --workdir of one")
    return stored_config(_stored(directory), str(path))


def _stored(directory: Path) -> dict[str, Any]:
    """The fields of the run's config, as they were written."""
    remedy = "put the run's own back, or use another --workdir"
    return read_json(directory / CONFIG, dict[str, Any], "a run's config", remedy)


def _check_same_experiment(directory: Path, config: ConfigDict) -> None:
    if not (directory / CONFIG).is_file():
        return
    changed = changed_fields(_stored(directory), json.loads(config.to_json()))
    if changed:
        raise InputError(
            f"{directory} has a run with another config ({'; '.join(changed)}); use another "
            "--workdir, or the same config to go on with that run"
        )
