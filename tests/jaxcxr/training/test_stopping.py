"""How a training is asked to stop: by which signals, for how long, and with which processes."""

import os
import signal

import jax
import numpy as np
import pytest
from jax.experimental import multihost_utils

from jaxcxr.training.stopping import TrainingStoppedError, all_agree, stop_signals


def test_all_processes_stop_together(monkeypatch):
    """After the same step, if any was told to; asked only where records are made."""
    assert all_agree([signal.SIGTERM], 1, 10)
    assert not all_agree([], 10, 10)
    monkeypatch.setattr(jax, "process_count", lambda: 2)
    for others, mine in ((True, []), (False, [signal.SIGTERM]), (False, [])):
        monkeypatch.setattr(
            multihost_utils,
            "process_allgather",
            lambda stop, others=others: np.array([bool(stop), others]),
        )
        assert all_agree(mine, 20, 10) == (others or bool(mine))
        assert not all_agree(mine, 21, 10)


def test_signals_are_collected_and_their_handlers_come_back():
    signals = (signal.SIGTERM, signal.SIGINT)
    before = [signal.getsignal(number) for number in signals]
    with pytest.raises(KeyError), stop_signals() as received:
        for number in signals:
            os.kill(os.getpid(), number)
        assert received == list(signals)
        raise KeyError
    assert [signal.getsignal(number) for number in signals] == before


def test_a_stop_names_its_signal_and_step():
    stopped = TrainingStoppedError(signal.SIGTERM, 7)
    assert str(stopped) == "stopped by SIGTERM after step 7; saved"
    assert stopped.signum == signal.SIGTERM
