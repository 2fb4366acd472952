"""The config that a study asks of an experiment: its file, with the study's changes."""

from __future__ import annotations

import runpy
from pathlib import Path
from typing import TYPE_CHECKING, Any

from jaxcxr.errors import InputError, reading

if TYPE_CHECKING:
    from jaxcxr.model import ModelSpec
    from jaxcxr.study.planning.jobs import Experiment


def experiment_config(experiment: Experiment) -> Any:
    """Return the experiment's config with its overrides.

    Raises:
      InputError: there is no such config file, or it lacks a field that the study sets.
    """
    path = Path(experiment.config)
    if not path.is_file():
        raise InputError(
            f"{experiment.id}: no config {path} below {Path.cwd()}; run from the repository"
        )
    with reading(path, "a config", "get_config() in it has to return one"):
        config = runpy.run_path(str(path))["get_config"]()
    try:
        config.update_from_flattened_dict(dict(experiment.overrides))
    except (KeyError, AttributeError, TypeError, ValueError) as error:
        raise InputError(
            f"{experiment.id}: {path} cannot take the study's overrides: {error}"
        ) from None
    return config


def experiment_spec(experiment: Experiment) -> ModelSpec | None:
    """Return what the experiment's model is, if config, weights or study tell it yet."""
    from jaxcxr.model import read_header, spec_from_dict

    model = experiment_config(experiment).model
    if model.spec:
        return spec_from_dict(model.spec.to_dict())
    if model.weights and Path(model.weights).is_file():
        return read_header(model.weights).spec
    return spec_from_dict(dict(experiment.spec)) if experiment.spec else None
