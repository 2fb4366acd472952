"""The train step against a PyTorch training of the study's recipe, written from its functions."""

import dataclasses

import jax
import numpy as np
import pytest
import torch
import torch.nn.functional as F
from flax import nnx

from jaxcxr.config import study_config
from jaxcxr.inference.forward import make_predict_step
from jaxcxr.model import ConvNeXtSpec, ViT, ViTSpec, build_model, flatten, split
from jaxcxr.run.inputs import matmul_precision
from jaxcxr.run.mesh import make_mesh, put_state
from jaxcxr.training.optimizer import make_optimizer
from jaxcxr.training.step import (
    create_state,
    init_state,
    make_train_step,
    shapes_of_state,
    with_lora,
)

SPEC = ViTSpec(
    patch_size=7, width=32, depth=3, heads=4, mlp_width=64, native_image_size=28, layer_scale=True
)
SHALLOW = dataclasses.replace(SPEC, depth=1)  # compiles in a third of the time
LABELS = ("a", "b", "c")
POS_WEIGHT = np.array([2.0, 0.5, 9.0], "float32")
PIXELS = (np.full(3, 0.45, "float32"), np.full(3, 0.25, "float32"))


def _config(**changes):
    config = study_config()
    config.flip, config.rotation_degrees, config.learning_rate = False, 0.0, 1e-3
    config.update(changes)
    return config


def _batches(steps, batch=8):
    rng = np.random.default_rng(0)
    for _ in range(steps):
        yield {
            "image": rng.integers(0, 256, (batch, 28, 28)).astype("uint8"),
            "labels": rng.integers(0, 2, (batch, 3)).astype("float32"),
            "mask": np.ones((batch, 3), "float32"),
        }


def _train(config, norms=None, steps=10, spec=SPEC):
    model = ViT(spec, num_labels=3, image_size=28, rngs=nnx.Rngs(0))
    optimizer = make_optimizer(config, spec.depth, steps)
    params = flatten(split(model)[1])
    state = init_state(config, params, optimizer)
    step = jax.jit(make_train_step(config, model, optimizer, LABELS, POS_WEIGHT, PIXELS))
    losses = []
    for batch in _batches(steps):
        state, metrics = step(state, batch)
        losses.append(float(metrics["loss"]))
        if norms is not None:
            norms.append(float(metrics["gradient_norm"]))
    return losses, state, params


def _determined(path, value):
    """Leave out the key's bias: no loss depends on it, and Adam steps on rounding."""
    value = np.asarray(value)
    return np.delete(value, slice(32, 64)) if path.endswith("qkv/bias") else value


def _torch_logits(p, images):
    """Forward pass from PyTorch's own functions, on parameters in the layout of this project."""

    def norm(x, name):
        return F.layer_norm(x, (SPEC.width,), p[f"{name}/scale"], p[f"{name}/bias"], 1e-6)

    def linear(x, name):
        return F.linear(x, p[f"{name}/kernel"].T, p[f"{name}/bias"])

    pixels = (torch.tensor(images).float()[:, None] / 255).expand(-1, 3, -1, -1)
    pixels = (pixels - 0.45) / 0.25
    kernel = p["patch_embedding/kernel"].permute(3, 2, 0, 1)
    x = F.conv2d(pixels, kernel, p["patch_embedding/bias"], stride=SPEC.patch_size)
    x = x.flatten(2).transpose(1, 2)
    x = torch.cat([p["class_token"].expand(len(x), 1, -1), x], 1) + p["position_table"]
    for block in range(SPEC.depth):
        here = f"blocks/{block}"
        qkv = linear(norm(x, f"{here}/norm1"), f"{here}/attention/qkv")
        q, k, v = (t.unflatten(-1, (SPEC.heads, -1)).transpose(1, 2) for t in qkv.chunk(3, -1))
        attended = F.scaled_dot_product_attention(q, k, v).transpose(1, 2).flatten(2)
        x = x + linear(attended, f"{here}/attention/projection") * p[f"{here}/scale1"]
        hidden = F.gelu(linear(norm(x, f"{here}/norm2"), f"{here}/mlp/fc1"))
        x = x + linear(hidden, f"{here}/mlp/fc2") * p[f"{here}/scale2"]
    return linear(norm(x, "norm")[:, 0], "head")


def test_ten_steps_equal_pytorch():
    losses, state, start = _train(_config(), norms := [])
    p = {path: torch.tensor(np.asarray(value)).requires_grad_() for path, value in start.items()}
    optimizer = torch.optim.AdamW(p.values(), lr=1e-3, weight_decay=0.0)
    criterion = torch.nn.BCEWithLogitsLoss(pos_weight=torch.tensor(POS_WEIGHT))
    for ours, batch in zip(zip(losses, norms, strict=True), _batches(10), strict=True):
        optimizer.zero_grad()
        loss = criterion(_torch_logits(p, batch["image"]), torch.tensor(batch["labels"]))
        loss.backward()
        norm = torch.sqrt(sum((tensor.grad**2).sum() for tensor in p.values()))
        optimizer.step()
        np.testing.assert_allclose(ours, (loss.item(), norm.item()), rtol=1e-4)
    for path, value in state["params"].items():
        ours, theirs = (_determined(path, v) for v in (value, p[path].detach().numpy()))
        size = max(np.abs(start[path]).max(), 1e-2)
        np.testing.assert_allclose(ours, theirs, atol=1e-4 * size, err_msg=path)
    assert losses[0] > 1.2 * losses[-1]


def test_micro_batches_give_the_step_of_the_whole_batch():
    whole, state, _ = _train(_config(), steps=3, spec=SHALLOW)
    parts, accumulated, _ = _train(_config(accumulate=4), steps=3, spec=SHALLOW)
    np.testing.assert_allclose(whole, parts, rtol=1e-5)
    for path, value in state["params"].items():
        ours, theirs = (_determined(path, v) for v in (value, accumulated["params"][path]))
        np.testing.assert_allclose(ours, theirs, atol=2e-5, err_msg=path)


@pytest.mark.parametrize("trainable", ["head", "lora"])
def test_a_frozen_backbone_stays_and_costs_no_optimizer_state(trainable):
    config = _config(trainable=trainable)
    _, state, start = _train(config, steps=2, spec=SHALLOW)
    changed = {path for path in start if (state["params"][path] != start[path]).any()}
    assert changed == {"head/kernel", "head/bias"}
    moments = [leaf for leaf in jax.tree.leaves(state["opt"]) if leaf.ndim == 2]
    assert len(moments) == 2  # of the head's kernel; without add_lora there is nothing else


def test_the_updates_are_those_that_the_config_asks_for():
    model = ViT(SHALLOW, num_labels=3, image_size=28, rngs=nnx.Rngs(0))
    params = flatten(split(model)[1])
    config = _config(lora_rank=2, lora_alpha=6.0, lora_targets=("attention/query",), seed=5)
    found = with_lora(config, params)
    a, b = (f"lora/blocks/0/attention/query/{factor}" for factor in "ab")
    assert found.keys() - params.keys() == {a, b, "lora_scale"}
    assert found[a].shape == (32, 2) and found[b].shape == (2, 32) and found["lora_scale"] == 3
    config.seed = 6
    assert (with_lora(config, params)[a] != found[a]).any()


def test_the_state_that_is_created_is_the_first_where_its_shapes_say():
    config, mesh = _config(), make_mesh(1, 1, batch_size=8)
    model = ViT(SHALLOW, num_labels=3, image_size=28, rngs=nnx.Rngs(0))
    optimizer = make_optimizer(config, SHALLOW.depth, 10)
    params = put_state(mesh, flatten(split(model)[1]))
    shapes = shapes_of_state(config, params, optimizer, mesh)
    state = create_state(config, params, optimizer, shapes)
    jax.tree.map(np.testing.assert_array_equal, state, init_state(config, params, optimizer))
    assert jax.tree.map(lambda leaf: (leaf.shape, leaf.dtype, leaf.sharding), state) == (
        jax.tree.map(lambda leaf: (leaf.shape, leaf.dtype, leaf.sharding), shapes)
    )


def test_random_numbers_depend_on_seed_and_step_alone():
    config = _config(flip=True, rotation_degrees=7.0)
    first, again = (_train(config, steps=3, spec=SHALLOW)[0] for _ in range(2))
    assert first == again
    config.seed = 1
    assert first != _train(config, steps=3, spec=SHALLOW)[0]


def test_prediction_is_the_trained_functions():
    config = _config()
    model = ViT(SPEC, num_labels=3, image_size=28, rngs=nnx.Rngs(0))
    _, state, _ = _train(config, steps=2)
    images = next(_batches(1))["image"]
    ours = make_predict_step(model, PIXELS)(state["params"], images)
    p = {path: torch.tensor(np.asarray(value)) for path, value in state["params"].items()}
    np.testing.assert_allclose(ours, _torch_logits(p, images), rtol=1e-4, atol=1e-5)


def test_a_batch_of_which_nothing_is_known_teaches_nothing():
    config = _config()
    model = ViT(SHALLOW, num_labels=3, image_size=28, rngs=nnx.Rngs(0))
    optimizer = make_optimizer(config, SHALLOW.depth, 1)
    state = init_state(config, flatten(split(model)[1]), optimizer)
    step = jax.jit(make_train_step(config, model, optimizer, LABELS, POS_WEIGHT, PIXELS))
    batch = next(_batches(1))
    after, metrics = step(state, batch | {"mask": np.zeros((8, 3), "float32")})
    assert (float(metrics["loss"]), float(metrics["gradient_norm"])) == (0, 0)
    for path, value in after["params"].items():
        np.testing.assert_array_equal(value, state["params"][path])
    # A single known label is divided by one, two by two.
    mask = np.zeros((8, 3), "float32")
    losses = []
    for place in ((0, 0), (5, 2)):
        mask[:] = 0
        mask[place] = 1
        losses.append(float(step(state, batch | {"mask": mask})[1]["loss"]))
    mask[0, 0] = 1
    assert float(step(state, batch | {"mask": mask})[1]["loss"]) == pytest.approx(sum(losses) / 2)


def test_a_head_learns_from_class_tokens_as_pytorchs_linear_layer():
    config = _config(trainable="head", flip=True, rotation_degrees=7.0)  # without images, nothing
    model = ViT(SHALLOW, num_labels=3, image_size=28, rngs=nnx.Rngs(0))
    optimizer = make_optimizer(config, SHALLOW.depth, 4)
    start = flatten(split(model)[1])
    start["head/bias"] = start["head/bias"] + np.array([0.3, -0.2, 0.1], "float32")
    state = init_state(config, start, optimizer)
    labels = ("x right", "b", "x left")
    step = jax.jit(make_train_step(config, model, optimizer, labels, POS_WEIGHT, PIXELS))
    head = torch.nn.Linear(32, 3)
    head.weight.data = torch.tensor(np.asarray(start["head/kernel"]).T.copy())
    head.bias.data = torch.tensor(np.asarray(start["head/bias"]))
    theirs = torch.optim.AdamW(head.parameters(), lr=1e-3, weight_decay=0.0)
    criterion = torch.nn.BCEWithLogitsLoss(pos_weight=torch.tensor(POS_WEIGHT))
    tokens = np.random.default_rng(1).normal(size=(4, 8, 32)).astype("float32")
    for features, batch in zip(tokens, _batches(4), strict=True):
        theirs.zero_grad()
        loss = criterion(head(torch.tensor(features)), torch.tensor(batch["labels"]))
        loss.backward()
        theirs.step()
        del batch["image"]
        state, metrics = step(state, batch | {"class_token": features})
        assert float(metrics["loss"]) == pytest.approx(loss.item(), rel=1e-5)
        norm = torch.sqrt(sum((tensor.grad**2).sum() for tensor in head.parameters()))
        assert float(metrics["gradient_norm"]) == pytest.approx(norm.item(), rel=1e-4)
    kernel, bias = (state["params"][f"head/{name}"] for name in ("kernel", "bias"))
    np.testing.assert_allclose(kernel, head.weight.detach().numpy().T, atol=1e-6)
    np.testing.assert_allclose(bias, head.bias.detach().numpy(), atol=1e-6)
    for path, value in state["params"].items():
        if not path.startswith("head/"):
            np.testing.assert_array_equal(value, start[path], err_msg=path)


@pytest.mark.parametrize(
    "spec", [ViTSpec(7, 32, 1, 2, 64, 28), ConvNeXtSpec((8, 16), (1, 1), native_image_size=24)]
)
@pytest.mark.parametrize(("asked", "found"), [("default", "DEFAULT"), ("highest", "HIGHEST")])
def test_every_product_of_both_passes_has_the_precision_of_the_config(asked, found, spec):
    """But the resampling of positions, which is always exact."""
    config = study_config()
    config.matmul_precision = asked
    side = spec.native_image_size
    model = build_model(
        spec,
        num_labels=2,
        image_size=side,
        matmul_precision=matmul_precision(config),
        rngs=nnx.Rngs(0),
    )
    optimizer = make_optimizer(config, spec.depth, 10)
    pixels = np.zeros(3, np.float32), np.ones(3, np.float32)
    step = make_train_step(config, model, optimizer, ("a", "b"), np.ones(2, np.float32), pixels)
    batch = {"image": np.zeros((2, side, side), np.uint8)}
    batch |= {name: np.ones((2, 2), np.float32) for name in ("labels", "mask")}
    state = init_state(config, flatten(split(model)[1]), optimizer)
    text = jax.jit(step).lower(state, batch).as_text()
    kinds = ("dot_general", "stablehlo.convolution")
    products = [line for line in text.splitlines() if any(kind in line for kind in kinds)]
    precisions = {"HIGHEST" if "HIGHEST" in line else "DEFAULT" for line in products}
    assert len(products) > 12 and precisions == {found}
    convolutions = sum("stablehlo.convolution" in line for line in products)
    # Each of ConvNeXt's two blocks has one, with a gradient for its input and one for its kernel.
    assert convolutions == (6 if isinstance(spec, ConvNeXtSpec) else 0)
