"""The model that a run chose, with its labels, its normalisation and its provenance."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp

from jaxcxr.errors import InputError
from jaxcxr.files import sha256
from jaxcxr.model import Model, load, read_header
from jaxcxr.run.attention import tried_attention
from jaxcxr.run.belongs import TEST_READ, check_weights
from jaxcxr.run.directory import WEIGHTS, read_config
from jaxcxr.run.inputs import matmul_precision
from jaxcxr.run.pixels import PixelStatistics, pixel_statistics
from jaxcxr.run.run_files import read_start


def load_run(
    directory: Path, *, plain: bool = False
) -> tuple[Model, tuple[str, ...], PixelStatistics, dict[str, Any]]:
    """Load a run's chosen model, its labels, its normalisation and its provenance.

    The model computes in the dtype and the precision of the run, in which it was chosen; a `plain`
    one in float32, with its position table at the size of the run's images, as other libraries
    want it.

    Raises:
      InputError: there is no run, it has not kept any weights yet, or they are of another run.
    """
    config = read_config(directory)
    path = directory / WEIGHTS
    if not path.is_file():
        raise InputError(
            f"{directory}: the run has not kept any weights yet (no {WEIGHTS}); run its command "
            "again to go on with the training"
        )
    header = read_header(path)
    provenance = header.provenance
    if not provenance.get("labels"):
        raise InputError(f"{path}: does not name its outputs; put the weights of the run back")
    check_weights(directory, provenance)
    start = read_start(directory) or {}
    marked = {name: start[name] for name in (TEST_READ,) if name in start}
    origin = provenance | marked | {"weights_sha256": sha256(path)}
    model = load(
        path,
        image_size=config.image_size,
        resample_at="load" if plain else config.model.resample_at,
        dtype=jnp.dtype("float32" if plain else config.dtype),
        matmul_precision=matmul_precision(config),
        attention=None if plain else tried_attention(config, header.spec, jax.devices()[0]),
    )
    return model, tuple(origin["labels"]), pixel_statistics(config), origin
