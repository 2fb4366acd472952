"""Model FLOPs utilisation: what a step must compute, over what the devices could."""

from __future__ import annotations

from jaxcxr.model import ModelSpec

# Dense peak in FLOP/s by what `jax.Device.device_kind` contains, as the makers state it:
# (bfloat16, float32). On a GPU float32 products run as TF32 by default, on a TPU as bfloat16.
# The first name that is contained counts: cards for PCIe and NVL, which run slower at less power,
# stand before those for SXM, whose names say nothing of it. An A100 has the same peak on both.
PEAKS = {
    "H200 NVL": (835e12, 417e12),
    "H200": (989e12, 494e12),
    "H100 PCIe": (756e12, 378e12),
    "H100 NVL": (835e12, 417e12),
    "H100": (989e12, 494e12),
    "A100": (312e12, 156e12),
    "L40S": (362e12, 183e12),
    "L40": (181e12, 90.5e12),
    "NVIDIA L4": (121e12, 60e12),
    "TPU v4": (275e12, 275e12),
    "TPU v5 lite": (197e12, 197e12),
    "TPU v5": (459e12, 459e12),  # v5p, as JAX names it; v5e is the lite one above
    "TPU v6 lite": (918e12, 918e12),
}


def training_flops(spec: ModelSpec, image_size: int) -> float:
    """FLOPs of the matrix products and convolutions that one image costs in training.

    A multiplication and an addition each count as one; the backward pass is twice the forward
    pass. Recomputed blocks do not count, nor does the head.
    """
    return 6.0 * spec.forward_macs(image_size)


def peak_flops(device_kind: str, dtype: str, matmul_precision: str = "default") -> float | None:
    """Peak FLOP/s of one device; None where it is not known, as for a CPU.

    Nor is it where float32 products are asked for at more than the device's default precision.
    """
    if dtype == "float32" and matmul_precision != "default":
        return None
    for name, (bfloat16, float32) in PEAKS.items():
        if name.lower() in device_kind.lower():
            return bfloat16 if dtype == "bfloat16" else float32
    return None
