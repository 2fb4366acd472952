"""The pointing game's own parts: where a finding is planted, and what counts as a hit."""

import numpy as np
import pytest

from benchmarks.pointing_game import LOCAL, is_hit, phantom, shuffle

SIZE = 64


@pytest.mark.parametrize("finding", LOCAL)
def test_a_finding_is_planted_at_one_place(finding):
    image, planted = phantom(finding, (5, 0), SIZE, {"recipe": "paper"})
    assert image.shape == planted.shape == (SIZE, SIZE) and image.dtype == np.uint8
    assert 0.001 < planted.mean() < 0.3
    again, same = phantom(finding, (5, 0), SIZE, {"recipe": "paper"})
    np.testing.assert_array_equal(again, image)
    np.testing.assert_array_equal(same, planted)


def test_an_effusion_of_the_right_is_mostly_on_the_left_of_the_picture():
    _, planted = phantom("pleural_effusion_right", (5, 1), SIZE, {"recipe": "paper"})
    left, right = planted[:, : SIZE // 2].sum(), planted[:, SIZE // 2 :].sum()
    # The recipe equalizes the whole picture, so that a part of the difference lies everywhere.
    assert left > 1.5 * right


def test_the_largest_value_decides_whatever_the_size_of_the_map():
    planted = np.zeros((SIZE, SIZE), bool)
    planted[:16, 48:] = True
    coarse, fine = np.zeros((4, 4), np.float32), np.zeros((SIZE, SIZE), np.float32)
    coarse[0, 3] = fine[3, 60] = 1
    assert is_hit(coarse, planted) and is_hit(fine, planted)
    assert not is_hit(coarse.T, planted) and not is_hit(fine.T, planted)


def test_shuffled_parameters_are_the_same_numbers():
    params = {"a": np.arange(60.0).reshape(6, 10), "b": np.arange(5.0)}
    found = shuffle(params)
    for name, value in params.items():
        assert found[name].shape == value.shape
        np.testing.assert_array_equal(np.sort(found[name].ravel()), value.ravel())
    assert (found["a"] != params["a"]).any()
