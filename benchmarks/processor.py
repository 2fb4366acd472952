"""What a CPU benchmark ran on, since it decides the ratio to PyTorch: vector units and kernels."""

from __future__ import annotations

import os
import platform
import re
from pathlib import Path

VECTORS = ("amx_bf16", "avx512_bf16", "avx512f", "avx2", "asimd")


def describe_processor(cpu: Path = Path("/proc/cpuinfo")) -> str:
    """Name the processor and its widest vector instructions, as Linux does."""
    text = cpu.read_text(errors="replace") if cpu.is_file() else ""
    name = re.search(r"^model name\s*: (.+)$", text, re.MULTILINE)
    flags = re.search(r"^(?:flags|Features)\s*: (.+)$", text, re.MULTILINE)
    known = set(flags.group(1).split()) if flags else set()
    units = [unit.upper().replace("512F", "-512") for unit in VECTORS if unit in known]
    called = name.group(1) if name else platform.processor() or platform.machine()
    return f"{os.cpu_count()} cores of {called}; {', '.join(units) or 'vector units not known'}"


def describe_torch() -> str:
    """Name PyTorch's kernels: which instructions its own use, and the libraries for products."""
    import torch

    told = torch.__config__.show()
    libraries = re.findall(r"(oneAPI Math Kernel Library Version \S+|MKL-DNN v\S+)", told)
    named = [text.replace("oneAPI Math Kernel Library Version", "MKL") for text in libraries]
    own = torch.backends.cpu.get_cpu_capability()
    return f"PyTorch {torch.__version__}: kernels for {own}; {', '.join(named) or 'no MKL'}"
