"""How arrays lie over devices: a mesh of `data` x `fsdp`.

The batch is split over all devices. Parameters and optimizer state are whole on every device of
the `data` axis and split over the `fsdp` axis (fully-sharded data parallelism, arXiv 2004.13336).
"""

from __future__ import annotations

import socket
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import cache
from typing import Any

import jax
import numpy as np
from jax.sharding import AxisType, Mesh, NamedSharding
from jax.sharding import PartitionSpec as P

from jaxcxr.errors import InputError, first_line

BATCH_AXES = ("data", "fsdp")


def join_processes(how: str) -> None:
    """Make one system of several processes; call it before anything touches a device.

    Args:
      how: `auto`, where the launcher tells each process its place (TPU pods, Slurm, Open MPI), or
        `HOST:PORT,INDEX,COUNT` with the address of the first process.

    Raises:
      InputError: `how` is neither, or the processes cannot join.
    """
    if how == "auto":
        with _joining(how, "start all processes by one launcher, or give HOST:PORT,INDEX,COUNT"):
            jax.distributed.initialize()
        return
    address, _, place = how.partition(",")
    index, _, count = place.partition(",")
    if not (":" in address and index.isdecimal() and count.isdecimal()):
        raise InputError(f"--distributed={how}: give auto or HOST:PORT,INDEX,COUNT")
    if not int(index) < int(count):
        raise InputError(f"--distributed={how}: INDEX goes from 0 to COUNT - 1")
    _check_port(how, address.rpartition(":")[2], serves=int(index) == 0)
    jax.config.update("jax_cpu_collectives_implementation", "gloo")
    with _joining(how, "check that the first process runs there and can be reached"):
        jax.distributed.initialize(address, int(count), int(index))


def _check_port(how: str, port: str, *, serves: bool) -> None:
    """Try the port before JAX does, which crashes where its service cannot have it."""
    if not (port.isdecimal() and 0 < int(port) < 2**16):
        raise InputError(f"--distributed={how}: PORT is a number from 1 to {2**16 - 1}")
    if serves:
        both = socket.has_dualstack_ipv6()
        family = socket.AF_INET6 if both else socket.AF_INET
        try:
            socket.create_server(("", int(port)), family=family, dualstack_ipv6=both).close()
        except OSError as error:
            raise InputError(
                f"--distributed={how}: port {port} cannot be used here ({error.strerror}); give "
                "another one"
            ) from None


@contextmanager
def _joining(how: str, remedy: str) -> Iterator[None]:
    """Whatever keeps processes from joining comes from outside; JAX raises many kinds for it."""
    try:
        yield
    except Exception as error:
        raise InputError(
            f"--distributed={how}: the processes cannot join ({first_line(error)}); {remedy}"
        ) from None


def make_mesh(data: int, fsdp: int, batch_size: int) -> Mesh:
    """Arrange all devices as `data` x `fsdp`; a -1 takes what the other leaves.

    Raises:
      InputError: the axes do not cover the devices, or the batch does not divide over them.
    """
    return mesh_of(jax.devices(), data, fsdp, batch_size)


def mesh_of(devices: Sequence[jax.Device], data: int, fsdp: int, batch_size: int) -> Mesh:
    """Arrange some devices as `make_mesh` does all."""
    count = len(devices)
    known = [axis for axis in (data, fsdp) if axis > 0]
    left, rest = divmod(count, int(np.prod(known)))
    if len(known) == 1 and not rest:
        data, fsdp = (left, fsdp) if data < 0 else (data, left)
    if data * fsdp != count or data < 1:
        raise InputError(
            f"config.mesh is data={data}, fsdp={fsdp}, but there are {count} devices; their "
            "product must be that number (-1 for one of them takes the rest)"
        )
    if batch_size % count:
        raise InputError(
            f"config.batch_size {batch_size} does not divide over {count} devices; use "
            f"{max(batch_size // count, 1) * count}"
        )
    places = np.array(process_by_process(devices), dtype=object).reshape(data, fsdp)
    return Mesh(places, BATCH_AXES, axis_types=(AxisType.Auto, AxisType.Auto))


def process_by_process(devices: Sequence[jax.Device]) -> list[jax.Device]:
    """Put the devices of each process side by side, those of the first process first.

    Each process reads one run of rows of the global batch, in the order of the processes. But
    `jax.make_mesh` orders devices for the interconnect: on a TPU slice its processes stand as
    0 0 1 1 1 1 0 2 ..., and every image would meet the labels of another.

    Raises:
      InputError: some process has more devices than another, and so another share of each batch.
    """
    counts = Counter(device.process_index for device in devices)
    if len(set(counts.values())) > 1:
        told = ", ".join(f"process {process}: {counts[process]}" for process in sorted(counts))
        raise InputError(f"devices are not shared equally ({told}); start all processes alike")
    return sorted(devices, key=lambda device: (device.process_index, device.id))


def batch_sharding(mesh: Mesh) -> NamedSharding:
    """Split the first axis over all devices."""
    return NamedSharding(mesh, P(BATCH_AXES))


def replicated(mesh: Mesh) -> NamedSharding:
    """Whole on every device."""
    return NamedSharding(mesh, P())


def state_shardings(mesh: Mesh, state: Any) -> Any:
    """Sharding of each array of the training state, see `sharding_of`.

    Args:
      mesh: of `make_mesh`.
      state: a tree of arrays or of their shapes.
    """
    return jax.tree.map(lambda leaf: sharding_of(mesh, leaf.shape), state)


def sharding_of(mesh: Mesh, shape: tuple[int, ...]) -> NamedSharding:
    """Split an array over `fsdp` along its longest axis that divides, or keep it whole."""
    shards = mesh.shape["fsdp"]
    divisible = [axis for axis, size in enumerate(shape) if size % shards == 0]
    if shards == 1 or not divisible:
        return replicated(mesh)
    longest = max(divisible, key=lambda axis: shape[axis])
    return NamedSharding(mesh, P(*(None,) * longest, "fsdp"))


def gathered(mesh: Mesh | None, params: Any) -> Any:
    """Parameters whole on every device, within a program that is given them split over `fsdp`.

    Else the compiler is free to leave them split and to send what is computed of the images, which
    is far more. The gradient of each comes back summed and split as the parameter itself is.
    """
    if mesh is None or mesh.shape["fsdp"] == 1:
        return params
    split = state_shardings(mesh, params)

    @jax.custom_vjp
    def gather(params: Any) -> Any:
        return jax.lax.with_sharding_constraint(params, replicated(mesh))

    def scatter(_: None, gradients: Any) -> tuple[Any]:
        return (jax.lax.with_sharding_constraint(gradients, split),)

    gather.defvjp(lambda params: (gather(params), None), scatter)
    return gather(params)


def put_state(mesh: Mesh, state: Any) -> Any:
    """Place arrays as `state_shardings` says; those that lie there already stay."""
    return jax.device_put(state, state_shardings(mesh, state))


def put_part_by_part(
    mesh: Mesh, shape: tuple[int, ...], read: Callable[[tuple[slice, ...]], np.ndarray]
) -> jax.Array:
    """Place an array of the state of which every device's part is read by itself."""
    return jax.make_array_from_callback(shape, sharding_of(mesh, shape), read)  # type: ignore[arg-type]


def put_batch(mesh: Mesh, batch: dict[str, np.ndarray]) -> dict[str, jax.Array]:
    """Make the global batch of every process's own rows."""
    sharding = batch_sharding(mesh)
    return {
        name: jax.make_array_from_process_local_data(sharding, rows) for name, rows in batch.items()
    }


def to_host(mesh: Mesh, tree: Any) -> Any:
    """Bring arrays to this host whole, wherever their parts lie; every process has to call it.

    Parts that lie with other processes are gathered one array after the other, so that no device
    ever holds more than one array whole.
    """

    def bring(leaf: Any) -> np.ndarray:
        if isinstance(leaf, jax.Array) and not leaf.is_fully_addressable:
            leaf = _gathering(replicated(mesh))(leaf).addressable_data(0)
        # A copy: a view would keep the next step from writing in its place.
        return np.array(leaf)

    return jax.tree.map(bring, tree)


@cache
def _gathering(whole: NamedSharding) -> Any:
    """The program that gathers, one for all calls, so that each shape is compiled once."""
    return jax.jit(lambda x: x, out_shardings=whole)
