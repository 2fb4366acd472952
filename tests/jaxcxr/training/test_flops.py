"""The arithmetic against multiply-accumulate counts that timm publishes for these models."""

import pytest

from jaxcxr.model import ViTSpec
from jaxcxr.training.flops import peak_flops, training_flops


def _base(patch, native):
    return ViTSpec(patch, 768, 12, 12, 3072, native)


@pytest.mark.parametrize(
    ("spec", "image_size", "gmacs"),
    [(_base(16, 224), 224, 17.58), (_base(14, 518), 518, 151.71), (_base(14, 518), 224, 23.2)],
)
def test_counts_equal_timms_multiply_accumulates(spec, image_size, gmacs):
    assert training_flops(spec, image_size) / 6e9 == pytest.approx(gmacs, rel=0.003)


def test_peaks_are_found_by_device_kind():
    assert peak_flops("NVIDIA H100 80GB HBM3", "bfloat16") == 989e12
    assert peak_flops("NVIDIA A100-SXM4-40GB", "float32") == 156e12
    assert peak_flops("cpu", "float32") is None
    assert peak_flops("NVIDIA H100 80GB HBM3", "float32", "highest") is None  # not TF32's peak


# Dense bfloat16 of NVIDIA's data sheets, beside what CUDA calls the cards.
@pytest.mark.parametrize(
    ("device", "teraflops"),
    [
        ("NVIDIA H100 PCIe", 756),
        ("NVIDIA H100 NVL", 835),
        ("NVIDIA H100 80GB HBM3", 989),
        ("NVIDIA H200", 989),
        ("NVIDIA H200 NVL", 835),
        ("NVIDIA A100 80GB PCIe", 312),
    ],
)
def test_cards_for_pcie_are_told_from_those_for_sxm(device, teraflops):
    assert peak_flops(device, "bfloat16") == teraflops * 1e12
