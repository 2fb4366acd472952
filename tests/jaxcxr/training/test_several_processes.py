"""Rows keep their places whatever order devices come in; one error ends all processes."""

import os
import socket
import subprocess
import sys
from types import SimpleNamespace

import pytest

from jaxcxr.errors import InputError
from jaxcxr.run.mesh import process_by_process

# The processes of `jax.make_mesh((16,), ...)` on a TPU v5e 4x4, as JAX 0.10.2 orders them.
TPU_ORDER = (0, 0, 1, 1, 1, 1, 0, 2, 3, 3, 3, 3, 2, 2, 2, 0)

JOIN = """
import sys
import jax, numpy as np
from jax.experimental import multihost_utils
from jaxcxr.errors import InputError, report_input_errors
from jaxcxr.run.mesh import join_processes, make_mesh, put_batch, to_host
from jaxcxr.run.processes import ending_together

join_processes(sys.argv[1])
index, count = jax.process_index(), jax.process_count()
"""

GATHER = """
devices, make = jax.devices(), jax.make_mesh
interleaved = [device for turn in range(2) for device in devices[turn::2]]
jax.devices = lambda: interleaved
jax.make_mesh = lambda *a, **k: make(*a, **k, devices=interleaved)
for data, fsdp in ((-1, 1), (2, -1)):
    mesh = make_mesh(data, fsdp, batch_size=24)
    mine = np.arange(24).reshape(count, -1)[index]
    batch = put_batch(mesh, {"row": mine})
    print(to_host(mesh, batch["row"]).tolist())
"""

FAIL = """
with report_input_errors(), ending_together():
    if index == int(sys.argv[2]):
        raise InputError("table.csv, row 3: no such patient; mend it")
    multihost_utils.process_allgather(np.zeros(1))
"""

KILLED = """
import os, signal
from jaxcxr.run import processes
processes._BEAT, processes._SILENT = 1.0, 8.0
with report_input_errors(), ending_together():
    multihost_utils.process_allgather(np.zeros(1))
    if index == 1:
        os.kill(os.getpid(), signal.SIGKILL)
    multihost_utils.process_allgather(np.zeros(1))
"""


def _processes(script, count, *more):
    """Run a script in several processes of two devices each: their statuses and outputs."""
    with socket.socket() as probe:
        probe.bind(("localhost", 0))
        port = probe.getsockname()[1]
    flags = {"XLA_FLAGS": "--xla_force_host_platform_device_count=2"}
    started = [
        subprocess.Popen(
            [sys.executable, "-c", JOIN + script, f"localhost:{port},{index},{count}", *more],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env=os.environ | flags,
        )
        for index in range(count)
    ]
    outputs = [process.communicate(timeout=100) for process in started]
    return [process.returncode for process in started], outputs


def _devices(processes):
    return [SimpleNamespace(id=i, process_index=p) for i, p in enumerate(processes)]


def test_processes_stand_side_by_side():
    ordered = process_by_process(_devices(TPU_ORDER))
    assert [device.process_index for device in ordered] == sorted(TPU_ORDER)


def test_processes_of_unequal_devices_are_refused():
    with pytest.raises(InputError, match="process 0: 3, process 1: 1"):
        process_by_process(_devices((0, 0, 0, 1)))


@pytest.mark.parametrize("count", [2, pytest.param(4, marks=pytest.mark.slow)])
def test_rows_keep_their_places_where_devices_interleave(count):
    statuses, outputs = _processes(GATHER, count)
    assert statuses == [0] * count, outputs
    for said, _ in outputs:
        rows = [line for line in said.splitlines() if not line.startswith("[Gloo]")]
        assert rows == [str(list(range(24)))] * 2


@pytest.mark.parametrize(
    ("failing", "count"), [(0, 2), (1, 2), pytest.param(3, 4, marks=pytest.mark.slow)]
)
def test_an_error_in_one_process_ends_all_in_a_sentence(failing, count):
    statuses, outputs = _processes(FAIL, count, str(failing))
    assert statuses == [2] * count, outputs
    for index, (_, said) in enumerate(outputs):
        own = "error: " if index == failing else f"error: process {failing} stopped: "
        lines = [line for line in said.splitlines() if line.startswith("error")]
        assert lines == [own + "table.csv, row 3: no such patient; mend it"]
        assert "Traceback" not in said


@pytest.mark.slow
def test_a_killed_process_is_named_by_the_others():
    statuses, outputs = _processes(KILLED, 2)
    assert statuses == [1, -9], outputs
    said = outputs[0][1]
    assert "error: process 1 is gone without a word" in said and "Traceback" not in said
