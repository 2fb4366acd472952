"""A finished run of the tiny experiment, and programs that may not import this project."""

import subprocess
import sys
from pathlib import Path

from tiny import get_config

from jaxcxr.main import run_experiment

ALONE = """
import sys
for name in ("jaxcxr", "convert", "input_pipeline"):
    sys.modules[name] = None
try:
    import jaxcxr
except ImportError:
    pass
else:
    raise SystemExit("this project can be imported here")
"""


def finish_run(data, directory, **changes):
    config = get_config()
    config.data, config.epochs, config.eval_batch_size = str(data), 2, 4
    config.update(changes)
    run_experiment(config, directory)
    return directory


def opened_here(pieces, workers):
    """Stand for `in_processes`: open files in this process, which takes no second to start."""
    return ((n, piece.work(lambda row: None, {})) for n, piece in enumerate(pieces))


def alone(program, *arguments):
    """Run a program where neither this project nor its folder can be imported."""
    command = [sys.executable, "-I", "-c", ALONE + program, *map(str, arguments)]
    done = subprocess.run(command, capture_output=True, text=True, cwd=Path("/"))
    assert done.returncode == 0, done.stderr
    return done.stdout
