"""The same loss curve on one device, on eight in every arrangement, and in two processes."""

import json
import os
import socket
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

HERE = Path(__file__).parents[1]


def _start(data, directory, *more, devices=1):
    places = [f"--config={HERE / 'tiny.py'}", f"--workdir={directory}", f"--config.data={data}"]
    overrides = ["--config.epochs=3", "--config.log_every=1", "--config.selection=last"]
    overrides += ["--config.learning_rate=0.001"]  # larger steps amplify the last bit faster
    return subprocess.Popen(
        [sys.executable, "-m", "jaxcxr.main", *places, *overrides, *more],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        env=os.environ | {"XLA_FLAGS": f"--xla_force_host_platform_device_count={devices}"},
    )


def _finish(*processes):
    for process in processes:
        output, _ = process.communicate(timeout=300)
        assert process.returncode == 0, output
    return output


def _curve(directory):
    records = map(json.loads, (directory / "metrics.jsonl").read_text().splitlines())
    return np.array([record["loss"] for record in records if "loss" in record])


def _assert_same(expected, directory):
    assert len(_curve(expected)) == 21
    np.testing.assert_allclose(_curve(directory)[:20], _curve(expected)[:20], rtol=1e-5)
    first, second = (pd.read_parquet(d / "predictions.parquet") for d in (expected, directory))
    assert list(first["image_id"]) == list(second["image_id"])
    for column in first.filter(like="logit:"):
        np.testing.assert_allclose(first[column], second[column], atol=1e-3)


@pytest.fixture(scope="module")
def one_device(tiny_data, tmp_path_factory):
    directory = tmp_path_factory.mktemp("one")
    _finish(_start(tiny_data, directory))
    return directory


@pytest.mark.parametrize(("data", "fsdp"), [(8, 1), (1, 8), (2, 4)])
def test_eight_devices(tiny_data, tmp_path, one_device, data, fsdp):
    mesh = (f"--config.mesh.data={data}", f"--config.mesh.fsdp={fsdp}")
    output = _finish(_start(tiny_data, tmp_path, *mesh, devices=8))
    assert f"mesh data={data} fsdp={fsdp}" in output
    _assert_same(one_device, tmp_path)


def test_two_processes(tiny_data, tmp_path, one_device):
    with socket.socket() as probe:
        probe.bind(("localhost", 0))
        port = probe.getsockname()[1]
    processes = [
        _start(tiny_data, tmp_path, f"--distributed=localhost:{port},{index},2") for index in (0, 1)
    ]
    _finish(*processes)
    _assert_same(one_device, tmp_path)


def test_resuming_on_another_mesh_goes_on_equal_to_rounding_and_says_so(
    tiny_data, tmp_path, one_device
):
    _finish(_start(tiny_data, tmp_path, "--config.epochs=1"))
    mesh = ("--config.mesh.data=2", "--config.mesh.fsdp=4")
    output = _finish(_start(tiny_data, tmp_path, *mesh, devices=8))
    assert "equal to rounding, not bit for bit" in output
    _assert_same(one_device, tmp_path)


def test_a_batch_that_does_not_divide_over_the_devices_is_refused(tiny_data, tmp_path):
    process = _start(tiny_data, tmp_path, "--config.batch_size=12", devices=8)
    output, _ = process.communicate(timeout=100)
    assert process.returncode == 2
    assert "batch_size 12 does not divide over 8 devices; use 8" in output
