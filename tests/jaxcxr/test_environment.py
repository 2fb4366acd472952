"""Programs compiled for one processor or device are not taken on another."""

from types import SimpleNamespace

import jax
import pytest

from jaxcxr.run.environment import machine_and_device

CPU = """processor\t: 0
vendor_id\t: AuthenticAMD
cpu family\t: 25
model\t\t: 1
cpu MHz\t\t: 2450.000
flags\t\t: fpu avx2 avx512f

processor\t: 1
vendor_id\t: AuthenticAMD
cpu family\t: 25
model\t\t: 1
cpu MHz\t\t: 1500.000
flags\t\t: fpu avx2 avx512f
"""


@pytest.fixture
def place(tmp_path, monkeypatch):
    def place(cpu, kind="cpu"):
        path = tmp_path / "cpuinfo"
        path.write_text(cpu)
        monkeypatch.setattr(jax, "devices", lambda: [SimpleNamespace(device_kind=kind)])
        return machine_and_device(path)

    return place


def test_another_clock_is_the_same_machine(place):
    assert place(CPU) == place(CPU.replace("1500.000", "3100.000"))


def test_another_processor_or_device_is_another_place(place):
    places = [place(CPU), place(CPU.replace(" avx512f", "")), place(CPU.replace("AMD", "Intel"))]
    places += [place(CPU, "NVIDIA H100 80GB HBM3"), place(CPU, "NVIDIA H100 PCIe")]
    assert len(set(places)) == 5
    assert all(name.replace("-", "").isalnum() or "_" in name for name in places)
