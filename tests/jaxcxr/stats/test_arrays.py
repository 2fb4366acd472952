"""What statistics are asked of: shapes, kinds and missing values, at their boundaries."""

from __future__ import annotations

import numpy as np
import pytest

from jaxcxr.stats.arrays import check_columns, check_labels, check_scores, group_codes


def test_shapes_are_taken_as_they_are_meant():
    one = check_columns([1, 0, -1], [0.1, 0.2, 0.3])
    assert (one.labels.shape, one.scores.shape, one.several_models) == ((3, 1), (1, 3, 1), False)
    models = check_columns([1, 0, -1], np.zeros((2, 3)))
    assert (models.labels.shape, models.scores.shape) == ((3, 1), (2, 3, 1))
    assert models.several_models
    table = check_columns(np.ones((3, 2)), np.zeros((3, 2)))
    assert (table.scores.shape, table.several_models) == ((1, 3, 2), False)
    assert check_columns(np.ones((3, 2)), np.zeros((4, 3, 2))).scores.shape == (4, 3, 2)
    assert check_columns(np.ones((3, 2)), np.zeros((1, 3, 2))).several_models


@pytest.mark.parametrize(
    ("labels", "scores"),
    [((3,), (4,)), ((3, 2), (3,)), ((3, 2), (2, 3)), ((3, 2, 1), (3, 2, 1)), ((3,), (2, 2, 3))],
)
def test_shapes_that_do_not_match_are_refused(labels, scores):
    with pytest.raises(ValueError, match="do not match"):
        check_columns(np.ones(labels), np.zeros(scores))


def test_classes_are_counted_by_label():
    columns = check_columns([[1, -1], [1, 0], [0, 0], [-1, 1]], np.zeros((4, 2)))
    np.testing.assert_array_equal(columns.positives, [2, 1])
    np.testing.assert_array_equal(columns.negatives, [1, 2])


@pytest.mark.parametrize("kind", [bool, np.int8, np.uint8, np.int64, np.float32])
def test_every_kind_of_number_can_be_a_label_or_a_score(kind):
    array = np.array([1, 0, 1], kind)
    assert check_labels(array).dtype == np.int8
    np.testing.assert_array_equal(check_labels(array), [1, 0, 1])
    np.testing.assert_array_equal(check_scores(array), [1, 0, 1])


def test_scores_keep_their_precision_or_get_the_higher():
    kept = {np.float32: np.float32, np.float64: np.float64, np.float16: np.float64}
    for given, expected in (kept | {np.int32: np.float64, bool: np.float64}).items():
        assert check_scores(np.ones(2, given)).dtype == expected
    with pytest.raises(ValueError, match="scores must be numbers, not <U1"):
        check_scores(["a", "b"])


def test_the_first_bad_score_is_named():
    with pytest.raises(ValueError, match=r"2 of 6 scores .* the first at index \(0, 2\)"):
        check_scores([[0.0, 1.0, np.nan], [np.inf, 0.0, 0.0]])


@pytest.mark.parametrize("bad", [2, -2, 0.5, np.nan])
def test_labels_of_another_value_are_refused(bad):
    with pytest.raises(ValueError, match="labels must be 1"):
        check_labels([1, 0, bad])


def test_groups_are_numbered_in_the_order_of_their_names():
    codes, number = group_codes(np.array(["b", "a", 3, "b"], object), 4)
    np.testing.assert_array_equal(codes, [2, 1, 0, 2])
    assert (codes.dtype, number) == (np.int32, 3)
    codes, number = group_codes([10, 9, 10], 3)  # numbers, in the order of numbers
    np.testing.assert_array_equal(codes, [1, 0, 1])


@pytest.mark.parametrize("missing", [None, np.nan, ""])
def test_one_missing_name_among_many_is_enough(missing):
    with pytest.raises(ValueError, match="must not be missing"):
        group_codes(np.array(["a", "b", missing], object), 3)
    with pytest.raises(ValueError, match="one name for each of 3 images"):
        group_codes(["a", "b"], 3)


def test_nothing_at_all_is_refused():
    for empty in ([], np.zeros((0, 3)), np.zeros((3, 0))):
        with pytest.raises(ValueError, match="labels are empty"):
            check_labels(empty)
