"""What a run computes on: versions, devices, command, code."""

from __future__ import annotations

import hashlib
import importlib.metadata
import os
import platform
import re
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import jax

from jaxcxr import __version__


def environment() -> dict[str, Any]:
    """Describe what the run computes on: versions, devices, command, code."""
    packages = ("jax", "jaxlib", "flax", "optax", "orbax-checkpoint", "grain", "numpy")
    devices = jax.devices()
    return {
        "jaxcxr": __version__,
        "git_commit": _git_commit(),
        "python": platform.python_version(),
        "packages": {name: importlib.metadata.version(name) for name in packages},
        "platform": platform.platform(),
        "backend": jax.default_backend(),
        "devices": [f"{len(devices)} x {devices[0].device_kind}"],
        "processes": jax.process_count(),
        "xla_flags": os.environ.get("XLA_FLAGS", ""),
        "command": [Path(sys.argv[0]).name, *sys.argv[1:]],
        "started": datetime.now(UTC).isoformat(timespec="seconds"),
    }


def machine_and_device(cpu: Path = Path("/proc/cpuinfo")) -> str:
    """Name what compiled programs run on: the kind of device, and the processor's instructions.

    A run may go on elsewhere, and a program compiled for another processor may end in an illegal
    instruction: part of it is the processor's even where the rest is a GPU's.

    Args:
      cpu: what Linux says of the processor; where there is none, its name has to do.
    """
    told = platform.machine() + platform.processor()
    if cpu.is_file():
        lines = cpu.read_text(errors="replace").splitlines()
        about = ("vendor_id", "cpu family", "model", "flags", "Features")
        told += "".join(sorted({line for line in lines if line.split("\t")[0].strip() in about}))
    kind = re.sub(r"[^A-Za-z0-9]+", "-", jax.devices()[0].device_kind).strip("-")
    return f"{kind}-{platform.machine()}-{hashlib.sha256(told.encode()).hexdigest()[:8]}"


def _git_commit() -> str | None:
    """Name the commit of the code, with `+changes` where files differ from it."""
    here = Path(__file__).parent
    try:
        found = subprocess.run(
            ["git", "describe", "--always", "--abbrev=40", "--dirty=+changes", "--exclude=*"],
            cwd=here,
            capture_output=True,
            text=True,
            timeout=10,
            check=True,
        )
    except (OSError, subprocess.SubprocessError):
        return None
    return found.stdout.strip()
