"""State that is split over devices stands whole on none of them, nor is it read whole."""

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from jaxcxr.model import ConvNeXtSpec, ViTSpec, read_tensors, write_weights
from jaxcxr.model.shapes import expected_shapes

# The largest array of each is `[64, 256]`.
SPECS = {
    "vit": ViTSpec(7, width=64, depth=3, heads=4, mlp_width=256, native_image_size=28),
    "convnext": ConvNeXtSpec((32, 64), depths=(1, 2), patch_size=7, native_image_size=28),
}
HERE = Path(__file__).parents[1]

SCRIPT = """
import json, sys
import jax, numpy as np
from tiny import get_config
from jaxcxr.model import loading
from jaxcxr.run import inputs
from jaxcxr.run.mesh import make_mesh, to_host
from jaxcxr.targets.compiling import state_bytes
from jaxcxr.training.optimizer import make_optimizer
from jaxcxr.training.step import create_state, shapes_of_state

read, check = [], loading.check_numbers
loading.check_numbers = lambda *given: read.append(given[-1].size) or check(*given)
config = get_config()
config.model.spec = {}
config.model.weights, config.model.init, config.model.head = sys.argv[1], sys.argv[2], "keep"
if sys.argv[2] == "random":
    config.model.head = "new"
mesh = make_mesh(1, -1, batch_size=16)
model, params = inputs.make_model(config, ("A", "B"), mesh)
optimizer = make_optimizer(config, 3, 10)
shapes = shapes_of_state(config, params, optimizer, mesh)
state = create_state(config, params, optimizer, shapes)
held = {device.id: 0 for device in jax.devices()}
for array in {id(leaf): leaf for leaf in jax.tree.leaves(state) + jax.live_arrays()}.values():
    for shard in array.addressable_shards:
        held[shard.device.id] += shard.data.nbytes
# Counted last: to look at a shard makes an array of it.
first = jax.devices()[0]
shards = [s for leaf in jax.tree.leaves(state) for s in leaf.addressable_shards]
assert state_bytes(shapes) == sum(s.data.nbytes for s in shards if s.device == first)
whole = sum(leaf.nbytes for leaf in jax.tree.leaves(state))
np.savez(sys.argv[3], **{k.replace("/", "|"): v for k, v in to_host(mesh, state["params"]).items()})
print(json.dumps({"held": max(held.values()), "whole": whole, "read": max(read, default=0)}))
"""


def _weights(tmp_path, spec):
    rng = np.random.default_rng(0)
    tensors = {
        path: rng.standard_normal(shape).astype(np.float32)
        for path, shape in expected_shapes(spec, 2).items()
    }
    path = tmp_path / "w.safetensors"
    write_weights(path, spec, tensors, {"labels": ["A", "B"]})
    return path


@pytest.mark.parametrize("architecture", SPECS)
@pytest.mark.parametrize("init", ["pretrained", pytest.param("random", marks=pytest.mark.slow)])
def test_each_of_eight_devices_holds_and_reads_an_eighth(tmp_path, init, architecture):
    weights = _weights(tmp_path, SPECS[architecture])
    flags = {"XLA_FLAGS": "--xla_force_host_platform_device_count=8"}
    path = os.pathsep.join([str(HERE), str(HERE.parents[1])])
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT, str(weights), init, str(tmp_path / "out.npz")],
        capture_output=True,
        text=True,
        env=os.environ | flags | {"PYTHONPATH": path},
        timeout=300,
    )
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout.splitlines()[-1])
    # Biases and norms are split as well where their length divides; scalars are not.
    assert found["held"] < 1.05 * found["whole"] / 8
    if init == "pretrained":
        assert found["read"] == 64 * 256 // 8
        with np.load(tmp_path / "out.npz") as kept:
            for name, value in read_tensors(weights).items():
                np.testing.assert_array_equal(kept[name.replace("/", "|")], value)
