"""What the bootstrap refuses, in words."""

import numpy as np
import pytest

from jaxcxr.stats import bootstrap, resample_counts


@pytest.mark.parametrize(
    ("labels", "scores", "message"),
    [
        ([[2], [0]], [[0.1], [0.2]], "labels must be 1"),
        ([[1], [0]], [[np.nan], [0.2]], "NaN or infinite"),
        ([[1], [0]], [[np.inf], [0.2]], "NaN or infinite"),
        ([[1], [0]], [[0.1, 0.2], [0.2, 0.1]], "do not match"),
        (np.zeros((0, 1)), np.zeros((0, 1)), "no images"),
        ([["x"], ["y"]], [[0.1], [0.2]], "labels must be 1"),
    ],
)
def test_bad_input_is_refused(labels, scores, message):
    with pytest.raises(ValueError, match=message):
        bootstrap(labels, scores)


@pytest.mark.parametrize("groups", [["a", None], ["a", ""], [1.0, np.nan], ["a"]])
def test_missing_groups_are_refused(groups):
    with pytest.raises(ValueError, match="groups"):
        resample_counts(0, 1, 2, np.array(groups, object if None in groups else None))


@pytest.mark.parametrize("rate", [0, -0.1, 1.1])
def test_bad_rates_are_refused(rate):
    truth, scores = np.arange(20)[:, None] % 2, np.arange(20.0)[:, None]
    with pytest.raises(ValueError, match="fixed rate"):
        bootstrap(truth, scores, resamples=2, fixed_rate=rate)
