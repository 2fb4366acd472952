"""What every test may use: the real data beside the repository, where it is present."""

from __future__ import annotations

import os
import shutil
import tempfile
from pathlib import Path

import pytest

SHARED_DATA = Path(__file__).resolve().parents[2] / "shared" / "data"


def pytest_configure(config: pytest.Config) -> None:
    """Compile what several tests and their processes compile once in a session, not once in each.

    Set before JAX is imported. A program read back is the one that was compiled, bit for bit.
    """
    if "JAX_COMPILATION_CACHE_DIR" not in os.environ or hasattr(config, "workerinput"):
        directory = tempfile.mkdtemp(prefix="jaxcxr-tests-compiled-")
        config.add_cleanup(lambda: shutil.rmtree(directory, ignore_errors=True))
        os.environ["JAX_COMPILATION_CACHE_DIR"] = directory
    os.environ.setdefault("JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS", "0.1")


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """The folder of real radiographs and weights; the test is skipped where it is absent."""
    if not SHARED_DATA.is_dir():
        pytest.skip(f"real data absent: no folder {SHARED_DATA}")
    return SHARED_DATA
