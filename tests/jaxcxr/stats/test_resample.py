"""Each redraw is a draw of its own, by the documented streams, on every way to it."""

from __future__ import annotations

import numpy as np
import pytest

from jaxcxr.stats import bootstrap, fewest_units, resample_counts
from jaxcxr.stats.resample import leave_one_out_blocks, resample_blocks

PATIENTS = np.array([f"p{image * 7 % 23:02}" for image in range(60)])


def counts_by_hand(seed, redraw, images, groups=None):
    """Draw one unit after the other and count its images, as the module says it."""
    names = sorted(set(groups)) if groups is not None else list(range(images))
    bits = np.random.PCG64(np.random.SeedSequence([seed, redraw]))
    drawn = np.random.Generator(bits).integers(0, len(names), len(names), dtype=np.uint32)
    counts = np.zeros(images, int)
    for unit in drawn:
        for image in range(images):
            counts[image] += (groups[image] if groups is not None else image) == names[unit]
    return counts


@pytest.mark.parametrize("groups", [None, PATIENTS], ids=["images", "patients"])
@pytest.mark.parametrize("seed", [0, 1, 6])
def test_every_redraw_is_that_of_its_seed_and_number(seed, groups):
    by_hand = [counts_by_hand(seed, redraw, 60, groups) for redraw in range(70)]
    np.testing.assert_array_equal(resample_counts(seed, 70, 60, groups), by_hand)
    # 64 redraws are filled at a time, so blocks of 1, 64, 65 and 70 end at every kind of place.
    for block in (1, 64, 65, 70, None):
        blocks = list(resample_blocks(seed, 70, 60, groups, block))
        assert {len(one.T) for one in blocks[:-1]} <= {block}
        np.testing.assert_array_equal(np.concatenate(blocks, axis=1).T, by_hand)


@pytest.mark.parametrize("groups", [None, PATIENTS], ids=["images", "patients"])
def test_no_two_redraws_are_the_same_and_none_tells_of_another(groups):
    counts = np.concatenate([resample_counts(seed, 300, 60, groups) for seed in (0, 1)])
    assert len(np.unique(counts, axis=0)) == 600
    # Of independent draws over at least 23 units, correlations have a deviation of at most 0.22.
    between = np.corrcoef(counts)[np.triu_indices(600, 1)]
    assert np.abs(between).max() < 0.95
    assert abs(between.mean()) < 0.01


def test_every_redraw_of_the_bootstrap_counts_on_its_own():
    rng = np.random.default_rng(0)
    truth = np.arange(400) % 2
    found = bootstrap(truth, rng.normal(size=400) + truth, resamples=500)
    # Without ties the AUC has 40,000 values; by chance some 3 pairs of 500 redraws meet in one.
    assert len(np.unique(found.auc)) > 480


def test_the_spread_of_the_bootstrap_is_that_of_independent_draws():
    values = np.random.default_rng(0).normal(size=60)
    means = resample_counts(0, 2000, 60) @ values / 60
    assert means.std() == pytest.approx(values.std() / np.sqrt(60), rel=0.06)
    # The mean over redraws comes as near to the data's as 2000 draws bring it.
    assert abs(means.mean() - values.mean()) < 4 * means.std() / np.sqrt(2000)


@pytest.mark.parametrize("groups", [None, PATIENTS], ids=["images", "patients"])
@pytest.mark.parametrize("block", [1, 7, 60, None])
def test_leaving_out_takes_each_unit_once(groups, block):
    blocks = list(leave_one_out_blocks(60, groups, block))
    whole = np.concatenate(blocks, axis=1)
    names = np.arange(60) if groups is None else groups
    expected = [names != unit for unit in np.unique(names)]
    np.testing.assert_array_equal(whole.T, expected)
    assert len(blocks) == -(-len(expected) // (block or 60))


def test_blocks_are_bounded_in_memory_and_not_smaller_than_they_may_be(monkeypatch):
    monkeypatch.setattr("jaxcxr.stats.resample._MAX_BLOCK_BYTES", 1200)
    # A byte a count: 1200 bytes hold 20 redraws of 60 images, and none of 2000: one at a time.
    assert [one.shape for one in resample_blocks(0, 50, 60)] == [(60, 20), (60, 20), (60, 10)]
    assert [one.shape for one in leave_one_out_blocks(60)] == [(60, 20)] * 3
    assert [one.shape for one in resample_blocks(0, 2, 2000)] == [(2000, 1)] * 2
    assert next(leave_one_out_blocks(2000)).shape == (2000, 1)


def test_a_later_block_may_be_filled_in_several_parts():
    blocks = list(resample_blocks(3, 200, 5, block=70))
    np.testing.assert_array_equal(np.concatenate(blocks, axis=1).T, resample_counts(3, 200, 5))


def test_a_bootstrap_of_usual_size_is_one_block():
    assert next(resample_blocks(0, 200, 500)).shape == (500, 200)  # a quarter of a GB holds them


def test_a_single_image_can_be_drawn_and_none_cannot():
    np.testing.assert_array_equal(resample_counts(0, 3, 1), [[1]] * 3)
    with pytest.raises(ValueError, match="no images to draw from"):
        resample_counts(0, 3, 0)


def test_fewest_units_counts_the_smaller_class():
    labels = np.array([1, 1, 1, 0, 0, -1, -1, -1])
    assert fewest_units(labels) == 2
    assert fewest_units(1 - labels[:5]) == 2
    assert fewest_units(labels, np.array(list("aaabbcde"))) == 1
    assert fewest_units(labels, np.array(list("abcdeaaa"))) == 2
