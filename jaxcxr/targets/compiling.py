"""Compile a config's step and prediction for chips that are not here, and account for them.

Nothing is run: memory is what the compiler plans, traffic is what the program's kernels read and
write, and times are bounds by the makers' peaks.
"""

from __future__ import annotations

import math
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from flax import nnx
from jax.experimental.compilation_cache import compilation_cache
from jax.sharding import Mesh
from ml_collections import ConfigDict

from jaxcxr import __version__
from jaxcxr.errors import InputError, first_line
from jaxcxr.inference.forward import fill_devices, make_predict_step
from jaxcxr.model import Model, ModelSpec, build_model, flatten, split
from jaxcxr.run.attention import fused_attention
from jaxcxr.run.inputs import matmul_precision
from jaxcxr.run.mesh import batch_sharding, mesh_of, replicated, state_shardings
from jaxcxr.targets.chips import Chip
from jaxcxr.targets.program import Counts, count_program
from jaxcxr.training.flops import peak_flops, training_flops
from jaxcxr.training.optimizer import make_optimizer
from jaxcxr.training.step import State, make_train_step, shapes_of_state, with_lora

# What a training's length changes in its program is a constant of the schedule.
_STEPS = 10_000


def compile_config(
    config: ConfigDict, spec: ModelSpec, labels: Sequence[str], chip: Chip, devices: Sequence[Any]
) -> dict[str, Any]:
    """Compile the training step and the prediction, exactly as a run would, and account for them.

    Args:
      config: of the experiment.
      spec: of its model.
      labels: of its head.
      chip: the kind of the devices.
      devices: of `absent_devices`.

    Returns:
      Plain JSON values: `config`, `chip`, `devices`, `mesh`, `state_bytes` of a device, and for
      `train_step` and `prediction` either `error` or what `_account` says.

    Raises:
      InputError: the batch does not divide over the devices.
    """
    step = compile_step(config, spec, labels, chip, devices)
    state = step.pop("state_bytes")
    mesh = mesh_of(devices, config.mesh.data, config.mesh.fsdp, config.batch_size)
    prediction = _lower_prediction(config, spec, labels, mesh)
    batch = fill_devices(config.eval_batch_size, mesh)
    flops = training_flops(spec, config.image_size) / 3
    return {
        "version": __version__,
        "jax": jax.__version__,
        "chip": chip.kind,
        "devices": len(devices),
        "mesh": dict(mesh.shape),
        "dtype": config.dtype,
        "image_size": config.image_size,
        "labels": len(labels),
        "state_bytes": state,
        "spec": spec.to_dict(),
        "train_step": step,
        "prediction": _compile(prediction, batch, flops, config, chip, len(devices)),
    }


def compile_step(
    config: ConfigDict, spec: ModelSpec, labels: Sequence[str], chip: Chip, devices: Sequence[Any]
) -> dict[str, Any]:
    """Compile the training step alone, with arguments and errors as of `compile_config`.

    Returns:
      Its `train_step`, and its `state_bytes`.
    """
    mesh = mesh_of(devices, config.mesh.data, config.mesh.fsdp, config.batch_size)
    flops = training_flops(spec, config.image_size)
    lowered = _lower_step(config, spec, labels, mesh)
    held = {"state_bytes": state_bytes(_state(config, spec, labels, mesh))}
    return held | _compile(lowered, config.batch_size, flops, config, chip, len(devices))


def largest_batch(
    config: ConfigDict, spec: ModelSpec, labels: Sequence[str], chip: Chip, devices: Sequence[Any]
) -> int:
    """Estimate the largest global batch whose training step fits, from two that are compiled.

    Memory grows in a straight line with the batch, but for what the compiler decides anew.

    Raises:
      InputError: as `compile_config`; or one of the two does not compile.
    """
    sizes = config.batch_size, 2 * config.batch_size
    needs = []
    for size in sizes:
        asked = config.copy_and_resolve_references()
        asked.batch_size = size
        found = compile_step(asked, spec, labels, chip, devices)
        if "error" in found:
            raise InputError(
                f"a batch of {size} does not compile ({found['error']}); try a smaller"
            )
        needs.append(found["memory_bytes"])
    an_image = (needs[1] - needs[0]) / (sizes[1] - sizes[0])
    if an_image <= 0:
        raise InputError(
            f"a batch of {sizes[1]} needs no more memory than one of {sizes[0]}, which tells "
            "nothing of a larger; give a larger --config.batch_size"
        )
    left = chip.memory - (needs[0] - an_image * sizes[0])
    return int(left / an_image) // len(devices) * len(devices)


def _model(config: ConfigDict, spec: ModelSpec, labels: Sequence[str], mesh: Mesh) -> Model:
    """Build the model without its numbers."""
    options = {"dtype": jnp.dtype(config.dtype), "remat": config.remat, "num_labels": len(labels)}
    options |= {"image_size": config.image_size, "matmul_precision": matmul_precision(config)}
    options |= {"attention": fused_attention(config, mesh.devices.flat[0])}
    return nnx.eval_shape(lambda: build_model(spec, rngs=nnx.Rngs(0), **options))


def _parameters(config: ConfigDict, model: Model) -> dict[str, Any]:
    params = flatten(split(model)[1])
    if config.trainable == "lora":
        params = jax.eval_shape(lambda p: with_lora(config, p), params)
    return params


def _state(config: ConfigDict, spec: ModelSpec, labels: Sequence[str], mesh: Mesh) -> State:
    params = _parameters(config, _model(config, spec, labels, mesh))
    return shapes_of_state(config, params, make_optimizer(config, spec.depth, _STEPS), mesh)


def state_bytes(state: State) -> int:
    """Bytes of one device's part of the parameters and the optimizer state."""
    return sum(
        math.prod(leaf.sharding.shard_shape(leaf.shape)) * leaf.dtype.itemsize
        for leaf in jax.tree.leaves(state)
    )


def _lower_step(config: ConfigDict, spec: ModelSpec, labels: Sequence[str], mesh: Mesh) -> Any:
    model = _model(config, spec, labels, mesh)
    optimizer = make_optimizer(config, spec.depth, _STEPS)
    state = _state(config, spec, labels, mesh)
    shardings = jax.tree.map(lambda leaf: leaf.sharding, state)
    pixels = np.zeros(3, np.float32), np.ones(3, np.float32)
    step = make_train_step(
        config, model, optimizer, labels, np.ones(len(labels), np.float32), pixels, mesh
    )
    side, rows = config.image_size, batch_sharding(mesh)
    shapes: dict[str, tuple[tuple[int, ...], Any]] = {"image": ((side, side), jnp.uint8)}
    shapes |= {name: ((len(labels),), jnp.float32) for name in ("labels", "mask")}
    batch = {
        name: jax.ShapeDtypeStruct((config.batch_size, *shape), dtype, sharding=rows)
        for name, (shape, dtype) in shapes.items()
    }
    with _kernel_found():
        return jax.jit(step, donate_argnums=0, out_shardings=(shardings, None)).lower(state, batch)


def _lower_prediction(
    config: ConfigDict, spec: ModelSpec, labels: Sequence[str], mesh: Mesh
) -> Any:
    model = _model(config, spec, labels, mesh)
    params = _parameters(config, model)
    step = make_predict_step(model, (np.zeros(3, np.float32), np.ones(3, np.float32)), mesh)
    shape = fill_devices(config.eval_batch_size, mesh), config.image_size, config.image_size
    images = jax.ShapeDtypeStruct(shape, jnp.uint8, sharding=batch_sharding(mesh))
    placed = _placed(params, state_shardings(mesh, params))
    with _kernel_found():
        return jax.jit(step, out_shardings=replicated(mesh)).lower(placed, images)


@contextmanager
def _kernel_found() -> Iterator[None]:
    """JAX asks the library of attention's kernel for its version when it traces."""
    try:
        yield
    except RuntimeError as error:
        raise InputError(
            f"the attention of an NVIDIA GPU needs cuDNN ({first_line(error)}); install it with "
            "pip install 'jaxcxr[targets]', or compile with --config.attention=plain"
        ) from error


def _placed(tree: Any, shardings: Any) -> Any:
    return jax.tree.map(
        lambda leaf, sharding: jax.ShapeDtypeStruct(leaf.shape, leaf.dtype, sharding=sharding),
        tree,
        shardings,
    )


def _compile(
    lowered: Any, batch: int, flops: float, config: ConfigDict, chip: Chip, devices: int
) -> dict[str, Any]:
    start = time.perf_counter()
    try:
        with _without_cache():
            compiled = lowered.compile()
    except Exception as error:  # too large for the chip, or not supported there: the answer
        return {"batch": batch, "error": first_line(error, limit=500)}
    seconds = time.perf_counter() - start
    counts = count_program(compiled.as_text())
    memory = compiled.memory_analysis()
    planned = memory.argument_size_in_bytes + memory.output_size_in_bytes
    planned += memory.temp_size_in_bytes - memory.alias_size_in_bytes
    peak = peak_flops(chip.kind, config.dtype, config.matmul_precision)
    if not peak:
        raise InputError(
            f"{chip.kind}: its peak in {config.dtype} at config.matmul_precision="
            f"{config.matmul_precision} is not known to jaxcxr.training.flops; leave it at default"
        )
    return {"batch": batch, "compile_seconds": round(seconds, 1)} | account(
        counts, batch, flops * batch / devices, planned, chip, peak, devices
    )


@contextmanager
def _without_cache() -> Iterator[None]:
    """Keep programs of absent chips out of JAX's cache, which cannot read them back."""
    used = jax.config.jax_enable_compilation_cache  # type: ignore[attr-defined]
    jax.config.update("jax_enable_compilation_cache", False)
    compilation_cache.reset_cache()
    try:
        yield
    finally:
        jax.config.update("jax_enable_compilation_cache", used)
        compilation_cache.reset_cache()


def account(
    counts: Counts,
    batch: int,
    flops: float,
    memory: float,
    chip: Chip,
    peak: float,
    devices: int,
) -> dict[str, Any]:
    """Set a program beside what its chip can do.

    Args:
      counts: of the program of one device.
      batch: images of a global batch.
      flops: of the matrix products of one device, by `training_flops`.
      memory: bytes planned on one device.
      chip: the device.
      peak: FLOP/s of the device.
      devices: how many there are.

    Returns:
      Bytes and seconds of one device; `bound_images_per_second` of all, and `bound_mfu`: what is
      left of the peak if the slowest of arithmetic, memory and links were used without a pause and
      the others beside it.
    """
    # In a ring each device sends and receives almost all twice to sum, once to gather or scatter.
    share = (devices - 1) / devices
    sent = share * sum(
        (2 if kind == "all-reduce" else 1) * size for kind, size in counts.collectives.items()
    )
    seconds = {
        "compute": flops / peak,
        "memory": sum(counts.bytes.values()) / chip.bandwidth,
        "links": sent / chip.links,
    }
    slowest = max(seconds.values())
    return {
        "memory_bytes": int(memory),
        "memory_of_chip": round(memory / chip.memory, 4),
        "fits": bool(memory <= chip.memory),
        "product_flops": flops,
        "kernels": counts.kernels,
        "kernels_by_origin": dict(counts.kernels_by_origin.most_common()),
        "traffic_bytes": sum(counts.bytes.values()),
        "traffic_by_origin": dict(counts.bytes.most_common()),
        "collective_bytes": dict(counts.collectives),
        "collectives": dict(counts.exchanges),
        "seconds": seconds,
        "bound_by": max(seconds, key=lambda part: seconds[part]),
        "bound_images_per_second": batch / slowest,
        "bound_mfu": seconds["compute"] / slowest,
    }
