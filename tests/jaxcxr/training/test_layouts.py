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
# The mesh of both axes is tried in every run of the tests, those of one axis with the slow ones.
OTHERS = [(8, 1), (1, 8)]


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


EXPERIMENTS = """
import sys
from pathlib import Path
from tiny import get_config
from jaxcxr.main import run_experiment

for word in sys.argv[2:]:
    directory, epochs, data, fsdp = word.split(",")
    config = get_config()
    config.update({"data": sys.argv[1], "epochs": int(epochs), "log_every": 1})
    config.update({"selection": "last", "learning_rate": 0.001})
    config.mesh.update({"data": int(data), "fsdp": int(fsdp)})
    run_experiment(config, Path(directory))
"""


def _run_in_one_process(dataset, devices, *experiments):
    """Run experiments (directory, epochs, mesh) one after the other: importing is half the time."""
    words = [
        f"{directory},{epochs},{data},{fsdp}" for directory, epochs, (data, fsdp) in experiments
    ]
    flags = {"XLA_FLAGS": f"--xla_force_host_platform_device_count={devices}"}
    path = os.pathsep.join([str(HERE), str(HERE.parents[1])])
    done = subprocess.run(
        [sys.executable, "-c", EXPERIMENTS, str(dataset), *words],
        capture_output=True,
        text=True,
        env=os.environ | flags | {"PYTHONPATH": path},
        timeout=900,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


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
    """A run, and beside it one that was stopped after its first epoch."""
    directory = tmp_path_factory.mktemp("one") / "whole"
    begun = directory.with_name("begun")
    _run_in_one_process(tiny_data, 1, (directory, 3, (-1, 1)), (begun, 1, (-1, 1)))
    return directory


@pytest.fixture(scope="module")
def eight_devices(tiny_data, one_device):
    """What was said of a run on eight devices, and of going on with the begun one."""
    experiments = [(one_device.with_name(name), 3, (2, 4)) for name in ("2x4", "begun")]
    said = _run_in_one_process(tiny_data, 8, *experiments).split("Training in ")
    return said[1:]


@pytest.mark.slow
def test_eight_devices(one_device, eight_devices):
    assert "mesh data=2 fsdp=4" in eight_devices[0]
    _assert_same(one_device, one_device.with_name("2x4"))


@pytest.mark.slow
def test_eight_devices_along_one_axis(tiny_data, one_device):
    experiments = [(one_device.with_name(f"{d}x{f}"), 3, (d, f)) for d, f in OTHERS]
    said = _run_in_one_process(tiny_data, 8, *experiments)
    assert "not bit for bit" not in said
    for one, (data, fsdp) in zip(said.split("Training in ")[1:], OTHERS, strict=True):
        assert f"mesh data={data} fsdp={fsdp}" in one
        _assert_same(one_device, one_device.with_name(f"{data}x{fsdp}"))


@pytest.mark.slow
def test_resuming_on_another_mesh_goes_on_equal_to_rounding_and_says_so(one_device, eight_devices):
    *whole, resumed = eight_devices
    # It is said before the summary, and so after that of the run before.
    assert "equal to rounding, not bit for bit" in whole[-1]
    assert "mesh data=2 fsdp=4" in resumed and "goes on after step 7" in resumed
    assert not any("not bit for bit" in said for said in whole[:-1])
    _assert_same(one_device, one_device.with_name("begun"))


@pytest.mark.slow
def test_two_processes(tiny_data, tmp_path, one_device):
    with socket.socket() as probe:
        probe.bind(("localhost", 0))
        port = probe.getsockname()[1]
    processes = [
        _start(tiny_data, tmp_path, f"--distributed=localhost:{port},{index},2") for index in (0, 1)
    ]
    _finish(*processes)
    _assert_same(one_device, tmp_path)


def test_a_batch_that_does_not_divide_over_the_devices_is_refused(tiny_data, tmp_path):
    process = _start(tiny_data, tmp_path, "--config.batch_size=12", devices=8)
    output, _ = process.communicate(timeout=100)
    assert process.returncode == 2
    assert "batch_size 12 does not divide over 8 devices; use 8" in output
