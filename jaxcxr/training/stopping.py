"""How a training is asked to stop, by one signal to any of its processes."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from contextlib import contextmanager

import jax
import numpy as np
from jax.experimental import multihost_utils


class TrainingStoppedError(Exception):
    """A signal asked the training to stop; it is saved and goes on with the same command."""

    def __init__(self, signum: int, step: int):
        super().__init__(f"stopped by {signal.Signals(signum).name} after step {step}; saved")
        self.signum = signum


@contextmanager
def stop_signals() -> Iterator[list[int]]:
    """Collect SIGTERM and SIGINT in a list instead of dying from them."""
    received: list[int] = []
    signals = (signal.SIGTERM, signal.SIGINT)
    before = [signal.signal(number, lambda n, _: received.append(n)) for number in signals]
    try:
        yield received
    finally:
        for number, handler in zip(signals, before, strict=True):
            signal.signal(number, handler)


def all_agree(stop: bool, save: bool, step: int, every: int) -> tuple[bool, bool]:
    """Whether to stop and to save now: all processes do, after the same step, if any wants to.

    Args:
      stop: this process was told to.
      save: it finds that time.
      step: steps taken.
      every: several processes ask each other after every so many steps.
    """
    if jax.process_count() == 1:
        return stop, save
    if step % every:
        return False, False
    wanted = multihost_utils.process_allgather(np.array([stop, save])).any(axis=0)
    return bool(wanted[0]), bool(wanted[1])
