"""Values and hand-written gradients against PyTorch, in double precision where it matters."""

from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import torch

from jaxcxr.model.layers import attention, gelu, layer_norm


def _close(ours, theirs, tolerance=2e-6):
    theirs = theirs.detach().numpy()
    scale = np.abs(theirs).max()
    np.testing.assert_allclose(np.asarray(ours) / scale, theirs / scale, atol=tolerance)


@pytest.fixture
def rng():
    return np.random.default_rng(0)


@pytest.mark.parametrize("epsilon", [1e-6, 1e-12])
def test_layer_norm_equals_pytorch(rng, epsilon):
    # A large mean makes E[x^2] - E[x]^2 cancel; the mean squared deviation does not.
    x, weight = rng.normal(30, 2, (6, 5, 48)).astype("float32"), rng.normal(size=(6, 5, 48))
    scale, bias = rng.normal(size=(2, 48)).astype("float32")

    def ours(x, scale, bias):
        return jnp.sum(layer_norm(x, scale, bias, epsilon) * weight)

    inputs = [torch.tensor(v, dtype=torch.float64, requires_grad=True) for v in (x, scale, bias)]
    theirs = torch.nn.functional.layer_norm(inputs[0], (48,), inputs[1], inputs[2], epsilon)
    (theirs * torch.tensor(weight)).sum().backward()
    _close(layer_norm(x, scale, bias, epsilon), theirs)
    for gradient, tensor in zip(jax.grad(ours, (0, 1, 2))(x, scale, bias), inputs, strict=True):
        _close(gradient, tensor.grad, 2e-5)  # float32 inputs of magnitude 30 against float64


@pytest.mark.parametrize(("kind", "approximate"), [("erf", "none"), ("tanh", "tanh")])
def test_gelu_equals_pytorch(kind, approximate):
    x = np.linspace(-8, 8, 4001, dtype="float32")
    tensor = torch.tensor(x, dtype=torch.float64, requires_grad=True)
    theirs = torch.nn.functional.gelu(tensor, approximate=approximate)
    theirs.sum().backward()
    _close(gelu(x, kind), theirs)
    # 1 + tanh(x) is 0 in float32 below x = -5, where its true gradient is still 3.5e-6.
    _close(jax.grad(lambda x: gelu(x, kind).sum())(x), tensor.grad, 5e-6)


def test_attention_equals_pytorch(rng):
    query, key, value, weight = rng.normal(size=(4, 2, 9, 3, 8)).astype("float32")

    def ours(query, key, value):
        return jnp.sum(attention(query, key, value)[0] * weight)

    inputs = [torch.tensor(v, dtype=torch.float64, requires_grad=True) for v in (query, key, value)]
    theirs = torch.nn.functional.scaled_dot_product_attention(
        *(v.transpose(1, 2) for v in inputs)
    ).transpose(1, 2)
    (theirs * torch.tensor(weight)).sum().backward()
    attended, probabilities = attention(query, key, value)
    _close(attended, theirs)
    np.testing.assert_allclose(probabilities.sum(-1), 1, rtol=1e-6)
    for gradient, tensor in zip(jax.grad(ours, (0, 1, 2))(query, key, value), inputs, strict=True):
        _close(gradient, tensor.grad)


def _plain_layer_norm(x, scale, bias):
    x32 = x.astype(jnp.float32)
    return (jax.nn.standardize(x32, epsilon=1e-6) * scale + bias).astype(x.dtype)


BF16_LAYERS = {
    "layer_norm": (
        partial(layer_norm, epsilon=1e-6),
        _plain_layer_norm,
        (64, 197, 96),
        (96,),
        (96,),
    ),
    "gelu_erf": (partial(gelu, kind="erf"), partial(jax.nn.gelu, approximate=False), (200, 300)),
    "gelu_tanh": (partial(gelu, kind="tanh"), partial(jax.nn.gelu, approximate=True), (200, 300)),
    "attention": (
        lambda *x: attention(*x)[0],
        jax.nn.dot_product_attention,
        *((2, 197, 3, 32),) * 3,
    ),
}


@pytest.mark.slow
@pytest.mark.parametrize("layer", BF16_LAYERS)
def test_bfloat16_is_no_further_from_float32_than_jax_nn(rng, layer):
    ours, plain, *shapes = BF16_LAYERS[layer]
    inputs = [jnp.asarray(2 * rng.normal(size=shape), jnp.bfloat16) for shape in shapes]
    cotangent = jnp.asarray(rng.normal(size=shapes[0]), jnp.bfloat16)

    def value_and_gradients(function, dtype):
        value, pull = jax.vjp(function, *(x.astype(dtype) for x in inputs))
        return [np.asarray(x, "float32") for x in (value, *pull(cotangent.astype(dtype)))]

    truth = value_and_gradients(plain, jnp.float32)
    errors = [
        [np.linalg.norm(x - t) / np.linalg.norm(t) for x, t in zip(found, truth, strict=True)]
        for found in (value_and_gradients(f, jnp.bfloat16) for f in (ours, plain))
    ]
    assert np.all(np.array(errors[0]) <= 1.1 * np.array(errors[1])), errors


def test_gelu_in_bfloat16_keeps_the_digits_of_its_tail():
    x = jnp.asarray([-3.0, -4.0], jnp.bfloat16)
    truth = torch.nn.functional.gelu(torch.tensor([-3.0, -4.0], dtype=torch.float64)).numpy()
    np.testing.assert_allclose(np.asarray(gelu(x, "erf"), float), truth, rtol=2**-8)
