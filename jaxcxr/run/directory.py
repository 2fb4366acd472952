"""The directory of a run: what lies where, one process at a time, one experiment for ever."""

from __future__ import annotations

import fcntl
import json
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from ml_collections import ConfigDict

from jaxcxr.config import changed_fields
from jaxcxr.errors import InputError
from jaxcxr.files import write_json

CONFIG = "config.json"
ENVIRONMENT = "environment.json"
CHECKPOINTS = "checkpoints"
COMPILED = "compiled"  # XLA's cache: a restarted run does not compile again
METRICS = "metrics.jsonl"
WEIGHTS = "model.safetensors"
PREDICTIONS = "predictions.parquet"
STATISTICS = "statistics.json"


@contextmanager
def open_run(directory: Path, config: ConfigDict) -> Iterator[None]:
    """Hold the run's directory while the block runs; record config and environment in it.

    Raises:
      InputError: the directory cannot be written, another process holds it, or it has a run of
        another experiment.
    """
    import jax

    from jaxcxr.run.environment import environment

    _check_writable(directory)
    first = jax.process_index() == 0
    with (directory / ".lock").open("a") as lock:
        if first:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except OSError:
                raise InputError(
                    f"{directory}: another process is training here; wait for it to end or use "
                    "another --workdir"
                ) from None
            _check_same_experiment(directory, config)
            write_json(directory / CONFIG, json.loads(config.to_json()))
            write_json(directory / ENVIRONMENT, environment())
        yield


def read_config(directory: Path) -> ConfigDict:
    """Return the config of the run in `directory`.

    Raises:
      InputError: there is no run.
    """
    path = directory / CONFIG
    if not path.is_file():
        raise InputError(f"{directory}: no run there (no {CONFIG}); give the --workdir of one")
    config = ConfigDict(json.loads(path.read_text(encoding="utf-8")))
    config.labels = tuple(config.labels)
    return config


def _check_writable(directory: Path) -> None:
    try:
        directory.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=directory):
            pass
    except OSError as error:
        raise InputError(
            f"{directory}: cannot write there ({error.strerror}); choose another --workdir"
        ) from None


def _check_same_experiment(directory: Path, config: ConfigDict) -> None:
    if not (directory / CONFIG).is_file():
        return
    old = json.loads((directory / CONFIG).read_text(encoding="utf-8"))
    changed = changed_fields(old, json.loads(config.to_json()))
    if changed:
        raise InputError(
            f"{directory} has a run with another config ({'; '.join(changed)}); use another "
            "--workdir, or the same config to go on with that run"
        )
