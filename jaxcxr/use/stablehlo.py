"""The whole model as one StableHLO program, by `jax.export`; it reloads without this package.

From gray levels as prepared to logits and calibrated probabilities, for any number of images, on
CPU, CUDA and TPU. JAX keeps reading such files for at least six months of its versions
(https://docs.jax.dev/en/latest/export/export.html#compatibility-guarantees).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
from jax import export

from jaxcxr.errors import InputError
from jaxcxr.inference.forward import make_predict_step
from jaxcxr.model import Model, flatten, split
from jaxcxr.run.pixels import PixelStatistics
from jaxcxr.use.card import LabelCard

PLATFORMS = ("cpu", "cuda", "tpu")
MOST_BYTES = 2**31 - 2**20  # of flatbuffers and protobuf, in which these files are written


def write_stablehlo(
    path: Path, model: Model, pixels: PixelStatistics, card: Sequence[LabelCard]
) -> None:
    """Write `program(images)` -> `(logits, probabilities)`, both `[batch, labels]` float32.

    Args:
      path: to write.
      model: of the run.
      pixels: mean and standard deviation of its normalisation.
      card: of its labels, in the order of the outputs.

    Raises:
      InputError: the model is too large for one file.
    """
    params, side = flatten(split(model)[1]), model.image_size
    check_fits(sum(value.size for value in params.values()) * 4, path)
    step = make_predict_step(model, pixels)
    slope = jnp.array([one.slope for one in card], jnp.float32)
    offset = jnp.array([one.offset for one in card], jnp.float32)

    def program(images: jax.Array) -> tuple[jax.Array, jax.Array]:
        logits = step(params, images)
        return logits, jax.nn.sigmoid(slope * logits + offset)

    shape = export.symbolic_shape(f"batch, {side}, {side}")
    with _nameless():
        exported = export.export(jax.jit(program), platforms=PLATFORMS)(
            jax.ShapeDtypeStruct(shape, jnp.uint8)
        )
        path.write_bytes(exported.serialize())


@contextmanager
def _nameless() -> Iterator[None]:
    """Keep from the program which files of this machine its lines come from."""
    name = "jax_traceback_in_locations_limit"
    before = getattr(jax.config, name)
    jax.config.update(name, 0)
    try:
        yield
    finally:
        jax.config.update(name, before)


def check_fits(size: int, path: Path) -> None:
    """Refuse what one file of a 2 GiB format cannot hold.

    Raises:
      InputError: it cannot.
    """
    if size > MOST_BYTES:
        raise InputError(
            f"{path}: {size:,} bytes of weights are more than such a file can hold (2 GiB); "
            "use --format timm or hf"
        )


def run_stablehlo(path: Path, images: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Reload a file and run it on images `[batch, side, side]` uint8."""
    program = jax.jit(export.deserialize(bytearray(path.read_bytes())).call)
    logits, probabilities = program(images)
    return np.asarray(logits), np.asarray(probabilities)
