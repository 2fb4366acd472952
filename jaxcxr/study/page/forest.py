"""Where the marks of the small drawing of differences stand, in percent of its width."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from jaxcxr.study.page.answer import Answer, Verdict

_STEPS = (0.1, 0.2, 0.5, 1.0, 2.0, 5.0, 10.0, 20.0, 50.0)
_TICKS = 4


@dataclass(frozen=True)
class Scale:
    """An axis of percentage points that holds zero.

    Attributes:
      low, high: its ends.
      ticks: values on it.
    """

    low: float
    high: float
    ticks: tuple[float, ...]

    def place(self, value: float) -> float:
        """Place a value, in percent of the axis."""
        return round(100 * (value - self.low) / (self.high - self.low), 2)

    def bar(self, one: Verdict) -> tuple[float, float]:
        """Start and length of an interval."""
        start = self.place(one.low)
        return start, round(self.place(one.high) - start, 2)


def scale(answers: Sequence[Answer]) -> Scale:
    """One axis for all answers, so that they compare."""
    verdicts = [one for answer in answers for one in answer.verdicts]
    low = min([0.0, *(one.low for one in verdicts)])
    high = max([0.0, *(one.high for one in verdicts)])
    room = 0.04 * (high - low) or 1.0
    low, high = low - room, high + room
    step = next((one for one in _STEPS if (high - low) / one <= _TICKS), 100.0)
    ticks = tuple(
        round(number * step, 1) for number in range(int(low / step), int(high / step) + 1)
    )
    return Scale(low, high, ticks)
