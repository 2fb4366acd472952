"""The losses of a training, looked at one step late so that the device computes meanwhile."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import numpy as np

from jaxcxr.errors import InputError
from jaxcxr.training.monitor import Monitor


class Losses:
    """Fetches each step's metrics, stops at a loss that is not finite, and keeps means.

    Args:
      monitor: gets the mean loss, the gradient norm and the speed of every `log_every` steps.
      log_every: steps between two records.
      batch_size: images a step.
      peak: images a second that would keep all devices busy; None where it is not known.
      window: losses since the last record, of a training that goes on.
    """

    def __init__(
        self,
        monitor: Monitor,
        *,
        log_every: int,
        batch_size: int,
        peak: float | None,
        window: list[float],
    ):
        self._monitor, self._log_every, self._batch_size = monitor, log_every, batch_size
        self._peak, self.window = peak, window
        self._waiting: list[tuple[int, np.ndarray, dict[str, Any]]] = []
        self.restart_clock()

    def restart_clock(self) -> None:
        """Leave out of the speed what was no training, such as validation and saving."""
        self._clock, self._timed = time.perf_counter(), 0

    def add(self, step: int, rows: np.ndarray, metrics: dict[str, Any], name: Callable) -> None:
        """Take a step's metrics, which may still be computed, and look at those before it.

        Args:
          step: number of steps taken.
          rows: of the training records, in the batch.
          metrics: `loss` and `gradient_norm`, on the device.
          name: gives, for rows, the sentence that names their images and the last checkpoint.
        """
        self._waiting.append((step, rows, metrics))
        if len(self._waiting) > 1:
            self.settle(name)

    def settle(self, name: Callable[[np.ndarray], str]) -> None:
        """Look at the oldest step that is waiting.

        Raises:
          InputError: its loss is not finite.
        """
        step, rows, metrics = self._waiting.pop(0)
        loss = float(metrics["loss"])
        if not np.isfinite(loss):
            raise InputError(f"the loss is {loss} at step {step} {name(rows)}")
        self.window.append(loss)
        self._timed += 1
        self._monitor.advance(step)
        if step % self._log_every == 0:
            self._record(step, float(metrics["gradient_norm"]))

    def _record(self, step: int, gradient_norm: float) -> None:
        speed = self._timed * self._batch_size / (time.perf_counter() - self._clock)
        record = {"loss": float(np.mean(self.window)), "images_per_second": speed}
        if self._peak is not None:
            record["mfu"] = speed / self._peak
        self._monitor.record(step, record | {"gradient_norm": gradient_norm})
        self.window.clear()
        self.restart_clock()
