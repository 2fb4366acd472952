"""The optimizer against PyTorch's AdamW, and which parameters it touches how."""

import numpy as np
import optax
import pytest
import torch

from jaxcxr.config import study_config
from jaxcxr.model.lora import add_lora, merge_lora
from jaxcxr.training.optimizer import (
    is_trainable,
    layer_index,
    learning_rate_schedule,
    make_optimizer,
)

SHAPES = {
    "class_token": (1, 4),
    "blocks/0/attention/qkv/kernel": (4, 12),
    "blocks/0/attention/qkv/bias": (12,),
    "blocks/1/mlp/fc1/kernel": (4, 8),
    "head/kernel": (4, 2),
}


def _arrays(seed):
    rng = np.random.default_rng(seed)
    return {path: rng.normal(size=shape).astype("float32") for path, shape in SHAPES.items()}


def _trained(config, steps=10):
    params = _arrays(0)
    optimizer = make_optimizer(config, depth=2, total_steps=steps)
    state = optimizer.init(params)
    for step in range(steps):
        updates, state = optimizer.update(_arrays(step + 1), state, params)
        params = optax.apply_updates(params, updates)
    return params


def test_equals_pytorchs_adamw_with_decay_on_kernels_alone():
    config = study_config()
    config.learning_rate, config.weight_decay = 1e-2, 0.3
    tensors = {path: torch.tensor(value) for path, value in _arrays(0).items()}
    kernels = [tensor for path, tensor in tensors.items() if path.endswith("kernel")]
    others = [tensor for path, tensor in tensors.items() if not path.endswith("kernel")]
    theirs = torch.optim.AdamW(
        [{"params": kernels, "weight_decay": 0.3}, {"params": others, "weight_decay": 0.0}],
        lr=1e-2,
    )
    for step in range(10):
        for path, gradient in _arrays(step + 1).items():
            tensors[path].grad = torch.tensor(gradient)
        theirs.step()
    for path, value in _trained(config).items():
        np.testing.assert_allclose(value, tensors[path].numpy(), rtol=2e-5, atol=1e-6)


def test_adam_equals_pytorchs_adam():
    config = study_config()
    config.optimizer, config.learning_rate = "adam", 1e-2
    tensors = {path: torch.tensor(value) for path, value in _arrays(0).items()}
    theirs = torch.optim.Adam(tensors.values(), lr=1e-2)
    for step in range(10):
        for path, gradient in _arrays(step + 1).items():
            tensors[path].grad = torch.tensor(gradient)
        theirs.step()
    for path, value in _trained(config).items():
        np.testing.assert_allclose(value, tensors[path].numpy(), rtol=2e-5, atol=1e-6)


def test_layer_decay_slows_the_layers_below():
    config = study_config()
    plain = _trained(config)
    config.layer_decay = 0.5
    decayed, start = _trained(config), _arrays(0)
    # Layers: tokens 0, blocks 1 and 2, head 3; Adam's updates are otherwise the same.
    layers_below_head = {
        "head/kernel": 0,
        "blocks/1/mlp/fc1/kernel": 1,
        "blocks/0/attention/qkv/kernel": 2,
        "class_token": 3,
    }
    for path, layers in layers_below_head.items():
        moved = (decayed[path] - start[path]) / (plain[path] - start[path])
        # The parameters move by 1e-4 in float32 numbers of size 1: one part in a thousand.
        np.testing.assert_allclose(np.median(moved), 0.5**layers, rtol=5e-3)


def test_schedules():
    config = study_config()
    assert learning_rate_schedule(config, 100)(77) == pytest.approx(1e-5)
    config.schedule, config.warmup_steps = "cosine", 10
    schedule = learning_rate_schedule(config, 110)
    assert schedule(5) == pytest.approx(0.5e-5)
    assert schedule(10) == pytest.approx(1e-5)
    assert schedule(60) == pytest.approx(0.5e-5)
    assert schedule(110) == pytest.approx(0, abs=1e-12)


def test_lora_starts_as_the_same_function_and_trains_the_update_alone():
    params = _arrays(0)
    extended = add_lora(params, rank=2, seed=0)
    learns = [path for path in extended if is_trainable(path, "lora")]
    assert learns == [
        "head/kernel",
        "lora/blocks/0/attention/qkv/a",
        "lora/blocks/0/attention/qkv/b",
        "lora/blocks/1/mlp/fc1/a",
        "lora/blocks/1/mlp/fc1/b",
    ]
    merged = merge_lora(extended)
    assert merged.keys() == params.keys()
    for path, value in params.items():
        np.testing.assert_array_equal(merged[path], value)
    extended["lora/blocks/0/attention/qkv/b"] += 1
    update = (
        merge_lora(extended)["blocks/0/attention/qkv/kernel"]
        - params["blocks/0/attention/qkv/kernel"]
    )
    assert np.linalg.matrix_rank(update, tol=1e-4) == 1
    assert layer_index("lora/blocks/1/mlp/fc1/a", 2) == 2


@pytest.mark.parametrize("norm", [1.0, 1e6])
def test_clipping_is_pytorchs(norm):
    """By the norm over all parameters; steps of different norms, so that Adam cannot undo it."""
    config = study_config()
    config.learning_rate, config.clip_norm = 1e-2, norm
    tensors = {path: torch.tensor(value) for path, value in _arrays(0).items()}
    theirs = torch.optim.AdamW(tensors.values(), lr=1e-2, weight_decay=0.0)
    params, optimizer = _arrays(0), make_optimizer(config, depth=2, total_steps=10)
    state = optimizer.init(params)
    for step in range(10):
        gradients = {path: value * 10.0**-step for path, value in _arrays(step + 1).items()}
        updates, state = optimizer.update(gradients, state, params)
        params = optax.apply_updates(params, updates)
        for path, gradient in gradients.items():
            tensors[path].grad = torch.tensor(gradient)
        torch.nn.utils.clip_grad_norm_(tensors.values(), norm)
        theirs.step()
    for path, value in params.items():
        np.testing.assert_allclose(value, tensors[path].numpy(), rtol=2e-5, atol=1e-6)


def test_small_gradients_are_divided_as_pytorch_divides_them():
    """Where a gradient is as small as Adam's epsilon, that decides."""
    config = study_config()
    config.learning_rate = 1e-2
    tensor = torch.tensor([1.0, 1.0])
    theirs = torch.optim.AdamW([tensor], lr=1e-2, weight_decay=0.0)
    params, optimizer = {"a": tensor.numpy().copy()}, make_optimizer(config, 1, 3)
    state = optimizer.init(params)
    for _ in range(3):
        gradient = np.array([2e-8, -5e-9], "float32")
        updates, state = optimizer.update({"a": gradient}, state, params)
        params = optax.apply_updates(params, updates)
        tensor.grad = torch.tensor(gradient)
        theirs.step()
    np.testing.assert_allclose(params["a"], tensor.numpy(), rtol=1e-6)


def test_layers_are_counted_from_the_input():
    counted = {path: layer_index(path, 12) for path in ("patch_embedding/kernel", "class_token")}
    counted |= {path: layer_index(path, 12) for path in ("position_table", "registers")}
    assert set(counted.values()) == {0}
    assert [layer_index(f"blocks/{n}/norm1/scale", 12) for n in (0, 1, 11)] == [1, 2, 12]
    assert [layer_index(path, 12) for path in ("norm/scale", "norm/bias", "head/bias")] == [13] * 3


def test_what_learns():
    paths = ["head/bias", "norm/scale", "lora/blocks/0/mlp/fc1/a", "blocks/0/mlp/fc1/kernel"]
    assert [is_trainable(path, "all") for path in paths] == [True] * 4
    assert [is_trainable(path, "head") for path in paths] == [True, False, False, False]
    assert [is_trainable(path, "lora") for path in paths] == [True, False, True, False]


def test_schedules_at_their_ends():
    config = study_config()
    config.schedule = "cosine"
    schedule = learning_rate_schedule(config, 100)
    assert [schedule(step) for step in (0, 50)] == pytest.approx([1e-5, 0.5e-5])
    assert schedule(99) > schedule(100) == 0
    config.warmup_steps = 99  # a single step is left for the cosine
    assert learning_rate_schedule(config, 100)(100) == pytest.approx(0, abs=1e-12)
    config.warmup_steps = 100  # nothing is left for the cosine
    assert learning_rate_schedule(config, 100)(99) == pytest.approx(0.99e-5)
    config.schedule, config.warmup_steps = "constant", 1
    warm = learning_rate_schedule(config, 100)
    assert [float(warm(step)) for step in (0, 1, 2, 100)] == pytest.approx([0, *[1e-5] * 3])
