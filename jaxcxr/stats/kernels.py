"""The bootstrap's inner loops, compiled by Numba: draws, sums over steps, the walk down the steps.

Each has a form in NumPy (`resample`, `walk`) that gives the same bits and is used where Numba
cannot be imported. `LANES` redraws stand side by side: the counts of an image are one line of the
cache, and the loops over them become vector instructions.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numba import njit

from jaxcxr.stats.cores import LANES

_WORD, _HALF = np.uint64(64), np.uint64(32)
_LOW = np.uint64(2**32 - 1)
# The multiplier of PCG64 (O'Neill 2014), upper and lower word.
_UPPER, _LOWER = np.uint64(2549297995355413924), np.uint64(4865540595714422341)
# Rows of the walk's state, in the order of `tally.Tally`, then what only the walk needs.
_POSITIVES, _NEGATIVES, _WINS, _BEST_FOUND, _BEST_CALLED, _BEST_STEP, _MOST, _LEAST = range(8)
_FOUND, _FALSE, _BEST, _ALLOWED, _NEEDED, ROWS = range(8, 14)


def _compiled(function: Callable[..., Any]) -> Callable[..., Any]:
    """Compile at the first call, and keep it for the next process where there is a place for it."""
    try:
        return njit(nogil=True, cache=True)(function)
    except RuntimeError:  # Neither beside the source nor in the home may be written.
        return njit(nogil=True)(function)


@_compiled
def _next_state(high: Any, low: Any, more_high: Any, more_low: Any) -> Any:
    """Multiply 128 bits by the multiplier and add the increment, each in two words."""
    # The upper word of low * _LOWER, from products of halves.
    low_0, low_1 = low & _LOW, low >> _HALF
    by_0, by_1 = _LOWER & _LOW, _LOWER >> _HALF
    middle = low_1 * by_0 + ((low_0 * by_0) >> _HALF)
    other = low_0 * by_1 + (middle & _LOW)
    carried = low_1 * by_1 + (middle >> _HALF) + (other >> _HALF)
    product = low * _LOWER
    new_low = product + more_low
    new_high = carried + high * _LOWER + low * _UPPER + more_high + np.uint64(new_low < product)
    return new_high, new_low


@_compiled
def draw(words: np.ndarray, counts: np.ndarray) -> None:
    """Add to `counts` `[units, LANES]` uint8 as many draws as there are units, in each lane.

    Args:
      words: `[lanes, 4]` uint64, which `numpy.random.PCG64` takes from its SeedSequence.
      counts: zeros at first.

    The draws are those of `Generator.integers(0, units, units, dtype=numpy.uint32)`: both halves of
    each word of PCG64 XSL-RR, the lower first, by the multiplication of Lemire 2019.
    """
    units = np.uint64(len(counts))
    least = np.uint64((2**32 - len(counts)) % len(counts))
    for lane in range(len(words)):
        more_high = (words[lane, 2] << np.uint64(1)) | (words[lane, 3] >> np.uint64(63))
        more_low = (words[lane, 3] << np.uint64(1)) | np.uint64(1)
        low = more_low + words[lane, 1]
        high = more_high + words[lane, 0] + np.uint64(low < more_low)
        high, low = _next_state(high, low, more_high, more_low)
        missing = len(counts)
        while missing > 0:
            high, low = _next_state(high, low, more_high, more_low)
            word, turn = high ^ low, high >> np.uint64(58)
            word = (word >> turn) | (word << ((_WORD - turn) & np.uint64(63)))
            scaled = (word & _LOW) * units
            if (scaled & _LOW) >= least:
                counts[scaled >> _HALF, lane] += np.uint8(1)
                missing -= 1
            scaled = (word >> _HALF) * units
            if missing > 0 and (scaled & _LOW) >= least:
                counts[scaled >> _HALF, lane] += np.uint8(1)
                missing -= 1


@_compiled
def sum_rows(images: np.ndarray, ends: np.ndarray, counts: np.ndarray, sums: np.ndarray) -> None:
    """Set each row r of `sums` to the sum of `counts` of `images[ends[r] : ends[r + 1]]`."""
    for row in range(len(ends) - 1):
        total = sums[row]
        for lane in range(LANES):
            total[lane] = 0
        first = ends[row]
        # Four at a time, so that the total is read and written a fourth as often.
        while first + 4 <= ends[row + 1]:
            a, b = counts[images[first]], counts[images[first + 1]]
            c, d = counts[images[first + 2]], counts[images[first + 3]]
            for lane in range(LANES):
                total[lane] += a[lane] + b[lane] + c[lane] + d[lane]
            first += 4
        while first < ends[row + 1]:
            a = counts[images[first]]
            for lane in range(LANES):
                total[lane] += a[lane]
            first += 1


@_compiled
def walk(
    sums: np.ndarray, mixed: np.ndarray, numerator: int, denominator: int, state: np.ndarray
) -> None:
    """Walk down the steps, for all lanes.

    Args:
      sums: `[>= 2 * steps, LANES]`, positives and negatives of each step in turn.
      mixed: `[steps]`, whether the negatives are tied with the positives.
      numerator, denominator: the fixed rate.
      state: `[ROWS * LANES]` of whole numbers, written over; its first rows are those of a
        `Tally` but for precision. It is one flat array, so that the compiler knows its rows apart.
    """
    for at in range(ROWS * LANES):
        state[at] = 0
    for step in range(len(mixed)):
        for lane in range(LANES):
            state[_POSITIVES * LANES + lane] += sums[2 * step, lane]
            state[_NEGATIVES * LANES + lane] += sums[2 * step + 1, lane]
    for lane in range(LANES):
        positives = np.int64(state[_POSITIVES * LANES + lane])
        negatives = np.int64(state[_NEGATIVES * LANES + lane])
        kept = -(-(numerator * negatives) // denominator)
        state[_ALLOWED * LANES + lane] = negatives - kept
        state[_NEEDED * LANES + lane] = -(-(numerator * positives) // denominator)
        state[_BEST_STEP * LANES + lane] = -1
    for step in range(len(mixed)):
        tie = 1 if mixed[step] else 0
        for lane in range(LANES):
            new, below = sums[2 * step, lane], sums[2 * step + 1, lane]
            above, false = state[_FOUND * LANES + lane], state[_FALSE * LANES + lane]
            found, called = above + new, false + tie * below
            state[_WINS * LANES + lane] += below * (2 * found - tie * new)
            youden = (
                found * state[_NEGATIVES * LANES + lane] - called * state[_POSITIVES * LANES + lane]
            )
            if youden > state[_BEST * LANES + lane]:
                state[_BEST * LANES + lane] = youden
                state[_BEST_FOUND * LANES + lane] = found
                state[_BEST_CALLED * LANES + lane] = called
                state[_BEST_STEP * LANES + lane] = step
            if called <= state[_ALLOWED * LANES + lane]:
                state[_MOST * LANES + lane] = found
            if above < state[_NEEDED * LANES + lane] <= found:
                state[_LEAST * LANES + lane] = called
            state[_FOUND * LANES + lane] = found
            state[_FALSE * LANES + lane] = false + below


@_compiled
def add_precision(sums: np.ndarray, mixed: np.ndarray, precision: np.ndarray) -> None:
    """Add each step's positives times the precision there to `precision` `[LANES]`."""
    found, false = np.zeros(LANES, np.int64), np.zeros(LANES, np.int64)
    for step in range(len(mixed)):
        for lane in range(LANES):
            new, below = np.int64(sums[2 * step, lane]), np.int64(sums[2 * step + 1, lane])
            found[lane] += new
            called = found[lane] + false[lane] + (below if mixed[step] else 0)
            precision[lane] += new * (found[lane] / max(called, 1))
            false[lane] += below
