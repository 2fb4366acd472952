"""Integrated gradients against PyTorch, by their axioms, and on a model without attention."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import torch
from flax import nnx

from jaxcxr.errors import InputError
from jaxcxr.inference import gradients
from jaxcxr.inference.attention import attention_blocks, make_maps
from jaxcxr.inference.gradients import make_attribute
from jaxcxr.model import flatten, split

SIDE = 12
PIXELS = (np.array([0.4, 0.5, 0.6], np.float32), np.array([0.2, 0.3, 0.4], np.float32))


class Net(nnx.Module):
    """A convolutional network with the interface of all models, and no attention."""

    def __init__(self, rngs):
        self.conv = nnx.Conv(3, 5, (3, 3), padding="VALID", rngs=rngs)
        self.head = nnx.Linear(5, 4, rngs=rngs)

    def __call__(self, images):
        pooled = jnp.tanh(self.conv(images)).mean(axis=(1, 2))
        return self.head(jax.nn.gelu(pooled, approximate=False)), {"pooled": pooled}


@pytest.fixture(scope="module")
def net():
    return Net(nnx.Rngs(0))


@pytest.fixture
def image():
    return np.random.default_rng(1).integers(0, 256, (SIDE, SIDE)).astype(np.uint8)


def _torch_logits(net, images):
    conv = torch.tensor(np.asarray(net.conv.kernel[...])).permute(3, 2, 0, 1).double()
    mean, std = (torch.tensor(one).double()[:, None, None] for one in PIXELS)
    scaled = ((images[:, None] / 255).expand(-1, 3, -1, -1) - mean) / std
    bias = torch.tensor(np.asarray(net.conv.bias[...])).double()
    pooled = torch.tanh(torch.nn.functional.conv2d(scaled, conv, bias)).mean(dim=(2, 3))
    kernel, bias = (
        torch.tensor(np.asarray(one[...])).double() for one in (net.head.kernel, net.head.bias)
    )
    return torch.nn.functional.gelu(pooled) @ kernel + bias


def _torch_integral(net, image, baseline, label, steps=2000):
    """The mean gradient over the middle of each of many steps, times the way."""
    way = torch.tensor(image.astype(float)) - baseline
    places = (torch.arange(steps) + 0.5)[:, None, None] / steps
    points = (baseline + places * way).requires_grad_()
    _torch_logits(net, points)[:, label].sum().backward()
    return (points.grad.mean(dim=0) * way).numpy()


@pytest.mark.parametrize("baselines", [(0.0,), (255.0,), (0.0, 255.0)])
def test_they_are_those_of_pytorch(net, image, baselines):
    apply, params = split(net)
    attribute = make_attribute(apply, PIXELS, [2, 0], baselines=baselines)
    found = attribute(flatten(params), image)
    for row, label in enumerate((2, 0)):
        each = [_torch_integral(net, image, level, label) for level in baselines]
        np.testing.assert_allclose(found.values[row], np.mean(each, axis=0), atol=2e-6)
    logits = _torch_logits(net, torch.tensor(image[None].astype(float)))[0]
    np.testing.assert_allclose(found.logits, logits, atol=1e-5)


@pytest.mark.parametrize("baselines", [(0.0,), (128.0,), (0.0, 255.0)])
def test_they_add_up_to_the_difference_of_logits(net, image, baselines):
    """Completeness, the second axiom that the paper builds them from."""
    apply, params = split(net)
    found = make_attribute(apply, PIXELS, range(4), baselines=baselines)(flatten(params), image)
    even = torch.stack([torch.full((SIDE, SIDE), level) for level in baselines]).double()
    before = _torch_logits(net, torch.tensor(image[None].astype(float)))[0]
    wanted = (before - _torch_logits(net, even).mean(dim=0)).numpy()
    np.testing.assert_allclose(found.values.sum(axis=(1, 2)), wanted, atol=1e-5)
    np.testing.assert_allclose(found.gaps, 0, atol=1e-5)


def test_too_few_steps_show_as_a_gap(net, image):
    apply, params = split(net)
    gaps = [
        np.abs(make_attribute(apply, PIXELS, range(4), steps=n)(flatten(params), image).gaps).max()
        for n in (1, 2, 32)
    ]
    assert gaps[0] > gaps[1] > gaps[2]


def test_as_many_steps_are_taken_as_it_needs(monkeypatch):
    """A logit that jumps on the way wants many; the most that are given, and no more."""
    taken = []
    monkeypatch.setattr(
        gradients, "_points", lambda n, _, real=gradients._points: taken.append(n) or real(n, _)
    )

    def apply(params, images):
        return jnp.tanh(params * (images[:, :1, 0, 0] - 0.3)) * 5, {}

    zero, one = np.zeros(3, np.float32), np.ones(3, np.float32)
    image = np.full((SIDE, SIDE), 255, np.uint8)
    for steep, most, wanted in (
        (2, 256, [16]),
        (100, 256, [16, 32, 64, 128, 256]),
        (1e4, 40, [16, 32, 40]),
        (2, 5, [5]),
    ):
        taken.clear()
        attribute = make_attribute(apply, (zero, one), [0], steps=most, baselines=(0.0,))
        found = attribute(jnp.float32(steep), image)
        assert taken == wanted[: len(taken)] and taken[-1] in wanted
        close = abs(found.gaps[0]) <= gradients.CLOSE
        assert close or taken[-1] == most
        if steep == 1e4:
            assert not close
        if steep == 100:
            assert close and len(taken) > 1


def test_a_pixel_that_is_the_baseline_and_one_that_is_not_seen_get_nothing():
    """Sensitivity (b): the logit is one pixel's square, so its own share is known by hand."""

    def apply(params, images):
        return (images[:, 3, 4, :1] ** 2) * params, {}

    zero, one = np.zeros(3, np.float32), np.ones(3, np.float32)
    image = np.full((SIDE, SIDE), 51, np.uint8)
    found = make_attribute(apply, (zero, one), [0], baselines=(0.0,))(jnp.float32(5), image)
    expected = np.zeros((SIDE, SIDE))
    expected[3, 4] = 5 * 0.2**2
    np.testing.assert_allclose(found.values[0], expected, atol=1e-6)


def test_a_model_without_attention_is_refused_in_a_sentence(net, tmp_path):
    apply, params = split(net)
    assert attention_blocks(apply, flatten(params), SIDE) == []
    with pytest.raises(InputError, match="its model has no attention to show"):
        make_maps(apply, flatten(params), PIXELS, SIDE, tmp_path, "mean_then_norm")
