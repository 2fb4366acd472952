"""`python -m jaxcxr.portability compile`: from a config to a file on its programs."""

from __future__ import annotations

import argparse
import warnings
from collections.abc import Sequence
from pathlib import Path

import jax
from absl import flags
from ml_collections import ConfigDict, config_flags

from jaxcxr.config import check_config
from jaxcxr.errors import InputError
from jaxcxr.files import check_writable, write_json
from jaxcxr.run import inputs
from jaxcxr.targets.chips import absent_devices, find_target
from jaxcxr.targets.compiling import compile_config, largest_batch
from jaxcxr.targets.tables import print_programs
from jaxcxr.terminal import say


def compile_command(options: argparse.Namespace, changes: Sequence[str]) -> None:
    """Compile what the options ask for, print it, and keep it in a file where one is named.

    Raises:
      InputError: config, target or model is not known.
    """
    if options.out:
        check_writable(options.out, "--out")
    jax.config.update("jax_platforms", "cpu")  # nothing runs: leave accelerators alone
    config = _read_config(options.config, changes)
    chip, topology, _ = find_target(options.target, options.devices)
    if config.model.weights and not Path(config.model.weights).is_file() and not config.model.spec:
        raise InputError(
            f"{config.model.weights}: no such file, and the model is read from it; convert the "
            "weights, or run python -m benchmarks.compiled, which knows the study's models"
        )
    spec = inputs.model_spec(config)
    labels = _labels(config, options.labels)
    described = compile_config(config, spec, labels, chip, absent_devices(chip, topology))
    if options.largest_batch:
        devices = absent_devices(chip, topology)
        described["largest_batch"] = largest_batch(config, spec, labels, chip, devices)
    described = {"config": str(options.config), "target": options.target} | described
    print_programs([described])
    if options.largest_batch:
        say(f"the largest batch that fits: about {described['largest_batch']}")
    if options.out:
        write_json(options.out, described)
        say(f"kept in {options.out}")


def _read_config(path: Path, changes: Sequence[str]) -> ConfigDict:
    if not path.is_file():
        raise InputError(f"--config={path}: no such file; the ready-made ones are in configs/")
    values = flags.FlagValues()
    words = ["compile", f"--config={path}", *changes]
    config_flags.DEFINE_config_file("config", flag_values=values, sys_argv=words)
    try:
        with warnings.catch_warnings():
            # ml_collections loads the file by a call that Python 3.12 warns of.
            warnings.simplefilter("ignore", DeprecationWarning)
            values(words)
    except (flags.Error, AttributeError, KeyError, TypeError, ValueError) as error:
        raise InputError(f"{' '.join(str(error).split())}; see configs/") from None
    check_config(values.config)
    return values.config


def _labels(config: ConfigDict, count: int | None) -> tuple[str, ...]:
    if config.labels:
        return tuple(config.labels)
    if count is not None:
        if count < 1:
            raise InputError(f"--labels {count}: give 1 or more")
        return tuple(f"label {number}" for number in range(count))
    if not Path(config.data).is_dir():
        raise InputError(
            f"{config.data}: no such directory, and the number of labels is read from it; give it "
            "with --labels N"
        )
    return inputs.open_data(config)[1]
