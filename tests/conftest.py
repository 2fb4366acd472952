"""What every test may use, and the account of the tests that were skipped.

A skip's reason says what would enable the test. The last lines of every run list these reasons.
With `--allowed-skips FILE`, as CI has it, a skip that the file does not allow fails the run.
"""

from __future__ import annotations

import os
import shutil
import tempfile
from collections import Counter
from pathlib import Path

import pytest

SHARED_DATA = Path(__file__).resolve().parents[2] / "shared" / "data"


def pytest_configure(config: pytest.Config) -> None:
    """Compile what several tests and their processes compile once in a session, not once in each.

    Set before JAX is imported; workers of pytest-xdist inherit it. A program read back is the one
    that was compiled, bit for bit.
    """
    if hasattr(config, "workerinput"):
        return
    if "JAX_COMPILATION_CACHE_DIR" not in os.environ:
        directory = tempfile.mkdtemp(prefix="jaxcxr-tests-compiled-")
        config.add_cleanup(lambda: shutil.rmtree(directory, ignore_errors=True))
        os.environ["JAX_COMPILATION_CACHE_DIR"] = directory
    os.environ.setdefault("JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS", "0.1")
    # With a limit, which is never reached, JAX locks the directory: no worker reads a program that
    # another has written half.
    os.environ.setdefault("JAX_COMPILATION_CACHE_MAX_SIZE", str(2**33))
    if getattr(config.option, "numprocesses", None):
        # Threads of PyTorch and of BLAS that wait for work in a loop take it from the other worker.
        os.environ.setdefault("OMP_NUM_THREADS", "1")
        os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")


# These files take longest: no worker shall be left alone with one at the end.
FIRST = (
    *("test_docs_run.py", "test_damaged_inputs.py", "test_resolution_end_to_end.py"),
    *("test_layouts.py", "test_run.py"),
)


def pytest_collection_modifyitems(items):
    items.sort(
        key=lambda item: FIRST.index(item.path.name) if item.path.name in FIRST else len(FIRST)
    )


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """The folder of real radiographs and weights; the test is skipped where it is absent."""
    if not SHARED_DATA.is_dir():
        pytest.skip(f"real data absent: put the radiographs and weights into {SHARED_DATA}")
    return SHARED_DATA


def pytest_addoption(parser):
    parser.addoption(
        "--allowed-skips", type=Path, help="fail on skips but those of this file: TEST | REASON"
    )


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_terminal_summary(terminalreporter, config):
    """Say below everything else what was skipped and why, and whether that is allowed."""
    result = yield
    reasons = Counter(reason for _, reason in _skipped(terminalreporter))
    if reasons:
        terminalreporter.section("not tested here, and what would enable it")
        for reason, count in sorted(reasons.items()):
            terminalreporter.line(f"{count} skipped: {reason}")
    for name, reason in _not_allowed(terminalreporter, config):
        terminalreporter.line(f"error: may not be skipped here: {name}: {reason}", red=True)
    return result


@pytest.hookimpl(wrapper=True)
def pytest_sessionfinish(session, exitstatus):
    reporter = session.config.pluginmanager.get_plugin("terminalreporter")
    worker = reporter is None
    if not worker and _not_allowed(reporter, session.config) and exitstatus == pytest.ExitCode.OK:
        session.exitstatus = pytest.ExitCode.TESTS_FAILED
    return (yield)


def _skipped(reporter):
    """Name and reason of each test, or file of tests, that was skipped."""
    reports = reporter.stats.get("skipped", [])
    return [(one.nodeid, one.longrepr[2].removeprefix("Skipped: ")) for one in reports]


def _not_allowed(reporter, config):
    path = config.getoption("--allowed-skips")
    if path is None:
        return []
    lines = [line.partition("#")[0].strip() for line in path.read_text().splitlines()]
    allowed = [tuple(map(str.strip, line.split("|"))) for line in lines if line]
    return [
        (name, reason)
        for name, reason in _skipped(reporter)
        if not any(name.startswith(test) and why in reason for test, why in allowed)
    ]
