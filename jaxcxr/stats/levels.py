"""The level of an interval, read in one place: a level that is none gives no interval."""

from __future__ import annotations


def tails(level: float) -> tuple[float, float]:
    """Give the shares of a distribution below the two ends of an interval with equal tails.

    Args:
      level: share between the ends, such as 0.95.

    Raises:
      ValueError: a level not between 0 and 1, such as 95 for 0.95.
    """
    if not 0 < level < 1:
        raise ValueError(f"the level of an interval lies between 0 and 1, not {level}")
    return (1 - level) / 2, (1 + level) / 2
