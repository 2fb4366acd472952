"""Redraws with replacement, as counts: how often each image stands in each redraw.

A count says all that a list of indices says, and lets every label and every model use the same
redraws without sorting again. Each redraw has a random stream of its own, seeded by (seed, number
of the redraw), so redraw 137 is the same whether 200 or 10,000 are asked for and however they are
cut into blocks. They are drawn on the host by NumPy's PCG64, or the same bits by a compiled kernel:
the same on every accelerator.
"""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np

from jaxcxr.stats.arrays import group_codes
from jaxcxr.stats.compiled import kernels
from jaxcxr.stats.cores import LANES, cores
from jaxcxr.stats.usable import units_of_labels

_MAX_BLOCK_BYTES = 256 * 2**20


def resample_counts(seed: int, resamples: int, images: int, groups: Any = None) -> np.ndarray:
    """Draw `images` images with replacement, `resamples` times.

    Args:
      seed: not negative.
      resamples: number of redraws.
      images: number of images.
      groups: `[images]`, a name of the group (patient) of each image. With groups, whole groups
        are drawn with replacement, as many as there are, and each brings all its images, so
        the number of images differs between redraws.

    Returns:
      `[resamples, images]` int32.
    """
    units, unit_of_image = _units(images, groups)
    counts = np.empty((resamples, images), np.int32)
    for redraw in range(resamples):
        counts[redraw] = _draw(seed, redraw, units, unit_of_image)
    return counts


def resample_blocks(
    seed: int,
    resamples: int,
    images: int,
    groups: Any = None,
    block: int | None = None,
    start: int = 0,
) -> Iterator[np.ndarray]:
    """The same counts, transposed and in blocks of bounded memory: `[images, block]` uint8.

    Those of the redraws from `start` up to `resamples`. No image is drawn more than 255 times: the
    expected number is 1, and 256 have a probability below 1e-500.
    """
    units, unit_of_image = _units(images, groups)
    block = block or max(1, _MAX_BLOCK_BYTES // images)
    with ThreadPoolExecutor(cores()) as pool:
        for begin in range(start, resamples, block):
            stop = min(begin + block, resamples)
            counts = np.empty((images, stop - begin), np.uint8)

            def fill(first: int, counts: np.ndarray = counts, begin: int = begin) -> None:
                last = min(first + LANES, begin + counts.shape[1])
                drawn = _draw_several(seed, range(first, last), units)
                if unit_of_image is not None:
                    drawn = drawn[unit_of_image]
                counts[:, first - begin : last - begin] = drawn

            list(pool.map(fill, range(begin, stop, LANES)))
            yield counts


def leave_one_out_blocks(
    images: int, groups: Any = None, block: int | None = None
) -> Iterator[np.ndarray]:
    """Counts that leave out one image, or one group, each: `[images, block]` uint8.

    These are the redraws of the jackknife, which the BCa interval takes its acceleration from.
    """
    units, unit_of_image = _units(images, groups)
    owner = np.arange(images, dtype=np.int32) if unit_of_image is None else unit_of_image
    block = block or max(1, _MAX_BLOCK_BYTES // images)
    for start in range(0, units, block):
        left_out = np.arange(start, min(start + block, units))
        yield (owner[:, None] != left_out[None, :]).astype(np.uint8)


def _units(images: int, groups: Any) -> tuple[int, np.ndarray | None]:
    if images < 1:
        raise ValueError("no images to draw from")
    if groups is None:
        return images, None
    codes, number = group_codes(groups, images)
    return number, codes


def _seed_of(seed: int, redraw: int) -> np.random.SeedSequence:
    return np.random.SeedSequence([seed, redraw])


def _draw(seed: int, redraw: int, units: int, unit_of_image: np.ndarray | None) -> np.ndarray:
    stream = np.random.Generator(np.random.PCG64(_seed_of(seed, redraw)))
    drawn = stream.integers(0, units, units, dtype=np.uint32)
    counts = np.bincount(drawn, minlength=units).astype(np.uint8)
    return counts if unit_of_image is None else counts[unit_of_image]


def _draw_several(seed: int, redraws: range, units: int) -> np.ndarray:
    """Count the draws of each unit in up to `LANES` redraws, `[units, redraws]`."""
    compiled = kernels()
    if compiled is None:
        # Transposing few rows at a time keeps what is written in the cache.
        return np.stack([_draw(seed, redraw, units, None) for redraw in redraws], axis=1)
    words = [_seed_of(seed, redraw).generate_state(4, np.uint64) for redraw in redraws]
    counts = np.zeros((units, LANES), np.uint8)
    compiled.draw(np.stack(words), counts)
    return counts[:, : len(redraws)]


def fewest_units(labels: np.ndarray, groups: np.ndarray | None = None) -> int:
    """Count the images, or groups, of the smaller class of one label, `[images]`.

    With one only, redraws know no spread: it is in a redraw, or the redraw is unusable.
    """
    return int(units_of_labels(np.asarray(labels)[:, None], groups)[0])
