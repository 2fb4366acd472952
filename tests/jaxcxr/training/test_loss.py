"""The loss against PyTorch's, and what a mask must not do."""

import jax
import numpy as np
import torch

from jaxcxr.training.loss import positive_weights, weighted_bce_sum


def _batch():
    rng = np.random.default_rng(0)
    logits = (5 * rng.normal(size=(7, 4))).astype("float32")
    labels = rng.integers(0, 2, (7, 4)).astype("float32")
    return logits, labels, np.array([0.3, 1.0, 7.0, 40.0], "float32")


def test_equals_pytorch_in_value_and_gradient():
    logits, labels, weights = _batch()
    tensor = torch.tensor(logits, requires_grad=True)
    loss = torch.nn.BCEWithLogitsLoss(pos_weight=torch.tensor(weights), reduction="sum")
    theirs = loss(tensor, torch.tensor(labels))
    theirs.backward()
    ours, gradient = jax.value_and_grad(weighted_bce_sum)(
        logits, labels, np.ones_like(labels), weights
    )
    np.testing.assert_allclose(ours, theirs.item(), rtol=1e-6)
    np.testing.assert_allclose(gradient, tensor.grad.numpy(), rtol=1e-5, atol=1e-6)


def test_extreme_logits_stay_finite():
    logits = np.array([[1e4, -1e4]], "float32")
    labels = np.array([[0.0, 1.0]], "float32")
    loss = weighted_bce_sum(logits, labels, np.ones_like(labels), np.ones(2, "float32"))
    np.testing.assert_allclose(loss, 2e4)


def test_unknown_labels_touch_neither_loss_nor_gradient():
    logits, labels, weights = _batch()
    mask = np.ones_like(labels)
    mask[2, 1] = mask[5, 3] = 0
    function = jax.value_and_grad(weighted_bce_sum)
    loss, gradient = function(logits, labels, mask, weights)
    changed, labels[2, 1], labels[5, 3] = logits.copy(), 1 - labels[2, 1], 1 - labels[5, 3]
    changed[2, 1], changed[5, 3] = 99, -99
    again, gradient_again = function(changed, labels, mask, weights)
    np.testing.assert_array_equal(loss, again)
    np.testing.assert_array_equal(gradient, gradient_again)
    assert gradient[2, 1] == gradient[5, 3] == 0


def test_positive_weights_are_inverse_frequency_among_the_known():
    labels = np.array([[1, 0, -1, 0], [0, 0, 1, 0], [0, 1, -1, 0], [0, -1, 0, 0]])
    np.testing.assert_allclose(positive_weights(labels), [3, 2, 1, 1])
