"""One step of the study's recipe on a fixed tiny model: the numbers that it gave, to the digit.

Other tests say that a step is right; this one says that it is still the same step.
"""

import json
import os
from pathlib import Path

import jax
import numpy as np
import pytest
from flax import nnx

from jaxcxr.config import study_config
from jaxcxr.model import ViT, ViTSpec, flatten, split
from jaxcxr.training.optimizer import make_optimizer
from jaxcxr.training.step import init_state, make_train_step

GOLDEN = Path(__file__).with_name("golden_step.json")
SPEC = ViTSpec(
    patch_size=7, width=32, depth=2, heads=4, mlp_width=64, native_image_size=28, layer_scale=True
)
LABELS = ("Pleural effusion right", "Pleural effusion left", "Cardiomegaly")
MESSAGE = """
One training step is not what it was: {name} is {now:.9g}, and was {before:.9g}.

Nothing that a user sets has changed in this test, so that everybody who trains with this code gets
other numbers than before. That is a bug if you did not mean to change what a step computes: look
for it in what you changed of the model, the pixels, the augmentation, the loss, the optimizer, the
random numbers or the defaults of jaxcxr.config. A refactoring or a faster way stays within the
tolerance, and so does another release of jax.

Renew the numbers only if the change is meant and test_step.py shows it right against PyTorch:

    RENEW_GOLDEN_STEP=1 python -m pytest tests/jaxcxr/training/test_golden_step.py

and write in CHANGELOG.md what it means for runs that were trained before.
"""


def _part(path):
    """Return the part of the model that a parameter is of, such as `blocks/0/mlp`."""
    parts = path.split("/")
    return "/".join(parts[:3] if parts[0] == "blocks" else parts[:1])


def _norms(values):
    """Norm over each part, key biases left out: no loss depends on them, Adam steps on rounding."""
    squares = {}
    for path, value in values.items():
        value = np.asarray(value, np.float64)
        if path.endswith("qkv/bias"):
            value = np.delete(value, slice(SPEC.width, 2 * SPEC.width))
        squares[_part(path)] = squares.get(_part(path), 0.0) + np.square(value).sum()
    return {part: float(np.sqrt(square)) for part, square in squares.items()}


def _step():
    """Take the step from weights and images of NumPy's generator; return its numbers by name."""
    config, rng = study_config(), np.random.default_rng(0)
    model = ViT(SPEC, num_labels=len(LABELS), image_size=28, rngs=nnx.Rngs(0))
    params = {
        path: jax.numpy.asarray(0.1 * rng.standard_normal(value.shape), np.float32)
        for path, value in sorted(flatten(split(model)[1]).items())
    }
    labels = rng.integers(0, 2, (16, len(LABELS))).astype("float32")
    batch = {
        "image": rng.integers(0, 256, (16, 28, 28)).astype("uint8"),
        "labels": labels,
        "mask": (rng.random(labels.shape) > 0.2).astype("float32"),
    }
    pixels = np.full(3, 0.0, "float32"), np.full(3, 1.0, "float32")
    optimizer = make_optimizer(config, SPEC.depth, 10)
    weights = np.array([2.0, 0.5, 9.0], "float32")
    step = jax.jit(make_train_step(config, model, optimizer, LABELS, weights, pixels))
    state, metrics = step(init_state(config, params, optimizer), batch)
    updates = {path: state["params"][path] - value for path, value in params.items()}
    moments = next(
        part.mu
        for part in jax.tree.leaves(state["opt"], is_leaf=lambda node: hasattr(node, "mu"))
        if hasattr(part, "mu")
    )
    gradients = {path: moment / 0.1 for path, moment in moments.items()}  # Adam's 1 - b1
    return (
        {"loss": float(metrics["loss"]), "gradient norm": float(metrics["gradient_norm"])}
        | {f"gradient of {part}": norm for part, norm in _norms(gradients).items()}
        | {f"update of {part}": norm for part, norm in _norms(updates).items()}
    )


def test_one_step_gives_the_numbers_that_it_gave():
    numbers = _step()
    if os.environ.get("RENEW_GOLDEN_STEP"):
        GOLDEN.write_text(json.dumps(numbers, indent=2) + "\n")
        pytest.skip(f"renewed {GOLDEN.name}: run without RENEW_GOLDEN_STEP, and commit it")
    golden = json.loads(GOLDEN.read_text())
    assert set(numbers) == set(golden), "the model has other parts than before: see the message"
    for name, before in golden.items():
        # An update is the difference of two float32 parameters a hundred thousand times its size.
        near = pytest.approx(before, rel=1e-3 if name.startswith("update") else 2e-5)
        assert numbers[name] == near, MESSAGE.format(name=name, now=numbers[name], before=before)
