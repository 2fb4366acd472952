"""The probability that a label's card gives for a logit."""

import numpy as np

from jaxcxr.use.card import LabelCard


def _card(slope, offset):
    return LabelCard("Effusion", slope, offset, "none", None, "no validation split", None)


def test_a_probability_is_the_calibrated_logit_through_the_logistic_function():
    probability = _card(2.0, -1.0).probability(np.array([0.5, 0.0, -1.0], np.float32))
    odds = probability / (1 - probability)
    np.testing.assert_allclose(np.log(odds), [0.0, -1.0, -3.0], atol=1e-12)


def test_a_logit_of_any_size_is_a_probability_without_a_warning():
    logits = np.array([-3e38, -800.0, 800.0, 3e38], np.float32)
    np.testing.assert_allclose(_card(1.0, 0.0).probability(logits), [0, 0, 1, 1], atol=1e-12)
