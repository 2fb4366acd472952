"""The chips that can be compiled for, as their makers describe them.

Sources: NVIDIA's data sheets of H100 SXM5, A100 SXM4 80 GB and L4; Google's pages of TPU v5e, v5p
and v6e. Peaks of the arithmetic stand in `jaxcxr.training.flops`.
"""

from __future__ import annotations

import math
import os
import re
from dataclasses import dataclass
from typing import Any

from jaxcxr.errors import InputError


@dataclass(frozen=True)
class Chip:
    """One accelerator.

    Attributes:
      platform: `cuda` or `tpu`, as JAX names it.
      kind: begins what `jax.Device.device_kind` says.
      memory: bytes.
      bandwidth: of that memory, bytes a second.
      links: bytes a second that one chip can send to its neighbours.
      description: of a GPU, in the text form of XLA's `GpuTargetConfigProto`.
    """

    platform: str
    kind: str
    memory: float
    bandwidth: float
    links: float
    description: str = ""


def _gpu(kind: str, capability: str, cores: int, fpus: int, clock: float, **sizes: int) -> str:
    major, minor = capability.split(".")
    return f"""
        gpu_device_info {{
          threads_per_block_limit: 1024 threads_per_warp: 32 shared_memory_per_block: 49152
          shared_memory_per_core: {sizes["shared_a_core"]}
          threads_per_core_limit: {sizes["threads_a_core"]}
          core_count: {cores} fpus_per_core: {fpus} clock_rate_ghz: {clock}
          block_dim_limit_x: 2147483647 block_dim_limit_y: 65535 block_dim_limit_z: 65535
          memory_bandwidth: {sizes["bandwidth"]} l2_cache_size: {sizes["cache"]}
          device_memory_size: {sizes["memory"]}
          shared_memory_per_block_optin: {sizes["shared_a_block"]}
          cuda_compute_capability {{ major: {major} minor: {minor} }}
          registers_per_core_limit: 65536 registers_per_block_limit: 65536
        }}
        platform_name: "CUDA" dnn_version_info {{ major: 9 minor: 10 }}
        device_description_str: "{kind}"
    """


_H100_SIZES = {
    "memory": 84_978_434_048,
    "bandwidth": 3_352_320_000_000,
    "cache": 52_428_800,
    "shared_a_core": 233_472,
    "shared_a_block": 232_448,
    "threads_a_core": 2_048,
}
_A100_SIZES = {
    "memory": 85_097_971_712,
    "bandwidth": 2_039_000_000_000,
    "cache": 41_943_040,
    "shared_a_core": 167_936,
    "shared_a_block": 166_912,
    "threads_a_core": 2_048,
}
_L4_SIZES = {
    "memory": 23_600_000_000,  # of 24 GB, with what its error correction takes
    "bandwidth": 300_000_000_000,
    "cache": 50_331_648,
    "shared_a_core": 102_400,
    "shared_a_block": 101_376,
    "threads_a_core": 1_536,
}
_H100, _A100, _L4 = "NVIDIA H100 80GB HBM3", "NVIDIA A100-SXM4-80GB", "NVIDIA L4"
CHIPS = {
    "h100": Chip(
        *("cuda", _H100, 84.978e9, 3.352e12, 450e9),
        _gpu(_H100, "9.0", 132, 128, 1.98, **_H100_SIZES),
    ),
    "a100": Chip(
        *("cuda", _A100, 85.098e9, 2.039e12, 300e9),
        _gpu(_A100, "8.0", 108, 64, 1.41, **_A100_SIZES),
    ),
    # Its links are those of PCIe 4.0 with 16 lanes.
    "l4": Chip(
        *("cuda", _L4, 23.6e9, 0.3e12, 32e9),
        _gpu(_L4, "8.9", 58, 128, 2.04, **_L4_SIZES),
    ),
    "v5e": Chip("tpu", "TPU v5 lite", 16 * 2**30, 0.819e12, 200e9),
    "v6e": Chip("tpu", "TPU v6 lite", 32 * 2**30, 1.640e12, 448e9),
    "v5p": Chip("tpu", "TPU v5", 95 * 2**30, 2.765e12, 600e9),
}
EXAMPLES = "h100, a100, l4, v5e-4x4, v6e-4x4, v5p-2x2x4"


def find_target(name: str, devices: int | None) -> tuple[Chip, str, int]:
    """Read the name of a target: a GPU, or a TPU with the shape of its slice.

    Args:
      name: such as `h100` or `v5e-4x4`.
      devices: GPUs of one host; a TPU slice's shape says its own.

    Returns:
      The chip, the topology as its compiler names it, and the number of devices.

    Raises:
      InputError: no such target.
    """
    kind, _, shape = name.partition("-")
    chip = CHIPS.get(kind)
    if chip is None or bool(shape) != (chip.platform == "tpu"):
        raise InputError(f"--target {name} is not known; give such as {EXAMPLES}")
    if chip.platform == "cuda":
        if devices is not None and devices < 1:
            raise InputError(f"--devices {devices}: give 1 or more")
        return chip, f"1x1x{devices or 1}", devices or 1
    if not re.fullmatch(r"\d+(x\d+){1,2}", shape):
        raise InputError(f"--target {name}: write the slice as in v5e-4x4 or v5p-2x2x4")
    count = math.prod(map(int, shape.split("x")))
    if devices is not None and devices != count:
        raise InputError(f"--devices {devices}: the slice {name} has {count}; leave --devices out")
    return chip, f"{kind}:{shape}", count


def absent_devices(chip: Chip, topology: str) -> list[Any]:
    """Return devices to compile for; none of them needs to be here.

    Raises:
      InputError: the compiler for them is not installed, or does not know the topology.
    """
    os.environ.setdefault("TPU_SKIP_MDS_QUERY", "1")  # else libtpu asks the cloud where it is
    os.environ.setdefault("ALLOW_MULTIPLE_LIBTPU_LOAD", "1")  # no chip is held, none is shared
    from jax.experimental import topologies

    options = {"target_config": chip.description, "topology": topology}
    try:
        described = topologies.get_topology_desc(
            topology_name=topology, platform=chip.platform, **(options if chip.description else {})
        )
    except Exception as error:  # each plug-in raises its own
        said = str(error).splitlines()[0][:200]
        raise InputError(
            f"cannot compile for {topology} of {chip.kind} ({said}); install the compilers with "
            "pip install 'jaxcxr[targets]', and check the shape"
        ) from error
    return list(described.devices)
