"""Fine-tune, predict, evaluate: one experiment, from its config to its statistics.

    python -m jaxcxr.main --config=configs/padchest_dinov2.py --workdir=DIR [--config.FIELD=VALUE]

The same command goes on with a run that was stopped. Kept short on purpose: what it calls can be
imported and tested.
"""

from pathlib import Path

from absl import app, flags
from ml_collections import config_flags

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
    from jaxcxr.run import run_experiment

    if _DISTRIBUTED.value:
        from jaxcxr.partition import join_processes

        join_processes(_DISTRIBUTED.value)
    run_experiment(_CONFIG.value, Path(_WORKDIR.value))


def run() -> None:
    """Parse the flags, run, and turn a mistake in either into one sentence."""
    with report_input_errors():
        app.run(main, flags_parser=_parse)


def _parse(arguments: list[str]) -> list[str]:
    try:
        return flags.FLAGS(arguments)
    except (flags.Error, AttributeError, KeyError, TypeError, ValueError, OSError) as error:
        # ml_collections reports an unknown field, a wrong type and the like by these.
        reason: object = error
        while isinstance(reason, Exception) and reason.args:
            reason = reason.args[0]
        sentence = " ".join(str(reason).split())
        raise InputError(f"{sentence}; see python -m jaxcxr.main --help") from None


if __name__ == "__main__":
    run()
