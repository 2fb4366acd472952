"""The steps that an order is cut into, and what one pass down them counts."""

from __future__ import annotations

import numpy as np
import pytest

from jaxcxr.stats.cores import LANES
from jaxcxr.stats.ranking import STEPS, rank
from jaxcxr.stats.tally import _whole, tally

LABELS = np.array([1, 0, 1, 0, -1, 0, 1, 1])
SCORES = np.array([5.0, 4, 3, 3, 9, 2, 1, 0])


def test_a_step_ends_before_the_next_positives_and_after_a_tie():
    found = rank(LABELS, SCORES)
    steps = np.split(found.images, found.ends[1:-1])
    positives, negatives = ([one.tolist() for one in steps[n::2]] for n in (0, 1))
    # The negative below the tie is not tied, so that it has a step without positives.
    assert positives == [[0], [2], [], [6], [7]]
    assert negatives == [[1], [3], [5], [], []]
    np.testing.assert_array_equal(found.mixed, [False, True, False, False, False])
    np.testing.assert_array_equal(found.scores, [5, 3, 2, 1, 0])
    assert found.images.dtype == np.int32


def test_steps_fill_whole_blocks():
    found = rank(LABELS, SCORES)
    for steps, padded in ((1, STEPS), (STEPS, STEPS), (STEPS + 1, 2 * STEPS)):
        np.testing.assert_array_equal(np.flatnonzero(found.padded_mixed(steps)), [1])
        assert len(found.padded_mixed(steps)) == padded


def test_the_data_counted_once_are_counted_by_hand():
    found = tally([rank(LABELS, SCORES)], np.ones((8, 1), np.uint8))
    # Of the positives at 5, 3, 1 and 0 the first is above three negatives, the second above one
    # and tied with one. Counted twice, that is 6 + 2 + 1.
    assert (found.positives, found.negatives, found.wins) == (4, 3, 9)
    # Youden's J is largest at 5, where a quarter is found and no one called wrongly.
    assert (found.true_positives, found.false_positives, found.step) == (1, 0, 0)
    # A specificity of nine tenths allows no false positive; four of four make a sensitivity of it.
    assert (found.most_true_positives, found.least_false_positives) == (1, 3)
    assert found.precision == 0  # not asked for


@pytest.mark.parametrize("redraws", [1, LANES - 1, LANES, LANES + 1, 3 * LANES])
def test_chunks_of_redraws_come_in_their_order(redraws):
    counts = np.random.default_rng(0).integers(0, 4, (8, redraws)).astype(np.uint8)
    found = tally([rank(LABELS, SCORES), rank(LABELS[::-1], SCORES)], counts)
    for labels, positives, negatives in zip(
        (LABELS, LABELS[::-1]), found.positives, found.negatives, strict=True
    ):
        np.testing.assert_array_equal(positives, counts[labels == 1].sum(axis=0))
        np.testing.assert_array_equal(negatives, counts[labels == 0].sum(axis=0))


def test_redraws_are_counted_in_32_bits_while_twice_their_pairs_fit():
    """65,535 images make at most 32,767 x 32,768 pairs; one image more, and twice that is 2^31."""
    for images, whole in ((65_535, np.int32), (65_536, np.int64)):
        pairs = (images // 2) * (images - images // 2)
        assert (2 * pairs <= np.iinfo(np.int32).max) == (whole is np.int32)
        assert _whole(np.ones((images, 2), np.uint8)) is whole
