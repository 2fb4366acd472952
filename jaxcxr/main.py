"""Fine-tune, predict, evaluate: one experiment, from its config to its statistics.

    python -m jaxcxr.main --config=configs/padchest_dinov2.py --workdir=DIR [--config.FIELD=VALUE]

The same command goes on with a run that was stopped. Kept short on purpose: what it calls can be
imported and tested.
"""

from __future__ import annotations

import sys
import threading
import warnings
from contextlib import suppress
from itertools import pairwise
from logging import CRITICAL, getLogger
from pathlib import Path

from absl import app, flags, logging
from ml_collections import ConfigDict, config_flags

from jaxcxr.errors import InputError, report_input_errors

_CONFIG = config_flags.DEFINE_config_file("config", help_string="File of the experiment's config.")
_WORKDIR = flags.DEFINE_string("workdir", None, "Directory of the run, made if there is none.")
_DISTRIBUTED = flags.DEFINE_string(
    "distributed",
    None,
    "Join other processes: `auto` on a TPU pod, Slurm or Open MPI; otherwise "
    "COORDINATOR_HOST:PORT,PROCESS_INDEX,PROCESS_COUNT.",
)


def main(arguments: list[str]) -> None:
    """Run the experiment of the flags."""
    if len(arguments) > 1:
        raise InputError(f"unexpected argument {arguments[1]!r}; options start with --")
    if _CONFIG.value is None or _WORKDIR.value is None:
        missing = "--config" if _CONFIG.value is None else "--workdir"
        raise InputError(f"{missing} is missing; see python -m jaxcxr.main --help")
    path = Path(config_flags.get_config_filename(flags.FLAGS["config"]))
    if not path.is_file():
        raise InputError(f"--config={path}: no such file; the ready-made ones are in configs/")
    if _DISTRIBUTED.value:
        from jaxcxr.run.mesh import join_processes
        from jaxcxr.run.processes import ending_together

        join_processes(_DISTRIBUTED.value)
        with ending_together():
            run_experiment(_CONFIG.value, Path(_WORKDIR.value))
        return
    run_experiment(_CONFIG.value, Path(_WORKDIR.value))


def run_experiment(config: ConfigDict, directory: Path) -> None:
    """Train, then predict the validation and test splits, then evaluate; skip what is done.

    The test split is read here, once, after training has ended.
    """
    import jax

    from jaxcxr.config import check_config
    from jaxcxr.evaluate import evaluate
    from jaxcxr.inference.splits import predict_run
    from jaxcxr.run.directory import COMPILED, PREDICTIONS, open_run
    from jaxcxr.run.environment import machine_and_device
    from jaxcxr.training.monitor import say
    from jaxcxr.training.stopping import TrainingStoppedError
    from jaxcxr.training.train import train

    _quiet_writers()
    check_config(config)
    chosen = jax.config.jax_compilation_cache_dir  # type: ignore[attr-defined]
    if chosen is None:
        place = directory / COMPILED / machine_and_device()
        jax.config.update("jax_compilation_cache_dir", str(place))
    with open_run(directory, config):
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
    in a traceback when the disk is full, and so does what it does at the end of the process; the
    next checkpoint or record meets the same and says so. When one array of a checkpoint cannot be
    written, Orbax closes its event loop, and TensorStore has nobody to tell of the other arrays.
    """
    logging.set_verbosity(logging.FATAL)
    getLogger("asyncio").setLevel(CRITICAL)
    # Without the cache of compiled programs all is well but slower.
    warnings.filterwarnings("ignore", "Error .* persistent compilation cache", UserWarning)

    def report(stopped: threading.ExceptHookArgs) -> None:
        if not issubclass(stopped.exc_type, OSError | EOFError):
            threading.__excepthook__(stopped)

    threading.excepthook = report
    before = sys.unraisablehook

    def report_dropped(found: sys.UnraisableHookArgs) -> None:
        abandoned = found.object is None and str(found.exc_value) == "Event loop is closed"
        if not (abandoned or issubclass(found.exc_type, OSError | EOFError)):
            before(found)

    sys.unraisablehook = report_dropped


def run() -> None:
    """Parse the flags, run, and turn a mistake in either into one sentence."""
    with report_input_errors():
        app.run(main, flags_parser=_parse)


def _parse(arguments: list[str]) -> list[str]:
    try:
        return flags.FLAGS(arguments)
    except Exception as error:
        # ml_collections reports an unknown field, a wrong type and the like by many kinds; and the
        # config's file is code, which may fail in any way.
        with suppress(flags.Error, AttributeError, ImportError, SyntaxError, NameError):
            _refuse_unknown_fields(arguments)
        reason: object = error
        while isinstance(reason, Exception) and reason.args:
            reason = reason.args[0]
        sentence = " ".join(str(reason).split()) or type(error).__name__
        if isinstance(error, SyntaxError):
            sentence = f"{error.filename}, line {error.lineno}: {sentence}"
        raise InputError(f"{sentence}; see python -m jaxcxr.main --help") from None


def _refuse_unknown_fields(arguments: list[str]) -> None:
    """Say what was meant by `--config.NAME=VALUE` where the config's file has no such field."""
    from jaxcxr.config import unknown_field

    given = [argument.lstrip("-") for argument in arguments[1:]]
    files = [text.removeprefix("config=") for text in given if text.startswith("config=")]
    files += [after for text, after in pairwise(given) if text == "config"]
    if not files or not Path(files[-1].partition(":")[0]).is_file():
        return
    config = config_flags.config_flags.ConfigFileFlagParser("config").parse(files[-1])
    for text in given:
        flag, _, dotted = text.partition("=")[0].partition(".")
        if flag in ("config", "noconfig") and dotted and unknown_field(config, dotted):
            raise InputError(unknown_field(config, dotted)) from None


if __name__ == "__main__":
    run()
