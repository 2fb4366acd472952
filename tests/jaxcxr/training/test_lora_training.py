"""LoRA with alpha, dropout and parts of the fused map, in the step and in a run."""

import json
import os
import subprocess
import sys
from pathlib import Path

import jax
import numpy as np
import pytest
from flax import nnx
from safetensors.numpy import load_file
from stopped_run import assert_goes_on_exactly
from tiny import get_config

from jaxcxr.config import study_config
from jaxcxr.inference.forward import make_predict_step
from jaxcxr.model import ViT, ViTSpec, flatten, read_header, split
from jaxcxr.model.lora import SCALE
from jaxcxr.reporting.model_facts import FACTS
from jaxcxr.reporting.run_record import read_run
from jaxcxr.run.mesh import mesh_of, put_batch, put_state
from jaxcxr.training.optimizer import is_trainable, make_optimizer
from jaxcxr.training.step import (
    create_state,
    init_state,
    make_train_step,
    shapes_of_state,
    with_lora,
)

SPEC = ViTSpec(patch_size=7, width=32, depth=1, heads=4, mlp_width=64, native_image_size=28)
PIXELS = (np.full(3, 0.45, "float32"), np.full(3, 0.25, "float32"))
QUERY_VALUE = ("attention/query", "attention/value")
FOLLOW_UP = {"lora_rank": 2, "lora_alpha": 4.0, "lora_dropout": 0.4, "lora_targets": QUERY_VALUE}


def _batch():
    rng = np.random.default_rng(0)
    return {
        "image": rng.integers(0, 256, (8, 28, 28)).astype("uint8"),
        "labels": rng.integers(0, 2, (8, 3)).astype("float32"),
        "mask": np.ones((8, 3), "float32"),
    }


def _trained(steps=3, **changes):
    """The same batch at each step, so that what differs is drawn."""
    config = study_config()
    config.trainable, config.learning_rate = "lora", 1e-2
    config.flip, config.rotation_degrees = False, 0.0
    config.update(FOLLOW_UP | changes)
    model = ViT(SPEC, num_labels=3, image_size=28, rngs=nnx.Rngs(0))
    params = with_lora(config, flatten(split(model)[1]))
    optimizer = make_optimizer(config, SPEC.depth, steps)
    state = init_state(config, params, optimizer)
    step = jax.jit(make_train_step(config, model, optimizer, "abc", np.ones(3, "float32"), PIXELS))
    losses = []
    for _ in range(steps):
        state, metrics = step(state, _batch())
        losses.append(float(metrics["loss"]))
    return losses, state["params"], model, step, state


@pytest.mark.slow
def test_dropout_draws_from_seed_and_step_whatever_the_micro_batches():
    losses, params, _, step, state = _trained()
    again, same, *_ = _trained()
    assert losses == again
    for path, value in params.items():
        np.testing.assert_array_equal(value, same[path])
    # The same parameters and batch at another step have other masks; `b` is no longer zero.
    later = state | {"step": state["step"] + 1}
    assert float(step(state, _batch())[1]["loss"]) != float(step(later, _batch())[1]["loss"])
    parts, accumulated, *_ = _trained(accumulate=4)
    np.testing.assert_allclose(losses, parts, rtol=1e-5)
    for path, value in params.items():
        np.testing.assert_allclose(value, accumulated[path], atol=5e-5, err_msg=path)
    other, *_ = _trained(seed=1)
    assert not np.allclose(losses[1:], other[1:], rtol=1e-4)


@pytest.mark.slow
def test_what_learns_and_what_is_predicted():
    _, params, model, *_ = _trained()
    start = with_lora(_config_of(), flatten(split(model)[1]))
    moved = {path for path, value in params.items() if (value != start[path]).any()}
    adapted = {
        f"lora/blocks/0/attention/{part}/{factor}" for part in ("query", "value") for factor in "ab"
    }
    assert moved == {"head/kernel", "head/bias", *adapted}
    assert {path for path in params if is_trainable(path, "lora")} == moved
    assert float(params[SCALE]) == 2
    # Prediction merges: nothing is dropped, and the kernel is that of the definition.
    kernel = np.array(params["blocks/0/attention/qkv/kernel"], np.float64)
    for third, part in ((0, "query"), (2, "value")):
        a, b = (np.array(params[f"lora/blocks/0/attention/{part}/{one}"]) for one in "ab")
        kernel[:, third * 32 : (third + 1) * 32] += 2.0 * a.astype(np.float64) @ b
    plain = {path: value for path, value in params.items() if "lora" not in path}
    plain["blocks/0/attention/qkv/kernel"] = kernel.astype("float32")
    predict, images = make_predict_step(model, PIXELS), _batch()["image"]
    np.testing.assert_allclose(
        predict(params, images), predict(plain, images), rtol=1e-4, atol=1e-5
    )


def _config_of():
    config = study_config()
    config.update(FOLLOW_UP)
    return config


MESHES = """
import jax, json
import numpy as np
from test_lora_training import losses_on

print(json.dumps([losses_on(*mesh) for mesh in ((1, 1), (4, 1), (2, 2))]))
"""


def losses_on(data, fsdp):
    """Losses of three steps on some devices."""
    config = _config_of()
    config.update({"trainable": "lora", "learning_rate": 1e-2})
    model = ViT(SPEC, num_labels=3, image_size=28, rngs=nnx.Rngs(0))
    mesh = mesh_of(jax.devices()[: data * fsdp], data, fsdp, 8)
    params = put_state(mesh, with_lora(config, flatten(split(model)[1])))
    optimizer = make_optimizer(config, SPEC.depth, 3)
    shapes = shapes_of_state(config, params, optimizer, mesh)
    state = create_state(config, params, optimizer, shapes)
    step = jax.jit(make_train_step(config, model, optimizer, "abc", np.ones(3, "float32"), PIXELS))
    losses = []
    for _ in range(3):
        state, metrics = step(state, put_batch(mesh, _batch()))
        losses.append(float(metrics["loss"]))
    return losses


@pytest.mark.slow
def test_dropout_is_the_same_on_every_mesh():
    here = Path(__file__).parent
    path = os.pathsep.join([str(here), str(here.parent), str(here.parents[2])])
    flags = {"XLA_FLAGS": "--xla_force_host_platform_device_count=4", "PYTHONPATH": path}
    done = subprocess.run(
        [sys.executable, "-c", MESHES], capture_output=True, text=True, env=os.environ | flags
    )
    assert done.returncode == 0, done.stderr
    one, *others = json.loads(done.stdout)
    assert len(set(one)) == 3
    for losses in others:
        np.testing.assert_allclose(losses, one, rtol=1e-5)


def _run_config(data):
    config = get_config()
    config.data, config.trainable, config.optimizer = str(data), "lora", "adam"
    config.update(FOLLOW_UP)
    return config


@pytest.mark.slow
def test_a_run_stopped_and_resumed_ends_as_an_ordinary_weights_file(
    tiny_data, tmp_path, monkeypatch, capsys
):
    assert_goes_on_exactly(_run_config(tiny_data), tmp_path, monkeypatch, at=10)
    said = " ".join(capsys.readouterr().out.replace("\u2502", " ").split())
    header = read_header(tmp_path / "whole" / "model.safetensors")
    kept = load_file(tmp_path / "whole" / "model.safetensors")
    assert not [name for name in kept if "lora" in name]
    # Two blocks, query and value, a and b of rank 2 on a width of 32; and the head.
    learnt = 2 * 2 * 2 * 2 * 32 + 3 * 33
    assert header.provenance["trained_parameters"] == learnt
    plain = sum(value.size for name, value in kept.items() if not name.startswith("extra/"))
    assert f"{plain + learnt - 3 * 33:,}, of which learn {learnt:,}" in said
    assert "LoRA of attention/query, attention/value" in said
    told = header.provenance["config"]
    assert {name: told[name] for name in FOLLOW_UP} == FOLLOW_UP | {
        "lora_targets": list(QUERY_VALUE)
    }
    fact = FACTS["training"](read_run(tmp_path / "whole")).text
    assert "updates of rank 2, alpha 4 and dropout 0.4 of attention/query, attention/v" in fact
    assert "Adam, learning rate 0.005" in fact
