"""The stages of one experiment, each leaving a file that the next one reads."""

from __future__ import annotations

import logging
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import absl.logging
import jax
from ml_collections import ConfigDict

from jaxcxr.config import check_config
from jaxcxr.errors import InputError
from jaxcxr.evaluate import evaluate
from jaxcxr.monitor import say
from jaxcxr.predict import predict_run
from jaxcxr.run_directory import COMPILED, PREDICTIONS, open_run
from jaxcxr.train import TrainingStoppedError, train


def run_experiment(config: ConfigDict, directory: Path) -> None:
    """Train, then predict the validation and test splits, then evaluate; skip what is done.

    The test split is read here, once, after training has ended.
    """
    _quiet_writers()
    check_config(config)
    chosen = jax.config.jax_compilation_cache_dir  # type: ignore[attr-defined]
    if chosen is None:
        jax.config.update("jax_compilation_cache_dir", str(directory / COMPILED))
    with open_run(directory, config), _full_disk_in_a_sentence(directory):
        try:
            train(config, directory)
        except TrainingStoppedError as stopped:
            say(f"{stopped}; run the same command to go on")
            sys.exit(128 + stopped.signum)
        predictions = directory / PREDICTIONS
        predict_run(directory, predictions, ["validation", "test"])
        if jax.process_index() == 0:
            evaluate(predictions, directory, resamples=config.bootstrap_resamples)
    say(f"run, predictions and statistics are in {directory}")


def _quiet_writers() -> None:
    """Keep the threads that write checkpoints and events from telling what the main one will.

    Orbax logs each file, and each error before raising it. The thread of TensorBoard's events ends
    in a traceback when the disk is full; the next checkpoint or record meets the same and says so.
    """
    absl.logging.set_verbosity(absl.logging.FATAL)
    logging.getLogger("asyncio").setLevel(logging.CRITICAL)

    def report(stopped: threading.ExceptHookArgs) -> None:
        if not issubclass(stopped.exc_type, OSError | EOFError):
            threading.__excepthook__(stopped)

    threading.excepthook = report


@contextmanager
def _full_disk_in_a_sentence(directory: Path) -> Iterator[None]:
    """Say what a full disk means, whichever of many libraries met it first."""
    try:
        yield
    except Exception as error:
        if "No space left on device" not in str(error):
            raise
        raise InputError(
            f"{directory}: no space left on the device; make room and run the same command again, "
            "which goes on from the last whole checkpoint"
        ) from None
